"""Frechet distance of two sets of features, each taken for a Gaussian (Heusel et al. 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.bench.metrics.metric import Features

Vector = NDArray[np.float64]  # (D,)
Matrix = NDArray[np.float64]  # (D, D)


def frechet_distance(mean_a: Vector, cov_a: Matrix, mean_b: Vector, cov_b: Matrix) -> float:
    """`|m_a - m_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2)` for covariances A and B, positive semidefinite.

    The inner root's trace is the sum of the roots of the eigenvalues of the symmetric `A^1/2 B A^1/2`, which stays true
    for covariances of fewer samples than dimensions; a root of the unsymmetric `A B` would not come out there.
    """
    from scipy.linalg import eigh, eigvalsh

    # scipy's general sqrtm gives up on singular matrices; a covariance's root comes from its own axes.
    values, axes = eigh((cov_a + cov_a.T) / 2)
    root = (axes * np.sqrt(np.clip(values, 0, None))) @ axes.T
    inner = root @ cov_b @ root
    values = eigvalsh((inner + inner.T) / 2)
    # Rounding leaves tiny values where there is nothing, and hundreds of their roots would count: cut as ranks are.
    values[values < values.max() * len(values) * np.finfo(np.float64).eps] = 0
    apart = mean_a - mean_b
    both = np.sqrt(np.clip(values, 0, None)).sum()
    return float(max(apart @ apart + np.trace(cov_a) + np.trace(cov_b) - 2 * both, 0.0))


def frechet(a: Features, b: Features) -> float:
    """The distance of two sets of features (N, D). A single feature has no spread: its covariance is zero.

    Raises `UsageError` for an empty set.
    """
    if not len(a) or not len(b):
        raise UsageError("there are no features to compare; give at least one clip on each side")
    return frechet_distance(*_moments(a), *_moments(b))


def _moments(features: Features) -> tuple[Vector, Matrix]:
    mean = features.mean(axis=0)
    if len(features) == 1:
        return mean, np.zeros((len(mean), len(mean)))
    return mean, np.cov(features, rowvar=False).reshape(len(mean), len(mean))
