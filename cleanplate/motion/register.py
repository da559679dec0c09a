"""Bringing two frames of one shot together that lie far apart: one plane, refined from a guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.camera import fit_plane
from cleanplate.motion.dis import DisFlow

Plane = NDArray[np.float64]  # (3, 3), last entry 1: takes points (x, y) of one frame to another

STILL_PX = 0.2  # flow that most points stay below belongs to frames that did not move: better than any fit
NEARLY_STILL_PX = 2.0  # a guess that moves the corners by less is tried as no motion at all first
TEXTURE = 2.0  # mean gradient in 7x7 from which flow is believed
RIM_PX = 4  # of the known part that is left out: DIS looks at patches of 8
AGREED_PX = 1.0
CLOSER_PX = (1.0, 0.5)  # what the first fit misses by more moves otherwise, all to one side: fitted again without
ROUNDS = 2
SETTLED_PX = 0.5  # a round that moves the corners by less was the last
FEWEST_POINTS = 24
LEAST_AGREED = 0.3  # of the points that two frames far apart both show, for them to have been brought together


@dataclass(frozen=True, kw_only=True, eq=False)
class Match:
    """How well two frames were brought together."""

    plane: Plane
    agreed: float
    """Share of the textured points both show that the plane, as it was fitted to all of them, takes to within a pixel
    of where flow does; 0 = too few."""


def register(
    dis: DisFlow,
    gray: NDArray[np.uint8],
    known: NDArray[np.bool_],
    other: NDArray[np.uint8],
    other_known: NDArray[np.bool_],
    guess: Plane,
    *,
    sigma_px: float = 0.15,
) -> Match:
    """The plane that takes points of `gray` (h, w) to `other` (h2, w2), near a guess.

    Carries `other` over by the guess, finds the dense flow that is left (DIS) and fits a plane to it where both
    pictures are known and have texture; once more if that was far off. Frames that did not move come out as exactly
    that.
    """
    height, width = gray.shape
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float32)
    textured = _textured(gray) & _inner(known)
    plane = guess / guess[2, 2]
    if np.abs(through(plane, corners) - corners).max() < NEARLY_STILL_PX and gray.shape == other.shape:
        plane = np.eye(3)
    found = Match(plane=guess, agreed=0.0)
    for _ in range(ROUNDS):
        is_still = np.array_equal(plane, np.eye(3))
        seen = other if is_still else carried(other, plane, (width, height))
        seen_known = other_known if is_still else carried(other_known.view(np.uint8), plane, (width, height)) > 0
        usable = textured & _inner(seen_known)
        step = max(1, round((usable.sum() / 2000) ** 0.5))
        ys, xs = (at * step for at in np.nonzero(usable[::step, ::step]))
        if len(xs) < FEWEST_POINTS:
            return found
        points = np.stack([xs, ys], -1).astype(np.float32)
        flow = dis.pair(gray, seen)[ys, xs]
        if is_still and np.median(np.hypot(flow[:, 0], flow[:, 1])) < STILL_PX:
            return Match(plane=np.eye(3), agreed=float((np.hypot(flow[:, 0], flow[:, 1]) < AGREED_PX).mean()))
        moved, before = through(plane, points + flow), through(plane, corners)
        plane = fit_plane(points, moved, sigma_px)
        agreed = float((_missed(plane, points, moved) < AGREED_PX).mean())  # where nothing prevails no plane is right
        for most_px in CLOSER_PX:
            near = _missed(plane, points, moved) < most_px
            if np.count_nonzero(near) >= FEWEST_POINTS:
                plane = fit_plane(points[near], moved[near], sigma_px)
        found = Match(plane=plane, agreed=agreed)
        if np.abs(through(plane, corners) - before).max() < SETTLED_PX:
            break
    return found


def _missed(plane: Plane, points: NDArray[np.float32], moved: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far (N,) a plane takes points from where they were found to be, px."""
    left = through(plane, points) - moved
    return np.asarray(np.hypot(left[:, 0], left[:, 1]))


def through(plane: Plane, points_xy: NDArray[Any]) -> NDArray[np.float32]:
    """Points (N, 2) px carried by a plane."""
    carried = np.concatenate([points_xy, np.ones((len(points_xy), 1))], 1) @ plane.T
    return np.asarray(carried[:, :2] / carried[:, 2:], np.float32)


def carried(
    picture: NDArray[Any], plane: Plane, size: tuple[int, int], how: int = cv2.INTER_LINEAR, outside: int | None = 0
) -> NDArray[Any]:
    """`picture` as seen from the frame that the plane comes from, width and height `size`.

    `how`: OpenCV's interpolation; `outside`: what it finds beyond the picture's edges, None = what is nearest.
    """
    flags, shown = how | cv2.WARP_INVERSE_MAP, np.ascontiguousarray(picture)
    edge = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpPerspective(shown, plane, size, flags=flags, borderMode=edge, borderValue=outside or 0))


def from_corner(x: float, y: float) -> Plane:
    """From a part of a picture to all of it, which has the part's first sample at (x, y)."""
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def enlarging(x: float, y: float) -> Plane:
    """From a picture to the same `x` times as wide and `y` times as high; pixel centres lie at integers."""
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def in_view(planes: NDArray[np.float64], view: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Planes (..., 3, 3) between pictures as planes between parts or sizes of them, to which `view` takes points."""
    found = view @ planes @ np.linalg.inv(view)
    return np.asarray(found / found[..., 2:, 2:], np.float64)


def _inner(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is known and not at its rim; the picture's own edge is none."""
    size = (2 * RIM_PX + 1, 2 * RIM_PX + 1)
    return np.asarray(cv2.erode(known.view(np.uint8), np.ones(size, np.uint8), borderValue=1) > 0)


def _textured(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    smooth = gray.astype(np.float32)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125)
    return np.asarray(cv2.blur(cv2.magnitude(across, down), (7, 7)) > TEXTURE)
