"""The table of what can be asked of a project, a server and its page: one row a task, and its tab from the same row.

spec = choose(TASKS, "remove", "task")
spec.load()(source, output=output, **marks, **settings)      # the function that the command line calls as well
spec.settings()                                              # name -> type and default, read off that function
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cleanplate.base.settings import Encode, Job
from cleanplate.base.table import Row, load
from cleanplate.tasks.marks import Marks

OURS = ("output", "watch", "fresh", "keep_masks")
"what a task is given by whoever runs the project, not by what stands in it"


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Row):
    """One row: a function `task(source, *, output, watch, **settings, **marks)`."""

    title: str
    "of its tab"
    makes: Literal["video", "masks"] = "video"
    tab: str | None = None
    "module:function that builds its tab of the page; None = it is asked for over HTTP and by projects only"

    def settings(self) -> dict[str, Setting]:
        """What can be set, by name."""
        return _settings(self.where, self.extra)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One thing that can be set of a task."""

    kind: Any
    "its type, as the function has it"
    default: Any

    @property
    def said(self) -> str:
        """The kinds of JSON values it takes, in words."""
        return " or ".join(dict.fromkeys(_words(self.kind)))

    def takes(self, value: Any) -> bool:
        """Whether a JSON value fits."""
        return is_of(value, self.kind)


TASKS: dict[str, TaskSpec] = {
    "remove": TaskSpec(
        where="cleanplate.tasks.remove:remove",
        title="Remove",
        tab="cleanplate.apps.ui.remove_tab:build",
        summary="take out what the masks cover, and leave everything else as it is",
    ),
    "mask": TaskSpec(
        where="cleanplate.tasks.masks:make_masks",
        title="Mask",
        summary="only make the masks of what would be taken out, to look at, mend and use elsewhere",
        makes="masks",
    ),
}


@cache
def _settings(where: str, extra: str | None) -> dict[str, Setting]:
    function = load(where, extra)
    hints = get_type_hints(function)
    defaults = {
        one.name: one.default
        for one in (*dataclasses.fields(Job), *dataclasses.fields(Encode))
        if one.default is not dataclasses.MISSING
    }
    found: dict[str, Setting] = {}
    for name, one in inspect.signature(function).parameters.items():
        if one.kind is inspect.Parameter.KEYWORD_ONLY and name not in OURS:
            found[name] = Setting(kind=hints[name], default=one.default)
        elif one.kind is inspect.Parameter.VAR_KEYWORD:  # **given: Unpack[a table of types]
            table = get_type_hints(get_args(hints[name])[0])
            found |= {key: Setting(kind=kind, default=defaults.get(key)) for key, kind in table.items()}
    if "origin_map" in found:  # where it goes is not the project's to say
        found["origin_map"] = Setting(kind=bool, default=False)
    return {name: one for name, one in found.items() if name not in marks_kinds()}


@cache
def marks_kinds() -> dict[str, Setting]:
    """The marks there are, by name: as settings without a default."""
    return {name: Setting(kind=kind, default=None) for name, kind in get_type_hints(Marks).items()}


def is_of(value: Any, kind: Any) -> bool:
    """Whether a value read from JSON is one of that type; a list is a sequence, an object a mapping."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin in (Union, UnionType):
        return any(is_of(value, one) for one in inner)
    if kind in (int, float):
        return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    if origin is Sequence:
        return isinstance(value, list) and all(is_of(one, inner[0]) for one in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(is_of(one, inner[1]) for one in value.values())
    if kind is Fraction:
        return isinstance(value, str)
    if kind in (bool, str, NoneType):
        return isinstance(value, kind)
    return False  # a path is given as text, which stands beside it in every such type


def _words(kind: Any) -> list[str]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return [word for one in inner for word in _words(one)]
    if origin is Sequence:
        return [f"a list of {word}" for word in _words(inner[0])]
    return _NAMES.get(origin or kind, [])


_NAMES: dict[Any, list[str]] = {
    bool: ["true or false"],
    int: ["a whole number"],
    float: ["a number"],
    str: ["text"],
    Fraction: ["text"],
    NoneType: ["null"],
    Mapping: ["an object"],
    Any: ["anything"],
}
