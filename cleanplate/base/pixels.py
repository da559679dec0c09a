"""How FFmpeg's pixel formats lie in memory, and how a turned picture lies in the stored one.

The table covers the formats whose samples are whole bytes or words, those that pack three samples into one word, and
those of one bit a pixel. `decode` looks at a picture through it, mostly without copying; `save` puts a picture back
through the same table, so that no sample changes on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Color, Model, PlaneLayout

Part = tuple[int, int, int]  # plane, first sample, samples from one to the next


@dataclass(frozen=True, kw_only=True)
class PixelFormat:
    """One of FFmpeg's pixel formats: where each component's samples are."""

    name: str
    model: Model
    bit_depth: int
    parts: tuple[Part, ...]
    "Y, Cb, Cr or R, G, B or Y; then alpha"
    step_x: int = 1
    step_y: int = 1
    has_alpha: bool = False
    shift: int = 0
    "bits below the value in its word (p010 keeps its ten bits on top)"
    is_big_endian: bool = False
    fields_at: tuple[int, ...] = ()
    "lowest bit of each component in a word of 32 bits that holds them all; then there are no `parts`"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored words."""
        if self.fields_at:
            return np.dtype("<u4")
        return np.dtype(np.uint8 if self.bit_depth == 8 else ">u2" if self.is_big_endian else "<u2")

    def samples(self, planes: Sequence[NDArray[Any]], width_px: int, height_px: int) -> list[NDArray[Any]]:
        """Each component's values (h, w), uint8 or uint16, from the stored planes, each (rows, words a line)."""
        if self.fields_at:
            words = planes[0][:height_px, :width_px]
            top = np.uint32(2**self.bit_depth - 1)
            return [(words >> np.uint32(at) & top).astype(np.uint16) for at in self.fields_at]
        views = self.views(planes, width_px, height_px)
        if self.shift or self.is_big_endian:
            return [(view >> self.shift).astype(np.uint16) for view in views]
        return views

    def store(
        self, samples: Sequence[NDArray[Any]], planes: Sequence[NDArray[Any]], width_px: int, height_px: int
    ) -> None:
        """Put values that `samples` would give into stored planes that can be written to."""
        if self.fields_at:
            words = np.zeros((height_px, width_px), np.uint32)
            for value, at in zip(samples, self.fields_at, strict=True):
                words |= value.astype(np.uint32) << np.uint32(at)
            planes[0][:height_px, :width_px] = words
            return
        for view, value in zip(self.views(planes, width_px, height_px), samples, strict=True):
            np.copyto(view, value << self.shift if self.shift else value)

    def views(self, planes: Sequence[NDArray[Any]], width_px: int, height_px: int) -> list[NDArray[Any]]:
        """Each component as a view (h, w) of the stored planes, each given as (rows, words a line)."""
        found = []
        for number, (plane, first, step) in enumerate(self.parts):
            is_chroma = self.model == "yuv" and number in (1, 2)
            width = -(-width_px // self.step_x) if is_chroma else width_px
            height = -(-height_px // self.step_y) if is_chroma else height_px
            found.append(planes[plane][:height, first::step][:, :width])
        return found


def _table() -> dict[str, PixelFormat]:
    rows: list[PixelFormat] = []
    chroma_steps = {"410": (4, 4), "411": (4, 1), "420": (2, 2), "422": (2, 1), "440": (1, 2), "444": (1, 1)}
    planar = ((0, 0, 1), (1, 0, 1), (2, 0, 1), (3, 0, 1))
    green_first = ((2, 0, 1), (0, 0, 1), (1, 0, 1), (3, 0, 1))  # FFmpeg stores gbrp as G, B, R

    def add(name: str, model: Model, bits: int, parts: tuple[Part, ...], steps: tuple[int, int] = (1, 1)) -> None:
        has_alpha = len(parts) in (2, 4)
        rows.append(
            PixelFormat(
                name=name,
                model=model,
                bit_depth=bits,
                parts=parts,
                step_x=steps[0],
                step_y=steps[1],
                has_alpha=has_alpha,
            )
        )

    for bits in (8, 9, 10, 12, 14, 16):
        tail = "" if bits == 8 else f"{bits}le"
        for name, steps in chroma_steps.items():
            add(f"yuv{name}p{tail}", "yuv", bits, planar[:3], steps)
            add(f"yuva{name}p{tail}", "yuv", bits, planar, steps)
        add(f"gray{tail}", "gray", bits, planar[:1])
        add(f"gbrp{tail}", "rgb", bits, green_first[:3])
        add(f"gbrap{tail}", "rgb", bits, green_first)
    for name in ("411", "420", "422", "440", "444"):
        add(f"yuvj{name}p", "yuv", 8, planar[:3], chroma_steps[name])
    for bits, triple, quadruple in ((8, "24", ""), (16, "48le", "64le")):
        for name, places in {"rgb": (0, 1, 2), "bgr": (2, 1, 0)}.items():
            add(f"{name}{triple}", "rgb", bits, tuple((0, place, 3) for place in places))
            add(f"{name}a{quadruple}", "rgb", bits, tuple((0, place, 4) for place in (*places, 3)))
    for name, places in {"rgb0": (0, 1, 2), "bgr0": (2, 1, 0), "0rgb": (1, 2, 3), "0bgr": (3, 2, 1)}.items():
        add(name, "rgb", 8, tuple((0, place, 4) for place in places))
    add("argb", "rgb", 8, tuple((0, place, 4) for place in (1, 2, 3, 0)))
    add("abgr", "rgb", 8, tuple((0, place, 4) for place in (3, 2, 1, 0)))
    add("ya8", "gray", 8, ((0, 0, 2), (0, 1, 2)))
    add("ya16le", "gray", 16, ((0, 0, 2), (0, 1, 2)))
    for name, steps in {"nv12": (2, 2), "nv16": (2, 1), "nv24": (1, 1)}.items():
        add(name, "yuv", 8, ((0, 0, 1), (1, 0, 2), (1, 1, 2)), steps)
    for name, steps in {"nv21": (2, 2), "nv42": (1, 1)}.items():
        add(name, "yuv", 8, ((0, 0, 1), (1, 1, 2), (1, 0, 2)), steps)
    add("yuyv422", "yuv", 8, ((0, 0, 2), (0, 1, 4), (0, 3, 4)), (2, 1))
    add("yvyu422", "yuv", 8, ((0, 0, 2), (0, 3, 4), (0, 1, 4)), (2, 1))
    add("uyvy422", "yuv", 8, ((0, 1, 2), (0, 0, 4), (0, 2, 4)), (2, 1))
    add("vuyx", "yuv", 8, ((0, 2, 4), (0, 1, 4), (0, 0, 4)))
    add("vuya", "yuv", 8, ((0, 2, 4), (0, 1, 4), (0, 0, 4), (0, 3, 4)))
    add("ayuv64le", "yuv", 16, ((0, 1, 4), (0, 2, 4), (0, 3, 4), (0, 0, 4)))
    add("nv20le", "yuv", 10, ((0, 0, 1), (1, 0, 2), (1, 1, 2)), (2, 1))
    for bits in (10, 12, 16):  # values on top of their words
        for name, steps in {"0": (2, 2), "2": (2, 1), "4": (1, 1)}.items():
            add(f"p{name}{bits}le", "yuv", bits, ((0, 0, 1), (1, 0, 2), (1, 1, 2)), steps)
            rows[-1] = replace(rows[-1], shift=16 - bits)
        add(f"y2{bits}le", "yuv", bits, ((0, 0, 2), (0, 1, 4), (0, 3, 4)), (2, 1))
        rows[-1] = replace(rows[-1], shift=16 - bits)
    rows += [replace(row, name=f"{row.name[:-2]}be", is_big_endian=True) for row in rows if row.name.endswith("le")]
    packed: dict[str, tuple[Model, tuple[int, ...]]] = {
        "xv30le": ("yuv", (10, 0, 20)),
        "v30xle": ("yuv", (12, 2, 22)),
        "x2rgb10le": ("rgb", (20, 10, 0)),
        "x2bgr10le": ("rgb", (0, 10, 20)),
    }
    rows += [
        PixelFormat(name=name, model=model, bit_depth=10, parts=(), fields_at=at)
        for name, (model, at) in packed.items()
    ]
    return {row.name: row for row in rows}


PIXEL_FORMATS = _table()


UNSAID_MATRICES = (0, 2, 3)
"H.273 codes with which a YUV file does not say its matrix: RGB's, unspecified and reserved"


def yuv_matrix(color: Color, height_px: int) -> int:
    """The H.273 matrix code to read YUV with: the file's, else BT.601 up to 576 lines and BT.709 above."""
    if color.matrix not in UNSAID_MATRICES:
        return color.matrix
    return 6 if height_px <= 576 else 1


def stored_layout(form: PixelFormat, color: Color, height_px: int) -> PlaneLayout:
    """The layout of a picture as stored, what the file leaves unsaid filled in as DESIGN's conventions say.

    Matrix: see `yuv_matrix`. Chroma: left for 4:2:0 (H.264's default), centred for JPEG's formats.
    Range: full for RGB and JPEG's formats, else limited.
    """
    is_jpeg = form.name.startswith("yuvj")
    matrix = 0 if form.model == "rgb" else yuv_matrix(color, height_px)
    place = color.chroma_location
    if place == "unspecified":
        place = "center" if is_jpeg else "left"
    centre_x, centre_y = (form.step_x - 1) / 2, (form.step_y - 1) / 2
    return PlaneLayout(
        pixel_format=form.name,
        model=form.model,
        bit_depth=form.bit_depth,
        step_x=form.step_x,
        step_y=form.step_y,
        site_x=centre_x if place in ("center", "top", "bottom") else 0.0,
        site_y={"top": 0.0, "bottom": form.step_y - 1.0}.get(place.removesuffix("left"), centre_y),
        matrix=matrix,
        full_range=color.full_range if color.full_range is not None else form.model == "rgb" or is_jpeg,
        has_alpha=form.has_alpha,
    )


def turned_layout(
    layout: PlaneLayout, width_px: int, height_px: int, rotation_deg: int, is_flipped: bool
) -> PlaneLayout:
    """The layout of a stored picture of that size once it is turned clockwise and then mirrored left to right."""
    x = (layout.step_x, layout.site_x, layout.block_x, width_px)
    y = (layout.step_y, layout.site_y, layout.block_y, height_px)
    if rotation_deg == 90:
        x, y = _mirrored(y), x
    elif rotation_deg == 180:
        x, y = _mirrored(x), _mirrored(y)
    elif rotation_deg == 270:
        x, y = y, _mirrored(x)
    if is_flipped:
        x = _mirrored(x)
    return replace(layout, step_x=x[0], site_x=x[1], block_x=x[2], step_y=y[0], site_y=y[1], block_y=y[2])


def _mirrored(axis: tuple[int, float, int, int]) -> tuple[int, float, int, int]:
    """Step, site, block and length of an axis seen from its other end."""
    step, site, block, length = axis
    reach = step * -(-length // step)
    return step, (length - 1) - (reach - step + site), length - reach - block, length


def turn(stored: NDArray[Any], rotation_deg: int, is_flipped: bool) -> NDArray[Any]:
    """A view of the stored plane in displayed orientation."""
    turned = np.rot90(stored, -rotation_deg // 90)
    return turned[:, ::-1] if is_flipped else turned


def turn_back(displayed: NDArray[Any], rotation_deg: int, is_flipped: bool) -> NDArray[Any]:
    """The view that undoes `turn`."""
    return np.rot90(displayed[:, ::-1] if is_flipped else displayed, rotation_deg // 90)
