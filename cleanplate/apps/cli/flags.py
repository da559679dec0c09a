"""The flags that several commands share, each described once."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from cleanplate.base.errors import UsageError

_Number = TypeVar("_Number", int, float)

_PAINT = "Painting"
_ENCODE = "Encoding"

Video = Annotated[Path, typer.Argument(help="The video, or a folder of images.", show_default=False)]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="Where the result goes; without a suffix: a folder of PNGs.", show_default=False
    ),
]
Engine = Annotated[str, typer.Option("--engine", "-e", help="See `cleanplate engines`.", rich_help_panel=_PAINT)]
EngineOptions = Annotated[
    list[str] | None,
    typer.Option("--set", help="An option of the engine, NAME=VALUE; several.", rich_help_panel=_PAINT),
]
Quality = Annotated[
    str | None,
    typer.Option(
        "--quality", help="Of flowfill: fast, balanced or best.", rich_help_panel=_PAINT, show_default="balanced"
    ),
]
Invent = Annotated[
    str | None,
    typer.Option(
        "--invent",
        help="Of flowfill, where no frame shows what is there: smooth or exemplar (texture).",
        rich_help_panel=_PAINT,
        show_default="smooth",
    ),
]
Flow = Annotated[
    str | None,
    typer.Option(
        "--flow",
        help="Of flowfill, how motion is found: dis, or raft (weights needed).",
        rich_help_panel=_PAINT,
        show_default="dis",
    ),
]
Device = Annotated[
    str,
    typer.Option("--device", help="Where networks run: auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_PAINT),
]
References = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        help="FRAME.png@TIME, a frame painted by you: shown wherever no frame shows what is there; several.",
        rich_help_panel=_PAINT,
    ),
]
TrustReference = Annotated[
    bool,
    typer.Option("--trust-reference", help="Take --reference everywhere in the hole.", rich_help_panel=_PAINT),
]
Grow = Annotated[int, typer.Option("--grow", help="Pixels the hole is grown by.", rich_help_panel=_PAINT)]
Feather = Annotated[
    int | None,
    typer.Option(
        "--feather",
        help="Pixels of the grown border that are blended, at most --grow.",
        rich_help_panel=_PAINT,
        show_default="2",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        help="Memory to stay below, like 2G or 1500M.",
        rich_help_panel=_PAINT,
        show_default="2G, 3G above 1440p, more for still larger",
    ),
]
Workers = Annotated[
    int, typer.Option("--workers", help="Pieces painted at a time, where memory allows.", rich_help_panel=_PAINT)
]
Start = Annotated[
    str | None,
    typer.Option("--start", help="Work from this time on, like 00:03.5.", rich_help_panel=_PAINT, show_default="begin"),
]
Stop = Annotated[
    str | None,
    typer.Option("--stop", help="Work up to this time; other frames pass.", rich_help_panel=_PAINT, show_default="end"),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Start over, where a stopped run left finished pieces.", rich_help_panel=_PAINT)
]
Codec = Annotated[
    str | None,
    typer.Option(
        "--codec",
        help="h264, hevc, av1, vp9, prores, dnxhd, ffv1 ... or an encoder's name.",
        rich_help_panel=_ENCODE,
        show_default="as the source",
    ),
]
Crf = Annotated[
    float | None,
    typer.Option("--crf", help="Lower is better and larger.", rich_help_panel=_ENCODE, show_default="16"),
]
Preset = Annotated[
    str | None, typer.Option("--preset", help="Speed of the encoder.", rich_help_panel=_ENCODE, show_default="medium")
]
Lossless = Annotated[bool, typer.Option("--lossless", help="Encode without loss.", rich_help_panel=_ENCODE)]
Rate = Annotated[
    str | None,
    typer.Option(
        "--rate",
        help="Frames a second of a folder of images, e.g. 24 or 30000/1001.",
        rich_help_panel=_ENCODE,
        show_default="25",
    ),
]
Verify = Annotated[bool, typer.Option("--verify", help="Decode the result again and compare.", rich_help_panel=_ENCODE)]
OriginMap = Annotated[
    Path | None,
    typer.Option(
        "--origin-map",
        help="Also write an .mkv: gray = seen elsewhere, white = invented.",
        rich_help_panel=_PAINT,
        show_default=False,
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
