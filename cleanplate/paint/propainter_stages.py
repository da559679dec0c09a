"""ProPainter's stages on a whole clip, each of them in pieces, so that its memory follows the piece.

Pictures are -1..1, (T, 3, H, W); masks (T, 1, H, W), 1 in the hole; flows (T-1, 2, H, W), from frame t to t+1 and from
t+1 to t. H and W are multiples of 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor

from cleanplate.base.checkpoint import load_network
from cleanplate.base.device import with_less
from cleanplate.base.precision import type_of
from cleanplate.motion.nets.flow_completion import UNUSED, RecurrentFlowCompletion
from cleanplate.motion.nets.raft import Raft
from cleanplate.motion.raft import Both, load_raft
from cleanplate.paint.nets.dual_propagation import propagate_images
from cleanplate.paint.nets.layers import AT_ONCE
from cleanplate.paint.nets.propainter import InpaintGenerator, own_name


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """In how long pieces the stages before the generator work, in frames or flows."""

    completed: int
    completion_context: int
    "shown before and after a piece"
    propagated: int
    propagation_context: int


@dataclass(frozen=True, eq=False)
class Networks:
    """What the engine needs, all on one device."""

    raft: Raft
    completion: RecurrentFlowCompletion
    generator: InpaintGenerator

    @classmethod
    @lru_cache(maxsize=4)
    def load(cls, device: str, precision: str, is_compiled: bool) -> Networks:
        """The published ones, the generator in that precision."""
        generator = load_network(InpaintGenerator(), "propainter", device, rename=own_name)
        generator.to(type_of(precision))
        if is_compiled:
            for part in (generator.encoder, generator.decoder, *generator.transformers.transformer):
                part.compile()
        completion = load_network(RecurrentFlowCompletion(), "propainter-flow", device, unused=UNUSED)
        return cls(load_raft(device), completion, generator)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A clip ready for the generator."""

    pictures: Tensor  # with what was carried along the flow
    masks: Tensor
    left: Tensor  # of the masks, after that
    forward: Tensor  # completed
    backward: Tensor


def prepare(networks: Networks, known: Tensor, flows: Both, masks: Tensor, *, by: Lengths) -> Prepared:
    """The completion of motion and the propagation of pictures.

    known: pictures, 0 inside the holes. flows: forward and backward, as they were found.
    """
    forward, backward = flows
    forward, backward = complete(networks.completion, forward, backward, masks, by)
    filled, left = propagate(known, masks, forward, backward, by)
    return Prepared(known * (1 - masks) + filled * masks, masks, left, forward, backward)


def complete(
    network: RecurrentFlowCompletion, forward: Tensor, backward: Tensor, masks: Tensor, by: Lengths
) -> tuple[Tensor, Tensor]:
    """Both flows with values inside the masks."""
    found = torch.empty_like(forward), torch.empty_like(backward)
    for first, stop, begin, end in pieces(len(forward), by.completed, by.completion_context):
        given = forward[begin:end], backward[begin:end], masks[begin : end + 1]
        both = with_less(partial(network.complete, *given), end - begin, 1)
        for whole, part in zip(found, both, strict=True):
            whole[first:stop] = part[first - begin : stop - begin]
    return found


def propagate(pictures: Tensor, masks: Tensor, forward: Tensor, backward: Tensor, by: Lengths) -> tuple[Tensor, Tensor]:
    """What other frames show, carried into the holes; and what is left of these."""
    found = torch.empty_like(pictures), torch.empty_like(masks)
    for first, stop, begin, end in pieces(len(pictures), by.propagated, by.propagation_context):
        flows = forward[begin : end - 1], backward[begin : end - 1]
        both = propagate_images(pictures[begin:end], masks[begin:end], *flows)
        for whole, part in zip(found, both, strict=True):
            whole[first:stop] = part[first - begin : stop - begin]
    return found


def pieces(length: int, piece: int, context: int) -> Iterator[tuple[int, int, int, int]]:
    """A range in pieces: from where to where each goes, and the same with its context. All half-open."""
    for first in range(0, length, piece):
        stop = min(first + piece, length)
        yield first, stop, max(first - context, 0), min(first + piece + context, length)


def generate(
    generator: InpaintGenerator,
    clip: Prepared,
    shown: Callable[[int], Tensor],
    local: range,
    references: Sequence[int],
    owed: Sequence[int],
) -> Tensor:
    """Those of the local frames that are owed, painted, -1..1: (N, 3, H, W).

    shown: the features (1, 128, H/4, W/4) of a frame. references: frames from farther away that are looked at as well.
    """
    frames, joints = slice(local.start, local.stop), slice(local.start, local.stop - 1)
    masks = clip.masks[frames]
    features = torch.cat([shown(t) for t in (*local, *references)])
    both = torch.cat([masks, clip.left[frames]], 1)
    features = generator.carry(features, both, clip.forward[joints], clip.backward[joints])
    tokens = with_less(partial(generator.transform, features, masks), AT_ONCE, AT_ONCE >> 8)
    return generator.decode(features, tokens, [t - local.start for t in owed])


def encode(generator: InpaintGenerator, clip: Prepared, t: int) -> Tensor:
    """The features (1, 128, H/4, W/4) of a frame."""
    one = slice(t, t + 1)
    return generator.encode(clip.pictures[one], clip.masks[one], clip.left[one])
