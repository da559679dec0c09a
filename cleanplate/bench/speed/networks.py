"""What engines that are networks take, by precision, and how far ours is from the authors' procedure.

Weights are drawn, so that nobody needs the published ones: these would take the same time.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.device import choose_device
from cleanplate.base.errors import CleanplateError
from cleanplate.base.extras import require
from cleanplate.base.report import Progress, Watch
from cleanplate.bench.scores import markdown_table
from cleanplate.bench.speed.measure import run_measured
from cleanplate.bench.speed.network import shown
from cleanplate.paint.engine import engine_spec

HEIGHT_PX, FRAMES = 240, 16
CARD_HEIGHTS_PX = (240, 480, 720, 1080)
"on a graphics card, at full size"


@dataclass(frozen=True, kw_only=True)
class NetworkTimes:
    """One engine with one set of options on the clip of `network.shown`."""

    engine: str
    procedure: str
    precision: str
    device: str
    height_px: int
    seconds: float
    "a frame, by the clock on the wall"
    core_seconds: float
    "a frame, of all cores together"
    peak_bytes: int
    "the most the process held: program, libraries and weights included; on a card what it held there"
    off_levels: float | None = None
    "of `published`: how far `pieces` is from it inside the hole, in levels of 255, on average"


def is_network(engine: str) -> bool:
    """Whether an engine of the table needs weights."""
    return bool(engine_spec(engine).weights)


def write_drawn_weights(engines: Sequence[str], folder: Path) -> dict[str, str] | None:
    """Drawn weights for those engines, and the environment in which they are found; None where none needs any."""
    rows = {row for engine in engines for row in engine_spec(engine).weights}
    if not rows:
        return None
    store = require("cleanplate.bench.parity.drawn", "neural").store
    folder.mkdir(parents=True, exist_ok=True)
    for row in sorted(rows):
        store(folder, row)
    return {**os.environ, "CLEANPLATE_WEIGHTS": str(folder)}


def time_networks(
    engines: Sequence[str], scratch: Path, environment: Mapping[str, str] | None, watch: Watch
) -> tuple[list[NetworkTimes], dict[str, str]]:
    """Each network with each of its settings, and a sentence for those that did not work."""
    found: list[NetworkTimes] = []
    failed: dict[str, str] = {}
    runs = [(engine, *setting) for engine in engines if is_network(engine) for setting in _settings()]
    for n, (engine, height_px, options) in enumerate(runs):
        watch(Progress(stage="networks", done=n, total=len(runs)))
        try:
            found.append(_timed(engine, height_px, options, scratch, environment))
        except CleanplateError as error:
            failed[f"{engine} {' '.join(map(str, options.values()))}, {height_px} lines"] = str(error)
    return found, failed


def _settings() -> Iterator[tuple[int, dict[str, Any]]]:
    """Lines of the picture and options, `pieces` before `published`, which is compared with it."""
    is_processor = choose_device("auto")[0] == "cpu"
    for height_px in (HEIGHT_PX,) if is_processor else CARD_HEIGHTS_PX:
        for precision in ("bf16" if is_processor else "fp16", "fp32"):
            yield height_px, {"procedure": "pieces", "precision": precision, "largest_mpx": 100.0}
    yield HEIGHT_PX, {"procedure": "published", "precision": "fp32"}


def _timed(
    engine: str,
    height_px: int,
    options: Mapping[str, Any],
    scratch: Path,
    environment: Mapping[str, str] | None,
) -> NetworkTimes:
    result = scratch / f"{engine}-{height_px}-{options['procedure']}-{options['precision']}.npy"
    words = [engine, json.dumps(options), str(height_px), str(FRAMES), str(result)]
    ran = run_measured([sys.executable, "-m", "cleanplate.bench.speed.network", *words], environment=environment)
    facts = json.loads(ran.output)
    ours = result.with_name(f"{engine}-{height_px}-pieces-fp32.npy")
    is_compared = options["procedure"] == "published" and ours.exists()
    return NetworkTimes(
        engine=engine,
        procedure=options["procedure"],
        precision=options["precision"],
        device=choose_device("auto")[0],
        height_px=height_px,
        seconds=facts["seconds"] / FRAMES,
        core_seconds=facts["core_seconds"] / FRAMES,
        peak_bytes=facts["card_bytes"] or ran.peak_bytes,
        off_levels=_off(np.load(result), np.load(ours), height_px) if is_compared else None,
    )


def _off(one: NDArray[np.uint8], other: NDArray[np.uint8], height_px: int) -> float:
    """Mean difference inside the holes, levels of 255."""
    inside = shown(height_px, FRAMES).holes
    return float(np.abs(one[inside].astype(np.float64) - other[inside]).mean())


def networks_table(times: Sequence[NetworkTimes]) -> str:
    """A line each, and how far the two procedures are apart."""
    lines = [
        [
            one.engine,
            one.procedure,
            one.precision,
            f"{one.height_px} lines",
            one.device,
            f"{one.seconds:.3g}",
            f"{one.core_seconds:.3g}",
            f"{one.peak_bytes / 1024**2:.0f}",
        ]
        for one in times
    ]
    heads = ["engine", "procedure", "precision", "picture", "device", "s a frame", "core s a frame", "MiB"]
    apart = [
        f"{one.engine}: `pieces` differs from `published` by {one.off_levels:.1f} levels of 255 inside the hole (mean)."
        for one in times
        if one.off_levels is not None
    ]
    about = (
        f"Seconds of this machine for each of {FRAMES} frames of a rendered clip, 9:5, with a hole of a sixth of the "
        "width and height; weights are drawn, which changes no time."
    )
    return "\n\n".join([about, markdown_table(heads, lines), *apart])
