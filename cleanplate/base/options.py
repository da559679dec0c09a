"""Options of engines, trackers and whatever else has knobs: a frozen dataclass beside the code it steers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cleanplate.base.errors import UsageError


def with_choices(options: Mapping[str, Any] | None, **choices: str | int | None) -> dict[str, Any]:
    """The options with the choices among them, but for those that are None or that they name themselves."""
    return {**{name: choice for name, choice in choices.items() if choice is not None}, **(options or {})}


def fill_options(options: type, given: Mapping[str, Any], owner: str) -> Any:
    """The options, the given ones in place of their defaults.

    `owner` is whose they are, for the message, as "engine 'flowfill'". Raises `UsageError` for one it does not have.
    """
    known = {f.name for f in dataclasses.fields(options)}
    if unknown := sorted(set(given) - known):
        offer = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise UsageError(f"{owner} has no option '{unknown[0]}'; {offer}")
    return options(**given)
