"""How time grows with length or area: the exponent of a power law, fitted in logarithms, and how well it describes it.

fit_power([1, 2, 4], [1.0, 2.1, 3.9]).exponent  # about 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cleanplate.base.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Fit:
    """`y = factor * x**exponent`, by least squares on `ln y` over `ln x`."""

    exponent: float
    factor: float
    residual: float
    "root mean square of ln(y measured) - ln(y fitted): 0.05 = the fit is off by about 5 %"
    last: float
    "exponent between the two largest x alone: where a fixed cost weighs least"
    points: int


def fit_power(x: Sequence[float], y: Sequence[float]) -> Fit:
    """Fit a power law to positive measurements.

    Raises `UsageError` for lists of unlike length, numbers that are not positive, or fewer than two different x.
    """
    if len(x) != len(y) or len(set(x)) < 2:
        raise UsageError(
            f"{len(x)} sizes and {len(y)} times were given; a fit needs as many of each, at two sizes or more"
        )
    values = np.array([x, y], np.float64)
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise UsageError("a size or time is not above 0, so it has no logarithm; leave it out of the fit")
    at, of = np.log(values[:, np.argsort(values[0], kind="stable")])
    exponent, offset = np.polyfit(at, of, 1)
    off = of - (exponent * at + offset)
    below = int(np.flatnonzero(at < at[-1])[-1])
    return Fit(
        exponent=float(exponent),
        factor=float(np.exp(offset)),
        residual=float(np.sqrt(np.mean(off**2))),
        last=float((of[-1] - of[below]) / (at[-1] - at[below])),
        points=len(x),
    )
