"""The table of rendered scenes: which places, which camera, who passes.

Camera and objects move at constant speed to and fro (one way takes `SWEEP_FRAMES`), so a long render is as lively as a
short one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cleanplate.bench.actors import Actor, Ball, Logo, Walker
from cleanplate.bench.layers import ClothLayer, Layer, Matrix, PlaneLayer, move, scale, tilt, turn
from cleanplate.bench.textures import WORLDS, cloth, thicket

SWEEP_FRAMES = 60

Camera = Callable[[int], Matrix]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One camera position: layers from back to front, and what moves over them."""

    layers: tuple[Layer, ...]
    actor: Actor | None


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

    def walker(self, path: Callable[[int], float] | None = None) -> Walker:
        """Somebody who walks from left to right and back, feet at 4/5 of the height."""
        way = path or (lambda t: -0.05 + 1.1 * sweep(t))
        return Walker(unit=self.unit, x_px=lambda t: way(t) * self.width_px, feet_px=0.8 * self.height_px)

    def ball(self) -> Ball:
        """A ball that crosses the picture on a wavy way."""

        def centre(t: int) -> tuple[float, float]:
            along = sweep(t, 45)
            return (0.15 + 0.7 * along) * self.width_px, (0.5 + 0.18 * np.sin(7 * along)) * self.height_px

        return Ball(unit=self.unit, centre_px=centre, radius=34.0)

    def logo(self) -> Logo:
        """A station's sign in the upper right."""
        return Logo(unit=self.unit, corner_px=(0.7 * self.width_px, 0.1 * self.height_px))


def _still(_: int) -> Matrix:
    return np.eye(3)


def _parallax(s: Stage, _: int) -> Shot:
    # The thicket passes 2.6 times as fast as the street behind it.
    layers = (s.world("street", s.pan(1.35), wide=1.35), s.near(s.pan(1.02 + 0.33 * 2.6), wide=1.02 + 0.33 * 2.6))
    return Shot(layers=layers, actor=s.ball())


def _cloth(s: Stage, _: int) -> Shot:
    rows, columns = round(0.72 * s.height_px), round(0.72 * s.width_px)
    flag = ClothLayer(
        s.size,
        cloth(rows, columns, s.height_px, s.rng(11)),
        corner_px=(0.14 * s.width_px, 0.14 * s.height_px),
        unit=s.unit,
    )
    return Shot(layers=(s.world("park", _still), flag), actor=flag.logo())


def _longstand(s: Stage, _: int) -> Shot:
    # In by frame 12, stands, leaves in the last 12 of every 60 frames.
    def way(t: int) -> float:
        k = t % SWEEP_FRAMES
        return float(np.interp(k, [0, 12, SWEEP_FRAMES - 12, SWEEP_FRAMES - 1], [-0.06, 0.45, 0.45, 1.06]))

    return Shot(layers=(s.world("street", _still),), actor=s.walker(way))


def _cut(s: Stage, k: int) -> Shot:
    kind = ("park", "street", "wall")[k % 3]
    return Shot(layers=(s.world(kind, s.pan(1.3), wide=1.3, key=k),), actor=s.ball())


SCENES: dict[str, SceneSpec] = {
    "still": SceneSpec(
        summary="still camera, a ball passes",
        stage=lambda s, _: Shot(layers=(s.world("park", _still),), actor=s.ball()),
    ),
    "pan": SceneSpec(
        summary="camera pans along a street, a ball passes",
        stage=lambda s, _: Shot(layers=(s.world("street", s.pan(1.7), wide=1.7),), actor=s.ball()),
    ),
    "zoom": SceneSpec(
        summary="camera zooms in by 1.4, a ball passes",
        stage=lambda s, _: Shot(
            layers=(s.world("wall", lambda t: scale(0.98 / (1 + 0.4 * sweep(t)))),),
            actor=s.ball(),
        ),
    ),
    "rotate": SceneSpec(
        summary="camera rolls by 16 degrees, a ball passes",
        stage=lambda s, _: Shot(
            layers=(s.world("street", lambda t: turn(16 * sweep(t) - 8), wide=1.3, high=1.32),),
            actor=s.ball(),
        ),
    ),
    "tilt": SceneSpec(
        summary="camera goes round a wall: perspective of a plane, a ball passes",
        stage=lambda s, _: Shot(
            layers=(
                s.world(
                    "wall",
                    lambda t: tilt(0.5 * sweep(t) - 0.25, s.width_px) @ move(40 * s.unit * (sweep(t) - 0.5), 0),
                    wide=1.7,
                    high=1.5,
                ),
            ),
            actor=s.ball(),
        ),
    ),
    "parallax": SceneSpec(
        summary="trunks and bushes pass in front of a street faster than it, a ball in front", stage=_parallax
    ),
    "walker": SceneSpec(
        summary="still camera, somebody walks through with a shadow",
        stage=lambda s, _: Shot(layers=(s.world("street", _still),), actor=s.walker()),
    ),
    "walker-pan": SceneSpec(
        summary="camera follows somebody who walks, with a shadow",
        stage=lambda s, _: Shot(
            layers=(s.world("park", s.pan(1.6), wide=1.6),),
            actor=s.walker(lambda t: 0.35 + 0.3 * sweep(t)),
        ),
    ),
    "longstand": SceneSpec(
        summary="still camera, somebody comes, stands for most of the time and leaves", stage=_longstand
    ),
    "cut": SceneSpec(summary="three shots of three places, panning, a ball passes", stage=_cut, shots=3),
    "logo-still": SceneSpec(
        summary="still camera, still logo: nothing is ever revealed",
        stage=lambda s, _: Shot(layers=(s.world("park", _still),), actor=s.logo()),
    ),
    "logo-pan": SceneSpec(
        summary="panning camera, still logo",
        stage=lambda s, _: Shot(layers=(s.world("street", s.pan(1.7, rise=0.1), wide=1.7, high=1.12),), actor=s.logo()),
    ),
    "logo-nudge": SceneSpec(
        summary="a camera that pans by half the still logo's width: a part is never revealed",
        stage=lambda s, _: Shot(layers=(s.world("park", s.pan(1.13), wide=1.13),), actor=s.logo()),
    ),
    "exposure": SceneSpec(
        summary="panning camera, the exposure swings by 18 %, somebody walks through",
        stage=lambda s, _: Shot(layers=(s.world("wall", s.pan(1.4), wide=1.4),), actor=s.walker()),
        drift=0.18,
    ),
    "noise": SceneSpec(
        summary="panning camera, strong noise and film grain, a ball passes",
        stage=lambda s, _: Shot(layers=(s.world("park", s.pan(1.4), wide=1.4),), actor=s.ball()),
        noise=5.0,
        grain=4.0,
    ),
    "cloth": SceneSpec(summary="a waving flag with a printed logo, which is the hole", stage=_cloth),
}
