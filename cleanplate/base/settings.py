"""One run, frozen: everything that decides its output. Written into the report beside the output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from cleanplate.base.errors import UsageError
from cleanplate.base.when import Span, parse_time, time_text

MEMORY_DEFAULT_BYTES = 2 * 1024**3


_UNITS = {"": 1024**2, "m": 1024**2, "g": 1024**3}


def parse_memory(text: str | None, flag: str = "--memory") -> int | None:
    """Bytes from `2G`, `1500M` or plain MiB; None from None. Raises `UsageError` for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mg]?)(?:i?b)?", text.strip().lower(), re.ASCII)
    if found is None:
        raise UsageError(f"{flag} is '{text}', which is no amount of memory; write it like 2G or 1500M")
    return int(float(found[1]) * _UNITS[found[2]])


def feather_for(feather_px: int | None, grow_px: int) -> int:
    """The feather asked for; if none was, 2 pixels, or less where the hole is grown by less."""
    return min(2, grow_px) if feather_px is None else feather_px


def check_grow(grow_px: int, feather_px: int) -> None:
    """Raises `UsageError` for a hole grown by an impossible amount, or a feather wider than the grown border."""
    if not 0 <= grow_px <= 512:
        raise UsageError(f"--grow is {grow_px}, but must lie between 0 and 512 pixels")
    if not 0 <= feather_px <= grow_px:
        raise UsageError(
            f"--feather is {feather_px}, but must lie between 0 and --grow ({grow_px}); "
            "it blends inside the grown border"
        )


@dataclass(frozen=True, kw_only=True)
class PaintedFrame:
    """A frame of the video that somebody painted in another program."""

    path: Path
    time_s: Fraction
    "which frame: the one that begins nearest to it, from the first frame on"

    @classmethod
    def parse(cls, text: str) -> Self:
        """`frame.png@00:03.5`. Raises `UsageError` for anything else."""
        name, at, time = text.rpartition("@")
        if not at or not name:
            raise UsageError(
                f"--reference '{text}' does not say which frame of the video it is; write its time behind it, like "
                f"{text or 'frame.png'}@00:03.5"
            )
        return cls(path=Path(name), time_s=parse_time(time, f"--reference '{text}'"))

    def __str__(self) -> str:
        return f"{self.path}@{time_text(self.time_s)}"


@dataclass(frozen=True, kw_only=True)
class Encode:
    """How the result is written. None = chosen from the source."""

    codec: str | None = None
    "h264, hevc, ffv1 or an encoder's own name"
    crf: float | None = None
    preset: str | None = None
    lossless: bool = False

    def __post_init__(self) -> None:
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise UsageError(f"--crf is {self.crf:g}, but must lie between 0 (best) and 63; 16 is visually lossless")
        if self.lossless and self.crf is not None:
            raise UsageError("--lossless and --crf contradict each other; leave one out")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run: the only thing a worker is sent or a report holds."""

    video: Path
    masks: Path | None
    "the folder of stored masks; None in the report of a run that made its own"
    output: Path
    engine: str = "flowfill"
    options: Mapping[str, Any] = field(default_factory=dict)
    "the engine's options that differ from their defaults"
    grow_px: int = 4
    feather_px: int = 2
    encode: Encode = field(default_factory=Encode)
    within: Span | None = None
    "the time to work in; frames outside pass through. None = all"
    rate: Fraction | None = None
    "frames a second of a folder of images; None = 25"
    device: str = "auto"
    "auto, cpu, cuda, cuda:N or mps: where networks run"
    memory_bytes: int | None = None
    "the ceiling for all that the run holds; None = 2 GiB, and more where large pictures call for it: see forecast"
    verify: bool = False
    origin_map: Path | None = None
    "where to write a video that says which samples were seen elsewhere and which invented"
    workers: int = 1
    "pieces painted at a time, where memory allows; the result does not depend on it"
    references: tuple[PaintedFrame, ...] = ()
    "what they show is taken where no frame shows what is there"
    trust_references: bool = False
    "it is taken everywhere in the holes"

    def __post_init__(self) -> None:
        check_grow(self.grow_px, self.feather_px)
        if self.rate is not None and self.rate <= 0:
            raise UsageError(f"--rate is {self.rate}, but must be above 0 frames a second")
        if self.memory_bytes is not None and self.memory_bytes < 256 * 1024**2:
            raise UsageError(f"--memory is {self.memory_bytes / 1024**2:.0f} MiB, but at least 256 MiB are needed")
        if self.trust_references and not self.references:
            raise UsageError(
                "--trust-reference says how --reference is used, but none is given; give one or leave it out"
            )
        if not 1 <= self.workers <= 64:
            raise UsageError(f"--workers is {self.workers}, but must lie between 1 and 64")
