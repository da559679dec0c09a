"""Recurrent flow completion, of ProPainter (Zhou et al., "ProPainter: Improving Propagation and Transformer for Video
Inpainting", ICCV 2023).

Flow whose values in the hole are unknown goes in, flow with values everywhere comes out. Features at an eighth of the
size are handed on from frame to frame, both ways, by deformable convolutions that find the motion of the features
themselves. Module names are those of the published checkpoint. Flow is (x, y) in pixels; masks are 1 where unknown.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cleanplate.motion.nets.layers import DeformableAlignment

UNUSED = ("edgeDetector.",)
"beginnings of published names without use here: a head for edges, which only training looks at"
WIDTH = 128
REACH = 2  # frames to either side that a convolution in time looks at


class RecurrentFlowCompletion(nn.Module):
    """Completes one direction of flow at a time; `complete` does both."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Conv3d(3, 32, (1, 5, 5), stride=(1, 2, 2), padding=(0, 2, 2), padding_mode="replicate")
        self.downsample = nn.Sequential(first, _leaky())
        self.encoder1 = nn.Sequential(Pseudo3d(32, 32, 1), _leaky(), Pseudo3d(32, 64, 2), _leaky())
        self.encoder2 = nn.Sequential(Pseudo3d(64, 64, 1), _leaky(), Pseudo3d(64, WIDTH, 2), _leaky())
        dilated = [
            (nn.Conv3d(WIDTH, WIDTH, (1, 3, 3), padding=(0, d, d), dilation=(1, d, d)), _leaky()) for d in (3, 2, 1)
        ]
        self.mid_dilation = nn.Sequential(*(layer for pair in dilated for layer in pair))
        self.feat_prop_module = SecondOrderPropagation()
        self.decoder2 = nn.Sequential(_conv(WIDTH, WIDTH), _leaky(), Enlarge(WIDTH, 64), _leaky())
        self.decoder1 = nn.Sequential(_conv(64, 64), _leaky(), Enlarge(64, 32), _leaky())
        self.upsample = nn.Sequential(_conv(32, 32), _leaky(), Enlarge(32, 2))

    def forward(self, flows: Tensor, masks: Tensor, at_once: int | None = None) -> Tensor:
        """A prediction of the flow everywhere, (T, 2, H, W) from flows of that shape and masks (T, 1, H, W).

        Flows are zero inside their masks; H and W are multiples of 8. at_once: flows encoded at a time, not counting
        those around them that are encoded again; None = all.
        """
        given = torch.cat([flows, masks], 1).transpose(0, 1)  # (3, T, H, W)
        # (64, T, H/4, W/4), then (128, T, H/8, W/8)
        quarter = _in_time(lambda part: self.encoder1(self.downsample(part)), given, at_once)
        eighth = self.mid_dilation(_in_time(self.encoder2, quarter, at_once))
        eighth = self.feat_prop_module(eighth.transpose(0, 1))  # (T, 128, H/8, W/8)
        # Frame by frame: all at once, the decoder's features of full size would hold more than all the rest.
        frames = zip(eighth.split(1), quarter.transpose(0, 1).split(1), strict=True)
        return torch.cat([self.upsample(self.decoder1(self.decoder2(low) + high)) for low, high in frames])

    def complete(
        self, forward: Tensor, backward: Tensor, masks: Tensor, at_once: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Both flows between T frames, (T-1, 2, H, W), with predictions inside the masks (T, 1, H, W).

        `forward[t]` leads from frame t to t+1 and is unknown in the mask of t; `backward[t]` leads from t+1 to t and is
        unknown in the mask of t+1. The latter goes through the network reversed in time.
        """
        completed = self._fill(forward, masks[:-1], at_once)
        turned = self._fill(backward.flip(0), masks[1:].flip(0), at_once)
        return completed, turned.flip(0)

    def _fill(self, flows: Tensor, masks: Tensor, at_once: int | None) -> Tensor:
        known = flows * (1 - masks)
        return self(known, masks, at_once) * masks + known


class Pseudo3d(nn.Module):
    """A convolution in space and one in time (every second frame), in place of one in both."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        space = nn.Conv3d(before, after, (1, 3, 3), stride=(1, stride, stride), padding=(0, 1, 1))
        self.conv1 = nn.Sequential(space, _leaky())
        self.conv2 = nn.Sequential(nn.Conv3d(after, after, (3, 1, 1), padding=(REACH, 0, 0), dilation=(2, 1, 1)))

    def forward(self, features: Tensor) -> Tensor:
        return self.conv2(self.conv1(features))


class SecondOrderPropagation(nn.Module):
    """Hands features on through time, first backward, then forward, each step seeing the results one and two back."""

    def __init__(self) -> None:
        super().__init__()
        self.deform_align = nn.ModuleDict(
            {name: DeformableAlignment(3 * WIDTH, 2 * WIDTH, WIDTH, reach_px=5.0) for name in ("backward_", "forward_")}
        )
        self.backbone = nn.ModuleDict(
            {
                name: nn.Sequential(_conv(before * WIDTH, WIDTH), _leaky(0.1), _conv(WIDTH, WIDTH))
                for name, before in (("backward_", 2), ("forward_", 3))
            }
        )
        self.fusion = nn.Conv2d(2 * WIDTH, WIDTH, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(T, 128, h, w) to the same."""
        backward = self._sweep("backward_", features.flip(0)).flip(0)
        forward = self._sweep("forward_", torch.cat([features, backward], 1))
        return self.fusion(torch.cat([backward, forward], 1)) + features

    def _sweep(self, name: str, given: Tensor) -> Tensor:
        """One direction. `given` (T, C, h, w): a frame's own features first, then what else its step may see."""
        nothing = torch.zeros_like(given[:1, :WIDTH])
        results: list[Tensor] = []
        for seen in given.split(1):
            carried = nothing
            if results:
                one_back, two_back = results[-1], results[-2] if len(results) > 1 else nothing
                condition = torch.cat([one_back, seen[:, :WIDTH], two_back], 1)
                carried = self.deform_align[name](torch.cat([one_back, two_back], 1), condition)
            results.append(carried + self.backbone[name](torch.cat([seen, carried], 1)))
        return torch.cat(results)


class Enlarge(nn.Module):
    """Twice the size, then a convolution."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = _conv(before, after)

    def forward(self, features: Tensor) -> Tensor:
        return self.conv(F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=True))


def _in_time(encode: Callable[[Tensor], Tensor], given: Tensor, at_once: int | None) -> Tensor:
    """Two pseudo-3D blocks on so many of (C, T, H, W) at a time, with those around that their answers depend on."""
    length = given.shape[1]
    if at_once is None or at_once >= length:
        return encode(given)
    parts = []
    for first in range(0, length, at_once):
        stop = min(first + at_once, length)
        begin = max(first - 2 * REACH, 0)
        found = encode(given[:, begin : stop + 2 * REACH])
        parts.append(found[:, first - begin : stop - begin])
    return torch.cat(parts, 1)


def _conv(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1)


def _leaky(slope: float = 0.2) -> nn.LeakyReLU:
    return nn.LeakyReLU(slope)
