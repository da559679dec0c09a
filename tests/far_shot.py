"""A rendered clip on disk with masks, and its clean plate: for tests of the whole chain from file to file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import cleanplate
from cleanplate.bench.synth import stream
from cleanplate.bench.synth_video import write_clip
from cleanplate.journal.folder import JobFolder
from cleanplate.paint.flowfill import FlowFill


class Shot:
    """A rendered clip on disk, its masks, and the clean plate as the file's samples show it."""

    def __init__(self, folder: Path, name: str, frames: int, width_px: int, height_px: int) -> None:
        self.video, self.masks, plate = folder / "in.mkv", folder / "masks", folder / "plate.mkv"
        samples = list(stream(name, width_px=width_px, height_px=height_px, frames=frames))
        write_clip(self.video, (sample.image for sample in samples), codec="ffv1", crf=None)
        write_clip(plate, (sample.plate for sample in samples), codec="ffv1", crf=None)
        self.holes = [sample.hole | sample.shadow for sample in samples]
        self.masks.mkdir()
        for n, hole in enumerate(self.holes):
            cv2.imwrite(str(self.masks / f"{n:04d}.png"), hole.astype(np.uint8) * 255)
        self.plate = rgb(plate)

    def remove(self, output: Path, **more) -> cleanplate.Report:
        return cleanplate.remove(self.video, mask=self.masks, output=output, lossless=True, **more)

    def db(self, output: Path) -> NDArray[np.float64]:
        """PSNR inside the hole of each frame that has one."""
        pairs = zip(rgb(output), self.plate, self.holes, strict=True)
        errors = [np.mean((a[hole].astype(float) - b[hole]) ** 2) for a, b, hole in pairs if hole.any()]
        return 10 * np.log10(255**2 / np.array(errors))


def break_off(run: Callable[[], object], after: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run a job whose engine fails after so many clips. Names of what it stored, to which later runs add theirs."""
    fill, store, painted, stored = FlowFill.fill, JobFolder.store, [], []

    def fails_late(engine, clip):
        painted.append(clip.start)
        if len(painted) > after and clip.box_xyxy is not None:
            raise ZeroDivisionError
        return fill(engine, clip)

    def watched(folder, name, content):
        stored.append(name)
        store(folder, name, content)

    monkeypatch.setattr(JobFolder, "store", watched)
    with monkeypatch.context() as patch:
        patch.setattr(FlowFill, "fill", fails_late)
        with pytest.raises(ZeroDivisionError):
            run()
    return stored


def rgb(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
