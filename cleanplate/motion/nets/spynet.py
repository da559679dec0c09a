"""SPyNet: flow from coarse to fine (Ranjan and Black, "Optical flow estimation using a spatial pyramid", CVPR 2017)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cleanplate.motion.nets.layers import warp

LEVELS = 6
_COARSEST = 2 ** (LEVELS - 1)


class _Conv(nn.Module):
    """A convolution under the published name `conv`."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv(x)
        return found


class _Level(nn.Module):
    """What is to be added to the flow at one level of the pyramid."""

    def __init__(self) -> None:
        super().__init__()
        widths = (8, 32, 64, 32, 16, 2)
        convolutions = (_Conv(before, after) for before, after in pairwise(widths))
        self.basic_module = nn.ModuleList(convolutions)

    def forward(self, first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
        """Pictures (N, 3, h, w), the second moved by the flow so far, and that flow (N, 2, h, w): (N, 2, h, w)."""
        x = torch.cat([first, second, flow], dim=1)
        for n, layer in enumerate(self.basic_module):
            x = layer(F.relu(x) if n else x)
        return x


class SPyNet(nn.Module):
    """Flow of pairs of pictures at any size."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.basic_module = nn.ModuleList(_Level() for _ in range(LEVELS))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Where each point of `first` lies in `second`: pictures (N, 3, H, W), values 0..1 -> (N, 2, H, W) px."""
        height, width = first.shape[-2:]
        size = [-(-length // _COARSEST) * _COARSEST for length in (height, width)]
        firsts, seconds = self._pyramid(first, size), self._pyramid(second, size)
        flow = first.new_zeros(len(first), 2, size[0] // _COARSEST, size[1] // _COARSEST)
        for n, level in enumerate(self.basic_module):
            if n:
                flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True)
            flow = flow + level(firsts[n], warp(seconds[n], flow, padding="border"), flow)
        flow = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
        return flow * flow.new_tensor([width / size[1], height / size[0]]).view(1, 2, 1, 1)

    def _pyramid(self, pictures: Tensor, size: list[int]) -> list[Tensor]:
        """The pictures normalised, at 1/32 of that size first, at that size last."""
        levels = [(F.interpolate(pictures, size=size, mode="bilinear", align_corners=False) - self.mean) / self.std]
        for _ in range(LEVELS - 1):
            levels.insert(0, F.avg_pool2d(levels[0], 2))
        return levels
