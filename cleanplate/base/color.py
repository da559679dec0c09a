"""RGB from a file's own samples, and back: exact about matrix, range, bit depth and where chroma is sited.

Works on boxes, so that a small hole in a large picture costs little. Chroma is enlarged by linear interpolation between
its true positions and reduced by a box one chroma step wide around them (ITU-T H.273 names matrices and sitings).
numba is allowed in this one file of `base`: decode and paste must share the arithmetic, sample by sample.
"""

# the kernels' types stand in the signatures that numba compiles them for: no annotations, neither for ruff nor for mypy
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Box, Image, PlaneLayout, Planes

# (Kr, Kb) by H.273 matrix code. A code not listed is read as BT.709: paint goes back through the same matrix, so only
# the tint inside the engine depends on it.
_KR_KB = {4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
_KR_KB[10] = _KR_KB[9]
_BT709 = (0.2126, 0.0722)
_TAPS_KEPT = 64
"the last boxes' places of samples, which stay while a hole stays; nothing writes to them"


def luma_weights(matrix: int) -> tuple[float, float, float]:
    """Weights of R, G and B in luma for an H.273 matrix code."""
    kr, kb = _KR_KB.get(matrix, _BT709)
    return kr, 1.0 - kr - kb, kb


def _range(layout: PlaneLayout) -> tuple[float, float, float, float]:
    """(black, luma span, chroma zero, chroma span) in code values."""
    top = float(2**layout.bit_depth - 1)
    if layout.full_range:
        return 0.0, top, float(2 ** (layout.bit_depth - 1)), top
    unit = 2.0 ** (layout.bit_depth - 8)
    return 16 * unit, 219 * unit, 128 * unit, 224 * unit


@lru_cache(_TAPS_KEPT)
def _taps_up(
    start: int, stop: int, step: int, site: float, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """First of two chroma neighbours of each luma position, and the second one's weight; clamped to the plane."""
    place = np.clip((np.arange(start, stop) - site) / step, 0, count - 1)
    first = np.minimum(place.astype(np.int64), max(count - 2, 0))
    return first, (place - first).astype(np.float32)


@lru_cache(_TAPS_KEPT)
def _taps_down(
    first: int, last: int, step: int, site: float, start: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For chroma samples `first <= i < last`: position in the crop of the first luma tap, and `step + 1` weights."""
    centre = np.arange(first, last) * step + site
    begin = np.floor(centre - step / 2 + 0.5).astype(np.int64)
    luma = begin[:, None] + np.arange(step + 1)  # (n, step + 1)
    cover = np.minimum(luma + 0.5, centre[:, None] + step / 2) - np.maximum(luma - 0.5, centre[:, None] - step / 2)
    weight = np.clip(cover, 0, None) * ((luma >= start) & (luma < stop))
    return begin - start, (weight / weight.sum(1, keepdims=True)).astype(np.float32)


def chroma_box(layout: PlaneLayout, box_xyxy: Box, width_px: int, height_px: int) -> Box:
    """The chroma samples whose block of luma samples touches the box: half-open box in chroma samples."""
    x0, y0, x1, y1 = box_xyxy
    columns = -((layout.block_x - width_px) // layout.step_x)  # ceil((width - block) / step)
    rows = -((layout.block_y - height_px) // layout.step_y)
    return (
        (x0 - layout.block_x) // layout.step_x,
        (y0 - layout.block_y) // layout.step_y,
        min((x1 - 1 - layout.block_x) // layout.step_x + 1, columns),
        min((y1 - 1 - layout.block_y) // layout.step_y + 1, rows),
    )


def whole_chroma(layout: PlaneLayout, box_xyxy: Box, width_px: int, height_px: int) -> Box:
    """The box rounded outwards to whole blocks of chroma, inside the picture."""
    cx0, cy0, cx1, cy1 = chroma_box(layout, box_xyxy, width_px, height_px)
    return (
        max(cx0 * layout.step_x + layout.block_x, 0),
        max(cy0 * layout.step_y + layout.block_y, 0),
        min(cx1 * layout.step_x + layout.block_x, width_px),
        min(cy1 * layout.step_y + layout.block_y, height_px),
    )


def to_rgb(planes: Planes, box_xyxy: Box) -> Image:
    """The box as (h, w, 3) RGB: uint8 for 8-bit planes, else uint16 at full scale."""
    layout = planes.layout
    x0, y0, x1, y1 = box_xyxy
    dtype = np.uint8 if layout.bit_depth == 8 else np.uint16
    out = np.empty((y1 - y0, x1 - x0, 3), dtype)
    white = 255.0 if dtype == np.uint8 else 65535.0
    top = 2**layout.bit_depth - 1
    if layout.model == "yuv":
        luma, blue, red = planes.arrays[:3]
        black, span, zero, chroma_span = _range(layout)
        kr, kg, kb = luma_weights(layout.matrix)
        to_white = white / span
        chroma = white / chroma_span
        gains = np.array(
            [
                to_white,
                2 * (1 - kr) * chroma,
                -2 * kb * (1 - kb) / kg * chroma,
                -2 * kr * (1 - kr) / kg * chroma,
                2 * (1 - kb) * chroma,
                black,
                zero,
                white,
            ],
            np.float32,
        )
        xi, xw = _taps_up(x0, x1, layout.step_x, layout.site_x, blue.shape[1])
        yi, yw = _taps_up(y0, y1, layout.step_y, layout.site_y, blue.shape[0])
        _up_kernel(out.dtype)(luma[y0:y1, x0:x1], blue, red, xi, xw, yi, yw, gains, out)
        return out
    black, span, _, _ = _range(layout) if layout.model == "gray" else (0.0, float(top), 0.0, 0.0)
    for channel in range(3):
        plane = planes.arrays[channel if layout.model == "rgb" else 0][y0:y1, x0:x1]
        if black == 0 and span == white:
            out[..., channel] = plane
        else:
            out[..., channel] = np.clip(np.rint((plane.astype(np.float64) - black) * (white / span)), 0, white)
    return out


def from_rgb(
    image: Image, box_xyxy: Box, layout: PlaneLayout, width_px: int, height_px: int
) -> tuple[NDArray[Any], ...]:
    """Native samples of an RGB crop: one array a plane (alpha left out), chroma covering `chroma_box` of the box.

    `image`: (h, w, 3) at `box_xyxy`, uint8 or full-scale uint16. Chroma taps that fall outside the crop are left out of
    the mean, so give the crop a rim of one chroma step where that matters.
    """
    dtype = np.uint8 if layout.bit_depth == 8 else np.uint16
    white = 255.0 if image.dtype == np.uint8 else 65535.0
    top = float(2**layout.bit_depth - 1)
    x0, y0, x1, y1 = box_xyxy
    height, width = y1 - y0, x1 - x0
    if layout.model == "rgb":
        planes = (image[..., channel] for channel in range(3))
        if top == white:
            return tuple(np.ascontiguousarray(p).astype(dtype) for p in planes)
        return tuple(np.rint(p.astype(np.float64) * (top / white)).astype(dtype) for p in planes)
    black, span, zero, chroma_span = _range(layout)
    kr, kg, kb = luma_weights(layout.matrix)
    if layout.model == "gray":
        level = image.astype(np.float64) @ np.array([kr, kg, kb]) * (span / white) + black
        return (np.clip(np.rint(level), 0, top).astype(dtype),)
    cx0, cy0, cx1, cy1 = chroma_box(layout, box_xyxy, width_px, height_px)
    luma = np.empty((height, width), dtype)
    blue = np.empty((cy1 - cy0, cx1 - cx0), dtype)
    red = np.empty_like(blue)
    xi, xw = _taps_down(cx0, cx1, layout.step_x, layout.site_x, x0, x1)
    yi, yw = _taps_down(cy0, cy1, layout.step_y, layout.site_y, y0, y1)
    gains = np.array(
        [
            kr,
            kg,
            kb,
            span / white,
            black,
            chroma_span / white / (2 * (1 - kb)),
            chroma_span / white / (2 * (1 - kr)),
            zero,
            top,
        ],
        np.float32,
    )
    _down_kernel(luma.dtype)(image, xi, xw, yi, yw, gains, luma, blue, red)
    return luma, blue, red


def compile_kernels(bit_depth: int) -> None:
    """Have all compiled, or loaded, that pictures of that depth need: a second the first time."""
    dtype = np.dtype(np.uint8 if bit_depth == 8 else np.uint16)
    _up_kernel(dtype)
    _down_kernel(dtype)


# Compiled for one kind of arrays each, whatever their strides, and for the depth that is asked for.
def _read_only(kind: nb.types.Type, dimensions: int) -> nb.types.Array:
    return nb.types.Array(kind, dimensions, "A", readonly=True)


_INDEX, _WEIGHT, _WEIGHTS = _read_only(nb.int64, 1), _read_only(nb.float32, 1), _read_only(nb.float32, 2)


@cache
def _up_kernel(dtype: np.dtype[Any]) -> Any:
    kind = nb.from_dtype(dtype)
    taps = _INDEX, _WEIGHT, _INDEX, _WEIGHT, _WEIGHT
    return nb.njit(nb.void(*[_read_only(kind, 2)] * 3, *taps, kind[:, :, ::1]), cache=True, nogil=True)(_yuv_to_rgb)


@cache
def _down_kernel(dtype: np.dtype[Any]) -> Any:
    kind = nb.from_dtype(dtype)
    taps = _INDEX, _WEIGHTS, _INDEX, _WEIGHTS, _WEIGHT
    return nb.njit(nb.void(_read_only(kind, 3), *taps, *[kind[:, ::1]] * 3), cache=True, nogil=True)(_rgb_to_yuv)


def _yuv_to_rgb(luma, blue, red, xi, xw, yi, yw, gains, out):  # type: ignore[no-untyped-def]
    height, width = luma.shape
    columns = blue.shape[1]
    last_row, last_column = blue.shape[0] - 1, columns - 1
    row_blue = np.empty(columns, np.float32)
    row_red = np.empty(columns, np.float32)
    level, from_red, green_blue, green_red, from_blue, black, zero, white = gains
    half = np.float32(0.5)
    none = np.float32(0)
    first, past = xi[0], min(xi[width - 1] + 2, columns)
    for y in range(height):
        j, w = yi[y], yw[y]
        k = min(j + 1, last_row)
        for i in range(first, past):  # one chroma row at this luma row
            row_blue[i] = blue[j, i] + w * (np.float32(blue[k, i]) - np.float32(blue[j, i])) - zero
            row_red[i] = red[j, i] + w * (np.float32(red[k, i]) - np.float32(red[j, i])) - zero
        for x in range(width):
            i, v = xi[x], xw[x]
            n = min(i + 1, last_column)
            cb = row_blue[i] + v * (row_blue[n] - row_blue[i])
            cr = row_red[i] + v * (row_red[n] - row_red[i])
            base = (np.float32(luma[y, x]) - black) * level
            out[y, x, 0] = min(max(base + from_red * cr, none), white) + half
            out[y, x, 1] = min(max(base + green_blue * cb + green_red * cr, none), white) + half
            out[y, x, 2] = min(max(base + from_blue * cb, none), white) + half


def _rgb_to_yuv(image, xi, xw, yi, yw, gains, luma, blue, red):  # type: ignore[no-untyped-def]
    height, width = luma.shape
    kr, kg, kb, level, black, to_blue, to_red, zero, top = gains
    half = np.float32(0.5)
    none = np.float32(0)
    for y in range(height):
        for x in range(width):
            bright = kr * image[y, x, 0] + kg * image[y, x, 1] + kb * image[y, x, 2]
            luma[y, x] = min(max(bright * level + black, none), top) + half
    rows, columns = blue.shape
    for j in range(rows):
        for i in range(columns):
            r = np.float32(0)
            g = np.float32(0)
            b = np.float32(0)
            for n in range(yw.shape[1]):
                if yw[j, n] > 0:
                    y = yi[j] + n
                    for m in range(xw.shape[1]):
                        if xw[i, m] > 0:
                            x = xi[i] + m
                            w = yw[j, n] * xw[i, m]
                            r += w * image[y, x, 0]
                            g += w * image[y, x, 1]
                            b += w * image[y, x, 2]
            bright = kr * r + kg * g + kb * b
            blue[j, i] = min(max((b - bright) * to_blue + zero, none), top) + half
            red[j, i] = min(max((r - bright) * to_red + zero, none), top) + half
