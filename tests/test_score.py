"""`score` as a whole: what it takes, what it refuses, alignment, encoding, and the report."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.bench.metrics.metric import METRICS
from cleanplate.bench.score import score
from cleanplate.bench.synth import Scene, render
from cleanplate.bench.synth_video import write_clip
from cleanplate.decode.reader import open_video

pytest.importorskip("skimage", reason="scikit-image is not installed (extra 'bench')")
FEW = ["psnr", "ewarp"]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return render("pan", width_px=160, height_px=96, frames=10)


@pytest.fixture(scope="module")
def folder(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene's truth and a result as files, its holes as a folder of masks."""
    place = tmp_path_factory.mktemp("score")
    write_clip(place / "truth.mkv", scene.plate, codec="ffv1", crf=None, pixel_format="bgr0")
    write_clip(place / "result.mkv", scene.images, codec="ffv1", crf=None, pixel_format="bgr0")
    (place / "frames").mkdir()
    (place / "masks").mkdir()
    for n, (picture, hole) in enumerate(zip(scene.images, scene.holes, strict=True)):
        cv2.imwrite(str(place / "frames" / f"{n:03d}.png"), picture[..., ::-1])
        cv2.imwrite(str(place / "masks" / f"{n:03d}.png"), hole.astype(np.uint8) * 255)
    cv2.imwrite(str(place / "black.png"), np.zeros((96, 160), np.uint8))
    return place


def test_files_folders_and_arrays_score_alike(scene: Scene, folder: Path):
    want = score(scene.images, scene.plate, scene.holes, metrics=FEW)
    for result in (folder / "result.mkv", folder / "frames", str(folder / "frames")):
        found = score(result, folder / "truth.mkv", folder / "masks", metrics=FEW)
        assert [row.value for row in found.rows] == [row.value for row in want.rows]
        assert (found.frames, found.holed_frames) == (10, int(scene.holes.any(axis=(1, 2)).sum()))
    # Outside the hole, and outside the shadow it has not, the object's picture is the plate.
    assert want["psnr"].value > want["psnr(hole)"].value + 5


def test_every_metric_is_in_one_report(scene: Scene):
    scores = score(scene.images[:4], scene.plate[:4], scene.holes[:4])
    assert {row.metric for row in scores.rows} == set(METRICS)
    for row in scores.rows:
        assert row.value is not None or row.note, row.name
        if METRICS[row.metric].weights and row.value is None:
            assert "needs" in row.note
            assert "type: " in row.note


def test_without_a_truth_only_steadiness_is_scored(scene: Scene, folder: Path):
    scores = score(folder / "frames", source=folder / "result.mkv", holes=folder / "masks")
    values = {row.metric for row in scores.rows if row.value is not None}
    assert values <= {"ewarp", "consistency", "epe", "flicker"}
    assert "ewarp" in values
    assert scores["psnr"].note == "needs the truth"
    assert "motion of the input" in scores["ewarp"].note
    assert scores["ewarp"].of_truth is None
    worse, own = (score(folder / name, source=folder / "truth.mkv") for name in ("frames", "truth.mkv"))
    assert worse["ewarp"].of_input == pytest.approx(own["ewarp"].value)
    assert worse["ewarp"].value > 1.2 * own["ewarp"].value
    heads, _ = scores.table()
    assert heads == ["metric", "frame", "hole", "input's frame", "input's hole", "unit", "better"]
    assert not any("guide" in remark for remark in scores.remarks())


def test_a_mask_picture_holds_for_all_frames(scene: Scene, folder: Path):
    cv2.imwrite(str(folder / "one.png"), scene.holes[3].astype(np.uint8) * 255)
    still = np.repeat(scene.holes[3:4], 10, axis=0)
    want = score(scene.images, scene.plate, still, metrics=FEW)
    found = score(folder / "result.mkv", folder / "truth.mkv", folder / "one.png", metrics=FEW)
    assert [row.value for row in found.rows] == [row.value for row in want.rows]


def test_aligning_finds_the_shift(scene: Scene):
    want = score(scene.images[3:], scene.plate[3:], scene.holes[3:], metrics=["psnr"])
    # The result begins three frames late.
    late = score(scene.images[3:], scene.plate, scene.holes[3:], metrics=["psnr"], align=True)
    assert late["psnr"].value == pytest.approx(want["psnr"].value)
    assert any("start of the truth: 3 frames" in note for note in late.notes)
    # One frame less at the end is not a shift.
    short = score(scene.images[:-1], scene.plate, metrics=["psnr"], align=True)
    assert short["psnr"].value == pytest.approx(
        score(scene.images[:-1], scene.plate[:-1], metrics=["psnr"])["psnr"].value
    )
    assert any("end of the truth: 1 frame," in note for note in short.notes)
    # Videos of one length may be shifted against each other as well.
    rolled = score(scene.plate[:-2], scene.plate[2:], metrics=["psnr"], align=True)
    assert rolled["psnr"].value == np.inf
    assert rolled.frames == 6


def test_aligning_resizes_to_the_truth(scene: Scene):
    double = np.stack([cv2.resize(picture, (320, 192), interpolation=cv2.INTER_NEAREST) for picture in scene.plate])
    scores = score(double, scene.plate, metrics=["psnr"], align=True)
    assert scores["psnr"].value == np.inf  # averaging 2x2 equal samples gives the picture back
    assert any("resized from 320x192 to 160x96" in note for note in scores.notes)
    still = np.repeat(scene.plate[:1], 10, axis=0)
    assert score(still, still, metrics=["psnr"], align=True).notes == ()


def test_scores_after_encoding_equal_those_of_an_encoded_file(scene: Scene, tmp_path: Path):
    scores = score(scene.plate, scene.plate, scene.holes, metrics=["psnr"], crf=30)
    assert scores["psnr"].value == np.inf
    write_clip(tmp_path / "own.mp4", scene.plate, crf=30)
    with open_video(tmp_path / "own.mp4") as video:
        coded = np.stack([frame.image for frame in video])
    want = score(coded, scene.plate, scene.holes, metrics=["psnr"])
    for found, wanted in zip(scores.encoded, want.rows, strict=True):
        assert found.value == pytest.approx(wanted.value, abs=0.3)  # dB; x264 is not the same twice at small sizes
    assert scores.encoded_as == "x264 crf 30"
    assert "x264 crf 30" in scores.to_markdown()
    finer = score(scene.plate, scene.plate, metrics=["psnr"], crf=10)
    assert finer.encoded[0].value > scores.encoded[0].value + 6
    odd = scene.plate[:, :95, :159]
    assert score(odd, odd, metrics=["psnr"], crf=20).encoded[0].value > 30


def test_the_report_survives_json(scene: Scene):
    scores = score(scene.plate, scene.plate, scene.holes, metrics=["psnr", "seam"])
    facts = json.loads(scores.to_json(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert facts["rows"][0]["value"] == "inf"
    assert facts["rows"][0]["per_frame"] == ["inf"] * 10
    assert facts["rows"][-1]["value"] == 1.0
    assert "| psnr | inf | inf |" in scores.to_markdown()


def test_joints_are_frames_of_the_result(scene: Scene):
    holes = np.repeat(scene.holes[3:4], 10, axis=0)
    jumped = scene.plate.copy()
    jumped[6:][holes[6:]] //= 2
    at = {n: score(jumped, scene.plate, holes, metrics="joint", joints=[n])["joint(hole)"] for n in (5, 6)}
    assert at[6].value > 3 * at[5].value
    assert at[6].note.endswith("at 1 known joint")
    # Aligning leaves out the first three frames of a longer result; its joint stays where it is.
    late = score(jumped, scene.plate[3:], holes[3:], metrics="joint", joints=[6], align=True)["joint(hole)"]
    assert late.value == pytest.approx(at[6].value)
    still = np.repeat(scene.plate[:1], 10, axis=0)  # no change in both is no seam
    assert score(still, still, holes, metrics="joint", joints=[6])["joint(hole)"].value == 1
    holes[6] = False
    assert "no joint given has a hole" in score(jumped, scene.plate, holes, joints=[6])["joint(hole)"].note
    for joint in (0, 10, 60, -1):
        with pytest.raises(UsageError, match=f"at frame {joint} .*joints lie between 1 and 9"):
            score(jumped, scene.plate, holes, metrics="joint", joints=[joint])
    with pytest.raises(UsageError, match="there is one frame"):
        score(jumped[:1], scene.plate[:1], joints=[1])


def test_names_that_are_not_there(scene: Scene):
    scores = score(scene.images, scene.plate, metrics="psnr")
    assert [row.name for row in scores.rows] == ["psnr", "psnr(hole)"]
    with pytest.raises(KeyError, match=r"no row 'psnr\(whole\)'; there are psnr, psnr\(hole\)"):
        scores["psnr(whole)"]
    with pytest.raises(UsageError, match="no metric was named; choose from psnr,"):
        score(scene.images, scene.plate, metrics=[])


def test_aligning_says_that_shapes_and_contents_differ(scene: Scene):
    low = scene.plate[:, 8:88]
    notes = score(low, scene.plate, metrics="psnr", align=True).notes
    assert any("from 160x80 to 160x96, which stretches it" in note for note in notes)
    assert not any("hardly look alike" in note for note in notes)
    half = scene.plate[:, ::2, ::2]
    assert not any("stretches" in note for note in score(half, scene.plate, metrics="psnr", align=True).notes)
    noise = np.random.default_rng(0).integers(0, 256, scene.plate.shape, np.uint8)
    assert any("hardly look alike" in n for n in score(noise, scene.plate, metrics="psnr", align=True).notes)


def test_a_mask_that_does_not_fit_what_was_aligned(scene: Scene, folder: Path):
    with pytest.raises(MaskError) as refused:
        score(folder / "result.mkv", scene.plate[:7], folder / "masks", metrics="psnr", align=True)
    assert refused.value.__notes__ == ["that is the truth, which the mask has to fit"]


def test_what_several_metrics_share_is_said_once(scene: Scene):
    remarks = score(scene.images, scene.plate, metrics=["ewarp", "epe", "flicker"]).remarks()
    assert sum("|b+f|^2" in remark for remark in remarks) == 1
    assert any(remark.startswith("ewarp, epe, flicker: along the motion of the truth: ") for remark in remarks)
    assert not any("guide" in remark for remark in remarks)


BAD = {
    "lengths": (lambda s: (s.images[:7], s.plate, None), "7 frames.*10.*--align .align=True."),
    "sizes": (lambda s: (s.images[:, :64], s.plate, None), "160x64.*160x96.*--align .align=True."),
    "floats": (lambda s: (s.images / 255.0, s.plate, None), "float64"),
    "gray": (lambda s: (s.images[..., 0], s.plate, None), r"\(10, 96, 160\)"),
    "holes of another shape": (lambda s: (s.images, s.plate, s.holes[:5]), r"\(5, 96, 160\)"),
    "holes that are no bool": (lambda s: (s.images, s.plate, s.holes.astype(np.uint8)), "uint8"),
    "an empty hole": (lambda s: (s.images, s.plate, s.holes & False), "covers nothing"),
    "no truth": (lambda s: (s.images, None, None), "no truth.*--source"),
    "no file": (lambda s: ("nowhere.mp4", s.plate, None), "nowhere.mp4"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_a_sentence(case: str, scene: Scene):
    make, sentence = BAD[case]
    with pytest.raises(UsageError, match=sentence):
        score(*make(scene))


def test_bad_masks_metrics_and_qualities_get_a_sentence(scene: Scene, folder: Path):
    with pytest.raises(UsageError, match="covers nothing"):
        score(folder / "frames", folder / "truth.mkv", folder / "black.png")
    with pytest.raises(MaskError, match=r"nowhere\.png"):
        score(folder / "frames", folder / "truth.mkv", folder / "nowhere.png")
    with pytest.raises(UsageError, match=r"no metric 'psnrr'.*psnr"):
        score(scene.images, scene.plate, metrics=["psnrr"])
    with pytest.raises(UsageError, match="0 \\(best\\) to 51"):
        score(scene.images, scene.plate, crf=60)


def test_a_single_frame_says_what_it_lacks(scene: Scene):
    scores = score(scene.images[:1], scene.plate[:1], scene.holes[:1], metrics=["psnr", "ewarp", "joint"])
    assert scores["psnr"].value is not None
    assert scores["ewarp"].value is None
    assert "two frames" in scores["ewarp"].note
    small = score(scene.images[:, :40, :40], scene.plate[:, :40, :40], metrics=["ssim65"])
    assert "65x65" in small["ssim65"].note
