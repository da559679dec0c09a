"""Metrics by networks: LPIPS for pictures, VFID and FVD for clips. Their weights come through `base/weights.py`.

All run on the CPU, so that a score does not depend on the machine it was made on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from cleanplate.base.checkpoint import load_strictly, read_checkpoint
from cleanplate.base.types import Image
from cleanplate.base.weights import locate
from cleanplate.bench.metrics.frechet import frechet
from cleanplate.bench.metrics.metric import AREAS, Curve, Features, Metric, Row, Setup
from cleanplate.bench.metrics.picture import why_no_hole
from cleanplate.bench.metrics.step import Step
from cleanplate.bench.nets.i3d import CLASSES, I3D, LEAST_FRAMES
from cleanplate.bench.nets.lpips import Backbone, Lpips, alexnet, vgg16

_LEAST_PX = 64
"below this AlexNet's last stage has nothing left; smaller pictures are enlarged"

VFID_SIZE_PX = (432, 240)
VFID_FRAMES = 128
"frames at once: longer clips go in parts, weighted by their length"
FVD_SIZE_PX = (224, 224)
FVD_FRAMES = 16


class _Lpips(Metric):
    name: str
    backbone: str
    heads: str
    build: Callable[[], Backbone]

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._net = _lpips_net(self.backbone, self.heads, type(self).build, *_paths(self.backbone, self.heads))
        note = f"LPIPS 0.1 on {self.backbone}; in the hole: mean of its map"
        self._curves = [Curve(metric=self.name, where=where, unit="", better="lower", note=note) for where in AREAS]

    def add(self, step: Step) -> None:
        assert step.truth is not None
        with torch.inference_mode():
            whole, spread = self._net(*(_signed(picture, step.data_range) for picture in (step.result, step.truth)))
        distances = cv2.resize(spread[0].numpy(), step.result.shape[1::-1])
        for curve in self._curves:
            area = step.area(curve.where)
            if curve.where == "frame":
                curve.add(float(whole))
            else:
                curve.add(None if area is None else float(distances[area].mean()))

    def finish(self) -> list[Row]:
        return [curve.row(why_no_hole(self.setup)) for curve in self._curves]


class LpipsAlex(_Lpips):
    """Learned perceptual distance (Zhang et al. 2018) on AlexNet: the usual one."""

    name, backbone, heads = "lpips-alex", "alexnet", "lpips-alex"
    build = staticmethod(alexnet)


class LpipsVgg(_Lpips):
    """The same on VGG16."""

    name, backbone, heads = "lpips-vgg", "vgg16", "lpips-vgg"
    build = staticmethod(vgg16)


def _paths(*names: str) -> tuple[Path, ...]:
    return tuple(locate(name, offline=True) for name in names)


@lru_cache(maxsize=2)
def _lpips_net(backbone: str, heads: str, build: Callable[[], Backbone], features: Path, weighting: Path) -> Lpips:
    net = Lpips(build())
    load_strictly(net.backbone, read_checkpoint(features), name=backbone, unused=("classifier.",))
    load_strictly(net.heads, read_checkpoint(weighting), name=heads)
    return net.eval()


def _signed(picture: Image, data_range: float) -> torch.Tensor:
    """A picture as (1, 3, H, W) float32, -1..1."""
    height, width = picture.shape[:2]
    scale = max(1.0, _LEAST_PX / min(height, width))
    if scale > 1:
        picture = np.asarray(cv2.resize(picture, (round(width * scale), round(height * scale))))
    values = picture.astype(np.float32) * np.float32(2.0 / data_range) - 1
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))[None]


@lru_cache(maxsize=1)
def _i3d_net(path: Path) -> I3D:
    net = I3D()
    load_strictly(net, read_checkpoint(path), name="i3d")
    return net.eval()


class _ClipDistance(Metric):
    """Frechet distance of I3D logits. Holds at most `frames` pictures of each side."""

    name: str
    size_px: tuple[int, int]
    frames: int
    how: str

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._net = _i3d_net(*_paths("i3d"))
        self._held: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        self._found: list[tuple[int, NDArray[np.float64], NDArray[np.float64]]] = []

    def scale(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values 0..1 as the network is given them."""
        return pictures

    def add(self, step: Step) -> None:
        assert step.truth is not None
        result, truth = (self._small(picture, step.data_range) for picture in (step.result, step.truth))
        self._held.append((result, truth))
        if len(self._held) == self.frames:
            self._look()

    def _small(self, picture: Image, data_range: float) -> NDArray[np.float32]:
        values = picture.astype(np.float32) / np.float32(data_range)
        if values.shape[1::-1] != self.size_px:
            values = np.asarray(cv2.resize(values, self.size_px, interpolation=cv2.INTER_LINEAR))
        return self.scale(values)

    def _look(self) -> None:
        length = len(self._held)
        vectors = []
        for side in zip(*self._held, strict=True):
            clip = np.stack(side)  # (T, H, W, 3)
            if length < LEAST_FRAMES:
                clip = np.concatenate([clip, np.repeat(clip[-1:], LEAST_FRAMES - length, axis=0)])
            with torch.inference_mode():
                logits = self._net(torch.from_numpy(np.ascontiguousarray(clip.transpose(3, 0, 1, 2)))[None])
            vectors.append(logits[0].numpy().astype(np.float64))
        self._found.append((length, vectors[0], vectors[1]))
        self._held = []

    def features(self) -> tuple[Features, Features]:
        """One vector (400) for each stretch of frames, or for the clip: result and truth."""
        result, truth = (np.array([found[side] for found in self._found]).reshape(-1, CLASSES) for side in (1, 2))
        return result, truth

    def finish(self) -> list[Row]:
        self._end()
        result, truth = self.features()
        lone = "; one vector a side, so only the means are compared" if len(result) == 1 else ""
        return [
            Row(
                metric=self.name,
                where="frame",
                value=frechet(result, truth) if len(result) else None,
                unit="",
                better="lower",
                frames=sum(length for length, _, _ in self._found),
                note=f"{self.how}{lone}" if len(result) else self._why_none(),
            )
        ]

    def _end(self) -> None:
        """What is to be done with the frames left over."""

    def _why_none(self) -> str:
        return f"needs {self.frames} frames"


class Vfid(_ClipDistance):
    """As the inpainting papers have it: one vector a clip, averaged over time and space, values 0..1."""

    name, size_px, frames = "vfid", VFID_SIZE_PX, VFID_FRAMES
    how = "Frechet distance of I3D logits, one vector a clip, pictures at 432x240, values 0..1"

    def _end(self) -> None:
        if self._held:
            self._look()

    def features(self) -> tuple[Features, Features]:
        lengths = [length for length, _, _ in self._found]
        result, truth = (
            np.average([found[side] for found in self._found], axis=0, weights=lengths)[None] for side in (1, 2)
        )
        return result, truth


class Fvd(_ClipDistance):
    """One vector each 16 frames (Unterthiner et al. 2018), 224x224, values -1..1; frames left over do not count.

    The paper's network was another port of I3D: values do not compare with those of other programs.
    """

    name, size_px, frames = "fvd", FVD_SIZE_PX, FVD_FRAMES
    how = "Frechet distance of I3D logits, one vector each 16 frames, 224x224, values -1..1; not TF-Hub's network"

    def scale(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        return pictures * np.float32(2) - np.float32(1)
