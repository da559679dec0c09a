"""How good a painting is, in numbers: PSNR, PSNR inside the hole, warping error, seam. Pure; numpy only.

Pictures are (T, H, W, C) or, where said, of any shape; holes (T, H, W) with True = was painted. `data_range` is the
largest value a sample can have: 255 for uint8, 65535 for full-scale uint16, 1 for floats in 0-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError


def psnr(result: NDArray[Any], truth: NDArray[Any], *, data_range: float) -> float:
    """Peak signal-to-noise ratio in dB: `10 log10(data_range**2 / mean squared error)` over all samples given.

    Infinite for identical pictures. Raises `UsageError` if the shapes differ or nothing is given.
    """
    _check(result, truth)
    difference = result.astype(np.float64) - truth
    error = float(np.mean(difference * difference))
    return float(10.0 * np.log10(data_range**2 / error)) if error > 0.0 else float("inf")


def hole_psnr(result: NDArray[Any], truth: NDArray[Any], holes: NDArray[np.bool_], *, data_range: float) -> float:
    """PSNR (dB) over the samples inside the hole: of each frame that has one, then the mean over those frames.

    Frames that are identical there are left out of the mean; infinite if all are.
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
    finite = [score for score in scores if score < np.inf]
    return float(np.mean(finite)) if finite else float("inf")


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Followed:
    """Where the samples of a frame lie in the frame before."""

    x: NDArray[np.float64]  # (H, W) px, kept inside the picture
    y: NDArray[np.float64]  # (H, W)
    is_seen: NDArray[np.bool_]
    "(H, W): the place is known, inside the picture, and the way back from there ends near the start"


def follow(back: NDArray[np.floating[Any]], onward: NDArray[np.floating[Any]]) -> Followed:
    """Follow every sample along `back`, the motion (H, W, 2) px from frame t to t-1; `onward` is that from t-1 to t.

    A sample is seen in both frames if `|b + f|^2 < 0.01 (|b|^2 + |f|^2) + 0.5`, f being `onward` where b ends (the test
    of Sundaram et al. 2010). NaN motion, as across a cut, is never seen.
    """
    height, width = back.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    is_known = np.isfinite(back).all(axis=-1)
    b = np.where(is_known[..., None], back, 0.0).astype(np.float64)
    to_x, to_y = x + b[..., 0], y + b[..., 1]
    inside = is_known & (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
    to_x, to_y = np.clip(to_x, 0, width - 1), np.clip(to_y, 0, height - 1)
    f = sample_bilinear(onward, to_x.ravel(), to_y.ravel()).reshape(b.shape)
    with np.errstate(invalid="ignore"):
        is_near = ((b + f) ** 2).sum(axis=-1) < 0.01 * ((b**2).sum(axis=-1) + (f**2).sum(axis=-1)) + 0.5
    return Followed(x=to_x, y=to_y, is_seen=inside & is_near)


def warping_error(
    result: NDArray[Any],
    holes: NDArray[np.bool_],
    *,
    back: NDArray[np.floating[Any]],
    onward: NDArray[np.floating[Any]],
    data_range: float,
) -> float:
    """Flicker inside the hole: mean squared difference from the frame before, brought over along the true motion.

    `back[t-1]` (H, W, 2) px is the motion of the *truth* from frame t to t-1, `onward[t-1]` that from t-1 to t. Hole
    samples that `follow` sees count, sampled bilinearly in frame t-1. Mean over samples of a frame, then over frames;
    on the 0-1 scale, usually given x 1e-3. The measure is E_warp of Lai et al. 2018, kept to the hole.

    Raises `UsageError` if shapes do not fit or no sample counts.
    """
    _check(result, result, holes)
    want = (len(result) - 1, *holes.shape[1:], 2)
    for flow in (back, onward):
        if flow.shape != want:
            raise UsageError(f"flow of shape {flow.shape} was given; {want} fits {len(result)} frames of this size")
    errors = []
    for t in range(1, len(result)):
        way = follow(back[t - 1], onward[t - 1])
        counts = holes[t] & way.is_seen
        if counts.any():
            before = sample_bilinear(result[t - 1], way.x[counts], way.y[counts])
            difference = (result[t][counts] - before) / data_range
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
    jumps, pairs = np.zeros(2), 0
    for t in range(len(holes)):
        across = border_jumps((result[t], truth[t]), holes[t])
        jumps += across[0]
        pairs += across[1]
    if pairs == 0:
        raise UsageError("no hole has a border inside the picture, so there is no seam to measure")
    return jump_ratio(*jumps)


def border_jumps(pictures: Sequence[NDArray[Any]], hole: NDArray[np.bool_]) -> tuple[NDArray[np.float64], int]:
    """Absolute jumps across a hole's border, summed over its sample pairs: ((P,) of P pictures (H, W, C), pairs)."""
    jumps, pairs = np.zeros(len(pictures)), 0
    for axis in (0, 1):
        border = np.diff(hole, axis=axis)
        pairs += int(border.sum())
        for k, picture in enumerate(pictures):
            one = np.take(picture, range(1, picture.shape[axis]), axis)[border].astype(np.float64)
            two = np.take(picture, range(picture.shape[axis] - 1), axis)[border]
            jumps[k] += np.abs(one - two).sum()
    return jumps, pairs


def jump_ratio(of_result: float, of_truth: float) -> float:
    """A jump over the truth's: 1 where neither has any, infinite where only the result has one."""
    if of_truth == 0:
        return 1.0 if of_result == 0 else float("inf")
    return float(of_result / of_truth)


def _check(result: NDArray[Any], truth: NDArray[Any], holes: NDArray[np.bool_] | None = None) -> None:
    if result.shape != truth.shape or result.size == 0:
        raise UsageError(f"result {result.shape} and truth {truth.shape} must be of one shape, and not empty")
    if holes is not None and (holes.dtype != np.bool_ or holes.shape != result.shape[:3]):
        raise UsageError(f"holes are {holes.dtype} {holes.shape}; bool {result.shape[:3]} fits these pictures")
