"""What stands in each section of the results page: runs the benches and puts their reports into words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cleanplate.base.extras import require
from cleanplate.base.report import Watch
from cleanplate.bench.quality.report import QualityReport
from cleanplate.bench.quality.run import bench_quality
from cleanplate.bench.rendered import write_dataset
from cleanplate.bench.results.accidents import accidents
from cleanplate.bench.results.page import demoted
from cleanplate.bench.results.pictures import draw_sheets
from cleanplate.bench.results.presets import presets_table
from cleanplate.bench.scores import markdown_table, show
from cleanplate.bench.speed.material import SEED
from cleanplate.bench.speed.plots import draw_plots
from cleanplate.bench.speed.report import TELEA
from cleanplate.bench.speed.run import bench_speed
from cleanplate.bench.speed.targets import Target, large_hole, logo
from cleanplate.bench.track.run import bench_track
from cleanplate.mask.tracker import TRACKERS

ENGINES = ("flowfill", "opencv-telea", "opencv-ns", "smooth")
QUALITY_DB = 19.5
QUALITY_RATIO = 6.0

_SHOWN = "psnr(hole)"
_CLIPS, _PAPERS, _METHOD = "Clip by clip", "What the papers say of themselves", "How it was measured"
"headings in the reports"
_NO_CLIPS = "Real clips were not measured: CLEANPLATE_CLIPS does not name the folder that holds `davis/`."


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Where things are, and how much is measured."""

    work: Path
    "results that can be reused"
    pictures: Path
    "beside the page"
    clips: Path | None
    "real clips; None = there are none"
    extent: str
    watch: Watch


def targets(setup: Setup) -> str:
    """Each figure this project wants to reach, beside what was measured."""
    found = _quality_targets(setup)
    found += logo(setup.work / "targets", watch=setup.watch) + large_hole(setup.work / "targets", watch=setup.watch)
    lines = []
    for one in found:
        wanted = f"{'at least' if one.is_least else 'at most'} {_with_unit(one.wanted, one.unit)}"
        if one.measured is None:
            lines.append([one.name, wanted, "not measured", "", one.how])
        else:
            met = "yes" if one.is_met else "**no**"
            lines.append([one.name, wanted, _with_unit(one.measured, one.unit), met, one.how])
    return markdown_table(["target", "wanted", "measured", "met", "how"], lines)


def _with_unit(value: float, unit: str) -> str:
    text = f"{value:.0f}" if value >= 100 else f"{value:.2f}".removesuffix("0").removesuffix(".0")
    return f"{text} {unit}".strip()


def _quality_targets(setup: Setup) -> list[Target]:
    quality_db = price = None
    how = price_how = _NO_CLIPS
    if setup.clips:
        report = bench_quality(_davis(setup), output=_davis_output(setup, "plain"), engines=ENGINES, watch=setup.watch)
        ours, telea = (report.means[name] for name in ("flowfill", TELEA))
        quality_db = ours[_SHOWN].value
        how = f"flowfill, mean of {len(report.clips)} clips"
        if ours.cpu_seconds is not None and telea.cpu_seconds is not None:
            price = ours.cpu_seconds / telea.cpu_seconds
            milliseconds = [f"{1000 * mean.cpu_seconds:.0f}" for mean in (ours, telea) if mean.cpu_seconds is not None]
            price_how = f"CPU time on the same clips, {' and '.join(milliseconds)} ms a frame"
    return [
        Target(
            name="PSNR in the hole, real clips",
            measured=quality_db,
            wanted=QUALITY_DB,
            unit="dB",
            is_least=True,
            how=how,
        ),
        Target(
            name="painting alone, flowfill / Telea",
            measured=price,
            wanted=QUALITY_RATIO,
            unit="",
            is_least=False,
            how=price_how,
        ),
    ]


def presets(setup: Setup) -> str:
    """The default engine's qualities on real clips, where there are some, against what is wanted of them."""
    return presets_table(_davis(setup), setup.work / "presets", setup.watch) if setup.clips else _NO_CLIPS


def quality(setup: Setup) -> str:
    """Engines on rendered clips and, where there are some, on real ones by both protocols."""
    rendered = setup.work / "data-quality" / "rendered"
    write_dataset(rendered, purpose="quality", seed=SEED, watch=setup.watch)
    reports = [bench_quality(rendered, output=setup.work / "quality-rendered", engines=ENGINES, watch=setup.watch)]
    if setup.clips:
        reports += [
            bench_quality(
                _davis(setup),
                output=_davis_output(setup, protocol),
                protocol=protocol,
                engines=ENGINES,
                watch=setup.watch,
            )
            for protocol in ("plain", "papers")
        ]
    drops = [(_CLIPS,), *((_CLIPS, _METHOD) for _ in reports[1:])]  # the method is the same for all
    pages = [
        f"{demoted(report.to_markdown(), drop=drop)}\n\n{_clip_by_clip(report)}"
        for report, drop in zip(reports, drops, strict=True)
    ]
    return "\n\n".join(pages if setup.clips else [*pages, _NO_CLIPS])


def _clip_by_clip(report: QualityReport) -> str:
    """One line a clip, of the row that says most; all rows are in the bench's own report."""
    lines = []
    for clip in report.clips:
        cells = [report.cells.get((name, clip)) for name in report.means]
        values = [next((row for row in cell.rows if row.name == _SHOWN), None) if cell else None for cell in cells]
        lines.append([clip, *("" if row is None else show(row) for row in values)])
    return f"`{_SHOWN}` clip by clip, dB:\n\n{markdown_table(['clip', *report.means], lines)}"


def track(setup: Setup) -> str:
    """Trackers on rendered clips and, where there are some, on real ones."""
    rendered = setup.work / "data-track" / "rendered"
    write_dataset(rendered, purpose="track", seed=SEED, watch=setup.watch)
    folders = {"rendered": (rendered, _PAPERS)}
    if setup.clips:
        folders["davis"] = (_davis(setup), _METHOD)
    pages = []
    for name, (folder, drop) in folders.items():
        report = bench_track(folder, output=setup.work / f"track-{name}", trackers=tuple(TRACKERS), watch=setup.watch)
        pages.append(demoted(report.to_markdown(), drop=(drop,)))
    return "\n\n".join(pages if setup.clips else [*pages, _NO_CLIPS])


def speed(setup: Setup) -> str:
    """Time and memory of whole jobs on rendered clips, with plots."""
    report = bench_speed(output=setup.work / "speed", extent=setup.extent, engines=ENGINES, watch=setup.watch)
    plots = draw_plots(report, setup.pictures)
    shown = "\n\n".join(f"![{path.stem}]({setup.pictures.name}/{path.name})" for path in plots)
    return f"{demoted(report.to_markdown())}\n\n{shown}"


def pictures(setup: Setup) -> str:
    """Before, hole, result and truth of rendered scenes."""
    return draw_sheets(setup.pictures, setup.watch)


PARTS: dict[str, Callable[[Setup], str]] = {
    "targets": targets,
    "presets": presets,
    "quality": quality,
    "track": track,
    "speed": speed,
    "accidents": lambda setup: accidents(setup.watch),
    "pictures": pictures,
}


def _davis(setup: Setup) -> Path:
    assert setup.clips is not None
    return setup.clips / "davis"


def _davis_output(setup: Setup, protocol: str) -> Path:
    """Shared by two sections, so that neither measures again what the other has."""
    return setup.work / f"quality-davis-{protocol}"


def memory_bytes() -> int:
    """Of the machine."""
    return int(require("psutil", "bench").virtual_memory().total)
