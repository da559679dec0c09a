"""The report of a comparison: one row a metric and area, as JSON and as a table."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cleanplate.bench.metrics.metric import AREAS, Features, Row, row_named


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What `score` found. `scores["psnr"]` is the row of the whole frame, `scores["psnr(hole)"]` that of the hole.

    Names that are not there raise `KeyError`.
    """

    rows: tuple[Row, ...]
    frames: int
    holed_frames: int
    notes: tuple[str, ...] = ()
    "what was done to make the videos comparable, and how"
    encoded_as: str | None = None
    "how the result was encoded for `encoded`; None = it was not"
    encoded: tuple[Row, ...] = ()
    "the same rows after the result was encoded and decoded again"
    features: dict[str, tuple[Features, Features]] = field(default_factory=dict, repr=False)
    "by metric: features of the result and of the truth, for distances between sets of clips; not in the JSON"
    encoded_features: dict[str, tuple[Features, Features]] = field(default_factory=dict, repr=False)
    "the same after encoding"

    def __getitem__(self, name: str) -> Row:
        return row_named(name, self.rows)

    def to_json(self) -> str:
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if not f.name.endswith("features")}
        facts["rows"], facts["encoded"] = ([row_facts(row) for row in rows] for rows in (self.rows, self.encoded))
        return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Heads and lines, one a metric that has a value: of the frame and of the hole side by side."""
        heads = ["metric", "frame", "hole"]
        if self.encoded_as:
            heads += [f"frame, {self.encoded_as}", f"hole, {self.encoded_as}"]
        heads += ["truth's frame", "truth's hole", "input's frame", "input's hole", "unit", "better"]
        lines = []
        for name in dict.fromkeys(row.metric for row in self.rows if row.value is not None):
            both = [_find(self.rows, name, where) for where in AREAS]
            after = [_find(self.encoded, name, where) for where in AREAS] if self.encoded_as else []
            one = next(row for row in both if row is not None)
            guides = [None if row is None else row.of_truth for row in both]
            guides += [None if row is None else row.of_input for row in both]
            shown = ["" if row is None else show(row) for row in (*both, *after)]
            lines.append([name, *shown, *("" if own is None else number(own) for own in guides), one.unit, one.better])
        empty = [n for n in range(len(heads)) if lines and not any(line[n] for line in lines)]
        heads, *lines = ([cell for n, cell in enumerate(line) if n not in empty] for line in (heads, *lines))
        return heads, lines

    def remarks(self) -> list[str]:
        """How each value came about, and why others are missing: a sentence each."""
        # A row without a value has a reason of its own; one with, shares its method with its neighbour.
        rows = sorted(self.rows, key=lambda row: row.value is None)
        notes = told_once((row.name if row.value is None else row.metric, row.note) for row in rows)
        return [*notes, *self.notes]

    def to_markdown(self) -> str:
        """The table, and the remarks below it."""
        heads, lines = self.table()
        return "\n".join([markdown_table(heads, lines), "", *(f"- {remark}" for remark in self.remarks())]) + "\n"


def told_once(notes: Iterable[tuple[str, str]]) -> list[str]:
    """Names and notes as sentences; a part of a note (between semicolons) that several have is said once, for all."""
    names_of: dict[str, dict[str, None]] = {}
    order: dict[str, int] = {}
    for name, note in notes:
        order.setdefault(name, len(order))
        for part in note.split("; "):
            names_of.setdefault(part, {})[name] = None
    parts_of: dict[tuple[str, ...], list[str]] = {}
    for part, names in names_of.items():
        parts_of.setdefault(tuple(names), []).append(part)
    # What several share comes after what is the last one's own.
    told = sorted(parts_of.items(), key=lambda item: max(order[name] for name in item[0]))
    return [f"{', '.join(names)}: {'; '.join(parts)}" for names, parts in told]


def _find(rows: Sequence[Row], metric: str, where: str) -> Row | None:
    return next((row for row in rows if row.metric == metric and row.where == where), None)


def row_facts(row: Row) -> dict[str, Any]:
    """A row as JSON can hold it: infinity as the text `inf`, floats to six digits behind the point."""
    return {name: _plain(value) for name, value in dataclasses.asdict(row).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return "inf" if math.isinf(value) else round(value, 6)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def number(value: float) -> str:
    """Four digits that count, as tables show them."""
    if math.isinf(value):
        return "inf"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


def show(row: Row) -> str:
    """A row's value as tables show it: with the count of identical frames that the mean leaves out."""
    if row.value is None:
        return ""
    return number(row.value) + (f" (+{row.infinite} inf)" if row.infinite and not math.isinf(row.value) else "")


def markdown_table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; pipes in cells are kept from splitting them."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)
