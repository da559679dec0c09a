"""Rendered scenes whose truth is known: what the camera saw, the same shot without the object, and how it moved.

    scene = render("walker", frames=40)
    scene.images, scene.plate, scene.holes      # what the camera sees, the clean plate, where the object is

A scene is one or more shots; a shot is a stack of painted surfaces (`scenery/`), each carried by a homography or
swaying, seen through exposure, white balance and noise; over it move objects with shadow and mirror image, or sits a
logo. Surfaces are moved by cubic interpolation of band-limited textures, at positions rounded to 1/32 px by OpenCV.
The same name, size and seed always give the same frames; a longer render of a scene without cuts only adds to them
(but for `stay` and its kin, whose action ends with the render).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.bench.scenery.layers import Bools, Matrix, PlaneLayer
from cleanplate.bench.scenery.reveal import NEVER, ages, top_surface
from cleanplate.bench.scenery.stage import SWEEP_FRAMES, Shot, Stage
from cleanplate.bench.scenery.table import SCENES

__all__ = ["NEVER", "SCENES", "Film", "Sample", "Scene", "render", "stream"]

_HIDES = 0.998
"opacity from which a layer in front leaves less than half a level of 255 of what is behind it: taken for none"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """A rendered video and its truth."""

    name: str
    images: NDArray[Any]  # (T, H, W, 3) RGB: what the camera sees, objects included
    plate: NDArray[Any]  # (T, H, W, 3): the clean plate: same light and noise, without objects, shadows and logo
    holes: Bools  # (T, H, W): every sample an object or logo changes, its shadow and mirror image not
    labels: NDArray[np.uint8]  # (T, H, W): which object is seen there: 1, 2, ... from back to front; 0 none
    shadow: Bools  # (T, H, W): samples outside the holes that an object's shadow darkens
    mirror: Bools  # (T, H, W): samples outside the holes that an object's mirror image changes
    flow: NDArray[np.float32]  # (T-1, H, W, 2) px: the plate's motion from t to t+1; NaN across a cut or mixed frame
    back_flow: NDArray[np.float32]  # (T-1, H, W, 2) px: the plate's motion from t+1 to t; NaN alike
    camera: NDArray[np.float64]  # (T, 3, 3): the rearmost plane's points in the shot's first frame from those in t
    revealed: Bools  # (T, H, W): hole samples that `reveal_ages(holes)` finds somewhere
    cuts: tuple[int, ...]
    "indices of the frames that start a new shot without a dissolve, the first frame not counted"
    mixed: tuple[int, ...]
    "indices of the frames that mix two shots: they have no motion, and reveal nothing"
    reveal: Callable[[Bools], Bools]
    """Given holes (T, H, W), the hole samples whose point of the world is in plain sight in another frame of the shot:
    inside the picture, on the topmost surface, all four samples around it outside that frame's hole. Exact but for
    rounding to half a texel."""
    reveal_ages: Callable[[Bools], NDArray[np.int32]]
    "Given holes (T, H, W), how many frames away that frame is: 0 outside holes, `NEVER` where there is none."


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One rendered frame; fields as in `Scene`."""

    image: NDArray[Any]
    plate: NDArray[Any]
    hole: Bools
    labels: NDArray[np.uint8]
    shadow: Bools
    mirror: Bools


@dataclass(kw_only=True)
class _Light:
    """A frame before the camera: light in levels of 255, and what the objects touch."""

    plate: NDArray[np.float32]
    image: NDArray[np.float32]
    labels: NDArray[np.uint8]
    shadow: Bools
    mirror: Bools


class Film:
    """A scene that is rendered frame by frame: `film.sample(t)`. Knows its shots, holds no frames."""

    def __init__(self, name: str, *, width_px: int, height_px: int, frames: int, seed: int, bit_depth: int) -> None:
        if name not in SCENES:
            raise UsageError(f"there is no scene '{name}'; choose one of {', '.join(SCENES)}")
        if min(width_px, height_px) < 32 or frames < 1 or bit_depth not in (8, 16):
            got = f"{width_px}x{height_px}, {frames} frames, {bit_depth} bit"
            raise UsageError(f"a scene of {got} was asked for; choose at least 32x32, 1 frame, 8 or 16 bit")
        self.spec = SCENES[name]
        self.frames = frames
        self._stage = Stage(width_px=width_px, height_px=height_px, seed=seed, frames=frames)
        self._name_key = zlib.crc32(name.encode())
        self._bits = bit_depth
        self.starts = tuple(frames * k // self.spec.shots for k in range(self.spec.shots))
        self.shots = tuple(self.spec.stage(self._stage, k) for k in range(self.spec.shots))
        shortest = min(stop - start for start, stop in pairwise((*self.starts, frames)))
        self._mixing = min(self.spec.dissolve_frames, shortest // 2)

    @property
    def cuts(self) -> tuple[int, ...]:
        """See `Scene.cuts`."""
        return () if self._mixing else tuple(start for start in self.starts if start > 0)

    @property
    def mixed(self) -> tuple[int, ...]:
        """See `Scene.mixed`."""
        return tuple(t for start in self.starts[1:] for t in self._mixed_at(start))

    def _mixed_at(self, start: int) -> range:
        first = start - self._mixing // 2
        return range(first, first + self._mixing)

    def shot_of(self, t: int) -> Shot:
        """The shot that frame t belongs to, and of a mixed frame the one that weighs more."""
        return self.shots[sum(start <= t for start in self.starts) - 1]

    def sample(self, t: int) -> Sample:
        """Frame t."""
        light = self._mixture(t)
        gain, noise = self._gain(t), self._noise(t)
        clean = self._expose(light.plate, gain, noise)
        hole = light.labels > 0
        seen, changed = clean.copy(), hole | light.shadow | light.mirror
        seen[changed] = self._expose(light.image[changed], gain, noise[changed])
        differs = ~hole & (seen != clean).any(axis=-1)
        return Sample(
            image=seen,
            plate=clean,
            hole=hole,
            labels=light.labels,
            shadow=light.shadow & differs,
            mirror=light.mirror & differs,
        )

    def _mixture(self, t: int) -> _Light:
        for k, start in enumerate(self.starts[1:], start=1):
            if t in (mixed := self._mixed_at(start)):
                share = np.float32((t - mixed.start + 1) / (self._mixing + 1))
                one, two = self._light(self.shots[k - 1], t), self._light(self.shots[k], t)
                return _Light(
                    plate=one.plate + share * (two.plate - one.plate),
                    image=one.image + share * (two.image - one.image),
                    labels=np.maximum(one.labels, two.labels),
                    shadow=one.shadow | two.shadow,
                    mirror=one.mirror | two.mirror,
                )
        return self._light(self.shot_of(t), t)

    def _light(self, shot: Shot, t: int) -> _Light:
        size = self._stage.size
        plate = np.zeros((*size, 3), np.float32)
        for layer in shot.layers:
            layer.draw(plate, t)
        image, labels = plate, np.zeros(size, np.uint8)
        shadow, mirror = np.zeros((2, *size), np.bool_)
        if shot.actors:
            image = plate.copy()
            for actor in shot.actors:
                mirror |= actor.reflect(image, t)
            for label, actor in enumerate(shot.actors, start=1):
                covered, shaded = actor.draw(image, t)
                labels[covered] = label
                shadow |= shaded
        for layer in shot.front:
            layer.draw(plate, t)
            layer.draw(image, t)
            if layer.opacity is not None:
                hidden = layer.sample(t, layer.opacity, cv2.INTER_CUBIC) > _HIDES
                labels[hidden], shadow[hidden], mirror[hidden] = 0, False, False
        return _Light(plate=plate, image=image, labels=labels, shadow=shadow, mirror=mirror)

    def _gain(self, t: int) -> NDArray[np.float32]:
        swing = np.sin(2 * np.pi * t / SWEEP_FRAMES)
        # A camera that adapts also shifts its white a little.
        exposure = 1 + self.spec.drift * swing * np.array([1.0, 0.92, 0.8])
        return np.asarray(exposure * (1 + self.spec.white * swing * np.array([1.0, 0.0, -1.0])), dtype=np.float32)

    def _noise(self, t: int) -> NDArray[np.float32]:
        rng = self._stage.rng(self._name_key, t)
        shape = (self._stage.height_px, self._stage.width_px, 3)
        noise = rng.standard_normal(shape, dtype=np.float32) * np.float32(self.spec.noise)
        if self.spec.grain:
            # A Gaussian of 1 px keeps 1 / sqrt(4 pi) of the deviation of white noise.
            soft = cv2.GaussianBlur(rng.standard_normal(shape[:2], dtype=np.float32), (0, 0), 1.0) * np.sqrt(4 * np.pi)
            noise += np.float32(self.spec.grain) * soft[..., None]
        return noise

    def _expose(
        self, picture: NDArray[np.float32], light: NDArray[np.float32], noise: NDArray[np.float32]
    ) -> NDArray[Any]:
        if self._bits == 16:
            return np.asarray(np.rint(np.clip((picture * light + noise) * 257.0, 0, 65535)), dtype=np.uint16)
        return np.asarray(np.rint(np.clip(picture * light + noise, 0, 255)), dtype=np.uint8)

    def reveal(self, holes: Bools) -> Bools:
        """See `Scene.reveal`."""
        return np.asarray(self.reveal_ages(holes) > 0)

    def reveal_ages(self, holes: Bools) -> NDArray[np.int32]:
        """See `Scene.reveal_ages`."""
        found = np.where(holes, NEVER, 0).astype(np.int32)
        mixed = set(self.mixed)
        for shot, (start, stop) in zip(self.shots, pairwise((*self.starts, self.frames)), strict=True):
            frames = [t for t in range(start, stop) if t not in mixed]
            found[frames] = ages(shot, frames, holes[frames])
        return found

    def flow(self, source: int, target: int) -> NDArray[np.float32]:
        """The plate's motion (H, W, 2) in px from one frame to another; NaN where they are of different shots."""
        shot = self.shot_of(source)
        if shot is not self.shot_of(target) or not {source, target}.isdisjoint(self.mixed):
            return np.full((*self._stage.size, 2), np.nan, np.float32)
        owner = top_surface(shot, source)
        xy = shot.surfaces[0].flow(source, target)
        for n, surface in enumerate(shot.surfaces[1:], start=1):
            mine = owner == n
            xy[mine] = surface.flow(source, target)[mine]
        return xy

    def camera(self, t: int) -> Matrix:
        """See `Scene.camera`: (3, 3), lower right 1."""
        shot = self.shot_of(t)
        plane = shot.layers[0]
        assert isinstance(plane, PlaneLayer)
        found = np.linalg.inv(plane.place(self.starts[self.shots.index(shot)])) @ plane.place(t)
        return np.asarray(found / found[2, 2])


def stream(
    name: str, *, width_px: int = 432, height_px: int = 240, frames: int = 60, seed: int = 0, bit_depth: int = 8
) -> Iterator[Sample]:
    """The frames of a scene one by one, for videos too long to hold. Raises `UsageError` for an unknown scene."""
    film = Film(name, width_px=width_px, height_px=height_px, frames=frames, seed=seed, bit_depth=bit_depth)
    return (film.sample(t) for t in range(frames))


def render(
    name: str, *, width_px: int = 432, height_px: int = 240, frames: int = 60, seed: int = 0, bit_depth: int = 8
) -> Scene:
    """A whole scene with its truth. Raises `UsageError` for an unknown scene or a size below 32x32.

    `bit_depth` 16 gives full-scale uint16 pictures, which carry more than 8 bits of light.
    """
    film = Film(name, width_px=width_px, height_px=height_px, frames=frames, seed=seed, bit_depth=bit_depth)
    samples, onward, back = [], [], []
    for t in range(frames):  # all of a frame at once: surfaces remember where they are
        samples.append(film.sample(t))
        onward.append(film.flow(t, t + 1))
        back.append(film.flow(t, t - 1))
    holes = np.stack([s.hole for s in samples])
    return Scene(
        name=name,
        images=np.stack([s.image for s in samples]),
        plate=np.stack([s.plate for s in samples]),
        holes=holes,
        labels=np.stack([s.labels for s in samples]),
        shadow=np.stack([s.shadow for s in samples]),
        mirror=np.stack([s.mirror for s in samples]),
        flow=np.stack(onward)[:-1],
        back_flow=np.stack(back)[1:],
        camera=np.stack([film.camera(t) for t in range(frames)]),
        revealed=film.reveal(holes),
        cuts=film.cuts,
        mixed=film.mixed,
        reveal=film.reveal,
        reveal_ages=film.reveal_ages,
    )
