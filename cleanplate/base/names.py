"""Names of files: which are pictures, the order people expect, and what may not be written over."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from cleanplate.base.errors import UsageError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by name: img2 before img10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def images_in(folder: Path) -> list[Path]:
    """The pictures of a folder in natural order, hidden files left out. Raises `OSError`."""
    found = (path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    return sorted((path for path in found if path.suffix.lower() in IMAGE_SUFFIXES), key=natural_key)


def refuse_inputs(output: Path, inputs: Iterable[Path]) -> None:
    """Raises `UsageError` if the output would be written over one of the inputs."""
    for given in inputs:
        if output.exists() and given.exists() and output.samefile(given):
            raise UsageError(f"'{output}' would be written over the input '{given}'; give another name")
