"""The papers' protocol against a slow implementation of its own, written out from the definition."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from PIL import Image
from quality_sets import rendered, write_pictures, write_set

from cleanplate.base.errors import UsageError
from cleanplate.bench.candidates import Candidate
from cleanplate.bench.metrics.metric import Row
from cleanplate.bench.quality.data import find_clips, find_result
from cleanplate.bench.quality.measure import Cell, Task, cell_of, measure
from cleanplate.bench.quality.protocol import PROTOCOLS, fit_result, protocol_named
from cleanplate.bench.quality.report import mean_over

PAPERS, PLAIN = PROTOCOLS["papers"], PROTOCOLS["plain"]
RNG = np.random.default_rng(5)


def dilated(hole, times):
    """By the definition: a sample joins if it or one of its four neighbours is in."""
    for _ in range(times):
        grown = hole.copy()
        for y in range(hole.shape[0]):
            for x in range(hole.shape[1]):
                for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                    if 0 <= y + dy < hole.shape[0] and 0 <= x + dx < hole.shape[1] and hole[y + dy, x + dx]:
                        grown[y, x] = True
        hole = grown
    return hole


def bilinear(image, width, height):
    """Between the four samples around each target sample's centre, edges repeated; float."""
    image = image.astype(np.float64)
    out = np.empty((height, width, 3))
    for y in range(height):
        v = min(max((y + 0.5) * image.shape[0] / height - 0.5, 0), image.shape[0] - 1)
        upper, lower = image[int(v)], image[min(int(v) + 1, image.shape[0] - 1)]
        line = upper + (v - int(v)) * (lower - upper)
        for x in range(width):
            u = min(max((x + 0.5) * image.shape[1] / width - 0.5, 0), image.shape[1] - 1)
            out[y, x] = line[int(u)] + (u - int(u)) * (line[min(int(u) + 1, image.shape[1] - 1)] - line[int(u)])
    return out


def spots(height, width, count=12):
    hole = np.zeros((height, width), bool)
    hole[RNG.integers(0, height, count), RNG.integers(0, width, count)] = True
    hole[0, 0] = hole[height - 1, 5] = True  # at the edges too
    return hole


def test_masks_are_resized_to_the_nearest_and_dilated_four_times():
    for height, width in ((480, 854), (240, 432), (100, 77)):
        hole = spots(height, width)
        small = np.asarray(Image.fromarray(hole.astype(np.uint8)).resize((432, 240), Image.Resampling.NEAREST)) > 0
        found = PAPERS.holes(hole[None])
        assert found.shape == (1, 240, 432)
        assert found.dtype == bool
        assert np.array_equal(found[0], dilated(small, 4)), (height, width)
    lone = np.zeros((1, 240, 432), bool)
    lone[0, 100, 200] = True
    assert PAPERS.holes(lone).sum() == 41  # the cross, four times, is a diamond of 1 + 2 * (1 + 3 + 5 + 7) + 8


def test_frames_are_resized_bilinearly_without_antialiasing():
    image = RNG.integers(0, 256, (301, 517, 3)).astype(np.uint8)
    found = PAPERS.frames(image[None])
    assert found.shape == (1, 240, 432, 3)
    assert np.abs(found[0] - bilinear(image, 432, 240)).max() < 1.5  # OpenCV's weights have 11 bits
    antialiased = np.asarray(Image.fromarray(image).resize((432, 240), Image.Resampling.BILINEAR)).astype(float)
    assert np.abs(found[0] - antialiased).max() > 20  # so the bound above tells them apart
    fitting = RNG.integers(0, 256, (2, 240, 432, 3)).astype(np.uint8)
    assert np.array_equal(PAPERS.frames(fitting), fitting)


def test_plain_changes_nothing():
    images, holes = rendered(2)
    assert PLAIN.frames(images) is images
    assert PLAIN.holes(holes) is holes
    assert PLAIN.by_frame == ()


def test_outside_the_hole_is_the_truth():
    images, holes = rendered(2)
    painted = RNG.integers(0, 256, images.shape).astype(np.uint8)
    for protocol in (PAPERS, PLAIN):
        result = protocol.composite(painted, images, holes)
        assert np.array_equal(result[~holes], images[~holes])
        assert np.array_equal(result[holes], painted[holes])
        assert result.dtype == np.uint8


def test_results_of_another_size():
    clip = RNG.integers(0, 256, (1, 120, 216, 3)).astype(np.uint8)
    small = PAPERS.frames(clip)
    assert fit_result(small, clip, PAPERS, "run") is small
    assert np.array_equal(fit_result(clip, clip, PAPERS, "run"), small)  # at the clip's own size: resized alike
    assert fit_result(clip, clip, PLAIN, "run") is clip
    with pytest.raises(UsageError, match="clip 'run' is 100x50; give pictures of 216x120 or 432x240"):
        fit_result(np.zeros((1, 50, 100, 3), np.uint8), clip, PAPERS, "run")
    with pytest.raises(UsageError, match=r"is 432x240; give pictures of 216x120$"):
        fit_result(small, clip, PLAIN, "run")


def test_a_protocol_that_is_not_there():
    with pytest.raises(UsageError, match="no protocol 'paper'; choose one of plain, papers"):
        protocol_named("paper")


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Two clips of unlike length at the papers' size with another program's result: the set, truth, result, cells."""
    folder = tmp_path_factory.mktemp("scored")
    truth, results = {}, {}
    for name, frames, noise in (("long", 4, 6.0), ("short", 2, 25.0)):
        images, _ = rendered(frames, seed=frames, width_px=432, height_px=240)
        holes = np.stack([spots(240, 432, 40) for _ in range(frames)])
        truth[name] = (images, holes)
        results[name] = np.clip(images + RNG.normal(0, noise, images.shape), 0, 255).astype(np.uint8)
        write_pictures(folder / "result" / name, results[name])
    data = find_clips(write_set(folder / "data", truth, "papers"), is_resized=True)

    @cache
    def cells(protocol):
        return {
            clip.name: cell_of(
                measure(
                    Task(
                        candidate=Candidate(name="mine", folder=folder / "result"),
                        clip=clip,
                        result=find_result(folder / "result", clip),
                        protocol=protocol,
                        metrics=("psnr", "ssim65", "ewarp"),
                        crf=None,
                    )
                )
            )
            for clip in data.clips
        }

    return truth, results, cells


def test_papers_scores_are_those_of_the_definition(scored):
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    truth, results, cells = scored
    values = {"psnr": [], "ssim65": [], "psnr(hole)": []}
    for name, (images, holes) in truth.items():
        for image, hole, result in zip(images, holes, results[name], strict=True):
            grown = dilated(hole, 4)
            final = image.copy()
            final[grown] = result[grown]
            values["psnr"].append(metrics.peak_signal_noise_ratio(image, final, data_range=255))
            values["ssim65"].append(metrics.structural_similarity(image, final, win_size=65, channel_axis=2))
            error = (result[grown].astype(float) - image[grown]) ** 2
            values["psnr(hole)"].append(10 * np.log10(255**2 / error.mean()))
    mean = mean_over(list(cells("papers").values()), PAPERS)
    for name, expected in values.items():
        assert mean[name].value == pytest.approx(np.mean(expected), abs=1e-9), name
        assert mean[name].frames == 6
        by_clip = np.mean([np.mean(expected[:4]), np.mean(expected[4:])])
        assert abs(mean[name].value - by_clip) > 1e-4  # long clips weigh more
    assert mean.clips == 2
    assert mean.frames == 6
    assert mean.wall_seconds is None


def test_plain_scores_are_means_over_clips_of_the_masks_as_they_are(scored):
    truth, results, cells = scored
    clips = []
    for name, (images, holes) in truth.items():
        errors = [(results[name][t][holes[t]].astype(float) - images[t][holes[t]]) ** 2 for t in range(len(images))]
        clips.append(np.mean([10 * np.log10(255**2 / error.mean()) for error in errors]))
    mean = mean_over(list(cells("plain").values()), PLAIN)
    assert mean["psnr(hole)"].value == pytest.approx(np.mean(clips), abs=1e-9)


def test_warping_error_is_a_mean_over_clips_in_both(scored):
    _, _, cells = scored
    of_clips = {name: cell["ewarp"].value for name, cell in cells("papers").items()}
    mean = mean_over(list(cells("papers").values()), PAPERS)["ewarp"].value
    assert mean == pytest.approx(np.mean(list(of_clips.values())))
    assert mean != pytest.approx((3 * of_clips["long"] + 1 * of_clips["short"]) / 4)


def cell(rows, **change):
    facts = {"frames": 2, "holed_frames": 2, "encoded": (), "wall_seconds": 1.0, "cpu_seconds": 3.0, "cpu": "a"}
    return Cell(**{**facts, "rows": tuple(rows), **change})


ROW = Row(metric="psnr", where="hole", value=20.0, unit="dB", better="higher", frames=2, per_frame=(19.0, 21.0))


@pytest.mark.parametrize(("protocol", "expected"), [(PLAIN, 25.0), (PAPERS, (19 + 21 + 30) / 3)])
def test_identical_frames_are_left_out_of_means_and_counted(protocol, expected):
    half = replace(ROW, value=30.0, frames=1, infinite=1, per_frame=(np.inf, 30.0))
    same = replace(ROW, value=np.inf, frames=0, infinite=2, per_frame=(np.inf, np.inf))
    none = replace(ROW, value=None, frames=0, per_frame=(None, None), note="no frame has a hole")
    mean = mean_over([cell([none]), cell([ROW]), cell([half]), cell([same])], protocol)["psnr(hole)"]
    assert mean.value == pytest.approx(expected)
    assert (mean.frames, mean.infinite) == (3, 3)
    assert mean.note == ""  # not that of the clip without a value
    alone = mean_over([cell([same])], protocol)["psnr(hole)"]
    assert (alone.value, alone.infinite) == (np.inf, 2)


def test_notes_of_a_mean_are_not_about_one_clip():
    first, second = replace(ROW, note="by DIS; worst: frame 3"), replace(ROW, note="by DIS; worst: frame 1")
    assert mean_over([cell([first]), cell([second])], PLAIN)["psnr(hole)"].note == "by DIS"


def test_seconds_are_a_frame():
    mean = mean_over([cell([ROW]), cell([ROW], frames=6, wall_seconds=2.0)], PLAIN)
    assert mean.wall_seconds == pytest.approx(3 / 8)
    assert mean.cpu_seconds == pytest.approx(6 / 8)


@pytest.mark.parametrize("protocol", [PLAIN, PAPERS])
def test_distances_between_sets_are_over_all_clips_at_once(protocol):
    row = replace(ROW, metric="vfid", where="frame", value=None, per_frame=(), note="needs a set of clips")
    points = RNG.normal(0, 1, (40, 3))
    shift = np.array([1.0, 0.0, 2.0])
    # Each clip has one vector: alone it has no spread, together they have the one of the points.
    lone = replace(row, value=3.0, note="one vector a clip; of one clip")
    cells = [
        cell(
            [lone],
            encoded=(lone,),
            features={"vfid": (point[None] + shift, point[None])},
            encoded_features={"vfid": (point[None] + 2 * shift, point[None])},
        )
        for point in points
    ]
    mean = mean_over(cells, protocol)["vfid"]
    assert "40 a side" in mean.note
    assert "of one clip" not in mean.note
    (after,) = mean_over(cells, protocol).encoded
    assert after.value == pytest.approx(4 * (shift**2).sum(), abs=1e-6)  # not the mean of 3.0
    assert mean.value == pytest.approx((shift**2).sum(), abs=1e-6)  # same spread: the squared distance of the means
    short = cell([row], features={"vfid": (np.empty((0, 3)), np.empty((0, 3)))})
    assert mean_over([cells[0], short, cells[1]], protocol)["vfid"].value == pytest.approx(5, abs=1e-6)
    without = mean_over([short, cell([row])], protocol)["vfid"]
    assert without.value is None
    assert "no features" in without.note
