"""Names of files: which are pictures, and the order people expect."""

from __future__ import annotations

import re
from pathlib import Path

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by name: img2 before img10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def images_in(folder: Path) -> list[Path]:
    """The pictures of a folder in natural order, hidden files left out. Raises `OSError`."""
    found = (path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    return sorted((path for path in found if path.suffix.lower() in IMAGE_SUFFIXES), key=natural_key)
