"""`score`, `bench` and `weights` as typed: what they print, what they write, and what mistakes are answered with."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_cli import call

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
    assert " 0.0 " not in out


def test_weights_are_fetched_found_and_checked(capsys: pytest.CaptureFixture[str], monkeypatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    code, _, err = call(capsys, "weights", "get", "propainter")
    assert code == 2
    assert "weights get propainter --accept-licence 'NTU S-Lab License 1.0'" in " ".join(err.split())
    code, _, err = call(capsys, "weights", "get", "propainter", "--accept-licence", "NTU S-Lab License 1.0")
    assert code == 1
    assert "gives no checksum; fetch ProPainter.pth from https://" in " ".join(err.split())
    (tmp_path / "ProPainter.pth").write_bytes(b"its own")
    assert call(capsys, "weights", "path", "propainter") == (0, f"{tmp_path / 'ProPainter.pth'}\n", "")
    code, out, _ = call(capsys, "weights", "check")
    assert code == 0
    assert "the publisher gives no checksum" in out
    (tmp_path / "alexnet-owt-7be5be79.pth").write_bytes(b"another file")
    code, _, err = call(capsys, "weights", "check")
    assert code == 1
    assert "is not the file the weights 'alexnet' need" in " ".join(err.split())


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
    "joints beyond the end": ("score result.mp4 truth.mp4 --joint 60", "between 1 and 5"),
    "a joint before the start": ("score result.mp4 truth.mp4 --joint 0", "between 1 and 5"),
    "no metrics": ("score result.mp4 truth.mp4 --metric ,", "no metric was named"),
    "metrics that need weights": (
        "score result.mp4 truth.mp4 --metric lpips-alex",
        "nothing could be scored; lpips-alex: needs weights: alexnet (244 MB",
    ),
    "metrics that need a mask": ("score result.mp4 truth.mp4 --metric seam", "seam(hole): no hole was given (--mask)"),
    "pictures that are too small": ("score small.mp4 small.mp4 --metric ssim65", "65x65"),
    "a mask of the other length": (
        "score truth.mp4 short.mp4 --mask data/clip/holes --align",
        "that is the truth (short.mp4), which the mask has to fit",
    ),
    "no such folder for a report": ("score result.mp4 truth.mp4 -o no/such/s.json", "create it first"),
    "another kind of report": ("score result.mp4 truth.mp4 -o scores.txt", "scores.txt"),
    "no data": ("bench quality nowhere", "nowhere"),
    "no clips": ("bench quality .", "no clips were found"),
    "no such engine": ("bench quality data --engine magic", "there is no engine 'magic'"),
    "no such protocol": ("bench quality data --protocol mine", "there is no protocol 'mine'"),
    "results that are not there": ("bench quality data --engine other=nowhere", "NAME=FOLDER"),
    "weights that are not here": (
        "bench quality data --engine opencv-telea --metric vfid -o unpainted",
        "nothing could be scored; vfid: needs weights: i3d",
    ),
    "an option without engine": ("bench quality data --set threads=2", "OWNER.NAME=VALUE"),
    "no workers": ("bench quality data --workers 0", "at least 1"),
    "no such tracker": ("bench track data --tracker magic", "magic"),
    "no such extent": ("bench speed --extent huge", "there is no extent 'huge'"),
    "words for lines": (
        "bench speed --height tall",
        "--height tall is not a list of whole numbers; write them like 480",
    ),
    "a hole larger than the picture": ("bench speed --share 150", "hole shares are 150 %"),
    "no such weights": ("weights get magic", "there are no weights 'magic'"),
    "no such bench": ("bench beauty", "beauty"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_each_mistake_gets_one_sentence(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    typed, sentence = MISTAKES[case]
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(folder / "none"))
    code, out, err = call(capsys, *typed.split())
    assert code == 2, err
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) == 1
    assert sentence in err
    assert not (folder / "unpainted").exists()


def test_what_remove_wrote_scores_as_the_bench_says(folder: Path, capsys: pytest.CaptureFixture[str]):
    """With the flags that docs/evaluation.md names, and not with the defaults."""
    clip = folder / "data" / "clip"
    words = ["bench", "quality", str(folder / "data"), "-e", "opencv-telea", "--metric", "psnr,seam", "--json"]
    code, out, _ = call(capsys, *words, "--workers", "1", "-o", str(folder / "same"))
    want = {row["metric"] + row["where"]: row["value"] for row in json.loads(out)["means"]["opencv-telea"]["rows"]}
    page = Path(__file__).parents[1].joinpath("docs/evaluation.md").read_text()
    asked = "--grow 0 --feather 0"
    assert asked in page
    for flags in (asked, ""):
        painted = folder / f"painted{len(flags)}"
        mask = ["--mask", str(clip / "holes")]
        words = ["remove", str(clip / "frames"), *mask, "-e", "opencv-telea", *flags.split(), "-o", str(painted)]
        assert call(capsys, *words, "--quiet")[0] == 0
        words = ["score", str(painted), str(clip / "frames"), *mask, "--metric", "psnr,seam", "--json"]
        code, out, _ = call(capsys, *words)
        found = {row["metric"] + row["where"]: row["value"] for row in json.loads(out)["rows"]}
        assert code == 0
        assert (found == want) == (flags == asked)


def test_a_page_that_is_piped_has_its_columns_lined_up(folder: Path, capsys: pytest.CaptureFixture[str]):
    words = ["bench", "track", str(folder / "data"), "--tracker", "hold,warp", "--workers", "1"]
    _, out, _ = call(capsys, *words, "-o", str(folder / "lined"))
    assert "1 clip, 1 object, 6 frames" in out
    tables = [
        list(lines) for is_table, lines in groupby(out.splitlines(), key=lambda line: line[:1] == "|") if is_table
    ]
    assert len(tables) == 3
    for lines in tables:
        assert len({tuple(n for n, sign in enumerate(line) if sign == "|") for line in lines}) == 1


@pytest.mark.parametrize("bench", ["quality", "track"])
def test_a_stopped_bench_says_what_is_kept(
    bench: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    output = folder / f"stopped-{bench}"

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"cleanplate.bench.{bench}.run.run_all", stop)
    words = ["bench", bench, str(folder / "data"), "-o", str(output)]
    assert call(capsys, *words) == (130, "", "error: stopped; nothing was measured yet\n")
    (output / "parts").mkdir(parents=True)
    (output / "parts" / "one.json").write_text("{}")
    code, _, err = call(capsys, *words)
    assert code == 130
    assert err == f"error: stopped; what is measured already is kept in {output}; the same command goes on from there\n"


def test_ctrl_c_while_libraries_are_loaded_is_answered_like_any_other():
    script = """
        import sys
        class Stop:
            def find_spec(self, name, *_):
                if name == "typer":
                    raise KeyboardInterrupt
        sys.meta_path.insert(0, Stop())
        from cleanplate.apps.cli.main import main
        main(["engines"])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: stopped; no output was written\n")
