"""Rendered scenes whose truth is known: what the camera saw, the same shot without the object, and how it moved.

    scene = render("walker", frames=40)
    scene.images, scene.plate, scene.holes      # what the camera sees, the clean plate, where the object is

A scene is one or more shots; a shot is a stack of painted layers (`textures.py`), each carried by a homography or by a
waving cloth, seen through exposure and noise; over it moves an object with its shadow, or sits a logo.
Layers are moved by cubic interpolation of band-limited textures, at positions rounded to 1/32 px by OpenCV.
The same name, size and seed always give the same frames; a longer render of a scene without cuts only adds to them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.bench.scenes import SCENES, SWEEP_FRAMES, Shot, Stage

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """A rendered video and its truth."""

    name: str
    images: NDArray[Any]  # (T, H, W, 3) RGB: what the camera sees, object included
    plate: NDArray[Any]  # (T, H, W, 3): the clean plate: same light and same noise, without object, shadow and logo
    holes: Bools  # (T, H, W): every sample the object or logo changes, its shadow not
    shadow: Bools  # (T, H, W): samples outside the holes that the object's shadow darkens
    flow: NDArray[np.float32]  # (T-1, H, W, 2) px: the plate's motion from t to t+1; NaN across a cut
    back_flow: NDArray[np.float32]  # (T-1, H, W, 2) px: the plate's motion from t+1 to t; NaN across a cut
    revealed: Bools  # (T, H, W): `reveal(holes)`
    cuts: tuple[int, ...]
    "indices of the frames that start a new shot, the first frame not counted"
    reveal: Callable[[Bools], Bools]
    """Given holes (T, H, W), the hole samples whose point of the world is in plain sight in another frame of the shot:
    inside the picture, on the topmost layer, all four samples around it outside that frame's hole. Exact but for
    rounding to half a texel."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One rendered frame."""

    image: NDArray[Any]
    plate: NDArray[Any]
    hole: Bools
    shadow: Bools


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
        self._stage = Stage(width_px=width_px, height_px=height_px, seed=seed)
        self._name_key = zlib.crc32(name.encode())
        self._bits = bit_depth
        self.starts = tuple(frames * k // self.spec.shots for k in range(self.spec.shots))
        self.shots = tuple(self.spec.stage(self._stage, k) for k in range(self.spec.shots))

    def shot_of(self, t: int) -> Shot:
        """The shot that frame t belongs to."""
        return self.shots[sum(start <= t for start in self.starts) - 1]

    def sample(self, t: int) -> Sample:
        """Frame t."""
        shot, size = self.shot_of(t), self._stage.size
        plate = np.zeros((*size, 3), np.float32)
        for layer in shot.layers:
            layer.draw(plate, t)
        image, hole, shadow = plate, np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        if shot.actor is not None:
            image = plate.copy()
            hole, shadow = shot.actor.draw(image, t)
        light, noise = self._light(t), self._noise(t)
        clean = self._expose(plate, light, noise)
        seen, changed = clean.copy(), hole | shadow
        seen[changed] = self._expose(image[changed], light, noise[changed])
        return Sample(image=seen, plate=clean, hole=hole, shadow=shadow & ~hole & (seen != clean).any(axis=-1))

    def _light(self, t: int) -> NDArray[np.float32]:
        swing = self.spec.drift * np.sin(2 * np.pi * t / SWEEP_FRAMES)
        # A camera that adapts also shifts its white a little.
        return np.asarray(1 + swing * np.array([1.0, 0.92, 0.8]), dtype=np.float32)

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
        revealed = np.zeros_like(holes)
        for k, shot in enumerate(self.shots):
            span = range(self.starts[k], self.starts[k + 1] if k + 1 < len(self.starts) else self.frames)
            seen = [np.zeros(layer.texture.shape[:2], np.bool_) for layer in shot.layers]
            for t in span:
                owner = top_layer(shot, t)
                for n, layer in enumerate(shot.layers):
                    seen[n] |= layer.to_texture(t, (owner == n) & ~holes[t])
            for t in span:
                owner = top_layer(shot, t)
                for n, layer in enumerate(shot.layers):
                    revealed[t] |= (owner == n) & holes[t] & layer.from_texture(t, seen[n])
        return revealed

    def flow(self, source: int, target: int) -> NDArray[np.float32]:
        """The plate's motion (H, W, 2) in px from one frame to another; NaN where they are of different shots."""
        shot = self.shot_of(source)
        if shot is not self.shot_of(target):
            return np.full((*self._stage.size, 2), np.nan, np.float32)
        xy = shot.layers[0].flow(source, target)
        for layer in shot.layers[1:]:
            mine = layer.opaque(source)
            xy[mine] = layer.flow(source, target)[mine]
        return xy


def top_layer(shot: Shot, t: int) -> NDArray[np.intp]:
    """Which layer is in front at each sample: (H, W) positions in `shot.layers`."""
    owner = np.zeros(shot.layers[0].size, np.intp)
    for n, layer in enumerate(shot.layers):
        if n > 0:
            owner[layer.opaque(t)] = n
    return owner


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
    for t in range(frames):  # all of a frame at once: layers remember where they are
        samples.append(film.sample(t))
        onward.append(film.flow(t, t + 1))
        back.append(film.flow(t, t - 1))
    holes = np.stack([s.hole for s in samples])
    return Scene(
        name=name,
        images=np.stack([s.image for s in samples]),
        plate=np.stack([s.plate for s in samples]),
        holes=holes,
        shadow=np.stack([s.shadow for s in samples]),
        flow=np.stack(onward)[:-1],
        back_flow=np.stack(back)[1:],
        revealed=film.reveal(holes),
        cuts=tuple(start for start in film.starts if start > 0),
        reveal=film.reveal,
    )
