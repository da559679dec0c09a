"""How holes are painted and the result is written, by the same names in every function and on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, TypedDict, cast

from cleanplate.base.options import with_choices
from cleanplate.base.settings import Encode, Job, PaintedFrame, feather_for
from cleanplate.base.when import parse_limits
from cleanplate.tasks.marks import Marks, Paths, check_names, texts

OF_ENGINES = ("quality", "invent", "flow", "compile")
"options of engines that have a name here as well"


class Choices(TypedDict, total=False):
    """What is left out, or None, is chosen as `Job` and the engine have it."""

    engine: str
    "see ENGINES"
    quality: str | None
    "fast, balanced or best, for engines that have it, as are the next two"
    invent: str | None
    "what is painted where no frame shows what is there: see INVENTORS"
    flow: str | None
    "dis or raft: how motion is found"
    options: Mapping[str, Any] | None
    "the engine's own, by name"
    device: str
    "where networks run: auto, cpu, cuda, cuda:N or mps"
    compile: bool
    "compile the engine's network first; for engines that are one"
    grow_px: int
    feather_px: int | None
    "how far the hole is grown, and how much of that is blended; None = 2, or grow_px if smaller"
    start: str | None
    stop: str | None
    "when to work, like 00:03.5, from the first frame on; frames outside pass through as they are"
    rate: Fraction | int | None
    "frames a second of a folder of images"
    memory_bytes: int | None
    "the ceiling for all that the run holds"
    workers: int
    "pieces painted at a time; the result does not depend on it"
    reference: Paths
    """frames of this video painted in another program, as text with the time each is of, "frame.png@00:03.5": what they
    show is taken in all frames of their shot where none shows what is there"""
    trust_reference: bool
    "it is taken everywhere in the hole"
    codec: str | None
    crf: float | None
    preset: str | None
    lossless: bool
    "of the encoder; as the source has it, visually lossless, without them"
    verify: bool
    "decode the result again and compare"
    origin_map: str | Path | None
    "an .mkv to write, whose gray says where samples came from: 128 seen elsewhere, 255 invented"


class Given(Marks, Choices, total=False):
    """All that says what is removed and how."""


def split(given: Given) -> tuple[Marks, Choices]:
    """What to remove, and how. Raises `UsageError` for a name that is neither's."""
    check_names(given, Given)
    marks = {name: value for name, value in given.items() if name in Marks.__annotations__}
    choices = {name: value for name, value in given.items() if name not in marks}
    return cast(Marks, marks), cast(Choices, choices)


def job_of(video: str | Path, output: str | Path, choices: Choices, masks: Path | None = None) -> Job:
    """The run that was asked for. Raises `UsageError` for what cannot be asked for."""
    said: dict[str, Any] = {name: value for name, value in choices.items() if value is not None}
    grow_px = said.get("grow_px", Job.grow_px)
    plain = ("engine", "device", "memory_bytes", "workers", "verify")
    return Job(
        video=Path(video),
        masks=masks,
        output=Path(output),
        options=with_choices(said.get("options"), **{name: said.get(name) for name in OF_ENGINES}),
        grow_px=grow_px,
        feather_px=feather_for(said.get("feather_px"), grow_px),
        encode=Encode(**{name: said[name] for name in ("codec", "crf", "preset", "lossless") if name in said}),
        within=parse_limits(said.get("start"), said.get("stop")),
        rate=Fraction(said["rate"]) if "rate" in said else None,
        origin_map=Path(said["origin_map"]) if "origin_map" in said else None,
        references=tuple(PaintedFrame.parse(text) for text in texts(said.get("reference", ()), 0)),
        trust_references=said.get("trust_reference", False),
        **{name: said[name] for name in plain if name in said},
    )
