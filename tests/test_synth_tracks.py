"""Scenes for trackers: objects that are wholly hidden come back under their own label, in their own colours."""

from __future__ import annotations

import numpy as np
import pytest

from cleanplate.bench.synth import Film, render

SIZE = {"width_px": 216, "height_px": 120}


def areas(scene):
    """Samples of each object (T, labels)."""
    return np.stack([(scene.labels == k).sum(axis=(1, 2)) for k in range(1, scene.labels.max() + 1)], axis=1)


def gap(area, most=0):
    """The frames between an object's first and last sight in which no more than `most` of it is seen."""
    seen = np.flatnonzero(area > most)
    return [t for t in range(seen[0], seen[-1]) if area[t] <= most]


@pytest.mark.parametrize("name", ["hidden", "three"])
def test_labels_are_the_holes_and_begin_in_sight(name):
    s = render(name, frames=60, **SIZE)
    assert np.array_equal(s.labels > 0, s.holes)
    assert (areas(s)[0] > 0.6 * areas(s).max(axis=0)).all()
    assert np.array_equal((s.images != s.plate).any(axis=-1) & ~s.holes & ~s.shadow, np.zeros_like(s.holes))


def test_two_people_cross_behind_a_van_and_come_back():
    s = render("hidden", frames=60, **SIZE)
    for label, area in enumerate(areas(s).T, start=1):
        assert 10 < len(gap(area)) < 40
        before, after = gap(area)[0] - 6, gap(area)[-1] + 6
        x = [np.nonzero(s.labels[t] == label)[1].mean() for t in (before, after)]
        assert abs(x[1] - x[0]) > 80  # px: out of the van's other end
        shirt = [s.images[t][s.labels[t] == label].astype(float).mean(axis=0) for t in (before, after)]
        assert all((color[0] > color[2]) == (label == 1) for color in shirt)  # red and blue
    # What hides them belongs to the clean plate, and stands.
    assert np.abs(s.plate[0].astype(int) - s.plate[30]).mean() < 2.0


def test_three_balls_hide_each_other():
    s = render("three", frames=60, **SIZE)
    small, tossed, large = areas(s).T
    assert 2 <= len(gap(small)) < 15
    assert 2 <= len(gap(tossed)) < 15
    assert not set(gap(small)) & set(gap(tossed))
    # Nobody is in front of the large one: it is as round as it was made, at any time.
    assert np.ptp(large) < 0.03 * large.max()
    assert abs(large.mean() - np.pi * (42 * 0.5 + 0.5) ** 2) < 0.03 * large.mean()
    # The largest colour of each ball's stripes is its own.
    t = 5
    tints = [s.images[t][s.labels[t] == k].astype(float).mean(axis=0) - s.images[t].mean() for k in (1, 2, 3)]
    assert [int(np.argmax(tint - np.mean(tints, axis=0))) for tint in tints] == [2, 1, 0]


def test_objects_far_apart_are_drawn_where_their_ways_lead():
    s = render("three", frames=60, **SIZE)
    film = Film("three", frames=60, seed=0, bit_depth=8, **SIZE)
    for t in (2, 50):
        for label, ball in enumerate(film.shots[0].actors, start=1):
            ys, xs = np.nonzero(s.labels[t] == label)
            if len(ys) > 0.97 * (s.labels == label).sum(axis=(1, 2)).max():
                assert np.hypot(*(np.array([xs.mean(), ys.mean()]) - ball.centre_px(t))) < 0.3  # px
