"""The speed bench: its ratios from made-up records, and the whole of it on clips of 64 lines."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from cleanplate.base.errors import FailedError, UsageError
from cleanplate.bench.speed import run as room
from cleanplate.bench.speed.cases import Case, plan_cases
from cleanplate.bench.speed.material import make_material
from cleanplate.bench.speed.report import PLAIN, RUN, TELEA, WHOLE, CaseResult, Side, SpeedReport
from cleanplate.bench.speed.run import bench_speed, stages_of
from cleanplate.bench.speed.targets import Target, large_hole, logo
from cleanplate.decode.reader import open_video

pytest.importorskip("psutil", reason="needs the extra [bench]")
pytest.importorskip("matplotlib", reason="needs the extra [bench]")

TINY = {"extent": "quick", "heights": (64,), "shares": (0.05, 0.2), "lengths": (1, 2), "repeats": 1}


def side(*seconds: float, peak_mib: int = 100, **stages: float) -> Side:
    return Side(seconds=seconds, stages=stages, peak_bytes=peak_mib * 2**20)


def made_up() -> SpeedReport:
    """A machine on which plain takes 1 ms a frame, Telea 2 and flowfill 4, and each process 0.5 s to start."""
    plan = plan_cases("quick", heights=(144, 288), shares=(0.05, 0.1))
    results = {}
    for case in plan.cases:
        runs = {name: case.frames * ms / 1000 for name, ms in ((PLAIN, 1), (TELEA, 2), ("flowfill", 4))}
        sides = {name: side(0.7 + run, 0.5 + run, start=0.5, paint=run / 2, total=run) for name, run in runs.items()}
        results[case] = CaseResult(case=case, share=case.share, sides=sides)
    facts = {"date": "2020-01-01", "seed": 0, "versions": {}, "interval_seconds": 0.05, "commands": {PLAIN: "x"}}
    facts["machine"] = {"cpu": "abacus", "cores": 1, "system": "table", "python": "0"}
    return SpeedReport(
        extent="quick", repeats=2, engines=("flowfill",), plan=plan, results=results, failed={}, facts=facts
    )


def test_ratios_are_of_the_fastest_runs():
    result = CaseResult(
        case=Case(height_px=100, share=0.1, frames=4),
        share=0.09,
        sides={
            PLAIN: side(2.0, 1.0, 4.0, decode=0.2, total=0.8),
            TELEA: side(2.0, 3.0, decode=0.4, paint=1.0, total=1.6),
            "flowfill": side(8.0, 6.0, paint=4.0, total=5.6),
        },
    )
    assert result.ratio("flowfill", PLAIN) == 6
    assert result.ratio("flowfill", TELEA) == 3
    assert result.ratio("flowfill", TELEA, "paint") == 4
    assert result.ratio("flowfill", PLAIN, "paint", RUN) == pytest.approx(5)
    assert result.ratio("flowfill", TELEA, RUN) == pytest.approx(3.5)
    assert result.ratio("flowfill", PLAIN, "decode") is None  # it has no such stage
    assert result.ratio("lama", PLAIN) is None
    assert result.sides[PLAIN].spread == 3  # 4 s against 1 s
    assert result.hole_px == pytest.approx(0.09 * 100 * 178)


def test_growth_is_fitted_along_each_sweep():
    growths = {(one.sweep, one.side, one.part): one.fit for one in made_up().growths()}
    for name in (PLAIN, TELEA, "flowfill"):
        assert growths["length", name, RUN].exponent == pytest.approx(1)
        assert growths["length", name, RUN].residual == pytest.approx(0, abs=1e-9)
        assert growths["length", name, WHOLE].exponent < 0.5  # the half second of start weighs
    assert growths["share", "flowfill", "paint"].exponent == pytest.approx(0)
    assert growths["size", "flowfill", "paint"].exponent == pytest.approx(0)
    assert growths["length", "flowfill", "paint"].factor == pytest.approx(0.002)  # s a frame
    assert ("share", PLAIN, RUN) not in growths  # it knows no hole


def test_pages_hold_the_ratios():
    report = made_up()
    page = report.to_markdown()
    base = 0.5 + 0.012
    telea, flowfill = (0.5 + 0.012 * n for n in (2, 4))
    name = report.plan.base.name
    assert f"| {name} | 5.0% | {telea / base:.2f} | {flowfill / base:.2f} | {flowfill / telea:.2f} |" in page
    assert f"| {name} | flowfill | {0.5 / 0.012:.2f} | 2.00 | 4.00 |" in page  # start, paint, total over plain's total
    assert "| frames | flowfill | run without start | 1.00 | 1.00 | 0% | 3 |" in page
    assert "abacus" in page
    facts = json.loads(report.to_json())
    assert facts["cases"][name]["sides"]["flowfill"]["over_telea"] == pytest.approx(flowfill / telea)
    assert facts["sweeps"]["length"] == [case.name for case in report.plan.length]


def test_start_is_what_the_run_does_not_account_for():
    stages = stages_of(3.0, {"mask": 0.25, "paint": 1.0, "total": 2.0})
    assert stages["start"] == pytest.approx(0.75)
    assert stages["start"] + stages["mask"] + stages["total"] == pytest.approx(3.0)
    assert stages_of(1.0, {"total": 1.1})["start"] == 0  # two clocks may disagree


def test_material_is_what_the_case_says(tmp_path: Path):
    case = Case(height_px=120, share=0.1, frames=6)
    clip = make_material(case, tmp_path)
    with open_video(clip.video) as video:
        assert [frame.image.shape for frame in video] == [(120, 214, 3)] * 6
    masks = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(clip.masks.glob("*.png"))]
    assert len(masks) == 6
    assert clip.share == pytest.approx(np.mean([mask > 127 for mask in masks]))
    assert clip.share == pytest.approx(0.1, rel=0.2)
    assert any((masks[0] != mask).any() for mask in masks)  # it moves
    before = clip.video.stat()
    other = make_material(Case(height_px=120, share=0.02, frames=6), tmp_path)
    assert other.video == clip.video
    assert other.video.stat() == before  # one video for all holes
    assert other.share < 0.03
    assert not list(tmp_path.glob(".*"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SpeedReport]:
    output = tmp_path_factory.mktemp("speed")
    return output, bench_speed(output=output, **TINY)


def test_the_whole_bench(tiny: tuple[Path, SpeedReport]):
    output, report = tiny
    assert not report.failed
    assert [len(report.of(sweep)) for sweep in ("size", "share", "length")] == [1, 2, 2]
    for result in report.results.values():
        assert set(result.sides) == {PLAIN, TELEA, "flowfill"}
        for name, one in result.sides.items():
            stages = dict(one.stages)
            start, total, mask = (stages.pop(stage, 0.0) for stage in ("start", "total", "mask"))
            assert start + total <= one.best
            assert start + total + mask >= 0.999 * one.best
            assert all(0 <= seconds <= total for seconds in stages.values())  # one thread a stage
            known = {"decode", "save"} if name == PLAIN else {"decode", "cuts", "paint", "paste", "prove", "save"}
            assert known <= set(stages)
            assert one.peak_bytes / 2**20 < 1000
        assert result.sides["flowfill"].peak_bytes / 2**20 > 50  # the others end too soon to be looked at for sure
        assert result.sides["flowfill"].peak_bytes > result.sides[PLAIN].peak_bytes
    assert sorted(path.name for path in output.iterdir()) == ["clips", "parts", "plots", "speed.json", "speed.md"]
    assert json.loads((output / "speed.json").read_text())["repeats"] == 1
    assert (output / "speed.md").read_text() == report.to_markdown()
    plots = {path.name: cv2.imread(str(path)) for path in (output / "plots").iterdir()}
    assert set(plots) == {"growth-length.png", "growth-share.png", "stages-size.png"}
    assert all(plot is not None and plot.std() > 10 for plot in plots.values())


def test_it_goes_on_where_it_stopped(tiny: tuple[Path, SpeedReport], monkeypatch: pytest.MonkeyPatch):
    output, first = tiny
    monkeypatch.setattr(room, "run_side", lambda *_: pytest.fail("it was measured already"))
    seen = []
    again = bench_speed(output=output, watch=seen.append, **TINY)
    assert again.reused == 3
    assert again.results == first.results
    assert (seen[0].done, seen[-1].done, seen[-1].total) == (0, 9, 9)
    damaged = next((output / "parts").iterdir())
    damaged.write_text(damaged.read_text().replace('"share": 0.', '"share": 1.'))
    with pytest.raises(pytest.fail.Exception, match="measured already"):
        bench_speed(output=output, **TINY)


def test_a_killed_side_is_reported_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    command = room.command

    def deadly(name: str, *paths: str) -> list[str]:
        if name != TELEA or "warm-up" in paths[0]:
            return command(name, *paths)
        return ["cleanplate", "remove", "no-such-file.mp4"]

    monkeypatch.setattr(room, "command", deadly)
    asked = {**TINY, "shares": (0.05,), "lengths": (1,), "engines": ("opencv-ns",), "repeats": 2}
    report = bench_speed(output=tmp_path, **asked)
    (case,) = report.results
    assert set(report.results[case].sides) == {PLAIN, "opencv-ns"}
    assert len(report.results[case].sides[PLAIN].seconds) == 2
    assert "ended with code 2" in report.failed[case, TELEA]
    assert report.failed[case, TELEA] in report.to_markdown()
    assert not list((tmp_path / "parts").iterdir())  # so that it is tried again

    run_measured = room.run_measured

    def killed(words: list[str], **more):
        if "--engine" in words:
            words = [words[0], "-c", f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"]
        return run_measured(words, **more)

    monkeypatch.setattr(room, "run_measured", killed)
    report = bench_speed(output=tmp_path, **asked)
    assert "killed by signal 9" in report.failed[case, "opencv-ns"]
    assert set(report.results[case].sides) == {PLAIN}
    monkeypatch.setattr(room, "run_measured", lambda *_, **__: (_ for _ in ()).throw(FailedError("it rains")))
    with pytest.raises(FailedError, match=r"nothing could be measured; plain on '64p, .*: it rains"):
        bench_speed(output=tmp_path, **asked)


def test_what_cannot_be_asked_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="--repeats is 0"):
        bench_speed(output=tmp_path, repeats=0)
    with pytest.raises(UsageError, match="there is no engine 'lama'"):
        bench_speed(output=tmp_path, engines=("lama",))
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(FailedError, match="nothing can be written into"):
        bench_speed(output=file / "x", **TINY)


def test_targets_on_a_tiny_clip_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def quiet(_: object) -> None:
        return

    (ratio,) = logo(tmp_path, height_px=90, frames=8, repeats=1, watch=quiet)
    assert ratio.measured > 1
    assert "of processor time" in ratio.how
    assert ratio.wanted == 1.3
    pace, peak, growth = large_hole(tmp_path, height_px=90, lengths=(4, 8), watch=quiet)
    assert pace.measured > 0.1  # frames/s
    assert pace.is_least
    assert 100 < peak.measured < 1000  # MiB
    assert growth.measured == pytest.approx(1, abs=0.2)
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]
    monkeypatch.setattr("cleanplate.bench.speed.targets.run_side", lambda *_: pytest.fail("it was measured already"))
    assert logo(tmp_path, height_px=90, frames=8, repeats=1, watch=quiet) == [ratio]
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]


def test_a_target_is_met_from_the_right_side():
    def target(measured: float, *, is_least: bool) -> Target:
        return Target(name="", measured=measured, wanted=2, unit="", is_least=is_least, how="")

    assert target(2, is_least=True).is_met
    assert target(2, is_least=False).is_met
    assert not target(1.9, is_least=True).is_met
    assert not target(2.1, is_least=False).is_met
