"""Small data sets for the tests of the tracking bench, in the layout of DAVIS and in ours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from cleanplate.mask.stored_format import label_png

HEIGHT, WIDTH = 48, 72


def truth(count: int = 6, objects: int = 2) -> np.ndarray:
    """(T, H, W) labels: object 1 walks right, 2 stays."""
    labels = np.zeros((count, HEIGHT, WIDTH), np.uint8)
    for t in range(count):
        labels[t, 8:24, 6 + 3 * t : 22 + 3 * t] = 1
        if objects == 2:
            labels[t, 30:42, 40:60] = 2
    return labels


def write_frames(folder: Path, labels: np.ndarray, suffix: str = ".jpg") -> None:
    folder.mkdir(parents=True)
    ground = np.random.default_rng(0).integers(60, 190, (HEIGHT // 4, WIDTH // 4, 3)).repeat(4, 0).repeat(4, 1)
    for t, label in enumerate(labels):
        image = ground.astype(np.uint8)
        skin = np.roll(ground[::-1] // 2 + 100, 3 * t, 1)  # goes with the object
        image[label == 1] = skin[label == 1]
        image[label == 2] = (240, 200, 30)
        cv2.imwrite(str(folder / f"{t:05d}{suffix}"), image)


def write_labels(folder: Path, labels: np.ndarray, *, skip=(), names="{:05d}.png", is_gray: bool = False) -> None:
    folder.mkdir(parents=True)
    for t, label in enumerate(labels):
        if t in skip:
            continue
        path = folder / names.format(t)
        if is_gray:
            cv2.imwrite(str(path), (label > 0).astype(np.uint8) * 255)
        else:
            path.write_bytes(label_png(label))


def davis(root: Path, clips=("walk", "more"), below: str = "480p", listed: str | None = None) -> Path:
    for n, name in enumerate(clips):
        labels = truth(6 + n)
        write_frames(root / "JPEGImages" / below / name, labels)
        write_labels(root / "Annotations" / below / name, labels)
    if listed is not None:
        (root / "ImageSets/2017").mkdir(parents=True)
        (root / "ImageSets/2017/val.txt").write_text(listed)
    return root


def ours(root: Path, names=("one",)) -> Path:
    for name in names:
        labels = truth(objects=1)
        write_frames(root / name / "frames", labels, ".png")
        write_labels(root / name / "object", labels, is_gray=True)
    return root
