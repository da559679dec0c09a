"""Pictures of a speed bench: time over length and over the hole's area, and what stages take at each size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cleanplate.base.extras import require
from cleanplate.bench.speed.pages import STAGES, SWEEPS
from cleanplate.bench.speed.report import PLAIN, RUN, CaseResult, SpeedReport

# Okabe and Ito's colours, which people with any colour vision tell apart.
_COLORS = ("#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")


def draw_plots(report: SpeedReport, folder: Path) -> list[Path]:
    """Write growth-length.png, growth-share.png and stages-size.png, as far as there are cases; returns those.

    Raises `MissingExtraError` where matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_growth(report, sweep, folder) for sweep in ("length", "share")]
    return [path for path in (*drawn, _stages(report, folder)) if path is not None]


def _growth(report: SpeedReport, sweep: str, folder: Path) -> Path | None:
    """Seconds of the run along a sweep, in multiples of the base case's plain decode and encode; both axes in logs."""
    base = report.results.get(report.plan.base)
    unit = base.sides[PLAIN].part(RUN) if base is not None and PLAIN in base.sides else None
    if len(report.of(sweep)) < 2 or not unit:
        return None
    figure, axes = _figure(7.0, 4.5)
    for n, side in enumerate((PLAIN, *report.painters)):
        points = [
            (_place(result, sweep), seconds / unit)
            for result in report.of(sweep)
            if side in result.sides and (seconds := result.sides[side].part(RUN))
        ]
        axes.plot(*zip(*points, strict=True), "o-", color=_COLORS[n % len(_COLORS)], linewidth=1.6, label=side)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("frames" if sweep == "length" else "hole, % of the picture")
    axes.set_ylabel("time of the run, 1 = plain decode and encode")
    axes.set_title(f"Time over the {SWEEPS[sweep]}, around {report.plan.base.name}", fontsize=10)
    axes.legend(loc="best", frameon=False)
    return _save(figure, folder / f"growth-{sweep}.png")


def _place(result: CaseResult, sweep: str) -> float:
    return float(result.case.frames) if sweep == "length" else 100 * result.share


def _stages(report: SpeedReport, folder: Path) -> Path | None:
    """Bars of stages at each size, one a painter, over the plain run of that size; a dash marks the run as a whole."""
    results = [result for result in report.of("size") if PLAIN in result.sides]
    if not results:
        return None
    figure, axes = _figure(max(7.0, 0.9 * len(results) * len(report.painters)), 4.5)
    stages = [stage for stage in STAGES if stage not in (RUN, "start")]
    width = 0.8 / len(report.painters)
    for at, result in enumerate(results):
        for n, side in enumerate(report.painters):
            place, bottom = at + (n - (len(report.painters) - 1) / 2) * width, 0.0
            for color, stage in zip(_COLORS[1:], stages, strict=True):
                height = result.ratio(side, PLAIN, stage, RUN) or 0.0
                label = stage if at == n == 0 else None
                axes.bar(place, height, 0.92 * width, bottom=bottom, color=color, label=label)
                bottom += height
            if (whole := result.ratio(side, PLAIN, RUN)) is not None:
                axes.plot([place - width / 2, place + width / 2], [whole, whole], color="black", linewidth=2)
            axes.text(place, 0, f" {side}", rotation=90, ha="center", va="bottom", fontsize=7, color="white")
    axes.set_xticks(range(len(results)), [f"{result.case.height_px}p" for result in results])
    axes.set_ylabel("busy time, 1 = plain decode and encode")
    axes.set_title("Stages by size, without start-up; they overlap: the line across is the run as a whole", fontsize=10)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return _save(figure, folder / "stages-size.png")


def _figure(width_inches: float, height_inches: float) -> tuple[Any, Any]:
    """A figure with one pair of axes. Made without pyplot, whose figures are the whole program's and need a screen."""
    figure = require("matplotlib.figure", "bench").Figure(figsize=(width_inches, height_inches), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    return figure, axes


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=90)
    return path
