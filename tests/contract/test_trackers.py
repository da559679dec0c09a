"""What every tracker must do, tried on every row of the table, on a scene whose truth is drawn."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest

from cleanplate.base.types import Prompt
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.mask.tracker import TRACKERS, make_tracker, track

NAMES = list(TRACKERS)
TRAINED = [name for name, spec in TRACKERS.items() if not spec.weights + spec.models]
"the others have drawn weights here, and are not judged by what they find"
COUNT, HEIGHT, WIDTH = 10, 72, 104


def texture(u, v, phase: float):
    waves = np.sin(0.31 * u + 0.12 * v + phase) + np.sin(0.53 * v - 0.07 * u) * np.cos(0.19 * u + phase)
    return np.stack([125 + 45 * waves, 125 + 40 * np.cos(0.23 * u - 0.29 * v + phase), 110 + 50 * waves], -1)


def scene(count: int = COUNT, height: int = HEIGHT, width: int = WIDTH, pan_px: float = 1.0, move_px: float = 2.0):
    """Two discs before a panning plane, 1 going right and 2 left: images (T, H, W, 3) uint8, labels (T, H, W)."""
    y, x = np.mgrid[:height, :width].astype(float)
    images, labels = [], []
    for t in range(count):
        image, label = texture(x + pan_px * t, y, 0.0), np.zeros((height, width), np.uint8)
        for number, start, row, step in ((1, 0.25, 0.3, move_px), (2, 0.75, 0.7, -move_px)):
            cx, cy = start * width + step * t, row * height
            inside = (x - cx) ** 2 + (y - cy) ** 2 < (0.17 * height) ** 2
            # each has its own colours, which go with it
            image[inside] = texture(x - cx, y - cy, 2.0 * number)[inside] * (1.3, 0.5, 0.4)
            label[inside] = number
        images.append(image)
        labels.append(label)
    return np.clip(np.rint(images), 0, 255).astype(np.uint8), np.array(labels)


def given(labels: np.ndarray, index: int = 0, ids=(1, 2)) -> list[Prompt]:
    return [Prompt(index=index, object_id=number, hole=labels == number) for number in ids]


def run(name: str, images, prompts) -> list:
    found = list(track(make_tracker(name), enumerate(images), prompts))
    assert [index for index, _ in found] == list(range(len(images)))
    return [tracked for _, tracked in found]


def labels_of(found) -> np.ndarray:
    return np.stack([tracked.labels for tracked in found])


@pytest.fixture(params=NAMES)
def name(request) -> str:
    if TRACKERS[request.param].weights:
        request.getfixturevalue("tiny_weights")
    if TRACKERS[request.param].models:
        request.getfixturevalue("tiny_hub")
    return request.param


def test_labels_and_confidence_of_every_frame(name):
    images, truth = scene()
    found = run(name, images, given(truth[0]))
    for tracked in found:
        assert tracked.labels.shape == (HEIGHT, WIDTH)
        assert tracked.labels.dtype == np.uint8
        assert not tracked.labels.flags.writeable
        assert set(np.unique(tracked.labels)) <= {0, 1, 2}
        assert set(tracked.confidence) == {1, 2}
        assert all(0 <= share <= 1 for share in tracked.confidence.values())
    assert np.array_equal(found[0].labels, truth[0])
    assert found[0].confidence == {1: 1.0, 2: 1.0}


def test_the_same_twice(name):
    images, truth = scene()
    one, two = run(name, images, given(truth[0])), run(name, images, given(truth[0]))
    assert np.array_equal(labels_of(one), labels_of(two))
    assert [dict(a.confidence) for a in one] == [dict(b.confidence) for b in two]


@pytest.mark.parametrize("name", TRAINED)
def test_what_does_not_move_is_kept(name):
    images, truth = scene(pan_px=0, move_px=0)
    found = run(name, images, given(truth[0]))
    for number in (1, 2):
        assert jaccard(found[-1].labels == number, truth[-1] == number) > 0.98


@pytest.mark.parametrize("name", [name for name in TRAINED if name != "hold"])
def test_better_than_leaving_the_mask_where_it_was(name):
    images, truth = scene()
    found = labels_of(run(name, images, given(truth[0])))
    for number in (1, 2):
        held = np.mean([jaccard(truth[0] == number, t == number) for t in truth[1:]])
        score = np.mean([jaccard(f == number, t == number) for f, t in zip(found[1:], truth[1:], strict=True)])
        assert score > held + 0.15


def test_a_prompt_on_a_later_frame_holds_from_there(name):
    images, truth = scene()
    found = labels_of(run(name, images, given(truth[4], index=4)))
    assert not found[:4].any()
    assert np.array_equal(found[4], truth[4])
    assert found[5].any()


def test_a_correction_changes_nothing_before_it_and_its_object_from_there(name):
    images, truth = scene()
    plain = labels_of(run(name, images, given(truth[0])))
    better = truth[5] == 1
    found = run(name, images, [*given(truth[0]), Prompt(index=5, object_id=1, hole=better)])
    assert found[5].confidence[1] == 1.0
    corrected = labels_of(found)
    assert np.array_equal(corrected[:5], plain[:5])
    assert np.array_equal(corrected[5] == 1, better)
    assert np.array_equal(corrected[5] == 2, (plain[5] == 2) & ~better)


def test_an_empty_hole_takes_the_object_away(name):
    images, truth = scene()
    gone = Prompt(index=3, object_id=2, hole=np.zeros((HEIGHT, WIDTH), bool))
    found = run(name, images, [*given(truth[0]), gone])
    assert not (found[3].labels == 2).any()
    assert found[3].confidence[2] == 0
    assert (found[3].labels == 1).any()


def test_a_lost_object_is_one_without_samples(name):
    images, truth = scene(count=14, move_px=6.0)  # both leave the picture
    for tracked in run(name, images, given(truth[0])):
        for number in (1, 2):
            assert (tracked.confidence[number] == 0) == (not (tracked.labels == number).any())


def test_only_the_promised_look_ahead_counts(name):
    images, truth = scene()
    ahead = make_tracker(name).look_ahead_frames
    whole = labels_of(run(name, images, given(truth[0])))
    other = images.copy()
    other[6 + ahead :] = 255 - other[6 + ahead :]
    assert np.array_equal(labels_of(run(name, other, given(truth[0])))[:6], whole[:6])


def test_backward_is_the_same_with_falling_indices(name):
    images, truth = scene()
    mirrored = run(name, images[::-1], given(truth[-1]))
    prompts = given(truth[-1], index=COUNT - 1)
    backward = track(make_tracker(name), reversed(list(enumerate(images))), prompts)
    for (index, tracked), (n, expected) in zip(backward, enumerate(mirrored), strict=True):
        assert index == COUNT - 1 - n
        assert np.array_equal(tracked.labels, expected.labels)


def test_pictures_are_neither_written_to_nor_kept(name):
    images, truth = scene()
    expected = labels_of(run(name, images, given(truth[0])))
    tracker = make_tracker(name)
    for t in range(COUNT):
        shown = [image.copy() for image in images[t : t + 1 + tracker.look_ahead_frames]]
        for image in shown:
            image.flags.writeable = False
        tracked = tracker.step(shown[0], given(truth[0]) if t == 0 else (), tuple(shown[1:]))
        assert np.array_equal(tracked.labels, expected[t])
        for image in shown:
            image.flags.writeable = True
            image[...] = 0  # a decoder would use the memory again


def test_memory_does_not_grow_with_the_video(name):
    images, truth = scene(count=5, height=40, width=56)
    held = []  # bytes, at each time the scene has been shown once more

    def frames():
        for t in range(80):
            yield t, images[t % 5 if t // 5 % 2 == 0 else 4 - t % 5].copy()

    tracemalloc.start()
    try:
        for index, _ in track(make_tracker(name), frames(), given(truth[0])):
            if index % 5 == 4:
                gc.collect()  # what libraries leave in cycles
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert len(held) == 16
    assert max(held[1:]) - held[0] < 10 * images[0].nbytes  # of 75 that were shown


def test_answers_come_as_the_frames_do(name):
    images, truth = scene()
    tracker, shown = make_tracker(name), []

    def frames():
        for t, image in enumerate(images):
            shown.append(t)
            yield t, image

    for index, _ in track(tracker, frames(), given(truth[0])):
        assert len(shown) == min(index + 1 + tracker.look_ahead_frames, COUNT)


def test_an_object_named_later_joins_those_that_are_there(name):
    images, truth = scene(count=8, pan_px=0, move_px=1.5)
    later = Prompt(index=3, object_id=9, hole=truth[3] == 2)
    found = labels_of(run(name, images, [*given(truth[0], ids=(1,)), later]))
    assert not (found[:3] == 9).any()
    for number, own in ((1, 1), (9, 2)):
        inside = truth[-1] == own
        if name in TRAINED:
            assert jaccard(found[-1] == number, inside) > (0.3 if name == "hold" else 0.6)


def test_deep_pictures_are_tracked_alike(name):
    images, truth = scene()
    shallow = labels_of(run(name, images, given(truth[0])))
    deep = labels_of(run(name, images.astype(np.uint16) * 257, given(truth[0])))
    assert jaccard(shallow[-1] > 0, deep[-1] > 0) > 0.98


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (7, 5), (33, 47), (65, 91)])
def test_odd_and_tiny_sizes(name, height, width):
    images, _ = scene(3, height, width)
    hole = np.zeros((height, width), bool)
    hole[height // 3 : height // 2 + 1, width // 3 : width // 2 + 1] = True
    found = run(name, images, [Prompt(index=0, object_id=255, hole=hole)])
    assert found[-1].labels.shape == (height, width)
    assert set(np.unique(found[-1].labels)) <= {0, 255}


def test_many_objects(name):
    images, _ = scene(3, pan_px=0, move_px=0)
    grid = np.add.outer(np.arange(HEIGHT) // 18 * 8, np.arange(WIDTH) // 13).astype(np.uint8) + 1
    ids = tuple(np.unique(grid).tolist())
    assert len(ids) == 32
    found = run(name, images, given(grid, ids=ids))
    assert set(found[-1].confidence) == set(ids)
    if name in TRAINED:
        assert np.mean(found[-1].labels == grid) > 0.9


def test_one_frame_and_an_object_that_fills_it(name):
    images, _ = scene(2)
    whole = Prompt(index=0, hole=np.ones((HEIGHT, WIDTH), bool))
    assert run(name, images[:1], [whole])[0].labels.all()
    assert run(name, images, [whole])[1].confidence[1] > 0
