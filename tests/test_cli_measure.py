"""`score`, `bench` and `weights` as typed: what they print, what they write, and what mistakes are answered with."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cleanplate.apps.cli.main import main
from cleanplate.bench.synth import Scene, render
from cleanplate.bench.synth_video import write_clip

pytest.importorskip("skimage", reason="scikit-image is not installed (extra 'bench')")


@pytest.fixture(scope="module")
def scene() -> Scene:
    return render("pan", width_px=96, height_px=72, frames=6)


@pytest.fixture(scope="module")
def folder(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result, its truth and mask, and a data set of one clip in both uses."""
    place = tmp_path_factory.mktemp("measure")
    write_clip(place / "result.mp4", scene.images)
    write_clip(place / "truth.mp4", scene.plate)
    write_clip(place / "short.mp4", scene.plate[:4])
    write_clip(place / "small.mp4", scene.plate[:, :48, :64])
    for kind, pictures in {
        "frames": scene.plate[..., ::-1],
        "holes": scene.holes.astype(np.uint8) * 255,
        "object": scene.holes.astype(np.uint8) * 255,
    }.items():
        (place / "data" / "clip" / kind).mkdir(parents=True)
        for n, picture in enumerate(pictures):
            cv2.imwrite(str(place / "data" / "clip" / kind / f"{n:03d}.png"), picture)
    cv2.imwrite(str(place / "black.png"), np.zeros((72, 96), np.uint8))
    return place


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run the command line in this process. Returns exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as left:
        main(words)
    shown = capsys.readouterr()
    return int(left.value.code or 0), shown.out, shown.err


def test_score_prints_a_table_and_how_it_was_measured(folder: Path, capsys: pytest.CaptureFixture[str]):
    mask = str(folder / "data" / "clip" / "holes")
    code, out, err = call(capsys, "score", str(folder / "result.mp4"), str(folder / "truth.mp4"), "--mask", mask)
    assert (code, err) == (0, "")
    for text in (
        "psnr",
        "ssim65",
        "ewarp",
        "seam",
        "truth's hole",
        "6 frames",
        "DIS",
        "0.01(|b|^2",
        "needs weights: i3d",
    ):
        assert text in out


def test_score_as_json_and_into_files(folder: Path, capsys: pytest.CaptureFixture[str]):
    asked = ["score", str(folder / "truth.mp4"), str(folder / "truth.mp4"), "--metric", "psnr,ewarp", "--crf", "30"]
    code, out, _ = call(capsys, *asked, "--json", "-o", str(folder / "scores.md"))
    facts = json.loads(out)
    assert code == 0
    assert facts["rows"][0]["value"] == "inf"
    assert 20 < facts["encoded"][0]["value"] < 60
    page = (folder / "scores.md").read_text()
    assert "| psnr | inf |" in page
    assert "x264 crf 30" in page
    code, out, _ = call(capsys, *asked, "--quiet", "-o", str(folder / "scores.json"))
    assert (code, out) == (0, "")
    assert json.loads((folder / "scores.json").read_text())["frames"] == 6


def test_score_without_a_truth_takes_the_source(folder: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = call(capsys, "score", str(folder / "truth.mp4"), "--source", str(folder / "result.mp4"))
    assert code == 0
    assert "ewarp" in out
    assert "psnr, ssim65" in out.partition("needs the truth")[0].splitlines()[-1]


def test_bench_quality_and_track_write_their_pages(folder: Path, capsys: pytest.CaptureFixture[str]):
    data = str(folder / "data")
    words = ["bench", "quality", data, "--engine", "opencv-telea", "--set", "opencv-telea.radius_px=2"]
    code, out, err = call(capsys, *words, "--metric", "psnr", "--workers", "1", "-o", str(folder / "q"))
    assert (code, err) == (0, "")
    assert "psnr(hole)" in out
    facts = json.loads((folder / "q" / "scores.json").read_text())
    assert facts["engines"]["opencv-telea"]["options"] == {"radius_px": 2}
    assert (folder / "q" / "plots" / "frames-clip.png").stat().st_size > 5000
    code, out, _ = call(capsys, "bench", "track", data, "--tracker", "hold", "--workers", "1", "-o", str(folder / "t"))
    assert code == 0
    assert "J&F" in out
    assert (folder / "t" / "scores.json").exists()


def test_a_part_that_fails_gives_exit_code_1(folder: Path, capsys: pytest.CaptureFixture[str]):
    broken = folder / "broken"
    for name in ("good", "bad"):
        for kind in ("frames", "holes"):
            (broken / name / kind).mkdir(parents=True)
            for path in sorted((folder / "data" / "clip" / kind).iterdir())[:2]:
                (broken / name / kind / path.name).write_bytes(path.read_bytes())
    spoilt = broken / "bad" / "frames" / "001.png"
    spoilt.write_bytes(spoilt.read_bytes()[:300])
    words = ["bench", "quality", str(broken), "--engine", "opencv-ns", "--metric", "psnr", "--workers", "1"]
    code, out, err = call(capsys, *words, "-o", str(folder / "b"))
    assert code in (1, 2), err
    assert "001.png" in out + err
    assert "Traceback" not in err


def test_weights_are_listed(capsys: pytest.CaptureFixture[str]):
    code, out, _ = call(capsys, "weights")
    assert code == 0
    for name in ("alexnet", "vgg16", "lpips-alex", "i3d", "yunet"):
        assert name in out


# What is typed (names in the folder above), and what the sentence must hold; each is the user's mistake: exit code 2.
MISTAKES = {
    "no truth": ("score result.mp4", "there is no truth"),
    "other lengths": ("score short.mp4 truth.mp4", "short.mp4) has 4 frames"),
    "other sizes": ("score small.mp4 truth.mp4", "64x48"),
    "an empty mask": ("score result.mp4 truth.mp4 --mask black.png", "covers nothing"),
    "no such mask": ("score result.mp4 truth.mp4 --mask nowhere.png", "nowhere.png"),
    "no such metric": ("score result.mp4 truth.mp4 --metric psrn", "there is no metric 'psrn'"),
    "no such quality": ("score result.mp4 truth.mp4 --crf 70", "51"),
    "words for joints": ("score result.mp4 truth.mp4 --joint one", "--joint one"),
    "another kind of report": ("score result.mp4 truth.mp4 -o scores.txt", "scores.txt"),
    "no data": ("bench quality nowhere", "nowhere"),
    "no clips": ("bench quality .", "no clips were found"),
    "no such engine": ("bench quality data --engine magic", "there is no engine 'magic'"),
    "no such protocol": ("bench quality data --protocol mine", "there is no protocol 'mine'"),
    "results that are not there": ("bench quality data --engine other=nowhere", "NAME=FOLDER"),
    "an option without engine": ("bench quality data --set threads=2", "ENGINE.NAME=VALUE"),
    "no workers": ("bench quality data --workers 0", "at least 1"),
    "no such tracker": ("bench track data --tracker magic", "magic"),
    "no such extent": ("bench speed --extent huge", "there is no extent 'huge'"),
    "words for lines": ("bench speed --height tall", "--height tall"),
    "no such weights": ("weights --fetch magic", "there are no weights 'magic'"),
    "no such bench": ("bench beauty", "beauty"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_each_mistake_gets_one_sentence(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    typed, sentence = MISTAKES[case]
    monkeypatch.chdir(folder)
    code, out, err = call(capsys, *typed.split())
    assert code == 2, err
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) == 1
    assert sentence in err
