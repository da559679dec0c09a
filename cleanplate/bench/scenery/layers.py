"""The surfaces a rendered scene is made of, and where each of their points is at any time.

A layer carries a texture; `t` is a frame. Points are (x, y) pixels with centres at integers, on the screen or on the
texture. Homographies are 3x3 and carry the screen to the texture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Grid = NDArray[np.float32]  # (H, W, 2) points (x, y)
Bools = NDArray[np.bool_]


def move(x_px: float, y_px: float) -> Matrix:
    """A shift."""
    return np.array([[1, 0, x_px], [0, 1, y_px], [0, 0, 1]], np.float64)


def scale(factor: float) -> Matrix:
    """An enlargement about the origin."""
    return np.diag([factor, factor, 1.0])


def turn(angle_deg: float) -> Matrix:
    """A turn about the origin."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def tilt(slant: float, width_px: int) -> Matrix:
    """A plane turned about its vertical axis: depth changes by `slant` from its middle to one picture's width."""
    return np.array([[1, 0, 0], [0, 1, 0], [slant / width_px, 0, 1]])


def points(size: tuple[int, ...]) -> Grid:
    """Where each sample of a picture of that (H, W) is: (H, W, 2)."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    return np.stack([x, y], axis=-1)


def remap(picture: NDArray[Any], grid: Grid, interpolation: int) -> NDArray[Any]:
    """A picture at the points of a grid (H, W, 2); 0 outside it."""
    return np.asarray(cv2.remap(picture, grid[..., 0], grid[..., 1], interpolation))


def whole(soft: NDArray[Any]) -> Bools:
    """Where a mask that was sampled bilinearly is fully set."""
    # A bilinear sample of a 0-1 mask is 1 only where all taps with weight are.
    return np.asarray(soft > 0.999)


class Layer(ABC):
    """A textured surface seen on a screen of `size` (H, W)."""

    size: tuple[int, int]
    texture: NDArray[np.float32]  # (h, w, 3), premultiplied by the opacity
    opacity: NDArray[np.float32] | None  # (h, w); None = opaque everywhere

    @abstractmethod
    def sample(self, t: int, picture: NDArray[Any], interpolation: int) -> NDArray[Any]:
        """Something that lies on the texture, as seen on the screen; 0 outside the texture."""

    @abstractmethod
    def to_texture(self, t: int, mask: Bools) -> Bools:
        """Texels whose four neighbours on the screen are all inside the screen's mask: (h, w)."""

    @abstractmethod
    def flow(self, source: int, target: int) -> Grid:
        """How far each of the screen's points moves: (H, W, 2) px."""

    def shade(self, picture: NDArray[np.float32], t: int) -> None:  # noqa: B027 - most surfaces keep their light
        """Light that changes with time, multiplied into a sampled picture in place."""

    def draw(self, screen: NDArray[np.float32], t: int) -> None:
        """Lay the surface over the screen, in place."""
        picture = self.sample(t, self.texture, cv2.INTER_CUBIC)
        self.shade(picture, t)
        if self.opacity is None:
            screen[:] = picture
            return
        cover = np.clip(self.sample(t, self.opacity, cv2.INTER_CUBIC), 0, 1)[..., None]
        screen *= 1 - cover
        screen += np.clip(picture, 0, None)

    def opaque(self, t: int) -> Bools:
        """Where the surface hides what lies behind it: (H, W)."""
        if self.opacity is None:
            return np.ones(self.size, np.bool_)
        return np.asarray(self.sample(t, self.opacity, cv2.INTER_LINEAR) > 0.5)


class PlaneLayer(Layer):
    """A plane; `place(t)` carries the screen's points to the texture's."""

    def __init__(
        self,
        size: tuple[int, int],
        texture: NDArray[np.float32],
        opacity: NDArray[np.float32] | None,
        place: Callable[[int], Matrix],
    ) -> None:
        self.size, self.texture, self.opacity, self.place = size, texture, opacity, place

    def sample(self, t: int, picture: NDArray[Any], interpolation: int) -> NDArray[Any]:
        flags = interpolation | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpPerspective(picture, self.place(t), self.size[::-1], flags=flags))

    def to_texture(self, t: int, mask: Bools) -> Bools:
        size = (self.texture.shape[1], self.texture.shape[0])
        return whole(cv2.warpPerspective(mask.astype(np.float32), self.place(t), size, flags=cv2.INTER_LINEAR))

    def flow(self, source: int, target: int) -> Grid:
        m = (np.linalg.inv(self.place(target)) @ self.place(source)).astype(np.float32)
        here = points(self.size)
        x, y = here[..., 0], here[..., 1]
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2]
        to_x = (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / depth
        to_y = (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / depth
        return np.stack([to_x - x, to_y - y], axis=-1)
