"""Results of a bench, kept: one file for each unit of work, found again by all that the result depends on.

A result is a dictionary that JSON can hold; floats come back exactly, infinity and NaN too. Its file is written under
another name and moved into place, with the unit's identity and a checksum inside: what is damaged, foreign or made from
other inputs is not taken.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cleanplate.base.errors import FailedError

Name = tuple[str, ...]
Result = dict[str, Any]

_FORMAT = "cleanplate-bench-1"


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One piece of work, and all that its result depends on."""

    name: Name
    "what tables call it, unlike all others, as (tracker, clip)"
    identity: Mapping[str, Any]
    "what decides the result, for JSON: options, fingerprints of the inputs, `made_by`; a change makes the work anew"
    task: Any
    "handed to `work`; can be pickled"
    cost: int = 1
    "how long it takes beside the others, as its number of frames: the longest start first, progress counts these"


def fingerprint(paths: Iterable[Path]) -> str:
    """A digest of names, sizes and times of change of files, in order. Raises `FailedError` for one not there."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            facts = path.stat()
        except OSError as error:
            raise FailedError(f"'{path}' cannot be read ({error.strerror}); check the path") from error
        digest.update(os.fsencode(path.name) + f"\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def made_by(*rooms: str) -> dict[str, Any]:
    """What computed a result, for its identity: the code in these parts of the package, and the libraries' versions.

    `rooms`: folders or files under the package, as "mask", "motion", "pieces". Raises `ValueError` for others.
    """
    from cleanplate.bench.machine import version_facts  # which knows the workers, who know this file

    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for room in sorted(rooms):
        one = package / f"{room}.py"
        paths = [one] if one.exists() else sorted((package / room).rglob("*.py"))
        if not paths:
            raise ValueError(f"there is no code in '{room}'")
        for path in paths:
            digest.update(path.read_bytes())
    return {"code": digest.hexdigest(), "versions": version_facts()}


def file_of(unit: Unit, store: Path) -> Path:
    """Readable, and unlike for every identity: results of other options lie beside it."""
    readable = re.sub(r"[^\w.+-]+", "_", "-".join(unit.name))[:80]
    digest = hashlib.sha256(_dump([list(unit.name), unit.identity]).encode()).hexdigest()
    return store / f"{readable}-{digest[:12]}.json"


def _dump(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _checksum(result: Any) -> str:
    return hashlib.sha256(json.dumps(result).encode()).hexdigest()


def save(path: Path, unit: Unit, result: Result) -> None:
    """Raises `OSError`, and `TypeError` or `ValueError` for a result that JSON cannot hold."""
    entry = {
        "format": _FORMAT,
        "name": list(unit.name),
        "identity": unit.identity,
        "sha256": _checksum(result),
        "result": result,
    }
    part = path.with_suffix(".part")  # one that a killed worker left is written over by the next try
    part.write_text(json.dumps(entry), encoding="utf-8")
    part.replace(path)


def write_whole(path: Path, report: str | bytes) -> None:
    """A report, whole or not at all, its folder too. Raises `FailedError` where it cannot be written."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(report.encode() if isinstance(report, str) else report)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FailedError(f"'{path}' cannot be written ({error.strerror}); give another --output") from error


def load(path: Path, unit: Unit) -> Result | None:
    """The unit's result; None where there is none that can be trusted."""
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        result = entry["result"]
        is_ours = entry["format"] == _FORMAT and entry["name"] == list(unit.name)
        is_same = _dump(entry["identity"]) == _dump(unit.identity)
        is_whole = _checksum(result) == entry["sha256"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return result if is_ours and is_same and is_whole and isinstance(result, dict) else None
