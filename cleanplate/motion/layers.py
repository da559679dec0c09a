"""A second layer: the motion of what one plane leaves unexplained, and what of a picture lies in front by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box, grow_box
from cleanplate.base.types import Box
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.register import FEWEST_POINTS, LEAST_AGREED, Plane, carried, from_corner, register, through

MID_GRAY = 127.5
# Lengths marked "of 240" are pixels of a frame 240 lines high and grow with it.
AROUND_PX = 48  # of 240: how much around the hole is looked at
REACH_PX = 200  # of 240: how far the second layer may lie from where the plane takes it, at most
APART_LEVELS = 12.0  # mean difference in 5x5 from which the plane has not explained a place
LEAST_SHARE = 0.1  # of what both show: less unexplained is noise, or something small that passes
LEAST_SHOWN = 0.5  # of it that the other frame has to show
LEAST_EXPLAINED = 0.3  # of what the plane has not: the rest is what the layer in front has uncovered or hides there
TRIED, APART_PX = 12, 3  # places where the template fits best, so far from each other
SETTLED_PX = 2.0
ALONE = 2.0  # so many times nearer what one picture alone tells must come
TIDY_PX = 5  # smaller specks of one layer in another are none


def second_layer(
    dis: DisFlow,
    gray: NDArray[np.uint8],
    known: NDArray[np.bool_],
    other: NDArray[np.uint8],
    other_known: NDArray[np.bool_],
    plane: Plane,
    unit: float,
    part: Box | None = None,
) -> Plane | None:
    """The plane of what `plane` does not explain: the same, but shifted; None where nothing is left, or none is found.

    `gray` (h, w), `other` (h2, w2) and what is known of them: as for `register`; `unit`: frame height / 240. All that
    the plane does not explain in a part of the picture, or else near what is unknown, is searched for as one template.
    """
    height, width = gray.shape
    if part is None:
        hole = bounding_box(~known)
        if hole is None:
            return None
        part = grow_box(hole, round(AROUND_PX * unit), width, height)
    x0, y0, x1, y1 = part
    window = np.s_[y0:y1, x0:x1]
    there = through(plane, np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]))
    # As far as `other` still shows half of the window.
    spare = np.maximum(there.max(0), other.shape[::-1] - there.min(0)) - (x1 - x0, y1 - y0) * np.array(LEAST_SHOWN)
    right, down = (round(float(np.clip(way, 1, REACH_PX * unit))) for way in spare)
    here = plane @ from_corner(x0 - right, y0 - down)
    size = x1 - x0 + 2 * right, y1 - y0 + 2 * down
    wide = carried(other, here, size)
    middle = np.s_[down : down + y1 - y0, right : right + x1 - x0]
    shown = carried(other_known.view(np.uint8), here, size) > 0
    both = known[window] & shown[middle]
    if not both.any():
        return None
    differ = gray[window].astype(np.float32) - wide[middle]
    apart = cv2.blur(np.where(both, np.abs(differ - np.median(differ[both])), 0), (5, 5))
    odd = both & (apart > APART_LEVELS)
    if np.count_nonzero(odd) < max(LEAST_SHARE * np.count_nonzero(both), FEWEST_POINTS):
        return None
    told = gray[window] - np.median(differ[both])
    best, most = plane, LEAST_EXPLAINED
    for at_x, at_y in _lowest(_errors(told, odd, wide, shown)):
        found = wide[at_y : at_y + y1 - y0, at_x : at_x + x1 - x0]
        explained = float((cv2.blur(np.abs(told - found), (5, 5))[odd] < APART_LEVELS).mean())
        if explained > most:
            best, most = plane @ from_corner(at_x - right, at_y - down), explained
    if best is plane:
        return None
    flow = dis.pair(gray, carried(other, best, (width, height)))[window][odd]
    near = flow[np.hypot(flow[:, 0], flow[:, 1]) < SETTLED_PX]
    if len(near) < FEWEST_POINTS:
        return None
    dx, dy = np.median(near, axis=0)
    return np.asarray(best @ from_corner(dx, dy))


def tell_front(
    dis: DisFlow,
    gray: NDArray[np.uint8],
    known: NDArray[np.bool_],
    others: Sequence[tuple[NDArray[np.uint8], NDArray[np.bool_], Plane]],
    unit: float,
) -> NDArray[np.bool_] | None:
    """What of a picture (h, w) lies in front of the rest and moves by itself; None where nothing does.

    `others`: pictures of the same shot, what of them is known, and a guess of the plane that takes points there. In
    front is what all of them show where the second layer takes it, and none where the first does: what the first shows
    and one of them hides, another one from the other side shows.
    """
    height, width = gray.shape
    behind, before = np.full((2, height, width), np.nan, np.float32)
    told = np.zeros((height, width), np.uint8)
    for other, other_known, guess in others:
        match = register(dis, gray, known, other, other_known, guess)
        if match.agreed < LEAST_AGREED:
            continue
        second = second_layer(dis, gray, known, other, other_known, match.plane, unit, (0, 0, width, height))
        if second is not None:
            first_apart, second_apart = (
                _apart(gray, known, other, other_known, plane) for plane in (match.plane, second)
            )
            behind, before = np.fmin(behind, first_apart), np.fmax(before, second_apart)
            told += np.isfinite(first_apart + second_apart)
    sure = (before < behind) & (before < np.where(told > 1, APART_LEVELS, APART_LEVELS / ALONE))
    tidy = cv2.medianBlur(sure.view(np.uint8), TIDY_PX)
    # At its edge what is around it, which moves otherwise, spoils both.
    return (before < behind) & (cv2.dilate(tidy, np.ones((3, 3), np.uint8)) > 0) if tidy.any() else None


def _apart(
    gray: NDArray[np.uint8],
    known: NDArray[np.bool_],
    other: NDArray[np.uint8],
    other_known: NDArray[np.bool_],
    plane: Plane,
) -> NDArray[np.float32]:
    """By how many levels two pictures differ in 3x3 around each point, carried by a plane; NaN where one is unknown."""
    size = gray.shape[1], gray.shape[0]
    both = known & (carried(other_known.view(np.uint8), plane, size) > 0)
    weight = both.astype(np.float32)
    differ = cv2.blur(cv2.absdiff(gray, carried(other, plane, size)) * weight, (3, 3))
    return np.where(both, differ / np.maximum(cv2.blur(weight, (3, 3)), 0.05), np.nan).astype(np.float32)


def _errors(
    picture: NDArray[np.float32], where: NDArray[np.bool_], wide: NDArray[np.uint8], shown: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Mean squared difference of a picture (h, w), `where` it counts, from each place of a `wide` one.

    Only what that one has `shown` counts; infinite where that is less than `LEAST_SHOWN` of the picture.
    """
    weight, seen = where.astype(np.float32), shown.astype(np.float32)
    one = (picture - MID_GRAY).astype(np.float32) * weight
    two = (wide - np.float32(MID_GRAY)) * seen
    terms = ((seen, one * one, 1), (two, one, -2), (two * two, weight, 1))
    total = sum(times * cv2.matchTemplate(a, b, cv2.TM_CCORR) for a, b, times in terms)
    count = cv2.matchTemplate(seen, weight, cv2.TM_CCORR)
    enough = count > LEAST_SHOWN * weight.sum()
    return np.where(enough, np.maximum(total, 0) / np.maximum(count, 1), np.inf).astype(np.float32)


def _lowest(errors: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """The lowest places (x, y), each the lowest around it."""
    for _ in range(TRIED):
        y, x = (int(at) for at in np.unravel_index(int(np.argmin(errors)), errors.shape))
        if not np.isfinite(errors[y, x]):
            return
        yield x, y
        errors[max(y - APART_PX, 0) : y + APART_PX + 1, max(x - APART_PX, 0) : x + APART_PX + 1] = np.inf
