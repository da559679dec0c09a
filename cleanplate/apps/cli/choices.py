"""The flags that say how holes are painted and how the result is written, the same for every command that paints.

@choices.chosen
def preview(video: flags.Video, choices: Choices, ...) -> None: ...      # --engine, --grow, --codec ... come as one
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from cleanplate.apps.cli import flags
from cleanplate.base.settings import Job, parse_memory
from cleanplate.paint.engine import engine_class
from cleanplate.tasks.choices import Choices


def _paint(name: str, text: str, kind: Any = str | None, shown: Any = None, short: str | None = None) -> Any:
    return flags.option(name, text, flags.PAINT, kind, shown, short)


def _encode(name: str, text: str, kind: Any = str | None, shown: Any = None) -> Any:
    return flags.option(name, text, flags.ENCODE, kind, shown)


_FLAGS: dict[str, Any] = {
    "engine": _paint("--engine", "See `cleanplate engines`.", shown=Job.engine, short="-e"),
    "quality": _paint("--quality", "Of flowfill: fast, balanced or best.", shown="balanced"),
    "invent": _paint(
        "--invent",
        "Of flowfill, where no frame shows what is there: smooth, exemplar (texture), e2fgvi-hq or propainter.",
        shown="smooth",
    ),
    "flow": _paint("--flow", "Of flowfill, how motion is found: dis, or raft (weights needed).", shown="dis"),
    "options": _paint("--set", "An option of the engine, NAME=VALUE; several.", list[str] | None),
    "device": _paint("--device", "Where networks run: auto, cpu, cuda, cuda:N or mps.", shown=Job.device),
    "compile": _paint("--compile", "Compile the network of an engine first: slower to start, then faster.", bool),
    "reference": _paint(
        "--reference",
        "FRAME.png@TIME, a frame painted by you: shown wherever no frame shows what is there; several.",
        list[str] | None,
    ),
    "trust_reference": _paint("--trust-reference", "Take --reference everywhere in the hole.", bool),
    "grow_px": _paint("--grow", "Pixels the hole is grown by.", int | None, str(Job.grow_px)),
    "feather_px": _paint(
        "--feather", "Pixels of the grown border that are blended, at most --grow.", int | None, str(Job.feather_px)
    ),
    "start": _paint("--start", "Work from this time on, like 00:03.5.", shown="begin"),
    "stop": _paint("--stop", "Work up to this time; other frames pass.", shown="end"),
    "memory_bytes": _paint(
        "--memory", "Memory to stay below, like 2G or 1500M.", shown="2G, 3G above 1440p, more for still larger"
    ),
    "workers": _paint("--workers", "Pieces painted at a time, where memory allows.", int | None, str(Job.workers)),
    "origin_map": _paint(
        "--origin-map", "Also write an .mkv: gray = seen elsewhere, white = invented.", Path | None, False
    ),
    "codec": _encode(
        "--codec", "h264, hevc, av1, vp9, prores, dnxhd, ffv1 ... or an encoder's name.", shown="as the source"
    ),
    "crf": _encode("--crf", "Lower is better and larger.", float | None, "16"),
    "preset": _encode("--preset", "Speed of the encoder.", shown="medium"),
    "lossless": _encode("--lossless", "Encode without loss.", bool),
    "rate": flags.Rate,
    "verify": _encode("--verify", "Decode the result again and compare.", bool),
}


def _collected(found: dict[str, Any]) -> Choices:
    pairs, rate, memory = found.pop("options"), found.pop("rate"), found.pop("memory_bytes")
    if pairs:
        found["options"] = flags.parse_options(pairs, engine_class(found["engine"] or Job.engine).Options)
    found |= {"rate": flags.parse_rate(rate), "memory_bytes": parse_memory(memory)}
    return cast(Choices, {name: value for name, value in found.items() if value is not None and value is not False})


chosen = flags.taking("choices", _FLAGS, _collected)
"the command with all these flags in the place of its argument `choices: Choices`"
