"""The bench from end to end on small rendered sets: what is kept, redone, refused; what fails; other programs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from quality_sets import rendered, write_pictures, write_set

from cleanplate.base.errors import FailedError, UsageError
from cleanplate.base.measure import hole_psnr
from cleanplate.bench.quality.run import bench_quality
from cleanplate.decode.reader import open_video
from cleanplate.tasks.arrays import fill

CLIPS = {"run": rendered(4, seed=1), "walk": rendered(3)}
TELEA = ("opencv-telea",)


@pytest.fixture
def data(tmp_path):
    return write_set(tmp_path / "data", CLIPS)


def bench(data, output, **change):
    asked = {"engines": TELEA, "metrics": ("psnr",), "workers": 1}
    return bench_quality(data, output=output, **{**asked, **change})


def by_hand(engine, name, **options):
    images, holes = CLIPS[name]
    painting = fill(images, holes, engine=engine, options=options)
    return hole_psnr(painting.images, images, holes, data_range=255)


def test_engines_and_results_of_other_programs_are_scored_the_same_way(tmp_path, data):
    expected = {name: by_hand("opencv-telea", name) for name in CLIPS}
    for name, (images, holes) in CLIPS.items():
        result = fill(images, holes, engine="opencv-telea").images
        result[~holes] ^= 255  # another program may have changed what is outside: the truth is put there
        write_pictures(tmp_path / "other" / name, result)
    seen = []
    report = bench(
        data,
        tmp_path / "out",
        engines=("flowfill", *TELEA, f"other={tmp_path / 'other'}"),
        options={"flowfill": {"reach_frames": 5}},
        watch=lambda progress: seen.append((progress.stage, progress.done, progress.total)),
    )
    for name, value in expected.items():
        assert report.cells["opencv-telea", name]["psnr(hole)"].value == pytest.approx(value, abs=1e-9)
        assert report.cells["other", name]["psnr(hole)"].value == pytest.approx(value, abs=1e-9)
        flow = by_hand("flowfill", name, reach_frames=5)
        assert report.cells["flowfill", name]["psnr(hole)"].value == pytest.approx(flow, abs=1e-9)
    assert report.means["other"]["psnr(hole)"].value == pytest.approx(np.mean(list(expected.values())))
    assert report.clips == ("run", "walk")
    assert report.failed == {}
    assert report.means["other"].cpu_seconds is None
    assert report.means["opencv-telea"].cpu_seconds > 0
    assert report.engines["flowfill"] == {"options": {"reach_frames": 5}}
    assert seen[0] == ("quality", 0, 21)
    assert seen[-1] == ("quality", 21, 21)
    facts = json.loads((tmp_path / "out" / "scores.json").read_text())
    row = next(r for r in facts["clips"]["walk"]["other"]["rows"] if r["where"] == "hole")
    assert row["value"] == pytest.approx(expected["walk"], abs=1e-6)
    assert len(row["per_frame"]) == 3
    assert not list((tmp_path / "out").rglob("*.part"))
    write_pictures(tmp_path / "other" / "walk", CLIPS["walk"][0] // 2)
    changed = bench(data, tmp_path / "out", engines=(f"other={tmp_path / 'other'}",))
    assert changed.reused == 1
    assert changed.cells["other", "walk"]["psnr(hole)"].value < expected["walk"]


def test_what_is_done_is_not_done_again_unless_something_changed(tmp_path, data):
    out = tmp_path / "out"
    first = bench(data, out)
    assert first.reused == 0
    again = bench(data, out)
    assert again.reused == 2
    assert again.to_json().partition('"means"')[2] == first.to_json().partition('"means"')[2]  # seconds too
    assert bench(data, out, fresh=True).reused == 0
    run, walk = sorted((out / "parts").iterdir())
    shutil.copy(run, walk)  # foreign
    run.write_text(run.read_text().replace("1", "2", 5))  # damaged
    assert bench(data, out).reused == 0
    assert bench(data, out, metrics=("psnr", "seam")).reused == 0
    assert bench(data, out, options={"opencv-telea": {"radius_px": 9.0}}).reused == 0
    assert bench(data, out).reused == 2  # results of other options have stayed
    os.utime(data / "walk" / "holes" / "00001.png", (1, 1))
    assert bench(data, out).reused == 1


def test_what_fails_is_named_and_the_rest_is_kept(tmp_path, data):
    mask = data / "walk" / "holes" / "00002.png"
    whole = mask.read_bytes()
    mask.write_bytes(whole[:70])
    report = bench(data, tmp_path / "out")
    assert list(report.failed) == [("opencv-telea", "walk")]
    assert "00002.png is damaged" in report.failed["opencv-telea", "walk"]
    assert list(report.cells) == [("opencv-telea", "run")]
    page = (tmp_path / "out" / "scores.md").read_text()
    assert "- not scored: opencv-telea on clip 'walk': the mask" in page
    assert "| clips scored | 1 |" in page
    shutil.rmtree(data / "run")
    with pytest.raises(FailedError, match=r"nothing could be scored; opencv-telea on clip 'walk': the mask .* damaged"):
        bench(data, tmp_path / "out")
    mask.write_bytes(whole)
    assert bench(data, tmp_path / "out").reused == 0  # a failure is tried again


def test_identical_results_and_empty_holes(tmp_path):
    images, holes = CLIPS["walk"]
    some = holes.copy()
    some[1] = False
    data = write_set(tmp_path / "data", {"some": (images, some), "empty": (images, np.zeros_like(holes))})
    for name in ("some", "empty"):
        write_pictures(tmp_path / "same" / name, images)
    report = bench(data, tmp_path / "out", engines=("opencv-ns", f"same={tmp_path / 'same'}"))
    assert report.cells["same", "some"]["psnr(hole)"].value == np.inf
    assert report.cells["same", "some"]["psnr(hole)"].infinite == 2
    assert report.cells["opencv-ns", "empty"]["psnr(hole)"].value is None
    assert report.cells["opencv-ns", "empty"]["psnr"].infinite == 3
    mean = report.means["opencv-ns"]
    some_alone = report.cells["opencv-ns", "some"]
    assert mean["psnr(hole)"].value == some_alone["psnr(hole)"].value
    assert mean["psnr"].value == some_alone["psnr"].value  # the clip with infinite values alone is left out
    assert mean["psnr"].infinite == 4
    page = (tmp_path / "out" / "scores.md").read_text()
    assert "'empty' has an empty hole" in page
    line = next(line for line in page.splitlines() if line.startswith("| psnr |"))
    assert line.startswith(f"| psnr | {mean['psnr'].value:.2f} (+4 inf) | inf |")
    assert "identical to the truth" in page
    facts = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert facts["means"]["same"]["rows"][0]["value"] == "inf"


def test_scores_after_encoding_stand_beside_those_before(tmp_path, data):
    report = bench(data, tmp_path / "out", crf=35)
    mean = report.means["opencv-telea"]
    after = {row.name: row for row in mean.encoded}
    assert after["psnr"].value < mean["psnr"].value - 1  # dB
    page = (tmp_path / "out" / "scores.md").read_text()
    assert "| opencv-telea | opencv-telea, x264 crf 35 |" in page
    assert f"| psnr | {mean['psnr'].value:.2f} | {after['psnr'].value:.2f} |" in page


def test_scores_are_made_anew_when_weights_come(tmp_path, data, monkeypatch):
    asked = {"metrics": ("psnr", "lpips-alex")}
    bench(data, tmp_path / "out", **asked)
    assert bench(data, tmp_path / "out", **asked).reused == 2
    monkeypatch.setattr("cleanplate.bench.quality.run.locate", lambda name, offline: Path(__file__))
    assert bench(data, tmp_path / "out", **asked).reused == 0
    assert bench(data, tmp_path / "out", metrics=("psnr",)).reused == 0
    assert bench(data, tmp_path / "out", metrics=("psnr",)).reused == 2  # needs none


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"engines": ("moon",)}, "there is no engine 'moon'"),
        ({"engines": ()}, "no engine was given"),
        ({"engines": ("opencv-ns", "opencv-ns")}, "'opencv-ns' was given twice"),
        ({"engines": ("mine=nowhere",)}, "'mine=nowhere' names no results"),
        ({"engines": ("=nowhere",)}, "'=nowhere' names no results"),
        ({"options": {"opencv-telea": {"moon": 1}}}, "has no option 'moon'"),
        ({"options": {"flowfill": {}}}, "options were given for 'flowfill'"),
        ({"protocol": "paper"}, "there is no protocol 'paper'"),
        ({"metrics": ("moon",)}, "there is no metric 'moon'"),
        ({"metrics": ()}, "no metric was named"),
        ({"metrics": "vfid"}, "nothing could be scored; vfid: needs weights: i3d"),
        ({"metrics": ("fvd", "lpips-alex")}, "weights: i3d"),
        ({"workers": 0}, "--workers is 0"),
    ],
)
def test_what_cannot_be_asked(tmp_path, data, change, said, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(UsageError) as caught:
        bench(data, tmp_path / "out", **change)
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_metrics_of_the_hole_alone_need_one_clip_that_has_holes(tmp_path):
    images, holes = CLIPS["walk"]
    data = write_set(tmp_path / "data", {"empty": (images, np.zeros_like(holes))})
    with pytest.raises(UsageError, match="nothing could be scored; seam: no hole was given"):
        bench(data, tmp_path / "out", metrics="seam")
    write_set(data, {"walk": (images, holes)})
    report = bench(data, tmp_path / "out", engines="opencv-telea", metrics=("seam", "joint"))
    assert report.cells["opencv-telea", "empty"]["seam(hole)"].value is None
    assert report.means["opencv-telea"]["seam(hole)"].value == report.cells["opencv-telea", "walk"]["seam(hole)"].value
    for place in (report.means["opencv-telea"], report.cells["opencv-telea", "walk"]):
        with pytest.raises(KeyError, match=r"there is no row 'seam'; there are seam\(hole\), joint\(hole\)"):
            place["seam"]
    facts = json.loads((tmp_path / "out" / "scores.json").read_text())  # the worst frame is named there
    assert "the largest; in frame " in facts["clips"]["walk"]["opencv-telea"]["rows"][1]["note"]
    assert "no hole was given" not in (tmp_path / "out" / "scores.md").read_text()


def test_a_folder_that_lacks_a_clip_is_refused_at_once(tmp_path, data):
    write_pictures(tmp_path / "other" / "run", CLIPS["run"][0])
    with pytest.raises(UsageError, match=r"no result for clip 'walk'"):
        bench(data, tmp_path / "out", engines=(*TELEA, f"other={tmp_path / 'other'}"))


def test_real_clips_read_as_the_program_reads_them(tmp_path):
    clips = os.environ.get("CLEANPLATE_CLIPS")
    if not clips:
        pytest.skip("set CLEANPLATE_CLIPS to the folder that holds davis/<clip>/{frames,holes}")
    for name in ("camel", "dog"):
        for kind in ("frames", "holes"):
            (tmp_path / "data" / name / kind).mkdir(parents=True)
            for path in sorted(Path(clips, "davis", name, kind).iterdir())[:4]:
                shutil.copy(path, tmp_path / "data" / name / kind)
    report = bench(tmp_path / "data", tmp_path / "out")
    for name in ("camel", "dog"):
        with open_video(tmp_path / "data" / name / "frames") as frames:
            images = np.stack([frame.image for frame in frames])
        with open_video(tmp_path / "data" / name / "holes") as masks:
            holes = np.stack([frame.image[..., 0] > 127 for frame in masks])
        painting = fill(images, holes, engine="opencv-telea")
        expected = hole_psnr(painting.images, images, holes, data_range=255)
        assert report.cells["opencv-telea", name]["psnr(hole)"].value == pytest.approx(expected, abs=1e-9)
