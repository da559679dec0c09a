"""Tables of what can be chosen by name: engines, trackers and their like, each imported only when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from cleanplate.base.errors import UsageError
from cleanplate.base.extras import require

_Row = TypeVar("_Row")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What every row of such a table tells."""

    where: str
    "module:class, imported when used"
    summary: str
    extra: str | None = None
    "the pip extra it needs"
    weights: tuple[str, ...] = ()
    "rows of the weights table"
    models: tuple[str, ...] = ()
    "rows of the table of models on the hub, any of which it can use"
    licence: str = "Apache-2.0"

    def networks(self, options: Any) -> frozenset[str]:
        """Rows of the tables of weights and of models that it runs, its class having these options."""
        return frozenset([*self.weights, *([options.model] if self.models else [])])

    def load(self) -> Any:
        """The class, imported now. Raises `MissingExtraError` for an extra that is not installed."""
        return load(self.where, self.extra)


def load(where: str, extra: str | None = None) -> Any:
    """What stands at `module:name`, imported now. Raises `MissingExtraError` for an extra that is not installed."""
    module, _, name = where.partition(":")
    return getattr(require(module, extra) if extra else import_module(module), name)


def choose(table: Mapping[str, _Row], name: str, kind: str) -> _Row:
    """The row of that name. Raises `UsageError` naming those there are; `kind`: "engine", or what else they are."""
    if name not in table:
        raise UsageError(f"there is no {kind} '{name}'; choose one of {', '.join(table)}")
    return table[name]
