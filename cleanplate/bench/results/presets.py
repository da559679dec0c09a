"""The default engine's qualities on real clips beside Telea, NS and the smooth fill, against what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cleanplate.base.report import Watch
from cleanplate.bench.quality.report import Mean
from cleanplate.bench.quality.run import bench_quality
from cleanplate.bench.scores import markdown_table
from cleanplate.bench.speed.report import TELEA

_OTHERS = (TELEA, "opencv-ns", "smooth")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What one quality should reach."""

    psnr: float
    "dB, at least"
    hole_psnr: float
    "dB, at least"
    hole_ewarp: float
    "x1e-3, at most"
    price: float
    "processor time as a multiple of Telea's, at most"


WANTED = {
    "fast": Wanted(psnr=30.4, hole_psnr=20.6, hole_ewarp=2.3, price=4),
    "balanced": Wanted(psnr=30.8, hole_psnr=21.0, hole_ewarp=2.2, price=7),
    "best": Wanted(psnr=31.4, hole_psnr=21.6, hole_ewarp=2.1, price=19),
}


def presets_table(data: Path, work: Path, watch: Watch) -> str:
    """One line a quality and a yardstick; what a quality should reach stands behind what it does.

    `data`: clips with holes (see `find_clips`); results are kept in `work`. Telea is measured anew beside each quality,
    so that both have the machine to themselves in the same way. Raises what `bench_quality` does.
    """
    lines, others = [], ""
    for name, wanted in WANTED.items():
        engines = ("flowfill", *(_OTHERS if name == "balanced" else (TELEA,)))
        report = bench_quality(
            data,
            output=work / name,
            engines=engines,
            options={"flowfill": {"quality": name}},
            metrics=("psnr", "ewarp"),
            watch=watch,
        )
        ours, telea = report.means["flowfill"], report.means[TELEA]
        asked = (f">= {wanted.psnr}", f">= {wanted.hole_psnr}", f"<= {wanted.hole_ewarp}", f"<= {wanted.price:g}")
        cells = [f"{cell} ({ask})" for cell, ask in zip(_cells(ours, telea), asked, strict=True)]
        lines.append([f"**{name}**{'' if _is_met(ours, telea, wanted) else ': **not met**'}", *cells])
        if name == "balanced":
            lines += [[other, *_cells(report.means[other], telea)] for other in _OTHERS]
            others = f"{len(report.clips)} clips, {telea.frames} frames"
    # the yardsticks first
    lines.sort(key=lambda line: line[0].startswith("**"))
    table = markdown_table(["", "mean PSNR", "hole PSNR", "E_warp (hole), x1e-3", "time / Telea's"], lines)
    return (
        f"{others}, protocol `plain`, nothing grown or feathered; in brackets what is wanted. Time is processor "
        f"time of the fill in one process with one thread; each quality's beside Telea's in the same run.\n\n{table}"
    )


def _values(mean: Mean, telea: Mean) -> tuple[float, ...]:
    """Mean PSNR, hole PSNR, E_warp in the hole, price; NaN for what could not be had."""
    rows = [mean[name].value for name in ("psnr", "psnr(hole)", "ewarp(hole)")]
    price = mean.cpu_seconds / telea.cpu_seconds if mean.cpu_seconds and telea.cpu_seconds else None
    return tuple(float("nan") if value is None else value for value in (*rows, price))


def _cells(mean: Mean, telea: Mean) -> list[str]:
    psnr, hole_psnr, ewarp, price = _values(mean, telea)
    return [f"{psnr:.2f}", f"{hole_psnr:.2f}", f"{ewarp:.2f}", f"{price:.1f}"]


def _is_met(mean: Mean, telea: Mean, wanted: Wanted) -> bool:
    psnr, hole_psnr, ewarp, price = _values(mean, telea)
    is_good = psnr >= wanted.psnr and hole_psnr >= wanted.hole_psnr and ewarp <= wanted.hole_ewarp
    return is_good and price <= wanted.price
