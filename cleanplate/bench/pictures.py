"""Folders of pictures, as data sets and other programs leave them: listed in natural order, read, checked for size.

for image in same_size(pictures_in(folder), read_frame):
    ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import MaskError, MediaError, UsageError
from cleanplate.base.names import images_in
from cleanplate.base.types import Image, Labels
from cleanplate.mask.stored_pictures import read_picture

Reader = Callable[[Path], NDArray[Any]]


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder in natural order. Raises `UsageError` if it is not there or has none."""
    try:
        found = images_in(folder)
    except OSError as error:
        raise UsageError(f"the folder '{folder}' cannot be read ({error.strerror}); check the path") from error
    if not found:
        raise UsageError(f"the folder '{folder}' has no pictures (PNG, JPEG, BMP, TIFF, WebP); check the path")
    return found


def folders_in(folder: Path) -> list[Path]:
    """The folders inside a folder, by name, hidden ones left out. Raises `UsageError` if it cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise UsageError(f"the folder '{folder}' cannot be read ({error.strerror}); check the path") from error


def read_frame(path: Path) -> Image:
    """One picture, (H, W, 3) uint8 RGB. Raises `MediaError` if it is missing or damaged."""
    try:
        found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:  # larger than OpenCV reads
        found = None
    if found is None:
        raise MediaError(f"the picture '{path}' is missing, damaged or too large; copy the data set again")
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)


def read_labels(path: Path) -> Labels:
    """Labels, (H, W) uint8: the indices of a palette PNG, or the levels of a gray one (0 and 255 alone: object 1).

    Raises `MaskError` for a picture that is missing or damaged, of 16 bits, or in true colour, where two objects may
    look alike.
    """
    picture = read_picture(path)
    if picture.labels is not None:
        return picture.labels
    levels = picture.levels
    assert levels is not None  # one of the two is there
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    is_gray = raw is not None and (raw.ndim == 2 or bool((raw[..., :3] == raw[..., :1]).all()))
    if levels.dtype != np.uint8 or not is_gray or not picture.is_exact:
        raise MaskError(f"'{path}' is not a palette PNG or a gray one of 8 bits; save labels as indexed PNG")
    is_mask = bool(np.isin(levels, (0, 255)).all())
    return (levels > 0).astype(np.uint8) if is_mask else levels


def same_size(paths: Sequence[Path], read: Reader) -> Iterator[NDArray[Any]]:
    """Each picture in turn, read by `read`. Raises `UsageError` where one is not as large as the first."""
    first: tuple[int, ...] | None = None
    for path in paths:
        picture = read(path)
        first = first or picture.shape[:2]
        if picture.shape[:2] != first:
            raise UsageError(
                f"'{path}' is {size_of(picture)} but '{paths[0].name}' is {first[1]}x{first[0]}; make them one size"
            )
        yield picture


def size_of(picture: NDArray[Any]) -> str:
    """Width x height, for messages."""
    return f"{picture.shape[1]}x{picture.shape[0]}"
