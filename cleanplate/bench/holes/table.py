"""The table of holes: what a bench or a test goes over, each row made of a size and a seed alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.types import Matte
from cleanplate.bench.holes.blobs import free_form, moving_blob, strokes
from cleanplate.bench.holes.damage import dust, lost_blocks, lost_lines, scratches, torn_edge
from cleanplate.bench.holes.lines import MOST_THICK_PX, grid, slow_pan, wires
from cleanplate.bench.holes.objects import silhouette
from cleanplate.bench.holes.overlays import glass_logo, hole_of, logo, subtitles

Bools = NDArray[np.bool_]

LEAST_PX = 32
"height and width that every row works from"


@dataclass(frozen=True, kw_only=True)
class HoleSpec:
    """One row: `make` gives holes (T, H, W), or `overlay` what is laid over the picture, whose holes are its own."""

    summary: str
    share: tuple[float, float]
    "least and most of a clip it covers, in pictures of at least 120 lines and 100 columns"
    make: Callable[[int, int, int, int], Bools] | None = None
    "frames, height and width in px, seed"
    overlay: Callable[[int, int, int, int], Sequence[Matte]] | None = None
    "the same: alpha and colour of each frame"
    is_moving: bool = True
    "whether frames differ"
    most_thick_px: float | None = None
    "the thickest it is anywhere; None = as thick as it likes"


HOLES: dict[str, HoleSpec] = {
    "blob-still": HoleSpec(
        summary="a free-form lump that stands still, 10 % of the picture",
        share=(0.09, 0.12),
        make=lambda t, h, w, seed: free_form(t, h, w, seed=seed),
        is_moving=False,
    ),
    "blob-moving": HoleSpec(
        summary="a free-form lump that wanders, bounces and is pushed about, 10 % of the picture",
        share=(0.09, 0.12),
        make=lambda t, h, w, seed: free_form(t, h, w, speed=0.012, seed=seed),
    ),
    "lump": HoleSpec(
        summary="a lump that wanders and changes its outline, 10 % of the picture",
        share=(0.08, 0.12),
        make=lambda t, h, w, seed: moving_blob(t, h, w, seed=seed),
    ),
    "strokes": HoleSpec(
        summary="brush strokes that stand still",
        share=(0.03, 0.4),
        make=lambda t, h, w, seed: strokes(t, h, w, seed=seed),
        is_moving=False,
    ),
    "object": HoleSpec(
        summary="the shape of somebody who walks to and fro",
        share=(0.02, 0.25),
        make=lambda t, h, w, seed: silhouette(t, h, w, seed=seed),
    ),
    "subtitles": HoleSpec(
        summary="one or two lines of white text with a dark rim, others every second or two",
        share=(0.02, 0.25),
        overlay=lambda t, h, w, seed: subtitles(t, h, w, seed=seed),
    ),
    "logo": HoleSpec(
        summary="a station's sign in a corner",
        share=(0.01, 0.06),
        overlay=lambda t, h, w, seed: logo(t, h, w, seed=seed),
        is_moving=False,
    ),
    "logo-glass": HoleSpec(
        summary="a station's sign in a corner, seen through",
        share=(0.01, 0.06),
        overlay=lambda t, h, w, seed: glass_logo(t, h, w, seed=seed),
        is_moving=False,
    ),
    "wires": HoleSpec(
        summary="three sagging wires in front of a camera that drifts",
        share=(0.01, 0.1),
        make=lambda t, h, w, seed: wires(t, h, w, camera=slow_pan(t, h, w), seed=seed),
        most_thick_px=MOST_THICK_PX,
    ),
    "grid": HoleSpec(
        summary="a fence in front of a camera that stands",
        share=(0.05, 0.5),
        make=lambda t, h, w, seed: grid(t, h, w, seed=seed),
        is_moving=False,
        most_thick_px=2 * MOST_THICK_PX,  # where bars cross
    ),
    "scratches": HoleSpec(
        summary="vertical scratches of old film, trembling",
        share=(0.001, 0.08),
        make=lambda t, h, w, seed: scratches(t, h, w, seed=seed),
    ),
    "dust": HoleSpec(
        summary="specks and hairs of old film, others in every frame",
        share=(0.001, 0.015),
        make=lambda t, h, w, seed: dust(t, h, w, seed=seed),
    ),
    "blocks": HoleSpec(
        summary="runs of a decoder's blocks that were lost, repaired some frames later",
        share=(0.005, 0.12),
        make=lambda t, h, w, seed: lost_blocks(t, h, w, seed=seed),
    ),
    "lines": HoleSpec(
        summary="bands of dropped lines from a bad tape",
        share=(0.01, 0.06),
        make=lambda t, h, w, seed: lost_lines(t, h, w, seed=seed),
    ),
    "torn": HoleSpec(
        summary="a torn-off, trembling border",
        share=(0.02, 0.12),
        make=lambda t, h, w, seed: torn_edge(t, h, w, seed=seed),
    ),
}


def make_holes(name: str, frames: int, height_px: int, width_px: int, seed: int = 0) -> Bools:
    """A row's holes (T, H, W), True = paint here. Raises `UsageError` for a name or a size there is not."""
    spec = hole_row(name, frames, height_px, width_px)
    if spec.make is not None:
        return spec.make(frames, height_px, width_px, seed)
    assert spec.overlay is not None  # one of the two is there
    return np.stack([hole_of(matte) for matte in spec.overlay(frames, height_px, width_px, seed)])


def hole_row(name: str, frames: int, height_px: int, width_px: int) -> HoleSpec:
    """The row of that name, for holes of that size. Raises `UsageError` as `make_holes` does."""
    if name not in HOLES:
        raise UsageError(f"there are no holes '{name}'; choose one of {', '.join(HOLES)}")
    if min(height_px, width_px) < LEAST_PX or frames < 1:
        got = f"{width_px}x{height_px} and {frames} frames"
        raise UsageError(f"holes of {got} were asked for; choose at least {LEAST_PX}x{LEAST_PX} and 1 frame")
    return HOLES[name]
