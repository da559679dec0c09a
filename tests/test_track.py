"""Running a tracker over a video: what is asked wrongly, what is held back, and the trackers' own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.types import Prompt
from cleanplate.mask.tracker import Tracked, Tracker, make_tracker, track


def frames(count: int = 4, height: int = 40, width: int = 60):
    return [(n, np.full((height, width, 3), n, np.uint8)) for n in range(count)]


def hole(height: int = 40, width: int = 60):
    found = np.zeros((height, width), bool)
    found[10:20, 10:30] = True
    return found


class Curious(Tracker):
    """Writes down what it is shown."""

    look_ahead_frames = 2

    def step(self, image, prompts=(), coming=()):
        seen = (int(image[0, 0, 0]), [p.object_id for p in prompts], [int(i[0, 0, 0]) for i in coming])
        return Tracked(labels=seen, confidence={})


def test_look_ahead_is_held_back_by_the_run_alone():
    read = []

    def reading():
        for frame in frames(5):
            read.append(frame[0])
            yield frame

    prompts = [Prompt(index=3, object_id=7, hole=hole()), Prompt(index=0, object_id=2, hole=hole())]
    run = track(Curious(None), reading(), prompts)
    index, first = next(run)
    assert (index, first.labels) == (0, (0, [2], [1, 2]))
    assert read == [0, 1, 2]
    rest = [tracked.labels for _, tracked in run]
    assert rest == [(1, [], [2, 3]), (2, [], [3, 4]), (3, [7], [4]), (4, [], [])]


@pytest.mark.parametrize(
    ("prompts", "sentence"),
    [
        ([], "no object was given"),
        ([Prompt(index=0, points_xy=((1, 1),), point_is_in=(True,))], "start from a mask of object 1"),
        ([Prompt(index=0, hole=hole(), box_xyxy=(1, 1, 5, 5))], "and from nothing else"),
        ([Prompt(index=0)], "start from a mask"),
        ([Prompt(index=0, object_id=0, hole=hole())], "has the id 0"),
        ([Prompt(index=0, object_id=256, hole=hole())], "has the id 256"),
        ([Prompt(index=0, hole=hole()), Prompt(index=9, object_id=3, hole=hole())], "object 3 was marked on frame 9"),
        ([Prompt(index=-1, hole=hole())], "marked on frame -1"),
    ],
)
def test_prompts_that_cannot_be_followed(prompts, sentence):
    with pytest.raises(UsageError, match=sentence):
        list(track(make_tracker("hold"), frames(), prompts))


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        (Prompt(index=1, hole=hole(60, 40)), r"mask of object 1 on frame 1 is bool \(60, 40\)"),
        (Prompt(index=0, hole=hole().astype(np.uint8)), "uint8"),
    ],
)
def test_prompts_that_do_not_fit_the_picture(prompt, sentence):
    with pytest.raises(MaskError, match=sentence):
        list(track(Curious(None), frames(), [prompt]))


def test_frames_of_several_sizes():
    with pytest.raises(UsageError, match="frame 4 is 20x40 but those before are 60x40"):
        list(
            track(
                make_tracker("hold"), [*frames(), (4, np.zeros((40, 20, 3), np.uint8))], [Prompt(index=0, hole=hole())]
            )
        )


def test_unknown_names():
    with pytest.raises(UsageError, match="no tracker 'magic'; choose one of deaot, flow, hold, sam2, warp"):
        make_tracker("magic")
    with pytest.raises(UsageError, match="tracker 'hold' has no option 'x'; it has none"):
        make_tracker("hold", {"x": 1})
    with pytest.raises(UsageError, match="tracker 'warp' has no option 'x'; it has flow, iterations"):
        make_tracker("warp", {"x": 1})


def test_the_later_of_overlapping_prompts_lies_on_top_and_those_of_one_object_are_joined():
    other = np.zeros((40, 60), bool)
    other[15:30, 15:40] = True
    pair = [Prompt(index=0, object_id=1, hole=hole()), Prompt(index=0, object_id=2, hole=other)]
    ((_, tracked),) = track(make_tracker("hold"), frames(1), pair)
    assert np.array_equal(tracked.labels == 2, other)
    assert np.array_equal(tracked.labels == 1, hole() & ~other)
    both = [Prompt(index=0, object_id=1, hole=hole()), Prompt(index=0, object_id=1, hole=other)]
    ((_, tracked),) = track(make_tracker("hold"), frames(1), both)
    assert np.array_equal(tracked.labels == 1, hole() | other)


def textured(count: int, step_px: int) -> list:
    """A plane that moves right by whole pixels: its motion is exact."""
    rng = np.random.default_rng(0)
    plane = np.kron(rng.integers(0, 256, (30, 60, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    return [(n, np.roll(plane, n * step_px, 1)[:100, 30:150]) for n in range(count)]


def test_warp_follows_and_knows_how_well():
    start = np.zeros((100, 120), bool)
    start[40:60, 30:50] = True
    found = dict(track(make_tracker("warp"), textured(5, 3), [Prompt(index=0, hole=start)]))
    expected = np.roll(start, 12, 1)
    overlap = (found[4].labels > 0) & expected
    assert overlap.sum() / ((found[4].labels > 0) | expected).sum() > 0.9
    assert found[4].confidence[1] > 0.9
    torn = textured(2, 3)
    torn[1] = (1, np.random.default_rng(1).integers(0, 256, torn[1][1].shape).astype(np.uint8))
    assert dict(track(make_tracker("warp"), torn, [Prompt(index=0, hole=start)]))[1].confidence[1] < 0.5
    twice = [Prompt(index=0, hole=start), Prompt(index=1, hole=start)]  # what is said is sure, whatever the flow
    assert dict(track(make_tracker("warp"), torn, twice))[1].confidence[1] == 1.0


def test_warp_loses_what_leaves_the_picture():
    start = np.zeros((100, 120), bool)
    start[40:60, 104:116] = True
    found = dict(track(make_tracker("warp"), textured(8, 3), [Prompt(index=0, hole=start)]))
    assert (found[3].labels > 0).sum() < 0.7 * start.sum()
    assert (found[7].labels > 0).sum() < 0.1 * start.sum()


def test_warp_takes_what_enters_the_picture_for_background():
    start = np.zeros((100, 120), bool)
    start[40:60, :12] = True
    found = dict(track(make_tracker("warp"), textured(8, 3), [Prompt(index=0, hole=start)]))
    assert not found[7].labels[:, :15].any()
    assert found[7].labels[40:60, 24:30].mean() > 0.8
