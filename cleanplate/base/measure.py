"""How good a painting is, in numbers: PSNR, PSNR inside the hole, warping error, seam. Pure; numpy only.

Pictures are (T, H, W, C) or, where said, of any shape; holes (T, H, W) with True = was painted. `data_range` is the
largest value a sample can have: 255 for uint8, 65535 for full-scale uint16, 1 for floats in 0-1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError

PSNR_CAP_DB = 100.0
"""What identical pictures score, and the most any score: so that a mean over frames stays finite. Eight-bit pictures
that differ at all score below it unless fewer than one sample in 150,000 differs by one level."""


def psnr(result: NDArray[Any], truth: NDArray[Any], *, data_range: float) -> float:
    """Peak signal-to-noise ratio in dB: `10 log10(data_range**2 / mean squared error)` over all samples given.

    At most `PSNR_CAP_DB`, which identical pictures get. Raises `UsageError` if the shapes differ or nothing is given.
    """
    _check(result, truth)
    difference = result.astype(np.float64) - truth
    error = float(np.mean(difference * difference))
    if error == 0.0:
        return PSNR_CAP_DB
    return float(min(10.0 * np.log10(data_range**2 / error), PSNR_CAP_DB))


def hole_psnr(result: NDArray[Any], truth: NDArray[Any], holes: NDArray[np.bool_], *, data_range: float) -> float:
    """PSNR (dB) over the samples inside the hole: of each frame that has one, then the mean over those frames.

    Raises `UsageError` if shapes do not fit or no frame has a hole.
    """
    _check(result, truth, holes)
    scores = [
        psnr(result[t][holes[t]], truth[t][holes[t]], data_range=data_range)
        for t in range(len(holes))
        if holes[t].any()
    ]
    if not scores:
        raise UsageError("no frame has a hole, so there is nothing to score; give the holes that were painted")
    return float(np.mean(scores))


def sample_bilinear(image: NDArray[Any], x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """An (H, W) or (H, W, C) picture at N points inside it (0 <= x <= W-1, 0 <= y <= H-1): (N,) or (N, C) float64."""
    x0 = np.clip(np.floor(x).astype(np.intp), 0, max(image.shape[1] - 2, 0))
    y0 = np.clip(np.floor(y).astype(np.intp), 0, max(image.shape[0] - 2, 0))
    x1, y1 = np.minimum(x0 + 1, image.shape[1] - 1), np.minimum(y0 + 1, image.shape[0] - 1)
    extra = (1,) * (image.ndim - 2)
    a, b = (x - x0).reshape(-1, *extra), (y - y0).reshape(-1, *extra)
    upper = image[y0, x0] * (1.0 - a) + image[y0, x1] * a
    lower = image[y1, x0] * (1.0 - a) + image[y1, x1] * a
    return np.asarray(upper * (1.0 - b) + lower * b, dtype=np.float64)


def warping_error(
    result: NDArray[Any],
    holes: NDArray[np.bool_],
    *,
    back: NDArray[np.floating[Any]],
    onward: NDArray[np.floating[Any]],
    data_range: float,
) -> float:
    """Flicker inside the hole: mean squared difference from the frame before, brought over along the true motion.

    `back[t-1]` (H, W, 2) px is the motion of the *truth* from frame t to t-1, `onward[t-1]` that from t-1 to t. Frame
    t-1 is sampled bilinearly where `back` points; hole samples of t count where that point lies inside the picture
    and the way there and back ends near the start: `|b + f|^2 < 0.01 (|b|^2 + |f|^2) + 0.5` (Sundaram et al. 2010).
    NaN motion, as across a cut, does not count. Mean over samples of a frame, then over frames; on the 0-1 scale,
    usually given x 1e-3. The measure is E_warp of Lai et al. 2018, kept to the hole.

    Raises `UsageError` if shapes do not fit or no sample counts.
    """
    _check(result, result, holes)
    want = (len(result) - 1, *holes.shape[1:], 2)
    for flow in (back, onward):
        if flow.shape != want:
            raise UsageError(f"flow of shape {flow.shape} was given; {want} fits {len(result)} frames of this size")
    errors = []
    for t in range(1, len(result)):
        y, x = np.nonzero(holes[t] & np.isfinite(back[t - 1]).all(axis=-1))
        b = back[t - 1][y, x].astype(np.float64)
        to_x, to_y = x + b[:, 0], y + b[:, 1]
        inside = (to_x >= 0) & (to_x <= holes.shape[2] - 1) & (to_y >= 0) & (to_y <= holes.shape[1] - 1)
        y, x, b, to_x, to_y = y[inside], x[inside], b[inside], to_x[inside], to_y[inside]
        f = sample_bilinear(onward[t - 1], to_x, to_y)
        gap = ((b + f) ** 2).sum(axis=-1)
        is_seen = gap < 0.01 * ((b**2).sum(axis=-1) + (f**2).sum(axis=-1)) + 0.5
        if not is_seen.any():
            continue
        before = sample_bilinear(result[t - 1], to_x[is_seen], to_y[is_seen])
        difference = (result[t][y[is_seen], x[is_seen]] - before) / data_range
        errors.append(float(np.mean(difference * difference)))
    if not errors:
        raise UsageError("no hole sample has a known motion to the frame before; the warping error needs two frames")
    return float(np.mean(errors))


def seam(result: NDArray[Any], truth: NDArray[Any], holes: NDArray[np.bool_]) -> float:
    """How visible the hole's border is: the mean jump across it in the result over the same in the truth.

    A jump is the absolute difference of two samples side by side (left-right or above-below), one inside the hole and
    one outside; mean over all such pairs, channels and frames. 1 = as smooth as the truth, above = an edge, below =
    too smooth. If the truth has no jump at all: 1 where the result has none either, else infinity.

    Raises `UsageError` if shapes do not fit or no hole has a border.
    """
    _check(result, truth, holes)
    jumps = np.zeros(2)
    pairs = 0
    for t in range(len(holes)):
        for axis in (0, 1):
            border = np.diff(holes[t], axis=axis)
            pairs += int(border.sum())
            for k, picture in enumerate((result[t], truth[t])):
                jumps[k] += np.abs(np.diff(picture.astype(np.float64), axis=axis))[border].sum()
    if pairs == 0:
        raise UsageError("no hole has a border inside the picture, so there is no seam to measure")
    if jumps[1] == 0:
        return 1.0 if jumps[0] == 0 else float("inf")
    return float(jumps[0] / jumps[1])


def _check(result: NDArray[Any], truth: NDArray[Any], holes: NDArray[np.bool_] | None = None) -> None:
    if result.shape != truth.shape or result.size == 0:
        raise UsageError(f"result {result.shape} and truth {truth.shape} must be of one shape, and not empty")
    if holes is not None and (holes.dtype != np.bool_ or holes.shape != result.shape[:3]):
        raise UsageError(f"holes are {holes.dtype} {holes.shape}; bool {result.shape[:3]} fits these pictures")
