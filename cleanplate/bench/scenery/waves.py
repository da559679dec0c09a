"""Surfaces that bend: a waving cloth, and the rippling face of a pond.

Their point u of the texture is seen at `corner + u + sway(u, t)`, so where each point is at any time is known.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.bench.scenery.actors import Actor, Print
from cleanplate.bench.scenery.layers import Bools, Grid, Layer, points, remap, whole

Field = NDArray[np.float32]  # (H, W)


class WavyLayer(Layer):
    """A surface whose points sway about their places."""

    def __init__(
        self,
        size: tuple[int, int],
        texture: NDArray[np.float32],
        opacity: NDArray[np.float32],
        corner_px: tuple[float, float],
        unit: float,
    ) -> None:
        self.size, self.texture, self.opacity = size, texture, opacity
        self._corner = np.array(corner_px, np.float32)
        self._unit = unit
        self._screen = points(size)
        self._cached: tuple[int, Grid] | None = None

    @abstractmethod
    def sway(self, u: Grid, t: int) -> Grid:
        """How far each point u (H, W, 2) of the texture is from its place: px, changing by less than .3 px a px."""

    def on_texture(self, t: int) -> Grid:
        """Which point of the texture each of the screen's points shows."""
        # Sway changes by at most .3 px a px: 8 steps leave 1e-4 px.
        if self._cached is None or self._cached[0] != t:
            flat = self._screen - self._corner
            u = flat
            for _ in range(8):
                u = flat - self.sway(u, t)
            self._cached = (t, u)
        return self._cached[1]

    def sample(self, t: int, picture: NDArray[Any], interpolation: int) -> NDArray[Any]:
        return remap(picture, self.on_texture(t), interpolation)

    def to_texture(self, t: int, mask: Bools) -> Bools:
        grid = points(self.texture.shape)
        return whole(remap(mask.astype(np.float32), grid + self.sway(grid, t) + self._corner, cv2.INTER_LINEAR))

    def flow(self, source: int, target: int) -> Grid:
        u = self.on_texture(source)
        return np.asarray(u + self.sway(u, target) + self._corner - self._screen)


class ClothLayer(WavyLayer):
    """A flag held at its left edge; folds shade it."""

    def __init__(
        self, size: tuple[int, int], texture: NDArray[np.float32], corner_px: tuple[float, float], unit: float
    ) -> None:
        super().__init__(size, texture, np.ones(texture.shape[:2], np.float32), corner_px, unit)
        self._length = texture.shape[1]

    def _phases(self, u: Grid, t: int) -> tuple[Field, Field]:
        x, y = u[..., 0] / np.float32(self._unit), u[..., 1] / np.float32(self._unit)
        first = np.asarray(x / 95 + y / 400 - t / 25, dtype=np.float32)
        second = np.asarray(x / 60 - y / 150 - t / 17, dtype=np.float32)
        return first * np.float32(2 * np.pi), second * np.float32(2 * np.pi)

    def sway(self, u: Grid, t: int) -> Grid:
        first, second = self._phases(u, t)
        along = np.clip(u[..., :1] / self._length, 0, 1)
        slack = along * (2 - along) * np.float32(self._unit)
        wave = np.empty_like(u)
        wave[..., 0] = 2.6 * np.cos(first) + 0.8 * np.cos(second)
        wave[..., 1] = 7.0 * np.sin(first) + 1.6 * np.sin(second)
        wave *= slack
        return wave

    def shade(self, picture: NDArray[np.float32], t: int) -> None:
        first, second = self._phases(self.on_texture(t), t)
        picture *= (1 + 0.16 * np.cos(first) + 0.05 * np.cos(second))[..., None]

    def logo(self) -> Actor:
        """A logo printed on the cloth's middle, which moves and shades with it."""
        return Print(self, self.texture.shape[0], self.texture.shape[1], self._unit)


class WaterLayer(WavyLayer):
    """A pond's face: what lies in it sways with three trains of ripples, and their slopes catch the light.

    The light runs with the ripples and not with what sways: brightness follows the motion only roughly, as on water.
    """

    def _ripples(self, u: Grid, t: int) -> tuple[Field, Field, Field]:
        x, y = u[..., 0] / np.float32(self._unit), u[..., 1] / np.float32(self._unit)
        trains = ((x / 61 + y / 19 - t / 22), (x / 47 - y / 23 - t / 17), (y / 13 - t / 11))
        a, b, c = (np.asarray(train * (2 * np.pi), np.float32) for train in trains)
        return a, b, c

    def sway(self, u: Grid, t: int) -> Grid:
        a, b, c = self._ripples(u, t)
        wave = np.empty_like(u)
        wave[..., 0] = 0.9 * np.sin(a) + 0.7 * np.sin(b)
        wave[..., 1] = 0.35 * np.sin(a) + 0.3 * np.sin(b) + 0.25 * np.sin(c)
        wave *= np.float32(self._unit)
        return wave

    def shade(self, picture: NDArray[np.float32], t: int) -> None:
        a, b, c = self._ripples(self.on_texture(t), t)
        crest = 0.5 * np.cos(a) + 0.4 * np.cos(b) + 0.35 * np.cos(c)
        picture *= (1 + 0.10 * crest)[..., None]
        glint = np.clip(crest - 0.85, 0, None)[..., None] * np.array([150, 158, 160], np.float32)
        picture += glint * (picture.max(axis=-1, keepdims=True) > 0)
