"""What the default engine's qualities differ in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One row of the table. Lengths marked "of 240" are pixels of a frame 240 lines high and grow with it."""

    dis_stride_px: int
    "every how many working pixels DIS looks at a patch"
    dis_descents: int
    "gradient steps a patch takes at each scale"
    context_px: int
    "of 240: how much around the holes flow is looked for; less loses the camera's motion"
    looks: int
    "how often motion is found: a look after the first goes by the painted pictures"
    again_context_px: int = 40
    "of 240: the same in later looks, which need no camera"


PRESETS = {
    "fast": Preset(dis_stride_px=6, dis_descents=8, context_px=100, looks=1),
    "balanced": Preset(dis_stride_px=5, dis_descents=16, context_px=140, looks=1),
    "best": Preset(dis_stride_px=5, dis_descents=16, context_px=140, looks=2),
}
