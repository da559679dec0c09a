"""What frames from far away show of a hole: each registered to the frame directly, judged by the rim, and mixed in.

A chain of flow through hundreds of frames drifts; one plane between two frames does not. So each reference is carried
over by the camera's path, refined on what both frames show (`motion/register.py`), its light fitted to the frame's, and
what is left of a difference at the hole's rim is spread inward: as a correction, and as how far to trust it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Reference
from cleanplate.motion.complete import harmonic
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.layers import second_layer
from cleanplate.motion.register import Plane, register
from cleanplate.paint.judge import V_FLOOR, V_POWER
from cleanplate.paint.looks import bounds, look
from cleanplate.paint.sampling import DEEP
from cleanplate.paint.smooth import CONTEXT_PX

TRUST = 7.5  # weight exp(TRUST) (V + V_FLOOR)^-V_POWER, that of the smooth fill being 1
LEAST_AGREED = 0.3  # of the points both frames show that must follow the plane
WELL_AGREED = 0.65  # the same: what is painted in a frame nearby follows the motion instead if fewer do
SETTLED_BY = 6  # frames
BAND_PX = 3  # of 240: the rim that judges
LIGHT_PX = 24  # of 240: the surroundings that the light is fitted to
LIGHT_LEVELS = 20.0  # a difference of so many levels of 255 at the rim is half believed to be one of light
GAIN_LIMITS = (0.5, 2.0)
FEWEST_SAMPLES = 50
FADE_POWER = 8  # of time: painted references give way to each other over a third of the way
TRUSTED = 1e6  # weight of one that is right: nothing else counts beside it


@dataclass(kw_only=True, eq=False)
class _Prepared:
    """A reference as it is looked at."""

    reference: Reference
    gray: NDArray[np.uint8]  # at the working scale
    known: NDArray[np.bool_]
    visible: NDArray[np.float32]  # (h, w) at full size: 1 = may be copied
    is_used: bool = True


class _Ways(NamedTuple):
    """How a reference is carried over to a frame, and what share of what both show agrees with the first plane."""

    planes: list[Plane]
    agreed: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Layer:
    """What a reference shows of a part of a frame."""

    image: NDArray[np.float32]  # (h, w, 3), 0-255
    trust: NDArray[np.float32]  # (h, w): its weight, that of the smooth fill being 1
    edge: NDArray[np.float32]  # (h, w): 1 = it shows that place, falling to 0 where that ends


@dataclass(eq=False)
class Mixed:
    """How much what lies in a hole counts before any motion is followed. All (h, w)."""

    weight: NDArray[np.float32]
    "that of the smooth fill alone being 1"
    invented: NDArray[np.float32]
    "how much of it is: by the smooth fill, by who painted a reference"
    painted: NDArray[np.float32]
    "0-1: how far a painted reference took the place of the smooth fill"


class FarSight:
    """The references of one clip. Several threads may ask for layers at a time."""

    def __init__(self, references: Sequence[Reference], start: int, scale: int, unit: float) -> None:
        """`start`: the clip's first frame.

        `scale`: how many times smaller the working pictures are; `unit`: their full frame's height / 240.
        """
        self._start = start
        self._scale = scale
        self._unit = unit
        self._prepared = [self._prepare(reference) for reference in references]
        self._local = threading.local()  # DIS keeps buffers: one a thread
        self._matched: dict[tuple[int, int], _Ways] = {}

    def _prepare(self, reference: Reference) -> _Prepared:
        rows, columns = (-(-side // self._scale) for side in reference.hole.shape)
        gray, masked = look(reference.image, reference.hole, self._scale, rows, columns)
        near = cv2.dilate(reference.hole.view(np.uint8), np.ones((3, 3), np.uint8))
        return _Prepared(reference=reference, gray=gray, known=~masked, visible=np.asarray(1 - near, np.float32))

    def mix(
        self,
        t: int,
        image: NDArray[Any],
        hole: NDArray[np.bool_],
        gray: NDArray[np.uint8],
        masked: NDArray[np.bool_],
        corner_xy: tuple[int, int],
        out: NDArray[np.float32],
    ) -> Mixed:
        """Mix what the references show of frame `t` into `out` (h, w, 3), 0-255.

        `image` (H, W, 3), `hole` (H, W); `gray`, `masked`: the frame at the working scale; `out`: the part of the frame
        from `corner_xy` on, filled smoothly, which weighs 1. Painted references take the place of the smooth fill.
        """
        found = Mixed(*(np.full(out.shape[:2], weight, np.float32) for weight in (1, 1, 0)))
        shown, total = np.zeros_like(out), np.full(out.shape[:2], np.finfo(np.float32).tiny)
        indices = [one.reference.index for one in self._prepared if one.reference.is_painted]
        nearest = min((abs(index - self._start - t) for index in indices), default=0)
        for one, layer in self._layers(t, image, hole, gray, masked, corner_xy, out.shape[:2], is_painted=True):
            away = abs(one.reference.index - self._start - t)
            share = layer.trust * np.float32(((1 + nearest) / (1 + away)) ** FADE_POWER)
            shown += share[..., None] * layer.image
            total += share
            np.maximum(found.painted, layer.edge, out=found.painted)
            if one.reference.is_trusted:
                np.maximum(found.weight, TRUSTED * layer.edge, out=found.weight)
        out += found.painted[..., None] * (shown / total[..., None] - out)
        found.invented += found.weight - 1
        for _, layer in self._layers(t, image, hole, gray, masked, corner_xy, out.shape[:2], is_painted=False):
            found.weight += layer.trust
            out += (layer.trust / found.weight)[..., None] * (layer.image - out)
        return found

    def _layers(
        self,
        t: int,
        image: NDArray[Any],
        hole: NDArray[np.bool_],
        gray: NDArray[np.uint8],
        masked: NDArray[np.bool_],
        corner_xy: tuple[int, int],
        shape: tuple[int, int],
        *,
        is_painted: bool,
    ) -> Iterator[tuple[_Prepared, _Layer]]:
        """What each reference of one kind shows, by each of its planes, of the part (h, w) from `corner_xy` on."""
        for n, one in enumerate(self._prepared):
            if one.is_used and one.reference.needed[t] and one.reference.is_painted == is_painted:
                for plane in self._match(n, t, gray, ~masked).planes:
                    layer = self._layer(one, plane, image, hole, corner_xy, shape)
                    if layer is not None:
                        yield one, layer

    def settle(self, gray: NDArray[np.uint8], masked: NDArray[np.bool_]) -> list[Reference]:
        """Painted references of frames of the clip itself that no plane carries well: the motion has to. Call first.

        They are not mixed in, and neither are those from elsewhere that fit worse than one of these may, or nowhere.
        One decision for the whole clip: what comes and goes is seen. `gray`, `masked` (T, h, w): all frames at the
        working scale.
        """
        painted = [n for n, one in enumerate(self._prepared) if one.reference.is_painted]
        places = {n: self._prepared[n].reference.index - self._start for n in painted}
        inside = [n for n in painted if 0 <= places[n] < len(gray)]
        followed = []
        for n in painted:
            reference = self._prepared[n].reference
            frames = [t for t in np.flatnonzero(reference.needed).tolist() if t != places[n] and masked[t].any()]
            if reference.is_trusted or not frames:
                continue
            tried = frames[:: -(-len(frames) // SETTLED_BY)]
            agreed = float(np.median([self._match(n, t, gray[t], ~masked[t]).agreed for t in tried]))
            if 0 < agreed < (WELL_AGREED if inside else LEAST_AGREED):  # 0: too little texture to tell
                self._prepared[n].is_used = False
                if n in inside:
                    followed.append(reference)
        return followed

    def _match(self, n: int, t: int, gray: NDArray[np.uint8], known: NDArray[np.bool_]) -> _Ways:
        """What takes points of frame `t` to the n-th reference, at full size: the planes of one layer or two; or none.

        `gray`, `known` (h, w): the frame at the working scale.
        """
        if (n, t) not in self._matched:
            if not hasattr(self._local, "dis"):
                self._local.dis = DisFlow(finest_scale=1, stride_px=4, refinements=0)
            dis, one, s = self._local.dis, self._prepared[n], self._scale
            enlarge = np.array([[s, 0, (s - 1) / 2], [0, s, (s - 1) / 2], [0, 0, 1]])
            shrink = np.linalg.inv(enlarge)
            guess = shrink @ one.reference.planes[t] @ enlarge
            match = register(dis, gray, known, one.gray, one.known, guess)
            if one.reference.is_painted:  # better a guess than nothing
                planes = [match.plane if match.agreed >= LEAST_AGREED else guess]
            elif match.agreed >= LEAST_AGREED:
                second = second_layer(dis, gray, known, one.gray, one.known, match.plane, self._unit)
                planes = [match.plane] if second is None else [match.plane, second]
            else:
                planes = []
            self._matched[n, t] = _Ways([enlarge @ plane @ shrink for plane in planes], match.agreed)
        return self._matched[n, t]

    def _layer(
        self,
        one: _Prepared,
        plane: Plane,
        image: NDArray[Any],
        hole: NDArray[np.bool_],
        corner_xy: tuple[int, int],
        shape: tuple[int, int],
    ) -> _Layer | None:
        """One reference carried over by `plane`, in the frame's light; None where too little tells of that."""
        x0, y0, x1, y1 = bounds(hole, max(round(LIGHT_PX * self._unit * self._scale), CONTEXT_PX))
        part, size = np.s_[y0:y1, x0:x1], (x1 - x0, y1 - y0)
        shifted = plane @ np.array([[1, 0, x0], [0, 1, y0], [0, 0, 1]])
        levels = np.float32(DEEP if image.dtype == np.uint16 else 1)
        shown = _carried(one.reference.image, shifted, size, cv2.INTER_LANCZOS4).astype(np.float32) / levels
        visible = _carried(one.visible, shifted, size, cv2.INTER_LINEAR)
        given, inside = image[part].astype(np.float32) / levels, hole[part]
        both = ~inside & (visible > 0.999)
        if np.count_nonzero(both) < FEWEST_SAMPLES:
            return None
        shown = _relit(shown, given, both)
        verdict = self._judged(shown - given, both, inside)
        trust = np.exp(TRUST) * (np.maximum(verdict[..., 3], 0) + V_FLOOR) ** -V_POWER
        trust *= trust / (1 + trust)  # what is no better than the smooth fill only makes that flicker
        shown -= verdict[..., :3]
        edge = np.clip(2 * cv2.blur((visible > 0.999).astype(np.float32), (3, 3)) - 1, 0, 1).astype(np.float32)
        cx, cy = corner_xy[0] - x0, corner_xy[1] - y0  # what is asked for reaches less far
        mine = np.s_[cy : cy + shape[0], cx : cx + shape[1]]
        trust = np.asarray(trust * edge, np.float32)
        return _Layer(image=shown[mine], trust=trust[mine], edge=edge[mine])

    def _judged(
        self, residual: NDArray[np.float32], both: NDArray[np.bool_], inside: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Mean residual (3) and mean square (1) at the hole's rim, spread harmonically over all: (h, w, 4)."""
        cell = 2 * self._scale
        band = round(BAND_PX * self._unit * self._scale)
        side = 2 * max(band, 1) + 1
        rim = both & (cv2.dilate(inside.view(np.uint8), np.ones((side, side), np.uint8)) > 0)
        square = (residual**2).mean(-1, keepdims=True)
        # What differs much is another thing, not other light: it says nothing of by how much to correct.
        told = np.concatenate([residual / (1 + square / LIGHT_LEVELS**2), square], -1) * rim[..., None]
        height, width = inside.shape
        size = max(width // cell, 1), max(height // cell, 1)
        hits = cv2.resize(rim.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        mean = cv2.resize(told, size, interpolation=cv2.INTER_AREA) / np.maximum(hits, 1e-6)[..., None]
        spread = harmonic(np.asarray(mean, np.float32), hits > 0.01, default=0)
        return np.asarray(cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _carried(picture: NDArray[Any], plane: Plane, size: tuple[int, int], how: int) -> NDArray[Any]:
    return np.asarray(cv2.warpPerspective(picture, plane, size, flags=how | cv2.WARP_INVERSE_MAP))


def _relit(shown: NDArray[np.float32], given: NDArray[np.float32], both: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`shown` with the gain and offset of each channel by which it comes nearest to `given` where both are known."""
    step = max(1, int(np.count_nonzero(both)) // 4000)
    a, b = shown[both][::step].astype(np.float64), given[both][::step].astype(np.float64)
    out = np.empty_like(shown)
    for c in range(3):
        gain, offset = 1.0, float(np.median(b[:, c] - a[:, c]))
        for _ in range(3):
            left = np.abs(gain * a[:, c] + offset - b[:, c])
            good = left <= max(2.5 * float(np.median(left)), 1.0)
            x, y = a[good, c], b[good, c]
            spread = float(((x - x.mean()) ** 2).sum())
            gain = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 25 * len(x) else 1.0
            if not GAIN_LIMITS[0] <= gain <= GAIN_LIMITS[1]:
                gain = 1.0
            offset = float(np.median(y - gain * x))
        out[..., c] = gain * shown[..., c] + offset
    return out
