"""What scenes are built from: a stage of some size, a camera that moves, worlds, and those who pass."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cleanplate.bench.scenery.actors import Actor, Ball, Color, Logo, Walker
from cleanplate.bench.scenery.layers import Layer, Matrix, PlaneLayer, move
from cleanplate.bench.scenery.props import thicket, van
from cleanplate.bench.scenery.textures import WORLDS

SWEEP_FRAMES = 60

Camera = Callable[[int], Matrix]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One camera position: layers from back to front, what is to be taken out, and what stands before even that."""

    layers: tuple[Layer, ...]
    "the rearmost is a plane"
    actors: tuple[Actor, ...] = ()
    "from back to front; the first one's label is 1"
    front: tuple[Layer, ...] = ()
    "layers that pass before the actors"

    @property
    def surfaces(self) -> tuple[Layer, ...]:
        """All that the clean plate shows, from back to front."""
        return (*self.layers, *self.front)


@dataclass(frozen=True, kw_only=True)
class SceneSpec:
    """One row of the table of scenes."""

    summary: str
    stage: Callable[[Stage, int], Shot]
    "builds the shot of that number (0, 1, ...)"
    shots: int = 1
    noise: float = 1.0
    "standard deviation of the sensor's noise, in levels of 255"
    grain: float = 0.0
    "the same of film grain, which is 2 px wide"
    drift: float = 0.0
    "how far the exposure swings, as a share of the light"
    white: float = 0.0
    "how far the white swings: red gains that share, blue loses it"
    dissolve_frames: int = 0
    "frames that mix two shots; 0 = cuts"


def sweep(t: float, frames: float = SWEEP_FRAMES) -> float:
    """0 to 1 and back to 0 at constant speed; one way takes `frames`."""
    turn_frames = (t / frames) % 2.0
    return turn_frames if turn_frames <= 1.0 else 2.0 - turn_frames


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The size of the picture and the source of chance, from which shots are built."""

    width_px: int
    height_px: int
    seed: int
    frames: int
    "length of the render, which a few scenes spread their action over"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height_px, self.width_px

    @property
    def unit(self) -> float:
        """Pixels of a length that is 1 in a picture of 240 lines."""
        return self.height_px / 240.0

    def rng(self, *keys: int) -> np.random.Generator:
        """A generator of its own for every use."""
        return np.random.default_rng([self.seed, *keys])

    def world(
        self,
        kind: str,
        camera: Camera,
        wide: float = 1.0,
        high: float = 1.0,
        key: int = 0,
    ) -> PlaneLayer:
        """A painted plane `wide` x `high` pictures large. `camera(t)` carries the picture's middle to the plane's."""
        rows, columns = round(self.height_px * high), round(self.width_px * wide)
        texture = WORLDS[kind](rows, columns, self.height_px, self.rng(zlib.crc32(kind.encode()), key))
        return PlaneLayer(self.size, texture, None, self._centred(camera, rows, columns))

    def near(self, camera: Camera, wide: float) -> PlaneLayer:
        """Trunks and bushes in front."""
        columns = round(self.width_px * wide)
        texture, opacity = thicket(self.height_px, columns, self.height_px, self.rng(7))
        return PlaneLayer(self.size, texture, opacity, self._centred(camera, self.height_px, columns))

    def _centred(self, camera: Camera, rows: int, columns: int) -> Camera:
        into = move((columns - 1) / 2, (rows - 1) / 2)
        out = move(-(self.width_px - 1) / 2, -(self.height_px - 1) / 2)
        return lambda t: into @ camera(t) @ out

    def pan(self, wide: float, frames: float = SWEEP_FRAMES, rise: float = 0.0) -> Camera:
        """A camera that travels over a plane `wide` pictures wide from end to end."""
        reach_x, reach_y = (wide - 1.02) * self.width_px, rise * self.height_px
        return lambda t: move((sweep(t, frames) - 0.5) * reach_x, (sweep(t, frames) - 0.5) * reach_y)

    def walker(
        self,
        path: Callable[[int], float] | None = None,
        *,
        walked: Callable[[int], float] | None = None,
        feet: float = 0.8,
        size: float = 1.0,
        **colors: Color,
    ) -> Walker:
        """Somebody who walks from left to right and back, feet at 4/5 of the height.

        `path`: widths of the picture at a frame; `walked`: the same over the ground, where the camera moves as well.
        `size`: 1 = 110 units tall.
        """
        way, ground = path or (lambda t: -0.05 + 1.1 * sweep(t)), walked or path
        return Walker(
            unit=size * self.unit,
            x_px=lambda t: way(t) * self.width_px,
            feet_px=feet * self.height_px,
            walked_px=None if ground is None else lambda t: ground(t) * self.width_px,
            **colors,
        )

    def ball(self) -> Ball:
        """A ball that crosses the picture on a wavy way."""

        def centre(t: int) -> tuple[float, float]:
            along = sweep(t, 45)
            return (0.15 + 0.7 * along) * self.width_px, (0.5 + 0.18 * np.sin(7 * along)) * self.height_px

        return Ball(unit=self.unit, centre_px=centre, radius=34.0)

    def logo(self, left: float = 0.7, top: float = 0.1) -> Logo:
        """A station's sign, in the upper right."""
        return Logo(unit=self.unit, corner_px=(left * self.width_px, top * self.height_px))

    def van(self, path: Callable[[int], float], top: float) -> PlaneLayer:
        """A van that drives through or stands, part of the clean plate. `path`: its left end at a frame, in widths."""
        texture, opacity = van(round(84 * self.unit), round(190 * self.unit), self.height_px, self.rng(23))
        rows = top * self.height_px
        return PlaneLayer(self.size, texture, opacity, lambda t: move(-path(t) * self.width_px, -rows))
