"""What came out of a speed bench: cases x sides, ratios between sides, and how time grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cleanplate.bench.speed.cases import Case, Plan
from cleanplate.bench.speed.fit import Fit, fit_power
from cleanplate.bench.speed.networks import NetworkTimes

PLAIN = "plain"
"decode and encode, nothing else"
TELEA = "opencv-telea"
WHOLE = "whole job"
"a process from its start to its end, as `Side.part` knows it"
RUN = "total"
"the job without the start of its process, and without the mask pass"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One program on one case, several times."""

    seconds: tuple[float, ...]
    "of each run, from the start of the process to its end"
    stages: Mapping[str, float]
    "busy seconds by stage in the fastest run; `total` is the run without start-up. Stages overlap"
    peak_bytes: int
    "the most that any run's process tree held"

    @property
    def best(self) -> float:
        """The fastest run: what else the machine does can only add to it."""
        return min(self.seconds)

    @property
    def spread(self) -> float:
        """How much slower the slowest run was, as a share of the fastest."""
        return max(self.seconds) / self.best - 1

    def part(self, what: str) -> float | None:
        """Seconds of the whole job or of a stage; None where there is no such stage."""
        return self.best if what == WHOLE else self.stages.get(what)


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """All sides of one case, measured in turn."""

    case: Case
    share: float
    "of all samples that the hole covers, as drawn"
    sides: Mapping[str, Side]
    "those that worked"

    @property
    def hole_px(self) -> float:
        """Samples of the hole in a frame, on average."""
        return self.share * self.case.height_px * self.case.width_px

    def ratio(self, side: str, over: str, what: str = WHOLE, over_what: str | None = None) -> float | None:
        """Time of a part of one side over that of another, the same part if none is named; None where one lacks it."""
        if side not in self.sides or over not in self.sides:
            return None
        mine, theirs = self.sides[side].part(what), self.sides[over].part(over_what or what)
        return mine / theirs if mine is not None and theirs else None


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How the time of a part of one side grows along a sweep."""

    sweep: str
    "size (over samples of the picture), share (over samples of the hole) or length (over frames)"
    side: str
    part: str
    fit: Fit


@dataclass(frozen=True, kw_only=True, eq=False)
class SpeedReport:
    """The facts of one bench: `report.results[case].ratio("flowfill", PLAIN)`."""

    extent: str
    repeats: int
    engines: tuple[str, ...]
    plan: Plan
    results: Mapping[Case, CaseResult]
    failed: Mapping[tuple[Case, str], str]
    "a sentence for each case and side that did not work"
    facts: Mapping[str, Any]
    "versions, machine, date, seed, commands"
    reused: int = field(default=0)
    "how many cases were there from an earlier run"
    networks: tuple[NetworkTimes, ...] = ()
    "what engines that are networks take by themselves"
    failed_networks: Mapping[str, str] = field(default_factory=dict)
    "a sentence for each of those that did not work"

    @property
    def painters(self) -> tuple[str, ...]:
        """Telea, then the engines asked for."""
        return painters_of(self.engines)

    def of(self, sweep: str) -> list[CaseResult]:
        """The measured cases of a sweep (size, share or length), in rising order."""
        cases: tuple[Case, ...] = getattr(self.plan, sweep)
        return [self.results[case] for case in cases if case in self.results]

    def growths(self) -> Iterator[Growth]:
        """The fits along the three sweeps: of the whole job, the run without its start, and painting alone."""
        for sweep in ("length", "share", "size"):
            for side in (PLAIN, *self.painters):
                for part in (WHOLE, RUN) if side == PLAIN else (WHOLE, RUN, "paint"):
                    points = [
                        (_extent_of(result, sweep), seconds)
                        for result in self.of(sweep)
                        if side in result.sides and (seconds := result.sides[side].part(part))
                    ]
                    if len({x for x, _ in points}) > 1 and not (side == PLAIN and sweep == "share"):
                        fit = fit_power([x for x, _ in points], [y for _, y in points])
                        yield Growth(sweep=sweep, side=side, part=part, fit=fit)

    def to_json(self) -> str:
        """Everything, seconds of each run included."""
        from cleanplate.bench.speed.pages import to_json

        return to_json(self)

    def to_markdown(self) -> str:
        """Tables of ratios, exponents, memory, and how they were measured."""
        from cleanplate.bench.speed.pages import to_markdown

        return to_markdown(self)


def painters_of(engines: tuple[str, ...]) -> tuple[str, ...]:
    """Telea, which the others are compared with, then the engines, each once."""
    return tuple(dict.fromkeys((TELEA, *engines)))


def _extent_of(result: CaseResult, sweep: str) -> float:
    """What a sweep varies, as a number."""
    if sweep == "length":
        return float(result.case.frames)
    return result.hole_px if sweep == "share" else float(result.case.height_px * result.case.width_px)
