"""What a rendered scene's holes are for: a ball, somebody walking with a shadow, a logo, a print on a cloth.

Shapes are signed distances (px, negative inside), which give an edge of one pixel without supersampling.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cleanplate.bench.scenery.layers import Layer

Field = NDArray[np.float32]  # (H, W)
Bools = NDArray[np.bool_]
Color = tuple[float, float, float]


class Actor(ABC):
    """Something drawn over the plate."""

    @abstractmethod
    def draw(self, screen: NDArray[np.float32], t: int) -> tuple[Bools, Bools]:
        """Draw over the screen (H, W, 3) in place; return the samples it covers and those it shades, both (H, W)."""

    def reflect(self, screen: NDArray[np.float32], t: int) -> Bools:  # noqa: ARG002 - most have no mirror under them
        """Draw its mirror image, if it has one; return the samples that changes, (H, W)."""
        return np.zeros(screen.shape[:2], np.bool_)


def _window(screen: NDArray[np.float32], box_xyxy: tuple[float, float, float, float]) -> tuple[slice, slice]:
    """Rows and columns of the screen that the box touches, with a pixel to spare."""
    height, width = screen.shape[:2]
    x0, y0, x1, y1 = box_xyxy
    rows = slice(int(np.clip(y0 - 1, 0, height)), int(np.clip(y1 + 2, 0, height)))
    return rows, slice(int(np.clip(x0 - 1, 0, width)), int(np.clip(x1 + 2, 0, width)))


def _grid(window: tuple[slice, slice]) -> tuple[Field, Field]:
    rows, columns = window
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :]
    return x, np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]


def _capsule(x: Field, y: Field, start: tuple[float, float], end: tuple[float, float], radius: float) -> Field:
    ax, ay = end[0] - start[0], end[1] - start[1]
    along = np.clip(((x - start[0]) * ax + (y - start[1]) * ay) / (ax * ax + ay * ay + 1e-6), 0, 1)
    return np.asarray(np.hypot(x - start[0] - along * ax, y - start[1] - along * ay) - radius, dtype=np.float32)


def _paint(screen: NDArray[np.float32], color: NDArray[np.float32], distance: Field) -> Bools:
    """Lay a colour over the screen where the distance is negative; return the samples touched."""
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    screen *= 1 - cover
    screen += cover * color
    return np.asarray(cover[..., 0] > 0)


@dataclass(frozen=True, kw_only=True)
class Ball(Actor):
    """A striped ball, lit from the upper left."""

    unit: float
    centre_px: Callable[[int], tuple[float, float]]
    radius: float
    "units"
    stripes: Color = (216, 74, 40)

    def draw(self, screen: NDArray[np.float32], t: int) -> tuple[Bools, Bools]:
        cx, cy = self.centre_px(t)
        radius = self.radius * self.unit
        window = _window(screen, (cx - radius, cy - radius, cx + radius, cy + radius))
        x, y = _grid(window)
        dx, dy = (x - cx) / radius, (y - cy) / radius
        spin = np.arctan2(dy, dx) + 0.12 * t
        stripe = np.clip(0.5 + 4 * np.sin(3 * spin), 0, 1)[..., None]
        light = np.clip(1.0 - 0.35 * (dx + dy), 0.25, 1.25)[..., None]
        color = (
            stripe * np.array(self.stripes, np.float32) + (1 - stripe) * np.array([240, 226, 180], np.float32)
        ) * light
        covered = np.zeros(screen.shape[:2], np.bool_)
        covered[window] = _paint(
            screen[window], color.astype(np.float32), np.hypot(x - cx, y - cy) - np.float32(radius)
        )
        return covered, np.zeros_like(covered)


@dataclass(frozen=True, kw_only=True)
class Walker(Actor):
    """Somebody walking, 110 units tall, and the soft shadow thrown to the lower right."""

    unit: float
    x_px: Callable[[int], float]
    feet_px: float
    jacket: Color = (60, 92, 150)
    trousers: Color = (52, 50, 58)
    walked_px: Callable[[int], float] | None = None
    "the way made over the ground, which moves the legs; None = that over the screen"

    def _limbs(self, t: int) -> list[tuple[tuple[float, float], tuple[float, float], float, Color]]:
        """(start, end, radius, colour) of each limb, in units right of and above the feet."""
        way = self.walked_px or self.x_px
        pace = way(t + 1) - way(t - 1)
        # One step every 12 frames; whoever stands keeps still.
        swing = float(np.sin(2 * np.pi * t / 24)) if abs(pace) > 0.2 * self.unit else 0.0
        jacket, trousers, skin = self.jacket, self.trousers, (206, 160, 130)
        lit = (jacket[0] + 14, jacket[1] + 16, jacket[2] + 18)
        return [
            ((0, 52), (-17 * swing, 4), 6.5, trousers),
            ((0, 52), (17 * swing, 4), 6.5, trousers),
            ((0, 80), (14 * swing, 54), 4.5, jacket),
            ((0, 56), (0, 84), 11.0, jacket),
            ((0, 80), (-14 * swing, 54), 4.5, lit),
            ((0, 101), (0, 103), 8.5, skin),
            ((-1, 107), (2, 107), 6.5, (70, 48, 34)),
        ]

    def draw(self, screen: NDArray[np.float32], t: int) -> tuple[Bools, Bools]:
        middle, feet = self.x_px(t), self.feet_px
        u = self.unit
        window = _window(screen, (middle - 30 * u, feet - 118 * u, middle + 75 * u, feet + 45 * u))
        x, y = _grid(window)
        view = screen[window]
        right, up = (x - np.float32(middle)) / u, (np.float32(feet) - y) / u
        limbs = self._limbs(t)
        covered, shaded = np.zeros((2, *screen.shape[:2]), np.bool_)
        # The ground point (right, up) lies in the shadow of the figure's point (right - .9 d, d / .32), d = -up.
        reach = -up
        flat = np.min([_capsule(right - 0.9 * reach, reach / 0.32, a, b, r) for a, b, r, _ in limbs], axis=0)
        # The farther from the feet, the softer.
        soft = 2.5 + 0.12 * np.clip(reach, 0, None) / 0.32
        dark = np.where(reach > -2.0, np.clip(0.5 - flat / soft, 0, 1), 0)
        view *= (1 - 0.42 * dark)[..., None]
        shaded[window] = dark > 0
        for start, end, radius, color in limbs:
            distance = _capsule(right, up, start, end, radius)
            light = 1.0 - 0.25 * np.clip(distance / radius + 1, 0, 1) + 0.03 * np.sin(2.1 * right) * np.sin(2.3 * up)
            covered[window] |= _paint(
                view, (np.array(color, np.float32) * light[..., None]).astype(np.float32), distance * u
            )
        return covered, shaded


class Mirrored(Actor):
    """Somebody on a wet floor: below the feet's line he is seen again, upside down, rippled, fading with distance."""

    def __init__(self, actor: Actor, *, axis_px: float, unit: float, strength: float) -> None:
        """axis_px: the line of reflection. strength: the mirror image's share of the light at that line, 0-1."""
        self._actor, self._axis, self._unit, self._strength = actor, axis_px, unit, strength

    def draw(self, screen: NDArray[np.float32], t: int) -> tuple[Bools, Bools]:
        return self._actor.draw(screen, t)

    def reflect(self, screen: NDArray[np.float32], t: int) -> Bools:
        black, white = np.zeros_like(screen), np.ones_like(screen)
        self._actor.draw(black, t)
        self._actor.draw(white, t)
        # What remains of white beyond what black shows is 1 - cover.
        cover = np.clip(1 - (white - black)[..., 0], 0, 1)
        y, x = np.mgrid[: screen.shape[0], : screen.shape[1]].astype(np.float32)
        below = y - np.float32(self._axis)
        ripple = np.sin((below / 5.0 - 0.35 * t) / np.float32(self._unit)) * below * np.float32(0.03)
        from_y = np.where(below > 0, np.float32(self._axis) - below, np.float32(-9))
        seen = cv2.remap(np.dstack([black, cover]), x + ripple, from_y, cv2.INTER_LINEAR)
        seen = cv2.GaussianBlur(seen, (0, 0), max(0.7 * self._unit, 0.3))
        share = self._strength * np.exp(-np.clip(below, 0, None) / np.float32(55 * self._unit))
        share[below <= 0] = 0
        screen *= (1 - share * seen[..., 3])[..., None]
        screen += share[..., None] * seen[..., :3]
        return np.asarray(share * seen[..., 3] > 1 / 255)


def _emblem(right: Field, down: Field) -> tuple[list[Field], list[tuple[float, float, float]]]:
    """A rounded sign, a disc and three bars: distances and colours, in units from its upper left."""
    sign = np.hypot(np.clip(np.abs(right - 48) - 42, 0, None), np.clip(np.abs(down - 18) - 12, 0, None)) - 6
    disc = np.hypot(right - 18, down - 18) - 10
    bars = [_capsule(right, down, (38, y), (38 + w, y), 2.6) for y, w in ((10, 48), (18, 38), (26, 44))]
    return [sign, disc, *bars], [(24, 40, 96), (250, 196, 40), *[(244, 244, 248)] * 3]


@dataclass(frozen=True, kw_only=True)
class Logo(Actor):
    """A station's sign, 96 x 36 units, at a fixed place of the screen."""

    unit: float
    corner_px: tuple[float, float]

    def draw(self, screen: NDArray[np.float32], t: int) -> tuple[Bools, Bools]:  # noqa: ARG002 - it stays
        left, top = self.corner_px
        window = _window(screen, (left, top, left + 96 * self.unit, top + 36 * self.unit))
        x, y = _grid(window)
        shapes, colors = _emblem((x - left) / self.unit, (y - top) / self.unit)
        covered = np.zeros(screen.shape[:2], np.bool_)
        for distance, color in zip(shapes, colors, strict=True):
            covered[window] |= _paint(screen[window], np.array(color, np.float32), distance * self.unit)
        return covered, np.zeros_like(covered)


class Print(Actor):
    """The same sign printed on the middle of a surface: it moves, bends and shades with it."""

    def __init__(self, surface: Layer, rows: int, columns: int, unit: float) -> None:
        self._surface = surface
        self._image = np.zeros((rows, columns, 3), np.float32)
        Logo(unit=unit, corner_px=(columns / 2 - 48 * unit, rows / 2 - 18 * unit)).draw(self._image, 0)
        blank = np.full((rows, columns, 3), 1.0, np.float32)
        Logo(unit=unit, corner_px=(columns / 2 - 48 * unit, rows / 2 - 18 * unit)).draw(blank, 0)
        # A black and a white ground tell ink from cloth: what remains of the white one is 1 - cover.
        self._cover = np.clip(1 - (blank - self._image)[..., 0], 0, 1)

    def draw(self, screen: NDArray[np.float32], t: int) -> tuple[Bools, Bools]:
        ink = self._surface.sample(t, self._image, cv2.INTER_CUBIC)
        self._surface.shade(ink, t)
        cover = np.clip(self._surface.sample(t, self._cover, cv2.INTER_CUBIC), 0, 1)[..., None]
        screen *= 1 - cover
        screen += np.clip(ink, 0, None) * (cover > 0)
        covered = np.asarray(cover[..., 0] > 0)
        return covered, np.zeros_like(covered)
