"""The command line as a user meets it: what works, and what each mistake is answered with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cleanplate.apps.cli.main import main
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with sound and a mask, and a zoo of things that are none."""
    place = tmp_path_factory.mktemp("cli")
    scene = render("logo-pan", width_px=160, height_px=96, frames=12)
    write_clip(place / "in.mp4", scene.images, has_sound=True)
    mask = scene.holes[0].astype(np.uint8) * 255
    cv2.imwrite(str(place / "mask.png"), mask)
    cv2.imwrite(str(place / "nothing.png"), np.zeros_like(mask))
    cv2.imwrite(str(place / "everything.png"), np.full_like(mask, 255))
    cv2.imwrite(str(place / "turned.png"), mask.T)
    (place / "broken.png").write_bytes((place / "mask.png").read_bytes()[:60])
    (place / "empty.mp4").touch()
    (place / "text.mp4").write_text("this is not a video\n" * 50)
    (place / "folder").mkdir()
    (place / "readonly").mkdir()
    (place / "readonly").chmod(0o500)
    with av.open(str(place / "sound.m4a"), "w") as out:
        stream = out.add_stream("aac", rate=48000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 48000
        out.mux(stream.encode(samples))
        out.mux(stream.encode(None))
    return place


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run the command line in this process. Returns exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as left:
        main(words)
    shown = capsys.readouterr()
    return int(left.value.code or 0), shown.out, shown.err


def test_the_version_is_told(capsys):
    code, out, err = call(capsys, "--version")
    assert (code, out, err) == (0, f"cleanplate {version('cleanplate')}\n", "")


# What is typed (names in the folder above; BOX stands for a good mask), the exit code, and what the sentence must hold.
MISTAKES: dict[str, tuple[str, int, str]] = {
    "no file": ("remove nowhere.mp4 BOX -o out.mp4", 2, "there is no file or folder 'nowhere.mp4'"),
    "a folder without images": ("remove folder BOX -o out.mp4", 2, "holds no images"),
    "an empty file": ("remove empty.mp4 BOX -o out.mp4", 1, "is empty"),
    "text renamed": ("remove text.mp4 BOX -o out.mp4", 1, "cannot be read as a video"),
    "audio only": ("remove sound.m4a BOX -o out.mp4", 1, "no video"),
    "no mask": ("remove in.mp4 -o out.mp4", 2, "no mask was given"),
    "a missing mask": ("remove in.mp4 --mask nowhere.png -o out.mp4", 2, "nowhere.png"),
    "a broken mask": ("remove in.mp4 --mask broken.png -o out.mp4", 2, "broken.png"),
    "a mask of nothing": ("remove in.mp4 --mask nothing.png -o out.mp4", 2, "cover nothing"),
    "a mask of everything": ("remove in.mp4 --mask everything.png -o out.mp4", 2, "nothing is left to fill from"),
    "a turned mask": ("remove in.mp4 --mask turned.png -o out.mp4", 2, "96x160"),
    "a box outside": ("remove in.mp4 --box 200,10,240,40 -o out.mp4", 2, "160x96"),
    "a box of zero size": ("remove in.mp4 --box 20,20,20,40 -o out.mp4", 2, "20,20,20,40"),
    "a box of three": ("remove in.mp4 --box 20,20,20 -o out.mp4", 2, "x0,y0,x1,y1"),
    "a polygon of two": ("remove in.mp4 --polygon 1,1,5,5 -o out.mp4", 2, "at least 3"),
    "a span that says nothing": ("remove in.mp4 --box 1,1,9,9@x -o out.mp4", 2, "time span"),
    "a span beyond the end": ("remove in.mp4 --box 1,1,9,9@50-60 -o out.mp4", 2, "no frame"),
    "an unknown engine": ("remove in.mp4 BOX -o out.mp4 --engine magic", 2, "flowfill, opencv-telea, opencv-ns"),
    "an unknown option": ("remove in.mp4 BOX -o out.mp4 --set magic=1", 2, "has no option 'magic'"),
    "an option of another kind": ("remove in.mp4 BOX -o out.mp4 -e opencv-ns --set radius_px=x", 2, "a number"),
    "an unknown codec": ("remove in.mp4 BOX -o out.mp4 --codec magic", 2, "no video encoder 'magic'"),
    "an unknown container": ("remove in.mp4 BOX -o out.xyz", 2, "'.xyz'"),
    "a codec the container cannot hold": ("remove in.mp4 BOX -o out.mp4 --codec ffv1", 2, ".mkv"),
    "an unwritable folder": ("remove in.mp4 BOX -o /proc/out.mp4", 2, "/proc"),
    "no folder for the output": ("remove in.mp4 BOX -o nowhere/out.mp4", 2, "nowhere"),
    "output is input": ("remove in.mp4 BOX -o in.mp4", 2, "is the input itself"),
    "output is input, said otherwise": ("remove in.mp4 BOX -o folder/../in.mp4", 2, "is the input itself"),
    "output is a folder of other things": ("remove in.mp4 BOX -o .", 2, "is not empty"),
    "a crf beyond the scale": ("remove in.mp4 BOX -o out.mp4 --crf 60", 2, "ends at 51"),
    "a preset that is none": ("remove in.mp4 BOX -o out.mp4 --preset quick", 2, "no preset 'quick'"),
    "lossless pictures of a 4:2:0 video": ("remove in.mp4 BOX -o pictures --lossless", 2, "not --lossless"),
    "a sheet over its input": ("preview mask.png BOX -o mask.png", 2, "over the input"),
    "a comparison over its input": ("compare mask.png mask.png -o mask.mp4", 2, "over the input"),
    "a preview with a negative grow": ("preview in.mp4 BOX -o sheet.png --grow -3", 2, "--grow is -3"),
    "a preview with too wide a feather": ("preview in.mp4 BOX -o sheet.png --grow 2 --feather 9", 2, "--feather is 9"),
    "feather above grow": ("remove in.mp4 BOX -o out.mp4 --grow 2 --feather 3", 2, "--feather is 3"),
    "negative grow": ("remove in.mp4 BOX -o out.mp4 --grow -1", 2, "--grow is -1"),
    "crf and lossless": ("remove in.mp4 BOX -o out.mp4 --crf 20 --lossless", 2, "contradict"),
    "a rate for a video": ("remove in.mp4 BOX -o out.mp4 --rate 24", 2, "--rate"),
    "a rate that is no number": ("remove in.mp4 BOX -o out.mp4 --rate fast", 2, "--rate is 'fast'"),
    "too little memory": ("remove in.mp4 BOX -o out.mp4 --memory 10", 2, "256 MiB"),
    "an unknown command": ("removal in.mp4", 2, "No such command 'removal'"),
    "an unknown flag": ("remove in.mp4 BOX -o out.mp4 --magic", 2, "--magic"),
    "no output": ("remove in.mp4 BOX", 2, "--output"),
    "masks that are none": ("fill in.mp4 --masks folder -o out.mp4", 2, "cleanplate mask"),
    "compiling what is no network": (
        "remove in.mp4 BOX -o o.mp4 --compile",
        2,
        "engine 'flowfill' has no option 'compile'",
    ),
    "a sheet with a painted frame": (
        "preview in.mp4 BOX -o sheet.png --reference mask.png@0",
        2,
        "preview paints a frame from those around it and cannot show --reference",
    ),
    "a sheet that is no PNG": ("preview in.mp4 BOX -o sheet.jpg", 2, ".png"),
    "sizes that differ": ("compare mask.png turned.png -o side.mp4", 2, "compare videos of one size"),
    "nothing to compare": ("compare in.mp4 sound.m4a -o side.mp4", 1, "no video"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_each_mistake_gets_one_sentence(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    words, code, says = MISTAKES[case]
    monkeypatch.chdir(folder)
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    found, out, err = call(capsys, *words.replace("BOX", "--box 110,8,140,30").split())
    assert found == code, err
    assert out == ""
    assert err.startswith("error: ")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before  # nothing written or lost


def test_unwritable_output(folder: Path, capsys: pytest.CaptureFixture[str]):
    if os.access(folder / "readonly", os.W_OK):
        pytest.skip("this user may write anywhere (root), so there is no unwritable folder to try")
    code, _, err = call(
        capsys, "remove", str(folder / "in.mp4"), "--box", "1,1,9,9", "-o", str(folder / "readonly" / "out.mp4")
    )
    assert code == 2
    assert "readonly" in err


def test_debug_shows_the_traceback(folder: Path):
    with pytest.raises(Exception, match="there is no file or folder"):
        main(["--debug", "remove", str(folder / "nowhere.mp4"), "--box", "1,1,9,9", "-o", str(folder / "out.mp4")])


def test_remove_shows_a_table_and_writes_a_report(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    output = tmp_path / "out.mp4"
    code, out, _ = call(capsys, "remove", str(folder / "in.mp4"), "--mask", str(folder / "mask.png"), "-o", str(output))
    assert code == 0
    assert "identical" in out
    assert "seen elsewhere" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "out.mp4.json"]
    with av.open(str(output)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]


def test_quiet_says_nothing_and_json_is_json(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = [
        "remove",
        str(folder / "in.mp4"),
        "--box",
        "110,8,140,30",
        "-o",
        str(tmp_path / "out.mp4"),
        "-e",
        "opencv-ns",
    ]
    assert call(capsys, *words, "--quiet") == (0, "", "")
    code, out, err = call(capsys, *words, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((tmp_path / "out.mp4.json").read_text())


def test_the_two_passes(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source, masks, output = str(folder / "in.mp4"), str(tmp_path / "masks"), str(tmp_path / "out.mp4")
    code, out, _ = call(capsys, "mask", source, "--box", "110,8,140,30@0.2-", "-o", masks)
    assert (code, "7 of 12 frames have holes" in out) == (0, True)
    code, out, _ = call(capsys, "fill", source, "--masks", masks, "-o", output, "-e", "opencv-telea", "--json")
    assert code == 0
    assert json.loads(out)["frames_with_holes"] == 7


def test_preview_and_compare(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source, sheet, side = str(folder / "in.mp4"), tmp_path / "sheet.png", tmp_path / "side.mp4"
    code, out, _ = call(capsys, "preview", source, "--box", "110,8,140,30", "-o", str(sheet), "--frames", "2")
    assert (code, "frames 3, 9" in out) == (0, True)
    picture = cv2.imread(str(sheet))
    assert picture.shape[1] > 3 * 160
    assert picture.shape[0] > 2 * 96
    code, out, _ = call(capsys, "compare", source, source, "-o", str(side))
    assert (code, "largest difference on the sheet: 0 of 255" in out) == (0, True)
    assert (tmp_path / "side.png").exists()
    with av.open(str(side)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (320, 96)
        assert sum(1 for _ in container.decode(video=0)) == 12


def test_a_line_for_remove_is_taken_by_plan_and_preview_as_it_is(folder: Path, tmp_path: Path, capsys):
    line = ["--box", "110,8,140,30", "--engine", "opencv-ns", "--set", "radius_px=3", "--grow", "3", "--feather", "1"]
    line += ["--start", "0.1", "--lossless", "--codec", "ffv1", "--workers", "2", "--memory", "8G", "--verify"]
    for command in ("plan", "preview", "remove"):
        output = tmp_path / ("out.png" if command == "preview" else "out.mkv")
        code, _, problem = call(capsys, command, str(folder / "in.mp4"), *line, "-o", str(output))
        assert (code, problem) == (0, ""), command
    job = json.loads((tmp_path / "out.mkv.json").read_text())["job"]
    assert (job["engine"], job["options"], job["grow_px"], job["feather_px"]) == ("opencv-ns", {"radius_px": 3}, 3, 1)
    assert (job["encode"]["codec"], job["workers"], job["memory_bytes"]) == ("ffv1", 2, 8 * 1024**3)


def test_engines_and_doctor(capsys: pytest.CaptureFixture[str]):
    code, out, _ = call(capsys, "engines")
    assert code == 0
    assert all(name in out for name in ("flowfill", "opencv-telea", "opencv-ns", "radius_px"))
    code, out, _ = call(capsys, "doctor")
    assert (code, "ready" in out) == (0, True)
    assert "libx264" in out


def test_no_words_show_the_help_page(capsys: pytest.CaptureFixture[str]):
    code, out, err = call(capsys)
    assert code == 2
    assert "Usage: cleanplate" in out + err
    assert "error" not in err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_nothing_behind(how: signal.Signals, tmp_path: Path):
    source = tmp_path / "long.mp4"
    scene = render("logo-pan", width_px=320, height_px=192, frames=12)
    write_clip(source, (scene.images[n % 12] for n in range(1500)), crf=30)
    words = ["remove", str(source), "--box", "200,10,290,60", "-o", str(tmp_path / "out.mp4"), "--preset", "slow"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cleanplate", *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for _ in range(600):  # until it is at work: the temporary file is there
        if list(tmp_path.glob(".out.mp4*part*")):
            break
        time.sleep(0.1)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; no output was written" in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob(".out.mp4*part*"))
    is_kept = (tmp_path / ".out.mp4.job").exists()
    assert ("type the same command again to go on" in err) == is_kept
    assert {path.name for path in tmp_path.iterdir()} - {".out.mp4.job"} == {"long.mp4"}


@pytest.mark.parametrize("name", ["a[b]", "x[/red]"])
def test_brackets_in_paths_are_shown_as_they_are(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / name).mkdir(parents=True)
    words = ["remove", str(folder / "in.mp4"), "--box", "110,8,140,30", "-e", "opencv-ns"]
    code, out, _ = call(capsys, *words, "-o", str(tmp_path / name / "out.mp4"))
    assert code == 0
    assert name in out.replace("\n", "").replace(" ", "")
    code, out, _ = call(
        capsys, "preview", str(folder / "in.mp4"), "--box", "1,1,9,9", "-o", str(tmp_path / name / "s.png")
    )
    assert (code, name in out) == (0, True)
