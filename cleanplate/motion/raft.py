"""RAFT (`nets/raft.py`) on pictures: any size, any pairs, each picture's features found once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from hashlib import blake2b
from threading import Lock
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cleanplate.base.checkpoint import load_network
from cleanplate.base.device import choose_device, with_less
from cleanplate.base.types import Flow
from cleanplate.motion.estimator import ITERATIONS, Estimator, landing_inside
from cleanplate.motion.nets.raft import STRIDE_PX, Raft

LEAST_SIDE_PX = 128  # below this the smallest of the four levels of the comparison would be one row
LEAST_POINTS = 64  # compared at a time, after running out of memory again and again
_ONE_AT_A_TIME = Lock()

Both = tuple[Tensor, Tensor]
Find = Callable[[], Both]


@lru_cache(maxsize=1)
def load_raft(device: str) -> Raft:
    """The published network (BSD-3-Clause)."""
    return load_network(Raft(), "raft", device)


@dataclass(frozen=True, eq=False)
class Seen:
    """What the network has to know of a picture, to compare it with others of its size."""

    features: Tensor  # (1, 256, h, w)
    state: Tensor  # (1, 256, h, w)
    height_px: int
    width_px: int


def see(network: Raft, picture: Tensor) -> Seen:
    """A picture (3, H, W), -1..1, of any size; its last row and column are repeated up to a multiple of 8."""
    height, width = picture.shape[-2:]
    down, right = (max(-size % STRIDE_PX, LEAST_SIDE_PX - size) for size in (height, width))
    padded = F.pad(picture[None], (0, right, 0, down), mode="replicate")
    return Seen(network.fnet(padded), network.cnet(padded), height, width)


def follow(network: Raft, first: Seen, second: Seen, iterations: int) -> Tensor:
    """The flow (1, 2, H, W) px from one picture to another."""
    given = first.features, second.features, first.state, iterations
    points = first.features[0, 0].numel()
    _, flow = with_less(partial(network.refine, *given), points, min(points, LEAST_POINTS))
    return flow[..., : first.height_px, : first.width_px]


def both_ways(
    network: Raft,
    pictures: Iterable[Tensor],
    iterations: int,
    known: Callable[[int, bytes, Find], Both] = lambda _, __, find: find(),
) -> Both:
    """Flow between neighbours of T pictures (3, H, W), -1..1, forward and backward: (T-1, 2, H, W) px each.

    known: asked for each pair, with its number, a sum of its pictures and what finds its flow; may know it already.
    """
    looks = (_Look(network, picture) for picture in pictures)
    before = next(looks)
    height, width = before.picture.shape[-2:]
    none = before.picture.new_zeros(0, 2, height, width)
    forward, backward = [none], [none]
    for n, after in enumerate(looks):
        both = known(n, before.digest + after.digest, partial(_between, before, after, iterations))
        forward.append(both[0])
        backward.append(both[1])
        before = after
    return torch.cat(forward), torch.cat(backward)


@dataclass(eq=False)
class _Look:
    """A picture (3, H, W), looked at when that is needed."""

    network: Raft
    picture: Tensor

    @cached_property
    def seen(self) -> Seen:
        return see(self.network, self.picture)

    @cached_property
    def digest(self) -> bytes:
        return blake2b(self.picture.cpu().numpy().tobytes(), digest_size=16).digest()


def _between(first: _Look, second: _Look, iterations: int) -> Both:
    """Flow forward and backward, (1, 2, H, W) px each."""
    network = first.network
    forward = follow(network, first.seen, second.seen, iterations)
    return forward, follow(network, second.seen, first.seen, iterations)


class RaftFlow(Estimator):
    """RAFT as an estimator. All of one device share the network, and find flow one after the other: see `between`."""

    def __init__(self, device: str = "cpu", iterations: int = ITERATIONS) -> None:
        self._device, self._iterations = choose_device(device)[0], iterations
        self._network = load_raft(self._device)

    @torch.inference_mode()
    def between(self, images: NDArray[Any], source: Sequence[int], target: Sequence[int]) -> Flow:
        """See `Estimator.between`."""
        if len(source) != len(target):
            raise ValueError(f"{len(source)} sources but {len(target)} targets")
        seen = lru_cache(maxsize=2)(lambda t: see(self._network, _picture(images[t]).to(self._device)))
        xy = np.zeros((len(source), *images.shape[1:3], 2), np.float32)
        valid = np.zeros(xy.shape[:3], np.bool_)
        for n, (a, b) in enumerate(zip(source, target, strict=True)):
            with _ONE_AT_A_TIME:  # torch uses all cores for one pair, and what it compares is large
                flow = follow(self._network, seen(a), seen(b), self._iterations)
            xy[n] = flow[0].permute(1, 2, 0).cpu().numpy()
            valid[n] = landing_inside(xy[n])
        return Flow(xy=xy, source=tuple(source), target=tuple(target), valid=valid)


def _picture(image: NDArray[Any]) -> Tensor:
    """(H, W, 3) RGB or (H, W) gray, uint8 or full-scale uint16, as (3, H, W), -1..1."""
    level = torch.from_numpy(image.astype(np.float32)) / np.iinfo(image.dtype).max * 2 - 1
    return level.expand(3, *level.shape) if level.ndim == 2 else level.permute(2, 0, 1)
