"""Measures the speed and memory of whole jobs: the whole bench in one call.

    report = bench_speed(output="out", engines=("flowfill",), extent="standard")
    print(report.to_markdown())

Every run is a process of its own, as a user would start it; within a case the sides take turns (A B C A B C), so that
what else happens on the machine meets all of them alike. A case is kept when all its sides are done.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cleanplate.base.errors import CleanplateError, FailedError, UsageError
from cleanplate.base.extras import require
from cleanplate.base.report import Progress, Watch
from cleanplate.bench.candidates import as_names
from cleanplate.bench.machine import machine_facts, today, version_facts
from cleanplate.bench.speed import material, plain
from cleanplate.bench.speed.cases import Case, plan_cases
from cleanplate.bench.speed.material import Material, make_material, scratch_folder
from cleanplate.bench.speed.measure import INTERVAL_SECONDS, Ran, run_measured
from cleanplate.bench.speed.networks import time_networks, write_drawn_weights
from cleanplate.bench.speed.report import PLAIN, CaseResult, Side, SpeedReport, painters_of
from cleanplate.bench.store import Result, Unit, file_of, fingerprint, load, made_by, save
from cleanplate.bench.synth_video import write_clip
from cleanplate.paint.engine import engine_spec

PRESET, CRF = "veryfast", "16"
_PACKAGE = Path(__file__).parents[2]
_ROOMS = {path.relative_to(_PACKAGE).parts[0].removesuffix(".py") for path in _PACKAGE.rglob("*.py")}
_JOB = tuple(sorted(_ROOMS - {"bench"}))
"all parts of the package that a job may use"
_BENCH = ("bench/speed/cases", "bench/speed/material", "bench/speed/measure", "bench/speed/plain", "bench/speed/run")


def bench_speed(
    *,
    output: Path | str,
    engines: str | Sequence[str] = ("flowfill",),
    extent: str = "standard",
    heights: Sequence[int] | None = None,
    shares: Sequence[float] | None = None,
    lengths: Sequence[int] | None = None,
    repeats: int = 3,
    fresh: bool = False,
    watch: Watch | None = None,
) -> SpeedReport:
    """Time engines on rendered clips beside Telea and a plain decode and encode; writes speed.json, speed.md and plots.

    engines: names of ENGINES. extent: a name of EXTENTS; heights (lines), shares (of the picture, 0-1) and lengths
    (multiples of its frames) in place of its own. repeats: runs of each side; the fastest counts. watch: told of
    processes run. Engines that are networks have drawn weights and are also timed by themselves.

    Cases are kept in `output`/parts and not done again unless inputs, code, versions or machine have changed or `fresh`
    is set. A side that fails is named in the report, with its last line, and does not stop the others. Ctrl-C ends what
    was started. Raises `UsageError` for what cannot be asked, `FailedError` where nothing could be measured.
    """
    require("psutil", "bench")
    require("matplotlib", "bench")
    plan = plan_cases(extent, heights=heights, shares=shares, lengths=lengths)
    if repeats < 1:
        raise UsageError(f"--repeats is {repeats}, but must be at least 1")
    engines = tuple(as_names(engines))
    for engine in engines:
        engine_spec(engine)
    sides = (PLAIN, *painters_of(engines))
    told = watch or (lambda _: None)
    with scratch_folder(Path(output)) as scratch:
        environment = write_drawn_weights(engines, scratch / "weights")
        bench = _Bench(Path(output), sides, repeats, environment, fresh=fresh, watch=told)
        bench.measure(plan.cases, scratch)
        networks, failed_networks = time_networks(engines, scratch, environment, told)
    if not bench.results:
        (case, side), problem = next(iter(bench.failed.items()))
        raise FailedError(f"nothing could be measured; {side} on '{case.name}': {problem}")
    report = SpeedReport(
        extent=extent,
        repeats=repeats,
        engines=engines,
        plan=plan,
        results=bench.results,
        failed=bench.failed,
        facts={
            "date": today(),
            "seed": material.SEED,
            "versions": version_facts(),
            "machine": machine_facts(),
            "interval_seconds": INTERVAL_SECONDS,
            "commands": {side: " ".join(command(side, "IN.mp4", "MASKS", "OUT.mp4")) for side in sides},
        },
        reused=bench.reused,
        networks=tuple(networks),
        failed_networks=failed_networks,
    )
    _write(report, Path(output))
    return report


def _write(report: SpeedReport, folder: Path) -> None:
    from cleanplate.bench.speed.plots import draw_plots

    try:
        (folder / "speed.json").write_text(report.to_json(), encoding="utf-8")
        (folder / "speed.md").write_text(report.to_markdown(), encoding="utf-8")
        draw_plots(report, folder / "plots")
    except OSError as error:
        raise FailedError(f"the report cannot be written into '{folder}' ({error.strerror})") from error


def identity_facts() -> dict[str, Any]:
    """What a time or a peak depends on beside the clip: machine, versions, the code of the job and of the bench."""
    return {"version": version_facts(), "machine": machine_facts(), "made_by": made_by(*_JOB, *_BENCH)}


def command(side: str, video: str, masks: str, result: str) -> list[str]:
    """What is typed for a side: all encode with the same settings."""
    if side == PLAIN:
        return ["python", "plain.py", video, result, PRESET, CRF]
    words = ["cleanplate", "remove", video, "--mask", masks, "-o", result, "--engine", side]
    return [*words, "--codec", "h264", "--preset", PRESET, "--crf", CRF, "--json"]


def run_side(
    side: str, video: Path, masks: Path, scratch: Path, environment: Mapping[str, str] | None = None
) -> tuple[Ran, dict[str, Any]]:
    """Run a side in a process of its own: how it went, and the report it printed. Raises `FailedError`.

    It writes into a new folder, gone afterwards: nothing of an earlier run is there to go on from. environment: in
    place of this process's own.
    """
    with scratch_folder(scratch) as folder:
        words = command(side, str(video), str(masks), str(folder / "out.mp4"))
        words = [plain.__file__, *words[2:]] if side == PLAIN else ["-m", *words]
        ran = run_measured([sys.executable, *words], environment=environment)
    facts: dict[str, Any] = json.loads(ran.output)
    return ran, facts


def warm_up(side: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a side once on a tiny clip, so that compiling and the disk's cache are not timed. Raises `FailedError`."""
    clip, masks = folder / "warm-up.mp4", folder / "warm-up"
    if not masks.exists():
        pictures = np.random.default_rng(material.SEED).integers(0, 256, (4, 64, 96, 3), np.uint8)
        write_clip(clip, pictures)
        masks.mkdir()
        material.write_masks(np.eye(64, 96, dtype=np.bool_)[None].repeat(4, 0), masks)
    run_side(side, clip, masks, folder, environment)


@dataclass
class _Runs:
    """What the runs of one side on one case gave."""

    seconds: list[float]
    stages: dict[str, float]
    peak_bytes: int = 0

    def add(self, ran: Ran, facts: Mapping[str, Any]) -> None:
        if ran.seconds <= min(self.seconds, default=ran.seconds):
            self.stages = stages_of(ran.seconds, facts["seconds"])
        self.seconds.append(ran.seconds)
        # A process knows what it held at its end, which the last look at it may have missed.
        self.peak_bytes = max(self.peak_bytes, ran.peak_bytes, facts.get("peak_memory_bytes") or 0)


def stages_of(wall_seconds: float, busy: Mapping[str, float]) -> dict[str, float]:
    """Busy seconds by stage, with `start`: what lies before and after the run and its mask pass (never below 0)."""
    start = max(0.0, wall_seconds - busy["total"] - busy.get("mask", 0.0))
    return {"start": start, **busy}


class _Bench:
    """The loop over cases, and what it has found so far."""

    def __init__(
        self,
        output: Path,
        sides: tuple[str, ...],
        repeats: int,
        environment: Mapping[str, str] | None,
        *,
        fresh: bool,
        watch: Watch,
    ) -> None:
        self.environment = environment
        self.sides, self.repeats, self.fresh, self.watch = sides, repeats, fresh, watch
        self.parts, self.clips = output / "parts", output / "clips"
        self.results: dict[Case, CaseResult] = {}
        self.failed: dict[tuple[Case, str], str] = {}
        self.reused = 0
        self._warm: set[str] = set()
        self._done = 0
        self._identity = {"sides": list(sides), "repeats": repeats, **identity_facts()}

    def measure(self, cases: Sequence[Case], scratch: Path) -> None:
        """All cases, one after the other."""
        total = len(cases) * len(self.sides) * self.repeats
        self.parts.mkdir(exist_ok=True)
        for number, case in enumerate(cases):
            self._show(number * len(self.sides) * self.repeats, total)
            try:
                self._measure(case, scratch, lambda: self._show(self._done + 1, total))
            except CleanplateError as error:
                self.failed[case, "its files"] = str(error)
        self._show(total, total)

    def _show(self, done: int, total: int) -> None:
        self._done = done
        self.watch(Progress(stage="speed", done=done, total=total))

    def _measure(self, case: Case, scratch: Path, tick: Callable[[], None]) -> None:
        clip = make_material(case, self.clips)
        paths = [clip.video, *sorted(clip.masks.iterdir())]
        unit = Unit(name=("speed", case.name), identity={**self._identity, "clip": fingerprint(paths)}, task=None)
        path = file_of(unit, self.parts)
        found = None if self.fresh else load(path, unit)
        if found is None:
            found = self._run(case, clip, scratch, tick)
            if len(found["sides"]) == len(self.sides):
                try:
                    save(path, unit, found)
                except OSError as error:
                    raise FailedError(f"its result could not be written to '{path}' ({error.strerror})") from error
        else:
            self.reused += 1
        sides = {name: Side(**{**facts, "seconds": tuple(facts["seconds"])}) for name, facts in found["sides"].items()}
        if sides:
            self.results[case] = CaseResult(case=case, share=found["share"], sides=sides)

    def _run(self, case: Case, clip: Material, scratch: Path, tick: Callable[[], None]) -> Result:
        """All sides of a case in turn, as JSON can hold them; a side that fails once is left out from there on."""
        runs = {side: _Runs([], {}) for side in self.sides}
        for _ in range(self.repeats):
            for side in self.sides:
                if (case, side) not in self.failed:
                    try:
                        self._warm_up(side, scratch)
                        runs[side].add(*run_side(side, clip.video, clip.masks, scratch, self.environment))
                    except CleanplateError as error:
                        self.failed[case, side] = str(error)
                tick()
        well = {side: vars(run) for side, run in runs.items() if (case, side) not in self.failed}
        return {"share": clip.share, "sides": well}

    def _warm_up(self, side: str, scratch: Path) -> None:
        if side not in self._warm:
            warm_up(side, scratch, self.environment)
            self._warm.add(side)
