"""What belongs to an object without being it: the shadow it casts, its image on a wet floor. No network.

    for labels in with_shadows(zip(images, all_labels)): ...

Told by the clean plate, which is known wherever the object was elsewhere at another time (`looks`): next to the object
the plate is darkened, or mixed with something else, by a share that varies slowly in place, and its texture shows
through. What covers the plate is another object, and what changes without the object near is none of its business.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box, grow_box
from cleanplate.base.arrays import cut as part_of
from cleanplate.base.types import Box, Frame, Hole, Image, Labels
from cleanplate.mask.edges import cut
from cleanplate.mask.looks import Looks, Plate, across, light_between
from cleanplate.mask.sight import see, shrink

AHEAD_FRAMES = 60
"how far ahead is looked; so many small pictures and packed labels wait"

# Lengths in px at working size.
_RIM_PX = 4  # around an object that is left out of the plate: masks are drawn tight
_AREA_PX = 5  # side of the window that ratios are taken in
_TEXTURE_PX = 9  # side of the one in which the plate's texture is looked for
_DETAIL_PX = 1.5  # finer than that is texture
_TOUCH_PX = 7  # what lies so near an object can belong to it
_REACH = 1.6  # of the object's longer side: how far its shadow may reach
_GROW_PX = 2  # the soft border of a shadow, which is too faint to be seen
_WENT = 0.08  # of the root of an object's area: so much farther away it must have been for the plate to be believed
_LEAST_CHANGE, _LEAST_LEVELS, _SIGMAS = 0.05, 4.0, 3.0  # of the light, of 255, of the looks' spread: all must be passed
_ALIKE, _W_TEXTURE = 0.75, 8.0  # correlation of textures below which something covers the plate, and what that weighs
_LEAST_AREA_PX = 24


class ShadowFinder:
    """Joins to the labels of one video what its objects cast. `step` is to follow `AHEAD_FRAMES` behind `look`."""

    def __init__(self) -> None:
        self._looks = Looks()
        self._waiting: deque[tuple[NDArray[np.uint8] | None, _Packed]] = deque()

    def __len__(self) -> int:
        """Frames that were looked at and not yet answered."""
        return len(self._waiting)

    def look(self, image: Image | None, labels: Labels) -> None:
        """The next frame (H, W, 3), None where it is damaged, and its labels (H, W). Neither is kept."""
        small = None
        if image is not None:
            small = shrink(image)
            self._looks.add(small, _grown(_shrunk(labels, small) > 0, _RIM_PX))
        self._waiting.append((small, _Packed.of(labels)))

    def step(self) -> Labels:
        """The labels (H, W) of the frame that waits longest, with what the objects cast."""
        small, packed = self._waiting.popleft()
        labels = packed.labels()
        plate = self._looks.plate() if small is not None else None
        if small is None or plate is None or packed.box_xyxy is None:
            return labels
        cast = _cast(small, _shrunk(labels, small), plate)
        for number in np.unique(cast[cast > 0]):
            grown = _grown(cast == number, _GROW_PX).astype(np.float32)
            full = cv2.resize(grown, labels.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
            labels[full & (labels == 0)] = number
        return labels


def with_shadows(frames: Iterable[tuple[Image | None, Labels]]) -> Iterator[Labels]:
    """The labels (H, W) of each frame with shadows and mirror images joined.

    frames: pictures (H, W, 3), uint8 or uint16, None where one is damaged, and their labels. They are read
    `AHEAD_FRAMES` ahead and not kept.
    """
    finder = ShadowFinder()
    for image, labels in frames:
        finder.look(image, labels)
        if len(finder) > AHEAD_FRAMES:
            yield finder.step()
    while len(finder):
        yield finder.step()


def shadowed(frames: Iterable[tuple[Frame, Labels]]) -> Iterator[tuple[Frame, Labels]]:
    """The same for a video's frames, which come back without their pictures."""
    timing: deque[Frame] = deque()

    def told() -> Iterator[tuple[Image | None, Labels]]:
        for frame, labels in frames:
            timing.append(replace(frame, native=None))
            yield None if frame.native is None else frame.image, labels

    for labels in with_shadows(told()):
        yield timing.popleft(), labels


@dataclass(frozen=True, eq=False)
class _Packed:
    """Labels that wait: two megabytes at 1080p, of which a few kilobytes tell all."""

    shape: tuple[int, int]
    box_xyxy: Box | None
    data: bytes

    @classmethod
    def of(cls, labels: Labels) -> _Packed:
        box = bounding_box(labels > 0)
        data = b"" if box is None else zlib.compress(part_of(labels, box).tobytes(), 1)
        return cls((labels.shape[0], labels.shape[1]), box, data)

    def labels(self) -> Labels:
        found = np.zeros(self.shape, np.uint8)
        if self.box_xyxy is not None:
            part = part_of(found, self.box_xyxy)
            part[:] = np.frombuffer(zlib.decompress(self.data), np.uint8).reshape(part.shape)
        return found


def _cast(small: NDArray[np.uint8], objects: Labels, plate: Plate) -> Labels:
    """Where each object's shadow or mirror image lies, at working size: (h, w), 0 elsewhere."""
    hole = _grown(objects > 0, _RIM_PX // 2)
    size = np.sqrt((objects > 0).sum())
    away = cv2.distanceTransform((objects == 0).astype(np.uint8), cv2.DIST_L2, 3)
    usable = plate.known & ~hole
    went = plate.away_px > away + np.maximum(_WENT * size, _RIM_PX)
    score = _score(small.astype(np.float32), plate, usable)
    if score is None:
        return np.zeros_like(objects)
    degree = cut(score, see(small).lab, 1.0)
    found = (degree > 0.5) & usable & went
    return _belonging(found, objects)


def _score(small: NDArray[np.float32], plate: Plate, usable: Hole) -> NDArray[np.float32] | None:
    """The logit (h, w) of each sample being darkened or mirrored on; None where nothing is known of the plate."""
    if usable.sum() < _TEXTURE_PX**2:
        return None
    wanted = plate.picture * light_between(plate.picture, small, usable)
    share = usable.astype(np.float32)
    near, wide = _Window(share, _AREA_PX), _Window(share, _TEXTURE_PX)
    seen, was, spread = near.mean(small), near.mean(wanted), near.mean(plate.spread)
    bright = np.maximum(across(was), 1)
    change = across(np.abs(seen - was)) / bright
    certain = np.maximum(_LEAST_CHANGE, np.maximum(_SIGMAS * spread, _LEAST_LEVELS) / bright)
    # What lies on the plate lets its texture through; what covers it brings its own.
    a, b = _detail(small), _detail(wanted)
    noise = wide.mean(plate.spread**2) + 2
    alike = (wide.mean(a * b) + noise) / np.sqrt((wide.mean(a * a) + noise) * (wide.mean(b * b) + noise))
    score = np.clip(2 * (change / certain - 1), -3, 3) + _W_TEXTURE * np.clip(alike - _ALIKE, -0.6, 0.0)
    return np.where(usable & (near.share > 0.3), score, -3).astype(np.float32)


def _detail(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The fine structure of a picture's brightness (h, w), without what changes slowly: a soft shadow's border."""
    light = across(picture)
    return np.asarray(light - cv2.GaussianBlur(light, (0, 0), _DETAIL_PX), np.float32)


class _Window:
    """Means over a square window of what counts."""

    def __init__(self, weight: NDArray[np.float32], side_px: int) -> None:
        self._weight, self._size = weight, (side_px, side_px)
        self.share = np.asarray(cv2.blur(weight, self._size), np.float32)

    def mean(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        weight, share = self._weight, np.maximum(self.share, np.float32(1e-3))
        if values.ndim == 3:
            weight, share = weight[..., None], share[..., None]
        return np.asarray(cv2.blur(values * weight, self._size) / share, np.float32)


def _belonging(found: Hole, objects: Labels) -> Labels:
    """The parts found that touch an object, with the object's number."""
    cast = np.zeros_like(objects)
    _, parts, facts, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    for number in np.unique(objects[objects > 0]):
        own = objects == number
        box = bounding_box(own) or (0, 0, 0, 0)
        reach = grow_box(box, round(_REACH * max(box[2] - box[0], box[3] - box[1])), *found.shape[::-1])
        near = np.unique(parts[_grown(own, _TOUCH_PX) & found])
        for part in near[(near > 0) & (facts[near, cv2.CC_STAT_AREA] >= _LEAST_AREA_PX)]:
            inside, mine = part_of(cast, reach), part_of(parts, reach) == part
            inside[mine & (inside == 0)] = number
    return cast


def _shrunk(labels: Labels, small: NDArray[np.uint8]) -> Labels:
    return np.asarray(cv2.resize(labels, small.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _grown(inside: Hole, by_px: int) -> Hole:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by_px + 1, 2 * by_px + 1))
    return np.asarray(cv2.dilate(inside.astype(np.uint8), disc) > 0)
