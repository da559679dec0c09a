"""Options of engines, trackers and whatever else has knobs: a frozen dataclass beside the code it steers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cleanplate.base.errors import UsageError


def with_quality(options: Mapping[str, Any] | None, quality: str | None) -> dict[str, Any]:
    """The options with `quality` among them, unless it is None or they name one themselves."""
    return {**({} if quality is None else {"quality": quality}), **(options or {})}


def fill_options(options: type, given: Mapping[str, Any], owner: str) -> Any:
    """The options, the given ones in place of their defaults.

    `owner` is whose they are, for the message, as "engine 'flowfill'". Raises `UsageError` for one it does not have.
    """
    known = {f.name for f in dataclasses.fields(options)}
    if unknown := sorted(set(given) - known):
        offer = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise UsageError(f"{owner} has no option '{unknown[0]}'; {offer}")
    return options(**given)
