"""ProPainter's dual-domain propagation: what other frames show, carried along completed flow, as pictures and features.

Both go through the frames backward and then forward, the second sweep on the results of the first. Flow from frame t to
t+1 is `forward[t]`, that from t+1 to t `backward[t]`; (x, y) in pixels. Masks are 1 in the hole.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from cleanplate.motion.nets.layers import DeformableAlignment, warp

WIDTH = 128  # channels of the features
MASK_LIMIT = 0.1  # of a warped mask: from there on it hides


def sweep(forward: Tensor, backward: Tensor, *, is_backward: bool) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    """The steps of one sweep: to which frame, from which, the flow from the former to the latter, and the flow back.

    Flows (T-1, 2, H, W); yields (1, 2, H, W).
    """
    steps = range(len(forward))
    if is_backward:
        for t in reversed(steps):
            yield t, t + 1, forward[t : t + 1], backward[t : t + 1]
    else:
        for t in steps:
            yield t + 1, t, backward[t : t + 1], forward[t : t + 1]


def is_consistent(flow: Tensor, back: Tensor) -> Tensor:
    """1 where going along a flow and back along the other (N, 2, H, W) returns, else 0: (N, 1, H, W). Sundaram 2010."""
    returned = warp(back, flow)
    missed, moved = _length2(flow + returned), _length2(flow) + _length2(returned)
    return (missed < 0.01 * moved + 0.5).to(flow.dtype)


def _length2(flow: Tensor) -> Tensor:
    return (flow**2).sum(1, keepdim=True)


def propagate_images(frames: Tensor, masks: Tensor, forward: Tensor, backward: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels carried into the holes, without any weights.

    frames (T, 3, H, W), masks (T, 1, H, W), flows (T-1, 2, H, W). Returns frames, and what of the masks is left.
    """
    frames, masks = frames.clone(), masks.clone()
    for is_backward in (True, False):
        for t, source, flow, back in sweep(forward, backward, is_backward=is_backward):
            hidden = (warp(masks[source, None], flow) > MASK_LIMIT).to(flow.dtype)
            seen = is_consistent(flow, back) * (1 - hidden)
            used = masks[t] * seen
            frames[t] = used * warp(frames[source, None], flow, mode="nearest") + (1 - used) * frames[t]
            masks[t] = (masks[t] * (1 - seen) > MASK_LIMIT).to(flow.dtype)
    return frames, masks


class FeaturePropagation(nn.Module):
    """Features carried along the flow, which deformable convolutions correct."""

    def __init__(self) -> None:
        super().__init__()
        told = WIDTH + WIDTH + 2 + 1 + 2  # current, warped, flow, its validity, masks
        names = ("backward_1", "forward_1")
        self.deform_align = nn.ModuleDict({n: DeformableAlignment(told, WIDTH, WIDTH, reach_px=3.0) for n in names})
        self.backbone = nn.ModuleDict({name: _two_convolutions() for name in names})
        self.fuse = _two_convolutions()

    def forward(self, features: Tensor, masks: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
        """Features (T, 128, h, w) to the same.

        masks (T, 2, h, w): before and after the images' propagation. Flows (T-1, 2, h, w) in features; they may be
        float32 where the rest is of half precision.
        """
        first = self._sweep("backward_1", features, masks, sweep(forward, backward, is_backward=True))
        second = self._sweep("forward_1", first, masks, sweep(forward, backward, is_backward=False))
        return self.fuse(torch.cat([first, second, masks], 1)) + features

    def _sweep(
        self, name: str, features: Tensor, masks: Tensor, steps: Iterator[tuple[int, int, Tensor, Tensor]]
    ) -> Tensor:
        def refined(t: int, carried: Tensor) -> Tensor:
            return carried + self.backbone[name](torch.cat([features[t, None], carried, masks[t, None]], 1))

        start = len(features) - 1 if name == "backward_1" else 0
        results = {start: refined(start, features[start, None])}
        for t, source, flow, back in steps:
            certain = torch.cat([flow, is_consistent(flow, back)], 1).to(features.dtype)
            told = torch.cat([features[t, None], warp(results[source], flow), certain, masks[t, None]], 1)
            results[t] = refined(t, self.deform_align[name](results[source], told, (flow,)))
        return torch.cat([results[t] for t in range(len(results))])


def _two_convolutions() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2 * WIDTH + 2, WIDTH, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
    )
