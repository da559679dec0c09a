"""What a bench measures: rows of a table by name, or folders with what another program made of the same data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cleanplate.base.errors import UsageError


def as_names(given: str | Sequence[str]) -> Sequence[str]:
    """A name alone is one of them, not its letters."""
    return [given] if isinstance(given, str) else given


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One of those that are measured side by side."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    "of the engine or tracker; only those that differ from their defaults"
    folder: Path | None = None
    "results of another program; None = `name` is a row of the table"


def read_candidates(given: str | Sequence[str], kind: str, table: Collection[str]) -> list[Candidate]:
    """Names of the table, or NAME=FOLDER; a text is one of them. `kind`: engine or tracker, for sentences.

    Raises `UsageError` for unknown names, folders that are not there, names given twice, and nothing at all.
    """
    found: list[Candidate] = []
    for asked in as_names(given):
        name, is_result, folder = (part.strip() for part in asked.partition("="))
        if is_result and (not name or not Path(folder).is_dir()):
            raise UsageError(f"'{asked}' names no results; give NAME=FOLDER with a folder that is there")
        if not is_result and name not in table:
            raise UsageError(f"there is no {kind} '{name}'; choose from {', '.join(table)}, or give NAME=FOLDER")
        if name in {candidate.name for candidate in found}:
            raise UsageError(f"'{name}' was given twice; give each {kind} once and each folder a name of its own")
        found.append(Candidate(name=name, folder=Path(folder) if is_result else None))
    if not found:
        raise UsageError(f"no {kind} was given; choose from {', '.join(table)}, or give NAME=FOLDER")
    return found


def with_options(
    candidates: Sequence[Candidate], options: Mapping[str, Mapping[str, Any]] | None, kind: str
) -> list[Candidate]:
    """The candidates with their options, which are given by name.

    Raises `UsageError` for options of one that is not among them, or whose results another program made.
    """
    own = [candidate.name for candidate in candidates if candidate.folder is None]
    options = options or {}
    if strange := [name for name in options if name not in own]:
        raise UsageError(f"options were given for '{strange[0]}', which is not among the {kind}s {', '.join(own)}")
    return [replace(candidate, options=dict(options.get(candidate.name, {}))) for candidate in candidates]
