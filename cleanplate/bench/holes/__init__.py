"""Holes to try an engine with, each (T, H, W) bool, True = paint here, all from a seed; `HOLES` is the table of them.

    holes = make_holes("wires", frames, height_px, width_px, seed)

No row covers the whole of a frame. What is laid over the picture with a colour of its own (text, logos) comes as
alpha and colour too: `HOLES["logo-glass"].overlay`, `lay_over`.
"""

from __future__ import annotations

from cleanplate.bench.holes.blobs import free_form, moving_blob, still_box, still_ellipse, strokes
from cleanplate.bench.holes.objects import silhouette, transplanted
from cleanplate.bench.holes.overlays import hole_of, lay_over
from cleanplate.bench.holes.table import HOLES, HoleSpec, hole_row, make_holes

__all__ = [
    "HOLES",
    "HoleSpec",
    "free_form",
    "hole_of",
    "hole_row",
    "lay_over",
    "make_holes",
    "moving_blob",
    "silhouette",
    "still_box",
    "still_ellipse",
    "strokes",
    "transplanted",
]
