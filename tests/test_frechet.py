"""The Frechet distance against closed forms on Gaussians."""

from __future__ import annotations

import numpy as np
import pytest

from cleanplate.base.errors import UsageError
from cleanplate.bench.metrics.frechet import frechet, frechet_distance

RNG = np.random.default_rng(0)


def rotation(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])


def test_one_dimension_by_hand():
    # (m1 - m2)^2 + (s1 - s2)^2
    found = frechet_distance(np.array([1.0]), np.array([[9.0]]), np.array([-2.0]), np.array([[4.0]]))
    assert found == pytest.approx(9 + 1)


def test_independent_dimensions_add_up():
    a, b = np.array([1.0, 4, 9, 0]), np.array([4.0, 4, 1, 25])
    mean = np.array([0.0, 1, 2, 3])
    want = 4 * 1.0 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert frechet_distance(mean, np.diag(a), mean + 1, np.diag(b)) == pytest.approx(want)
    # Turning both alike changes nothing.
    turn = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
    turned = frechet_distance(turn @ mean, turn @ np.diag(a) @ turn.T, turn @ (mean + 1), turn @ np.diag(b) @ turn.T)
    assert turned == pytest.approx(want)


def test_covariances_that_do_not_commute():
    # In two dimensions tr sqrt(M) = sqrt(tr M + 2 sqrt(det M)), and M = AB has real positive eigenvalues.
    a = rotation(0.3) @ np.diag([5.0, 1.0]) @ rotation(0.3).T
    b = rotation(1.2) @ np.diag([2.0, 0.5]) @ rotation(1.2).T
    assert not np.allclose(a @ b, b @ a)
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    want = np.trace(a) + np.trace(b) - 2 * root
    zero = np.zeros(2)
    assert frechet_distance(zero, a, zero, b) == pytest.approx(want)
    assert frechet_distance(zero, b, zero, a) == pytest.approx(want)


def test_samples_of_known_gaussians():
    a = RNG.normal(0, 1, (200_000, 2)) * [2.0, 1.0]
    b = RNG.normal(0, 1, (200_000, 2)) * [1.0, 3.0] + [1.0, 0.0]
    assert frechet(a, b) == pytest.approx(1 + 1 + 4, rel=0.02)


def test_fewer_samples_than_dimensions():
    # Both sets span 3 of 100 dimensions; within those the distance is that of 3 dimensions.
    basis = np.linalg.qr(RNG.normal(size=(100, 3)))[0]
    a, b = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3)) + 1
    assert frechet(a @ basis.T, b @ basis.T) == pytest.approx(frechet(a, b), rel=1e-9)
    assert frechet(a @ basis.T, a @ basis.T) == pytest.approx(0, abs=1e-9)


def test_a_single_vector_has_no_spread():
    a, b = RNG.normal(size=(1, 7)), RNG.normal(size=(1, 7))
    assert frechet(a, b) == pytest.approx(((a - b) ** 2).sum())
    with pytest.raises(UsageError, match="no features"):
        frechet(np.zeros((0, 7)), b)
