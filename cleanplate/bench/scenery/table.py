"""The table of rendered scenes: which places, which camera, who passes.

Camera and objects move at constant speed to and fro (one way takes `SWEEP_FRAMES`), so a long render is as lively as a
short one. `stay` and its kin spread their action over the whole render.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cleanplate.bench.scenery.actors import Ball, Color, Mirrored, Walker
from cleanplate.bench.scenery.layers import Matrix, PlaneLayer, move, scale, tilt, turn
from cleanplate.bench.scenery.props import cloth, pond
from cleanplate.bench.scenery.stage import SWEEP_FRAMES, SceneSpec, Shot, Stage, sweep
from cleanplate.bench.scenery.waves import ClothLayer, WaterLayer


def _still(_: int) -> Matrix:
    return np.eye(3)


def _parallax(s: Stage, _: int) -> Shot:
    # The thicket passes 2.6 times as fast as the street behind it.
    layers = (s.world("street", s.pan(1.35), wide=1.35), s.near(s.pan(1.02 + 0.33 * 2.6), wide=1.02 + 0.33 * 2.6))
    return Shot(layers=layers, actors=(s.ball(),))


def _cloth(s: Stage, _: int) -> Shot:
    rows, columns = round(0.72 * s.height_px), round(0.72 * s.width_px)
    flag = ClothLayer(
        s.size,
        cloth(rows, columns, s.height_px, s.rng(11)),
        corner_px=(0.14 * s.width_px, 0.14 * s.height_px),
        unit=s.unit,
    )
    return Shot(layers=(s.world("park", _still), flag), actors=(flag.logo(),))


def _longstand(s: Stage, _: int) -> Shot:
    # In by frame 12, stands, leaves in the last 12 of every 60 frames.
    def way(t: int) -> float:
        k = t % SWEEP_FRAMES
        return float(np.interp(k, [0, 12, SWEEP_FRAMES - 12, SWEEP_FRAMES - 1], [-0.06, 0.45, 0.45, 1.06]))

    return Shot(layers=(s.world("street", _still),), actors=(s.walker(way),))


def _cut(s: Stage, k: int) -> Shot:
    kind = ("park", "street", "wall")[k % 3]
    return Shot(layers=(s.world(kind, s.pan(1.3), wide=1.3, key=k),), actors=(s.ball(),))


def _wet(s: Stage, _: int) -> Shot:
    walker = Mirrored(s.walker(feet=0.72), axis_px=0.72 * s.height_px, unit=s.unit, strength=0.5)
    return Shot(layers=(s.world("street", _still),), actors=(walker,))


def _water(s: Stage, _: int) -> Shot:
    rows, columns = round(0.42 * s.height_px), round(1.12 * s.width_px)
    corner = (-0.06 * s.width_px, 0.6 * s.height_px)
    texture, opacity = pond(rows, columns, s.height_px, s.rng(31))
    pond_layer = WaterLayer(s.size, texture, opacity, corner_px=corner, unit=s.unit)
    return Shot(layers=(s.world("park", _still), pond_layer), actors=(s.ball(),))


def _stay(s: Stage, _: int) -> Shot:
    return Shot(layers=(s.world("street", _still),), actors=(s.walker(lambda t: 0.45 + _way_out(s, t)),))


_STAY_WIDE = 1.27
"the camera travels by a quarter of the picture's width in the whole render"


def _stay_pan(s: Stage, _: int) -> Shot:
    return Shot(layers=(_slow_street(s),), actors=(_waiting(s),))


def _stay_parallax(s: Stage, _: int) -> Shot:
    wide = 1.02 + (_STAY_WIDE - 1.02) * 2.6  # as in `parallax`
    return Shot(layers=(_slow_street(s), s.near(s.pan(wide, frames=s.frames), wide=wide)), actors=(_waiting(s),))


def _slow_street(s: Stage) -> PlaneLayer:
    return s.world("street", s.pan(_STAY_WIDE, frames=s.frames), wide=_STAY_WIDE)


def _waiting(s: Stage) -> Walker:
    """Somebody who stands in the slow street and leaves in the last frames."""

    def place(t: int) -> float:
        return 0.55 - (_STAY_WIDE - 1.02) * (sweep(t, s.frames) - 0.5)

    return s.walker(lambda t: place(t) + _way_out(s, t), walked=lambda t: _way_out(s, t))


def _way_out(s: Stage, t: int) -> float:
    """Widths walked by whoever stands still until the last frames and is out of the picture in the last one."""
    steps = max(2, min(30, s.frames // 4))
    return 0.75 * max(0.0, (t - (s.frames - 1 - steps)) / steps)


def _drive(t: int) -> float:
    return -0.5 + 1.6 * ((t % SWEEP_FRAMES) / SWEEP_FRAMES)


def _van(s: Stage, _: int) -> Shot:
    return Shot(layers=(s.world("street", _still), s.van(_drive, top=0.5)), actors=(s.logo(left=0.36, top=0.58),))


def _overtaken(s: Stage, _: int) -> Shot:
    walker = s.walker(lambda _: 0.5, walked=lambda t: 0.3 * sweep(t), feet=0.78)
    return Shot(layers=(s.world("street", s.pan(1.3), wide=1.3),), actors=(walker,), front=(s.van(_drive, top=0.55),))


def _crowd(s: Stage, _: int) -> Shot:
    far = s.walker(lambda t: 1.02 - 1.0 * sweep(t), feet=0.74, jacket=(176, 60, 52), trousers=(90, 96, 104))
    return Shot(layers=(s.world("park", s.pan(1.15), wide=1.15),), actors=(far, s.walker(feet=0.84)))


def _behind(s: Stage, _: int) -> Shot:
    near = s.near(s.pan(1.2), wide=1.2)
    other = s.walker(lambda t: 0.9 - 0.8 * sweep(t), feet=0.76, jacket=(206, 176, 60), trousers=(70, 60, 90))
    return Shot(layers=(s.world("street", s.pan(1.08), wide=1.08),), actors=(other, s.walker(feet=0.84)), front=(near,))


def _hidden(s: Stage, _: int) -> Shot:
    # 56 units tall, behind a van whose body is 65 units high and whose floor is below their feet.
    one = s.walker(lambda t: 0.94 - 0.88 * sweep(t), feet=0.72, size=0.5, jacket=(176, 60, 52))
    two = s.walker(lambda t: 0.06 + 0.88 * sweep(t), feet=0.725, size=0.5)
    return Shot(layers=(s.world("street", _still),), actors=(one, two), front=(s.van(lambda _: 0.28, top=0.45),))


def _three(s: Stage, _: int) -> Shot:
    def ball(radius: float, x: Callable[[int], float], y: Callable[[int], float], stripes: Color) -> Ball:
        return Ball(
            unit=s.unit, centre_px=lambda t: (x(t) * s.width_px, y(t) * s.height_px), radius=radius, stripes=stripes
        )

    small = ball(15, lambda t: 0.84 - 0.68 * sweep(t), lambda _: 0.5, (40, 110, 190))
    tossed = ball(24, lambda t: 0.3 + 0.1 * sweep(t, 45), lambda t: 0.16 + 0.68 * sweep(t, 34), (50, 140, 60))
    large = ball(42, lambda t: 0.16 + 0.68 * sweep(t), lambda _: 0.52, (216, 74, 40))
    return Shot(layers=(s.world("wall", s.pan(1.3), wide=1.3),), actors=(small, tossed, large))


SCENES: dict[str, SceneSpec] = {
    "still": SceneSpec(
        summary="still camera, a ball passes",
        stage=lambda s, _: Shot(layers=(s.world("park", _still),), actors=(s.ball(),)),
    ),
    "pan": SceneSpec(
        summary="camera pans along a street, a ball passes",
        stage=lambda s, _: Shot(layers=(s.world("street", s.pan(1.7), wide=1.7),), actors=(s.ball(),)),
    ),
    "zoom": SceneSpec(
        summary="camera zooms in by 1.4, a ball passes",
        stage=lambda s, _: Shot(
            layers=(s.world("wall", lambda t: scale(0.98 / (1 + 0.4 * sweep(t)))),),
            actors=(s.ball(),),
        ),
    ),
    "rotate": SceneSpec(
        summary="camera rolls by 16 degrees, a ball passes",
        stage=lambda s, _: Shot(
            layers=(s.world("street", lambda t: turn(16 * sweep(t) - 8), wide=1.3, high=1.32),),
            actors=(s.ball(),),
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
            actors=(s.ball(),),
        ),
    ),
    "parallax": SceneSpec(
        summary="trunks and bushes pass in front of a street faster than it, a ball in front", stage=_parallax
    ),
    "walker": SceneSpec(
        summary="still camera, somebody walks through with a shadow",
        stage=lambda s, _: Shot(layers=(s.world("street", _still),), actors=(s.walker(),)),
    ),
    "walker-pan": SceneSpec(
        summary="camera follows somebody who walks, with a shadow",
        stage=lambda s, _: Shot(
            layers=(s.world("park", s.pan(1.6), wide=1.6),),
            actors=(s.walker(lambda t: 0.35 + 0.3 * sweep(t)),),
        ),
    ),
    "longstand": SceneSpec(
        summary="still camera, somebody comes, stands for most of the time and leaves", stage=_longstand
    ),
    "cut": SceneSpec(summary="three shots of three places, panning, a ball passes", stage=_cut, shots=3),
    "logo-still": SceneSpec(
        summary="still camera, still logo: nothing is ever revealed",
        stage=lambda s, _: Shot(layers=(s.world("park", _still),), actors=(s.logo(),)),
    ),
    "logo-pan": SceneSpec(
        summary="panning camera, still logo",
        stage=lambda s, _: Shot(
            layers=(s.world("street", s.pan(1.7, rise=0.1), wide=1.7, high=1.12),), actors=(s.logo(),)
        ),
    ),
    "logo-nudge": SceneSpec(
        summary="a camera that pans by half the still logo's width: a part is never revealed",
        stage=lambda s, _: Shot(layers=(s.world("park", s.pan(1.13), wide=1.13),), actors=(s.logo(),)),
    ),
    "exposure": SceneSpec(
        summary="panning camera, the exposure swings by 18 %, somebody walks through",
        stage=lambda s, _: Shot(layers=(s.world("wall", s.pan(1.4), wide=1.4),), actors=(s.walker(),)),
        drift=0.18,
    ),
    "noise": SceneSpec(
        summary="panning camera, strong noise and film grain, a ball passes",
        stage=lambda s, _: Shot(layers=(s.world("park", s.pan(1.4), wide=1.4),), actors=(s.ball(),)),
        noise=5.0,
        grain=4.0,
    ),
    "cloth": SceneSpec(summary="a waving flag with a printed logo, which is the hole", stage=_cloth),
    "water": SceneSpec(summary="a pond ripples in front of a park, a ball passes over it", stage=_water),
    "wet": SceneSpec(summary="somebody walks over a wet floor: a shadow and a mirror image go with him", stage=_wet),
    "dissolve": SceneSpec(
        summary="three shots of three places that dissolve into each other, a ball passes",
        stage=_cut,
        shots=3,
        dissolve_frames=6,
    ),
    "white": SceneSpec(
        summary="panning camera whose white drifts by 12 %, somebody walks through",
        stage=lambda s, _: Shot(layers=(s.world("wall", s.pan(1.4), wide=1.4),), actors=(s.walker(),)),
        white=0.12,
    ),
    "stay": SceneSpec(summary="still camera, somebody stands still and leaves in the last frames alone", stage=_stay),
    "stay-pan": SceneSpec(summary="the same under a slow pan", stage=_stay_pan),
    "stay-parallax": SceneSpec(
        summary="the same again, and trunks and bushes pass before the street, faster", stage=_stay_parallax
    ),
    "van": SceneSpec(summary="still camera, still logo, a van drives through behind it", stage=_van),
    "overtaken": SceneSpec(
        summary="camera follows somebody who walks, with a shadow; a van drives through in front", stage=_overtaken
    ),
    "crowd": SceneSpec(summary="slow pan, two people cross each other", stage=_crowd),
    "behind": SceneSpec(
        summary="two people cross each other behind trunks and bushes, which pass faster", stage=_behind
    ),
    "hidden": SceneSpec(
        summary="still camera, two people cross each other behind a parked van, wholly hidden", stage=_hidden
    ),
    "three": SceneSpec(
        summary="panning camera, three balls cross each other, the large one hides both others wholly", stage=_three
    ),
}
