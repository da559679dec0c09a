"""The results page: its sections, the command that writes it, its pictures, and the page in the repository."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from cleanplate.base.errors import FailedError
from cleanplate.bench.kills import Killed
from cleanplate.bench.mutate import Fault
from cleanplate.bench.results import accidents as results_accidents
from cleanplate.bench.results import parts, pictures
from cleanplate.bench.results.__main__ import main
from cleanplate.bench.results.page import TITLES, demoted, read_sections, stamp, write_page
from cleanplate.bench.results.parts import PARTS, Setup
from cleanplate.bench.speed.targets import Target
from cleanplate.bench.synth import render

pytest.importorskip("psutil", reason="needs the extra [bench]")

DOCS = Path(__file__).parent.parent / "docs"


def test_sections_come_back_in_the_order_of_the_page():
    given = {"speed": "fast\n\n### Whole job\n\n| a |", "targets": "met"}
    page = write_page(given)
    assert read_sections(page) == {**given, **{name: read_sections(page)[name] for name in TITLES if name not in given}}
    assert [page.index(f"## {title}\n") for title in TITLES.values()] == sorted(
        page.index(f"## {title}\n") for title in TITLES.values()
    )
    assert "Not measured yet: `scripts/bench track`." in page
    assert write_page(read_sections(page)) == page  # written again, nothing moves
    assert read_sections(page + "\n<!-- begin other -->\nx\n<!-- end other -->") == read_sections(page)
    assert read_sections("no page at all") == {}


def test_a_page_becomes_part_of_another():
    page = "# Speed\n\nwords\n\n## Left out\n\nx\n\n### and this\n\n## Kept\n\n| # a |\n"
    assert demoted(page, drop=("Left out",)) == "### Speed\n\nwords\n\n#### Kept\n\n| # a |"
    assert demoted("#!/bin/sh\n") == "#!/bin/sh"


def test_the_stamp_says_when_where_and_with_what():
    machine = {"cpu": "abacus", "cores": 3, "system": "table", "python": "3.99"}
    facts = {
        "machine": machine,
        "versions": {"numpy": "9"},
        "memory_bytes": 2**33,
        "date": "2020-02-03T04:05",
        "seed": 7,
    }
    said = stamp("scripts/bench x", facts)
    for word in ("2020-02-03 ", "abacus", "3 cores", "8 GiB", "numpy 9", "Python 3.99", "seed 7", "`scripts/bench x`"):
        assert word in said


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Benches that only write down that they were run."""
    called: list[str] = []

    def bench(name: str):
        def run(setup: Setup) -> str:
            called.append(name)
            return f"{name} number {len(called)} to {setup.extent}"

        return run

    monkeypatch.setattr("cleanplate.bench.results.__main__.PARTS", {name: bench(name) for name in TITLES})
    monkeypatch.delenv("CLEANPLATE_CLIPS", raising=False)
    return called


def test_one_command_measures_all_and_again_one(tmp_path: Path, made_up: list[str], capsys: pytest.CaptureFixture[str]):
    page = tmp_path / "docs" / "results.md"
    assert main(["--page", str(page), "--work", str(tmp_path / "w")]) == 0
    assert made_up == list(TITLES)
    first = read_sections(page.read_text(encoding="utf-8"))
    assert all(f"{name} number" in first[name] for name in TITLES)
    assert f"targets: written to {page}" in capsys.readouterr().out
    assert main(["speed", "--extent", "quick", "--page", str(page)]) == 0
    second = read_sections(page.read_text(encoding="utf-8"))
    assert second["speed"].endswith(f"speed number {len(TITLES) + 1} to quick")
    assert "`scripts/bench speed --extent quick`" in second["speed"]
    assert {**second, "speed": ""} == {**first, "speed": ""}


def test_what_fails_leaves_the_page_and_says_why(
    tmp_path: Path, made_up: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fails(_: Setup) -> str:
        raise FailedError("the clip melted")

    monkeypatch.setitem(PARTS, "speed", fails)
    monkeypatch.setattr(
        "cleanplate.bench.results.__main__.PARTS", {**dict.fromkeys(TITLES, lambda _: "well"), "speed": fails}
    )
    page = tmp_path / "results.md"
    assert main(["--page", str(page)]) == 1
    assert "speed: the clip melted" in capsys.readouterr().err
    assert read_sections(page.read_text(encoding="utf-8"))["track"].endswith("well")
    with pytest.raises(SystemExit) as exit_:
        main(["sped", "--page", str(page)])
    assert exit_.value.code == 2
    assert "there is no section 'sped'; choose from targets" in capsys.readouterr().err


def setup_in(folder: Path, clips: Path | None = None) -> Setup:
    return Setup(work=folder, pictures=folder / "pictures", clips=clips, extent="quick", watch=lambda _: None)


def test_targets_stand_beside_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def target(measured: float, wanted: float, unit: str = "") -> list[Target]:
        return [Target(name="x", measured=measured, wanted=wanted, unit=unit, is_least=False, how="so")]

    monkeypatch.setattr(parts, "logo", lambda *_, **__: target(1.444, 1.6))
    monkeypatch.setattr(parts, "large_hole", lambda *_, **__: target(2500, 2048, "MiB"))
    said = PARTS["targets"](setup_in(tmp_path))
    assert "| x | at most 1.6 | 1.44 | yes | so |" in said
    assert "| x | at most 2048 MiB | 2500 MiB | **no** | so |" in said
    assert "| PSNR in the hole, real clips | at least 19.5 dB | not measured |  | Real clips were not measured:" in said
    assert "CLEANPLATE_CLIPS" in said

    class Mean:
        def __init__(self, value: float, cpu_seconds: float) -> None:
            self.value, self.cpu_seconds = value, cpu_seconds

        def __getitem__(self, name: str) -> Mean:
            assert name == "psnr(hole)"
            return self

    report = SimpleNamespace(means={"flowfill": Mean(21.25, 0.05), "opencv-telea": Mean(15.5, 0.01)}, clips=("a", "b"))
    monkeypatch.setattr(parts, "bench_quality", lambda *_, **__: report)
    said = PARTS["targets"](setup_in(tmp_path, clips=tmp_path))
    assert "| at least 19.5 dB | 21.25 dB | yes | flowfill, mean of 2 clips |" in said
    assert "| at most 6 | 5 | yes | CPU time on the same clips, 50 and 10 ms a frame |" in said


@pytest.mark.parametrize(("hole_db", "is_met"), [(21.2, True), (20.9, False)])
def test_qualities_stand_beside_what_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hole_db, is_met):
    def mean(values: tuple[float, float, float], cpu_seconds: float) -> SimpleNamespace:
        rows = dict(zip(("psnr", "psnr(hole)", "ewarp(hole)"), values, strict=True))

        class Mean(SimpleNamespace):
            def __getitem__(self, name: str) -> SimpleNamespace:
                return SimpleNamespace(value=rows[name])

        return Mean(cpu_seconds=cpu_seconds, frames=70)

    def bench(_, *, engines, options, **__) -> SimpleNamespace:
        is_best = options["flowfill"]["quality"] == "best"
        ours = mean((31.5, 21.7 if is_best else hole_db, 1.2), 0.1 if is_best else 0.03)
        means = {name: mean((25.0, 15.0, 9.0), 0.01) for name in engines}
        return SimpleNamespace(means={**means, "flowfill": ours}, clips=("a",))

    monkeypatch.setattr("cleanplate.bench.results.presets.bench_quality", bench)
    assert "Real clips were not measured" in PARTS["presets"](setup_in(tmp_path))
    said = PARTS["presets"](setup_in(tmp_path, clips=tmp_path))
    assert "| opencv-telea | 25.00 | 15.00 | 9.00 | 1.0 |" in said
    assert "| **best** | 31.50 (>= 31.4) | 21.70 (>= 21.6) | 1.20 (<= 2.1) | 10.0 (<= 19) |" in said
    balanced = f"31.50 (>= 30.8) | {hole_db:.2f} (>= 21.0) | 1.20 (<= 2.2) | 3.0 (<= 7) |"
    assert f"| **balanced**{'' if is_met else ': **not met**'} | {balanced}" in said
    assert said.index("smooth") < said.index("**fast**")
    assert "1 clips, 70 frames" in said


def test_sheets_are_small_and_show_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pictures, "SHOWN", ("logo-pan",))
    monkeypatch.setattr(pictures, "_SIZE", {"width_px": 160, "height_px": 96, "frames": 24})
    text = PARTS["pictures"](setup_in(tmp_path))
    assert "](pictures/logo-pan.jpg)" in text
    path = tmp_path / "pictures" / "logo-pan.jpg"
    assert 5_000 < path.stat().st_size <= pictures.MOST_BYTES
    sheet = cv2.imread(str(path))[..., ::-1].astype(int)
    scene = render("logo-pan", width_px=160, height_px=96, frames=24)
    top, wide = 4 + 24, 160 + 4  # margin and label; a cell and its gap
    frame = 6  # the middle of the first half
    before, marked, result, truth = (sheet[top : top + 96, 4 + n * wide : 4 + n * wide + 160] for n in range(4))
    hole = scene.holes[frame]
    for cell, wanted in ((before, scene.images[frame]), (truth, scene.plate[frame]), (result, scene.plate[frame])):
        assert np.abs(cell - wanted).mean() < 8  # levels: JPEG
        assert np.abs(cell - wanted)[hole].mean() < 16  # Telea is off by 40
    assert np.abs(marked - scene.images[frame])[~hole].mean() < 8
    red, green, blue = marked[hole].mean(axis=0)
    assert min(red, blue) > green + 60
    decibels = [float(value) for value in re.findall(r"([\d.]+) dB", text)]
    assert decibels[0] > decibels[1] + 6


def test_a_sheet_that_is_too_large_is_compressed_more():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    data = pictures._small_jpeg(noise)
    assert len(data) <= pictures.MOST_BYTES < 300 * 400 * 3
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == noise.shape


def test_the_page_in_the_repository_is_whole():
    page = (DOCS / "results.md").read_text(encoding="utf-8")
    assert write_page(read_sections(page)) == page  # nobody has written into it by hand
    for name in re.findall(r"!\[[^]]*]\(([^)]+)\)", page):
        assert (DOCS / name).stat().st_size <= pictures.MOST_BYTES
    assert not re.findall(r"(?<![\w.>-])/(?:home|root|tmp|work|usr|mnt)\b", page)  # nobody's machine
    assert "not measured" not in page.lower().replace("real clips were not measured", "")


def test_accidents_are_counted_and_faults_named(monkeypatch):
    fault = Fault(number=1, seed="avc.ts", damage="cut", kind="crash", detail="died")
    monkeypatch.setattr(results_accidents, "hunt", lambda *_: iter([(0, 0, None), (1, None, fault), (2, 1, None)]))
    killed = Killed(kills=20, commands=22, finished=[b"a"], most_pieces=3)
    monkeypatch.setattr(results_accidents, "kill_one_job", lambda *_: (killed, False))
    text = results_accidents.accidents(lambda _: None, files=3)
    assert "20 kills, 22 commands, up to 3 pieces kept, 1 times to the end: OTHER BYTES" in text
    assert "1 with exit code 0, 1 with exit code 1, 0 with exit code 2; 1 faults" in text
    assert "- file 1 (avc.ts, cut): crash, died" in text
