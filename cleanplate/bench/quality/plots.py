"""Pictures of a quality bench: each frame's score on each clip, and quality against time."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path
from typing import Any

from cleanplate.base.extras import require
from cleanplate.base.words import counted
from cleanplate.bench.metrics.metric import Row
from cleanplate.bench.quality.report import QualityReport
from cleanplate.bench.scores import number

PREFERRED = ("psnr(hole)", "psnr", "ssim65(hole)", "ssim65")
"what is drawn: the first of these that was measured, else the first row there is"

# Okabe and Ito's colours, which people with any colour vision tell apart; markers for more candidates than colours.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_MARKERS = "osD^vP*X"


def draw_plots(report: QualityReport) -> dict[str, bytes]:
    """PNGs by file name: `frames-<clip>.png` for each clip with curves, and `quality-time.png`.

    Raises `MissingExtraError` where matplotlib is not installed.
    """
    name = _drawn(report)
    if name is None:
        return {}
    drawn = {f"frames-{clip}.png": _draw_clip(report, clip, name) for clip in report.clips}
    drawn["quality-time.png"] = _draw_times(report, name)
    return {file: png for file, png in drawn.items() if png is not None}


def _drawn(report: QualityReport) -> str | None:
    """The name of the row that is drawn; None where nothing has a value."""
    have = [row.name for mean in report.means.values() for row in mean.rows if row.value is not None]
    return next((name for name in (*PREFERRED, *have) if name in have), None)


def _draw_clip(report: QualityReport, clip: str, name: str) -> bytes | None:
    """The curves of all candidates on a clip; identical frames, which are infinite, are gaps. None without curves."""
    figure, axes = _figure(9.0, 4.0)
    length = 0
    for n, engine in enumerate(report.engines):
        cell = report.cells.get((engine, clip))
        row = None if cell is None else _row(cell.rows, name)
        if row is None or row.value is None or not any(value is not None for value in row.per_frame):
            continue
        values = [math.nan if value is None or math.isinf(value) else value for value in row.per_frame]
        marker = "." if len(values) < 40 else ""  # a lone frame between gaps makes no line
        label = f"{engine}, mean {number(row.value)}"
        axes.plot(range(len(values)), values, color=_color(n), marker=marker, linewidth=1.6, label=label)
        axes.set_ylabel(_title(row))
        length = max(length, len(values))
    if not length:
        return None
    axes.set_xlim(-0.5, length - 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("frame")
    axes.set_title(f"{clip}, protocol {report.protocol}")
    axes.legend(loc="best", frameon=False)
    return _png(figure)


def _draw_times(report: QualityReport, name: str) -> bytes | None:
    """One point an engine; results of other programs, whose time is not known, are lines across. None without any."""
    figure, axes = _figure(8.5, 4.5)
    times, title = [], ""
    for n, engine in enumerate(report.engines):
        mean = report.means.get(engine)
        row = None if mean is None else _row(mean.rows, name)
        if mean is None or row is None or row.value is None or math.isinf(row.value):
            continue
        title = _title(row)
        if mean.cpu_seconds is None:
            axes.axhline(row.value, color=_color(n), linestyle="--", linewidth=1.4, label=f"{engine} (time not known)")
            continue
        times.append(1000 * mean.cpu_seconds)
        axes.plot(times[-1:], [row.value], _MARKERS[n % len(_MARKERS)], color=_color(n), markersize=9, label=engine)
    if not title:
        return None
    if times:
        axes.set_xscale("log")
        axes.set_xlim(min(times) / 2, max(times) * 2)
        ticker = require("matplotlib.ticker", "bench")
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.margins(y=0.15)
    axes.set_xlabel("CPU time of filling a frame, ms")
    axes.set_ylabel(title)
    axes.set_title(f"{Path(report.data).name}, {counted(len(report.clips), 'clip')}, protocol {report.protocol}")
    figure.legend(loc="outside right upper", frameon=False)  # beside the points: its own marks are no results
    return _png(figure)


def _row(rows: tuple[Row, ...], name: str) -> Row | None:
    return next((row for row in rows if row.name == name), None)


def _title(row: Row) -> str:
    words = row.name.replace("(hole)", " inside the hole").replace("psnr", "PSNR").replace("ssim", "SSIM ")
    return f"{words}, {row.unit}" if row.unit else words


def _color(n: int) -> str:
    return _COLORS[n % len(_COLORS)]


def _figure(width_inches: float, height_inches: float) -> tuple[Any, Any]:
    """A figure with one pair of axes. Made without pyplot, whose figures are the whole program's and need a screen."""
    figure = require("matplotlib.figure", "bench").Figure(figsize=(width_inches, height_inches), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Any) -> bytes:
    file = BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()
