"""A clip of something that is followed, for the tests of following it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

import cleanplate
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

FRAMES, MIDDLE = 24, 12


def panned(folder: Path) -> SimpleNamespace:
    """A clip of something that moves before a panning plane, its truth, and a mask of its middle frame."""
    scene = render("pan", width_px=216, height_px=120, frames=FRAMES, seed=0)
    write_clip(folder / "in.mkv", scene.images, codec="ffv1", crf=None)
    truth = scene.labels > 0
    cv2.imwrite(str(folder / "middle.png"), truth[MIDDLE].astype(np.uint8) * 255)
    cv2.imwrite(str(folder / "empty.png"), np.zeros((120, 216), np.uint8))
    cv2.imwrite(str(folder / "turned.png"), truth[MIDDLE].astype(np.uint8).T * 255)
    cleanplate.make_masks(folder / "in.mkv", mask=f"{folder}/middle.png@0.48", track=True, output=folder / "masks")
    return SimpleNamespace(folder=folder, video=folder / "in.mkv", truth=truth, masks=folder / "masks")
