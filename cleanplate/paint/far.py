"""What frames from far away show of a hole: each registered to the frame directly, judged by the rim, and mixed in.

A chain of flow through hundreds of frames drifts; one plane between two frames does not. So each reference is carried
over by the camera's path, refined on what both frames show (`motion/register.py`), its light fitted to the frame's, and
what is left of a difference at the hole's rim is spread inward: as a correction, and as how far to trust it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Box, Reference
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.layers import second_layer
from cleanplate.motion.register import LEAST_AGREED, Plane, carried, enlarging, from_corner, in_view, register
from cleanplate.paint.fit import judged, relit
from cleanplate.paint.judge import V_FLOOR, V_POWER
from cleanplate.paint.looks import bounds, look
from cleanplate.paint.sampling import DEEP
from cleanplate.paint.smooth import CONTEXT_PX

TRUST = 11  # weight exp(TRUST) (V + V_FLOOR)^-V_POWER, that of the smooth fill being 1
WELL_AGREED = 0.65  # of the points both show that must follow the plane; else what is painted nearby follows the motion
SETTLED_BY = 6  # frames
LIGHT_PX = 24  # of 240: the surroundings that the light is fitted to
FEWEST_SAMPLES = 50
FITS_LEVELS, FITS_SHARE = 16.0, 0.6  # so much of a layer in front must come so near to what is around the hole
FADE_POWER = 8  # of time: painted references give way to each other over a third of the way
TRUSTED = 1e6  # weight of one that is right: nothing else counts beside it


@dataclass(kw_only=True, eq=False)
class _Prepared:
    """A reference as it is looked at."""

    reference: Reference
    gray: NDArray[np.uint8]  # at the working scale
    known: NDArray[np.bool_]
    visible: NDArray[np.float32]  # (h, w) at full size: 1 = may be copied
    front: NDArray[np.float32] | None  # (h, w): 1 = lies in front; None = nothing is known to
    is_used: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """What is asked for: a part of a frame that has its hole in it."""

    t: int
    image: NDArray[Any]  # (H, W, 3): the frame's
    hole: NDArray[np.bool_]  # (H, W)
    gray: NDArray[np.uint8]  # (h, w): the frame at the working scale
    masked: NDArray[np.bool_]  # (h, w)
    box: Box


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
    shows: NDArray[np.bool_]  # (h', w'): the same, as far around the hole as is looked at
    fits: float
    "share of the samples outside the hole that it comes near to"


@dataclass(eq=False)
class Mixed:
    """How much what lies in a hole counts before any motion is followed. All (h, w)."""

    weight: NDArray[np.float32]
    "that of the smooth fill alone being 1"
    invented: NDArray[np.float32]
    "how much of it is: by the smooth fill, by who painted a reference"
    painted: NDArray[np.float32]
    "0-1: how far a painted reference took the place of the smooth fill"

    @classmethod
    def of_smooth(cls, fill: NDArray[np.float32]) -> Mixed:
        """That of a smooth fill (h, w, 3) alone."""
        return cls(*(np.full(fill.shape[:2], weight, np.float32) for weight in (1, 1, 0)))


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
        return _Prepared(
            reference=reference,
            gray=gray,
            known=~masked,
            visible=np.asarray(1 - near, np.float32),
            front=None if reference.front is None else reference.front.astype(np.float32),
        )

    def mix(self, part: Part, out: NDArray[np.float32]) -> Mixed:
        """Mix what the references show of a part of a frame into `out` (h, w, 3), 0-255, which is the part itself.

        It comes filled smoothly, which weighs 1. Painted references take the place of the smooth fill.
        """
        found = Mixed.of_smooth(out)
        shown, total = np.zeros_like(out), np.full(out.shape[:2], np.finfo(np.float32).tiny)
        indices = [one.reference.index for one in self._prepared if one.reference.is_painted]
        nearest = min((abs(index - self._start - part.t) for index in indices), default=0)
        for one, layer in self._layers(part, is_painted=True):
            away = abs(one.reference.index - self._start - part.t)
            share = layer.trust * np.float32(((1 + nearest) / (1 + away)) ** FADE_POWER)
            shown += share[..., None] * layer.image
            total += share
            np.maximum(found.painted, layer.edge, out=found.painted)
            if one.reference.is_trusted:
                np.maximum(found.weight, TRUSTED * layer.edge, out=found.weight)
        out += found.painted[..., None] * (shown / total[..., None] - out)
        found.invented += found.weight - 1
        for _, layer in self._layers(part, is_painted=False):
            found.weight += layer.trust
            out += (layer.trust / found.weight)[..., None] * (layer.image - out)
        return found

    def _layers(self, part: Part, *, is_painted: bool) -> list[tuple[_Prepared, _Layer]]:
        """What each reference of one kind shows; of what lies in front first, as that covers what all others show."""
        asked = [
            (n, one)
            for n, one in enumerate(self._prepared)
            if one.is_used and one.reference.needed[part.t] and one.reference.is_painted == is_painted
        ]
        matches = [(one, self._match(n, part.t, part.gray, ~part.masked).planes) for n, one in asked]
        found: list[tuple[_Prepared, _Layer]] = []
        covered: NDArray[np.bool_] | None = None
        for one, planes in matches:
            for plane in planes[1:]:
                layer = self._layer(one, plane, part, is_front=True)
                if layer is not None and (one.front is None or layer.fits >= FITS_SHARE):
                    found.append((one, layer))
                    if one.front is not None:
                        covered = layer.shows if covered is None else covered | layer.shows
        for one, planes in matches:
            for plane in planes[:1]:
                layer = self._layer(one, plane, part, is_front=False, covered=covered)
                if layer is not None:
                    found.append((one, layer))
        return found

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
            agreed = np.inf if reference.is_trusted else self._agreed(n, gray, masked, places[n])
            if 0 < agreed < (WELL_AGREED if inside else LEAST_AGREED):  # 0: too little texture to tell
                self._prepared[n].is_used = False
                if n in inside:
                    followed.append(reference)
        if followed:  # then what was seen far away is carried no better, and flickers beside what follows the motion
            for n, one in enumerate(self._prepared):
                if n not in painted and 0 < self._agreed(n, gray, masked) < WELL_AGREED:
                    one.is_used = False
        return followed

    def _agreed(self, n: int, gray: NDArray[np.uint8], masked: NDArray[np.bool_], its_own: int | None = None) -> float:
        """The median share of points that follow the n-th reference's plane, over some frames; infinite without any."""
        frames = [t for t in np.flatnonzero(self._prepared[n].reference.needed).tolist() if masked[t].any()]
        frames = [t for t in frames if t != its_own]
        tried = frames[:: -(-len(frames) // SETTLED_BY)] if frames else []
        agreed = [self._match(n, t, gray[t], ~masked[t]).agreed for t in tried]
        return float(np.median(agreed)) if agreed else np.inf

    def _match(self, n: int, t: int, gray: NDArray[np.uint8], known: NDArray[np.bool_]) -> _Ways:
        """What takes points of frame `t` to the n-th reference, at full size: the planes of one layer or two; or none.

        `gray`, `known` (h, w): the frame at the working scale.
        """
        if (n, t) not in self._matched:
            if not hasattr(self._local, "dis"):
                self._local.dis = DisFlow(finest_scale=1, stride_px=4, refinements=0)
            dis, one, enlarge = self._local.dis, self._prepared[n], enlarging(self._scale, self._scale)
            guess = in_view(one.reference.planes[t], np.linalg.inv(enlarge))
            match = register(dis, gray, known, one.gray, one.known, guess)
            if one.reference.is_painted:  # better a guess than nothing
                planes = [match.plane if match.agreed >= LEAST_AGREED else guess]
            elif match.agreed >= LEAST_AGREED:
                second = second_layer(dis, gray, known, one.gray, one.known, match.plane, self._unit)
                planes = [match.plane] if second is None else [match.plane, second]
            else:
                planes = []
            self._matched[n, t] = _Ways([in_view(plane, enlarge) for plane in planes], match.agreed)
        return self._matched[n, t]

    def _layer(
        self,
        one: _Prepared,
        plane: Plane,
        part: Part,
        *,
        is_front: bool,
        covered: NDArray[np.bool_] | None = None,
    ) -> _Layer | None:
        """What of a reference lies in front, or what does not, carried over by `plane`, in the frame's light.

        All of it where neither is known to; None where too little tells of the light. `covered`: by what lies in front,
        as far around the hole as is looked at.
        """
        x0, y0, x1, y1 = bounds(part.hole, max(round(LIGHT_PX * self._unit * self._scale), CONTEXT_PX))
        around, size = np.s_[y0:y1, x0:x1], (x1 - x0, y1 - y0)
        shifted = plane @ from_corner(x0, y0)
        levels = np.float32(DEEP if part.image.dtype == np.uint16 else 1)
        image = carried(one.reference.image, shifted, size, cv2.INTER_LANCZOS4, outside=None)
        shown = image.astype(np.float32) / levels
        shows = carried(one.visible, shifted, size) > 0.999
        if one.front is not None:
            front = carried(one.front, shifted, size)
            shows &= front > 0.5 if is_front else front < 0.01
        if covered is not None:
            shows &= ~covered
        given, inside = part.image[around].astype(np.float32) / levels, part.hole[around]
        both = ~inside & shows
        if np.count_nonzero(both) < FEWEST_SAMPLES:
            return None
        shown = relit(shown, given, both)
        residual = shown - given
        verdict = judged(residual, both, inside, self._scale, self._unit)
        trust = np.exp(TRUST) * (np.maximum(verdict[..., 3], 0) + V_FLOOR) ** -V_POWER
        trust *= trust / (1 + trust)  # what is no better than the smooth fill only makes that flicker
        shown -= verdict[..., :3]
        edge = np.clip(2 * cv2.blur(shows.astype(np.float32), (3, 3)) - 1, 0, 1).astype(np.float32)
        left, top, right, low = part.box  # what is asked for reaches less far
        mine = np.s_[top - y0 : low - y0, left - x0 : right - x0]
        trust = np.asarray(trust * edge, np.float32)
        fits = float((np.abs(residual[both]).mean(-1) < FITS_LEVELS).mean())
        return _Layer(image=shown[mine], trust=trust[mine], edge=edge[mine], shows=shows, fits=fits)
