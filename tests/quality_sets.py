"""Small data sets for the tests of the quality bench: rendered clips in the papers' layout and in ours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from cleanplate.bench.holes import moving_blob
from cleanplate.bench.synth import render


def rendered(frames, seed=0, width_px=96, height_px=64):
    """Pictures (T, H, W, 3) and holes (T, H, W) of a panned scene."""
    scene = render("pan", width_px=width_px, height_px=height_px, frames=frames, seed=seed)
    return scene.plate, moving_blob(frames, height_px, width_px, share=0.1, seed=seed)


def write_pictures(folder: Path, pictures, suffix=".png"):
    """RGB or (H, W) pictures, numbered from 00000; bool is written as 0 and 255."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, picture in enumerate(pictures):
        stored = picture.astype(np.uint8) * 255 if picture.dtype == bool else picture
        stored = cv2.cvtColor(stored, cv2.COLOR_RGB2BGR) if stored.ndim == 3 else stored
        assert cv2.imwrite(str(folder / f"{n:05d}{suffix}"), stored)


def write_set(folder: Path, clips, layout="ours", frames="JPEGImages_432_240"):
    """`clips`: {name: (images, holes)}. Returns the folder."""
    for name, (images, holes) in clips.items():
        if layout == "ours":
            write_pictures(folder / name / "frames", images)
            write_pictures(folder / name / "holes", holes)
        else:
            write_pictures(folder / frames / name, images)
            write_pictures(folder / "test_masks" / name, holes)
    return folder
