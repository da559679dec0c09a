"""The flags that several commands share, each described once."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from cleanplate.base.errors import UsageError

Command = Callable[..., None]
_Number = TypeVar("_Number", int, float)

PAINT = "Painting"
ENCODE = "Encoding"

Video = Annotated[Path, typer.Argument(help="The video, or a folder of images.", show_default=False)]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="Where the result goes; without a suffix: a folder of PNGs.", show_default=False
    ),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Start over, where a stopped run left finished pieces.", rich_help_panel=PAINT)
]
Rate = Annotated[
    str | None,
    typer.Option(
        "--rate",
        help="Frames a second of a folder of images, e.g. 24 or 30000/1001.",
        rich_help_panel=ENCODE,
        show_default="25",
    ),
]
ScoreCrf = Annotated[
    float | None, typer.Option("--crf", help="Score again after x264 at this quality, 0 (best) to 51.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Give up (exit code 1) if what is followed is lost for a while.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON, nothing else.")]


def option(
    name: str, text: str, panel: str, kind: Any = str | None, shown: Any = None, short: str | None = None
) -> Any:
    """The type of a parameter that such a flag fills; `shown` is the default that its help names."""
    names = (name, short) if short else (name,)
    return Annotated[kind, typer.Option(*names, help=text, rich_help_panel=panel, show_default=shown)]


def taking(
    parameter: str, table: Mapping[str, Any], collect: Callable[[dict[str, Any]], Any]
) -> Callable[[Command], Command]:
    """A decorator: the flags of the table stand in the parameter's place, which is given what `collect` makes of them.

    Each is None, or False, where it is not given.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_flags(*words: Any, **given: Any) -> None:
            found = {name: given.pop(name) for name in table if name in given}
            command(*words, **given, **{parameter: collect(found)})

        hints = get_type_hints(command, include_extras=True)
        kept = [one.replace(annotation=hints[one.name]) for one in inspect.signature(command).parameters.values()]
        place = next(n for n, one in enumerate(kept) if one.name == parameter)
        added = [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                annotation=kind,
                default=False if kind.__origin__ is bool else None,
            )
            for name, kind in table.items()
        ]
        parameters = [*kept[:place], *added, *kept[place + 1 :]]
        with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # `inspect` reads it
        with_flags.__annotations__ = {one.name: one.annotation for one in parameters}
        return with_flags

    return decorate


def parse_rate(text: str | None) -> Fraction | None:
    """`25`, `23.976` or `24000/1001`. Raises `UsageError` for anything else."""
    try:
        return None if text is None else Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"--rate is '{text}', which is no number; write frames a second like 25 or 24000/1001"
        ) from None


def parse_names(text: str | None) -> list[str] | None:
    """`a,b,c`; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def parse_numbers(flag: str, text: str | None, kind: type[_Number], example: str) -> list[_Number] | None:
    """`62,124` as numbers; None stays None. Raises `UsageError` with the example for what is no such list."""
    try:
        return None if text is None else [kind(number) for number in parse_names(text) or []]
    except ValueError:
        kind_name = "whole numbers" if kind is int else "numbers"
        raise UsageError(f"{flag} {text} is not a list of {kind_name}; write them like {example}") from None


def parse_options(given: list[str] | None, options: type, flag: str = "--set") -> dict[str, Any]:
    """`NAME=VALUE` pairs in the types of their owner's options. Raises `UsageError` for what does not fit."""
    fields = {field.name: field for field in dataclasses.fields(options)}
    found: dict[str, Any] = {}
    for pair in given or []:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"{flag} {pair} is not NAME=VALUE")
        if name not in fields:
            found[name] = text  # the engine's table says which there are
            continue
        kind: Any = type(fields[name].default)
        try:
            found[name] = _TRUTH[text.lower()] if kind is bool else kind(text)
        except (ValueError, KeyError):
            raise UsageError(f"{flag} {pair}: {name} takes {_KINDS.get(kind, kind.__name__)}") from None
    return found


_TRUTH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_KINDS = {bool: "yes or no", int: "a whole number", float: "a number"}
