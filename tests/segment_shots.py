"""Frames of rendered scenes as segmenters get them, and clicks on them."""

from __future__ import annotations

import numpy as np

from cleanplate.base.types import Prompt
from cleanplate.bench.synth import render
from cleanplate.mask.segmenter import make_segmenter

SIZE = {"width_px": 216, "height_px": 120, "seed": 0}
T = 12


def shot(name: str, **size):
    """A frame of a scene with its neighbours, the nearest first, and where its largest object is."""
    scene = render(name, frames=T + 3, **{**SIZE, **size})
    labels = scene.labels[T]
    number = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    return scene.images[T], [scene.images[t] for t in (T - 1, T + 1, T - 2, T + 2)], labels == number


def click(*points, keep=(), hole=None) -> Prompt:
    is_in = tuple(point not in keep for point in points)
    return Prompt(index=0, points_xy=tuple(points), point_is_in=is_in, hole=hole)


def segment(image, prompt, near=()):
    return make_segmenter("grabcut").segment(image, prompt, near)
