"""The clips that speed is measured on: rendered, with a hole that wanders, and kept for the next run."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from cleanplate.base.errors import FailedError
from cleanplate.base.types import Hole
from cleanplate.bench.holes import moving_blob
from cleanplate.bench.speed.cases import Case
from cleanplate.bench.store import made_by
from cleanplate.bench.synth import stream
from cleanplate.bench.synth_video import write_clip

SCENE = "pan"
SEED = 0
SPEED = 0.01
"heights of the picture that the hole moves a frame"

_FACTS = "facts.json"
"lies beside the masks: the share they cover"

_MADE_BY = ("bench/synth", "bench/scenery", "bench/holes")


@dataclass(frozen=True, kw_only=True)
class Material:
    """A clip on disk."""

    video: Path
    "H.264 in MP4"
    masks: Path
    "a folder with one PNG a frame"
    share: float
    "of all samples that the holes cover, as drawn"


def make_material(case: Case, folder: Path) -> Material:
    """The clip of a case, from the folder if it is there. Raises `FailedError` if it cannot be written."""
    size = {"width_px": case.width_px, "height_px": case.height_px, "frames": case.frames, "seed": SEED}
    made = hashlib.sha256(json.dumps([made_by(*_MADE_BY), SCENE, SEED, SPEED]).encode()).hexdigest()[:8]
    stem = f"{case.height_px}p-{case.frames}-{made}"
    video, masks = folder / f"{stem}.mp4", folder / f"{stem}-{case.share:g}"
    try:
        if not video.exists():
            with _made_whole(video) as part:
                write_clip(part, (sample.image for sample in stream(SCENE, **size)), crf=16)
        if not masks.exists():
            with _made_whole(masks) as part:
                part.mkdir()
                write_masks(
                    moving_blob(case.frames, case.height_px, case.width_px, share=case.share, speed=SPEED, seed=SEED),
                    part,
                )
    except (OSError, av.error.FFmpegError) as error:
        raise FailedError(f"the clip '{case.name}' could not be written into '{folder}' ({error})") from error
    facts = json.loads((masks / _FACTS).read_text(encoding="utf-8"))
    return Material(video=video, masks=masks, share=facts["share"])


def write_masks(holes: Iterable[Hole], folder: Path) -> None:
    """One PNG a frame (white = paint here), and the share of all samples that they cover."""
    shares = []
    for index, hole in enumerate(holes):
        cv2.imwrite(str(folder / f"{index:06d}.png"), hole.astype(np.uint8) * 255)
        shares.append(float(hole.mean()))
    (folder / _FACTS).write_text(json.dumps({"share": float(np.mean(shares))}), encoding="utf-8")


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A new folder, gone afterwards. Raises `FailedError` where none can be made."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".work-", dir=parent))
    except OSError as error:
        raise FailedError(f"nothing can be written into '{parent}' ({error.strerror}); choose another") from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _made_whole(path: Path) -> Iterator[Path]:
    """A place to write to, moved to `path` when all is there; gone if anything fails."""
    with scratch_folder(path.parent) as work:
        yield work / path.name
        (work / path.name).replace(path)
