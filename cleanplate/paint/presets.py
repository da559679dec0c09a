"""What the default engine's qualities differ in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One row of the table. Lengths marked "of 240" are pixels of a frame 240 lines high and grow with it."""

    dis_finest_scale: int
    "DIS stops where a picture's sample is 2^this working pixels wide; 1 takes a third of the time of 0"
    dis_stride_px: int
    "every how many pixels of a scale DIS looks at a patch"
    dis_descents: int
    "gradient steps a patch takes at each scale"
    context_px: int
    "of 240: how much around the holes flow is looked for; less loses the camera's motion"
    is_carried: bool
    "whether flow is followed up to the holes' rims and carried into them from other times: a third of all the time"
    looks: int
    "how often motion is found: a look after the first goes by the painted pictures"
    beyond_frames: int
    """frames painted before and after those that are owed: the filter in time needs one, a second look those in which
    most of what is hidden shows (the median is 6 away)"""
    paint_times: float = 1.0
    "what painting takes, of the time of the default one"
    has_grain: bool = False
    "whether the paint gets noise where nobody says"
    again_context_px: int = 90
    "of 240: the same in later looks, which need no camera; 40 is 0.01 dB worse"


GRAINS = ("auto", "yes", "no")
"whether the paint gets noise; auto = as the preset has it"

PRESETS = {
    "fast": Preset(
        dis_finest_scale=1,
        dis_stride_px=5,
        dis_descents=8,
        context_px=100,
        is_carried=False,
        looks=1,
        beyond_frames=1,
        paint_times=0.85,
    ),
    "balanced": Preset(
        dis_finest_scale=0, dis_stride_px=6, dis_descents=8, context_px=140, is_carried=True, looks=1, beyond_frames=1
    ),
    "best": Preset(
        dis_finest_scale=0,
        dis_stride_px=5,
        dis_descents=16,
        context_px=140,
        is_carried=True,
        looks=2,
        beyond_frames=12,
        paint_times=2.4,
        has_grain=True,
    ),
}
