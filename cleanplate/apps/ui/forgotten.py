"""Objects that were forgotten and can still come back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cleanplate.apps.ui.drawing import Drawing


@dataclass(frozen=True, kw_only=True)
class Before:
    """How things stood before an object was forgotten."""

    names: Mapping[int, str]
    "of the objects, by number"
    drawings: tuple[Drawing, ...]
    masks: Path | None
    "where those are now that it was in; None = it was in none"


class Forgotten:
    """One after the other, the last one first to come back; the masks they were in lie in a folder meanwhile."""

    def __init__(self, folder: Path) -> None:
        """What an earlier server left in the folder goes."""
        self._folder = folder
        self._before: list[Before] = []
        self.clear()

    def __len__(self) -> int:
        return len(self._before)

    def room(self, name: str | None = None) -> Path:
        """A path for masks, where nothing is yet: of that name, or of those that the next one was in."""
        self._folder.mkdir(exist_ok=True)
        path = self._folder / (name or str(len(self)))
        shutil.rmtree(path, ignore_errors=True)
        return path

    def add(self, before: Before) -> None:
        self._before.append(before)

    def pop(self) -> Before:
        return self._before.pop()

    def clear(self) -> None:
        """None comes back from now on."""
        self._before.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
