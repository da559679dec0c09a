"""Sheets of pictures: rows of labelled cells in one PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.types import Image

_GAP_PX = 4
_LABEL_PX = 24
_WIDEST_CELL_PX = 960


def check_picture(path: Path) -> None:
    """Raises `UsageError` unless a PNG can be written there."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"the sheet is a PNG, but '{path}' does not end in .png; give a name that does")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder '{path.parent}' to write '{path.name}' into; make it first")


def eight_bit(image: Image) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of an 8-bit or full-scale 16-bit picture."""
    return image if image.dtype == np.uint8 else np.rint(image / 257).astype(np.uint8)


def write_sheet(
    rows: Sequence[Sequence[NDArray[np.uint8]]], titles: Sequence[str], names: Sequence[str], path: Path
) -> None:
    """Write rows of equally large (H, W, 3) RGB pictures, with a title over each column and a name in each row."""
    height, width = rows[0][0].shape[:2]
    scale = min(1.0, _WIDEST_CELL_PX / width)
    cell_width, cell_height = round(width * scale), round(height * scale)
    sheet = np.full(
        (
            (cell_height + _LABEL_PX + _GAP_PX) * len(rows) + _GAP_PX,
            (cell_width + _GAP_PX) * len(rows[0]) + _GAP_PX,
            3,
        ),
        32,
        np.uint8,
    )
    for r, (row, name) in enumerate(zip(rows, names, strict=True)):
        top = _GAP_PX + r * (cell_height + _LABEL_PX + _GAP_PX)
        for c, (picture, title) in enumerate(zip(row, titles, strict=True)):
            left = _GAP_PX + c * (cell_width + _GAP_PX)
            label = f"{title}, {name}" if c == 0 else title
            cv2.putText(
                sheet, label, (left + 2, top + 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230, 230, 230), 1, cv2.LINE_AA
            )
            small = cv2.resize(picture, (cell_width, cell_height), interpolation=cv2.INTER_AREA)
            sheet[top + _LABEL_PX :][:cell_height, left : left + cell_width] = small
    # cv2.imwrite fails silently and by suffix; encoding first leaves nothing half-written.
    ok, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    if not ok:
        raise MediaError(
            f"the sheet of {sheet.shape[1]}x{sheet.shape[0]} pixels cannot be encoded; ask for fewer frames"
        )
    path.write_bytes(data.tobytes())
