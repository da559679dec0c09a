"""The tables of docs/shadows.md and docs/finding.md: rendered scenes, whose truth is known.

python -m cleanplate.bench.findings shadows|motion [SCENE ...]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import Scene, render
from cleanplate.mask.find_motion import MotionFinder
from cleanplate.mask.shadow import with_shadows

_CAST = ("walker", "walker-pan", "wet", "longstand", "stay", "stay-pan", "crowd", "exposure", "white")
_BARE = ("still", "pan", "zoom", "rotate", "tilt", "parallax", "noise", "cloth", "water", "three", "logo-pan", "van")
_MOVING = ("still", "pan", "zoom", "rotate", "tilt", "noise", "walker", "crowd", "hidden", "three", "parallax")
_SETTLED = 4  # frames after which motion is scored


def shadows(scene: Scene) -> str:
    """IoU of the region added, over all frames; samples added where nothing is cast; processor time."""
    begin = time.process_time()
    labels = np.stack(list(with_shadows(zip(scene.images, scene.labels, strict=True))))
    spent_ms = 1000 * (time.process_time() - begin) / len(labels)
    added, truth = (labels > 0) & (scene.labels == 0), scene.shadow | scene.mirror
    share = f"{(added & truth).sum() / (added | truth).sum():.2f}" if truth.any() else "-"
    return f"{share} | {(added & ~truth).mean():.2%} | {spent_ms:.0f}"


def motion(scene: Scene) -> str:
    """Mean J of all that moves, objects with what they cast; numbers each object was given; processor time."""
    finder = MotionFinder()
    begin = time.process_time()
    labels = np.stack([finder.step(image)[0] for image in scene.images])
    spent_ms = 1000 * (time.process_time() - begin) / len(labels)
    whole = (scene.labels > 0) | scene.shadow | scene.mirror
    pairs = [(a > 0, b > 0, c) for a, b, c in zip(labels, scene.labels, whole, strict=True)][_SETTLED:]
    j = np.mean([max(jaccard(found, thing), jaccard(found, cast)) for found, thing, cast in pairs if thing.any()])
    numbers = [len(_given(labels, scene.labels == one)) for one in np.unique(scene.labels) if one]
    return f"{j:.2f} | {', '.join(map(str, numbers))} | {spent_ms:.0f}"


def _given(labels: NDArray[np.uint8], thing: NDArray[np.bool_]) -> set[int]:
    """The numbers that most of a thing (T, H, W) was given from the first settled frame on."""
    found = set()
    for drawn, inside in list(zip(labels, thing, strict=True))[_SETTLED:]:
        counts = np.bincount(drawn[inside], minlength=2)
        if inside.sum() > 200 and counts[1:].sum() > inside.sum() / 3:
            found.add(int(counts[1:].argmax()) + 1)
    return found


_TABLES: dict[str, tuple[Callable[[Scene], str], tuple[str, ...], str]] = {
    "shadows": (shadows, (*_CAST, *_BARE), "scene | IoU of what is added | added wrongly | ms a frame"),
    "motion": (motion, _MOVING, "scene | J | numbers each thing was given | ms a frame"),
}


if __name__ == "__main__":
    measure, names, title = _TABLES[sys.argv[1]]
    print(title, flush=True)
    for name in sys.argv[2:] or names:
        print(name, "|", measure(render(name)), flush=True)
