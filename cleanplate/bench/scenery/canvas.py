"""A picture being drawn: shapes at several times its size, then light, fine detail and a lens's softness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Color3 = tuple[float, float, float]
Rng = np.random.Generator

SUPERSAMPLING = 2
LENS_PX = 0.55


def fractal(height_px: int, width_px: int, rng: Rng, slope: float = 1.0) -> NDArray[np.float32]:
    """Noise whose amplitude falls as 1/frequency**slope: (H, W) float32, mean 0, standard deviation 1.

    Natural pictures have a slope near 1 (Field 1987).
    """
    # Even sizes that FFTs like; cropped at the end.
    rows, columns = cv2.getOptimalDFTSize(height_px), cv2.getOptimalDFTSize(width_px)
    fy = np.fft.fftfreq(rows).astype(np.float32)[:, None]
    fx = np.fft.rfftfreq(columns).astype(np.float32)[None, :]
    radius = np.sqrt(fy * fy + fx * fx)
    radius[0, 0] = 1.0
    phases = rng.random(radius.shape, dtype=np.float32) * np.float32(2 * np.pi)
    spectrum = np.exp(1j * phases) * radius ** np.float32(-slope)
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=(rows, columns))[:height_px, :width_px]
    return np.asarray((noise - noise.mean()) / noise.std(), dtype=np.float32)


class Canvas:
    """A picture being drawn at `SUPERSAMPLING` times its size. Lengths in units; see `px`."""

    def __init__(self, height_px: int, width_px: int, view_height_px: int, rng: Rng) -> None:
        self.height_px, self.width_px = height_px, width_px
        self.unit = SUPERSAMPLING * view_height_px / 240.0
        self.rng = rng
        self.rows, self.columns = SUPERSAMPLING * height_px, SUPERSAMPLING * width_px
        self.image = np.zeros((self.rows, self.columns, 3), np.uint8)
        self.opacity = np.zeros((self.rows, self.columns), np.uint8)
        # A quarter-size noise enlarged is enough for broad light; the fine one is added when finishing.
        small = fractal(self.rows // 4 + 1, self.columns // 4 + 1, rng, 1.3)
        self.broad = cv2.resize(small, (self.columns, self.rows), interpolation=cv2.INTER_CUBIC)

    def px(self, units: float) -> int:
        """Canvas pixels of a length in units, at least 1."""
        return max(1, round(units * self.unit))

    def vary(self, color: Color3, amount: float) -> Color3:
        """A colour near the given one: brightness and tint jittered by `amount` levels."""
        shift = self.rng.normal(0, amount)
        tint = self.rng.normal(0, amount / 3, 3)
        red, green, blue = (float(np.clip(c + shift + d, 0, 255)) for c, d in zip(color, tint, strict=True))
        return red, green, blue

    def polygon(self, points: Sequence[tuple[float, float]], color: Color3) -> None:
        """A filled polygon of canvas pixels."""
        corners = np.round(np.asarray(points)).astype(np.int32)
        cv2.fillPoly(self.image, [corners], color)
        cv2.fillPoly(self.opacity, [corners], 255)

    def box(self, x: float, y: float, width: float, height: float, color: Color3) -> None:
        """A filled box of canvas pixels."""
        self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], color)

    def ellipse(self, x: float, y: float, radii: tuple[float, float], angle_deg: float, color: Color3) -> None:
        """A filled ellipse of canvas pixels."""
        center = (round(x), round(y))
        axes = (max(1, round(radii[0])), max(1, round(radii[1])))
        cv2.ellipse(self.image, center, axes, angle_deg, 0, 360, color, -1)
        cv2.ellipse(self.opacity, center, axes, angle_deg, 0, 360, 255, -1)

    def leaves(self, x: float, y: float, radius: float, color: Color3, count: int) -> None:
        """A lump of foliage: leaves of many sizes over one another, lit from the upper left."""
        rng = self.rng
        angle, spread = rng.random(count) * 2 * np.pi, np.sqrt(rng.random(count))
        for a, r in zip(angle, spread, strict=True):
            dx, dy = np.cos(a) * r, np.sin(a) * r * 0.85
            light = 1.0 - 0.45 * (dx + 2 * dy) / 2.2 + rng.normal(0, 0.16)
            size = radius * (0.05 + 0.11 * rng.random() ** 2)
            red, green, blue = (float(np.clip(c * light, 0, 255)) for c in color)
            turn_deg = float(rng.random() * 180)
            self.ellipse(x + dx * radius, y + dy * radius, (size, size * 0.55), turn_deg, (red, green, blue))

    def finish(self, detail: float = 5.0, broad: float = 7.0) -> tuple[Picture, NDArray[np.float32]]:
        """The picture at its own size with light and fine detail added, and its opacity (H, W) in 0-1.

        The picture is premultiplied: where the opacity is below 1 the averaging has mixed in that much black.
        """
        light, fine = self._shrunk(self.broad), fractal(self.height_px, self.width_px, self.rng, 0.6)
        gain = 1.0 + (broad * light + detail * fine)[..., None] / 128.0
        picture = np.clip(self._shrunk(self.image) * gain, 0, 252).astype(np.float32)
        opacity = self._shrunk(self.opacity).astype(np.float32) / np.float32(255)
        # A lens passes about a sixth at the highest frequency; that much softness also bears moves of half a pixel.
        picture, opacity = (
            np.asarray(cv2.GaussianBlur(one, (0, 0), LENS_PX), np.float32) for one in (picture, opacity)
        )
        return picture, opacity

    def _shrunk(self, picture: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.resize(picture, (self.width_px, self.height_px), interpolation=cv2.INTER_AREA))
