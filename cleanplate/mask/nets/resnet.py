"""The first three stages of ResNet-50 (He et al., CVPR 2016), frozen: features at a quarter to a sixteenth of the size.

The stride sits on the 3x3 convolution, as in torchvision's. Names are those of its checkpoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FrozenBatchNorm(nn.Module):
    """Batch normalisation whose statistics and weights are constants."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=1e-5)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; the output has four times the inner channels."""

    def __init__(self, before: int, inner: int, stride: int) -> None:
        super().__init__()
        after = 4 * inner
        self.conv1, self.bn1 = nn.Conv2d(before, inner, 1, bias=False), FrozenBatchNorm(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = FrozenBatchNorm(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, after, 1, bias=False), FrozenBatchNorm(after)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), FrozenBatchNorm(after))

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(x)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        return F.relu(self.bn3(self.conv3(inner)) + self.downsample(x))


class ResNet(nn.Module):
    """Normalised RGB in, features of three stages out."""

    def __init__(self, stem: int = 64, blocks: tuple[int, int, int] = (3, 4, 6)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
        self.bn1 = FrozenBatchNorm(stem)
        self.channels = (4 * stem, 8 * stem, 16 * stem)
        self.layer1 = _stage(stem, stem, blocks[0], stride=1)
        self.layer2 = _stage(4 * stem, 2 * stem, blocks[1], stride=2)
        self.layer3 = _stage(8 * stem, 4 * stem, blocks[2], stride=2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features (1, C, H/4, W/4), (1, 2C, H/8, W/8) and (1, 4C, H/16, W/16) of (1, 3, H, W); sizes round up."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 3, stride=2, padding=1)
        quarter = self.layer1(x)
        eighth = self.layer2(quarter)
        return quarter, eighth, self.layer3(eighth)


def _stage(before: int, inner: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(before, inner, stride)
    return nn.Sequential(first, *(Bottleneck(4 * inner, inner, 1) for _ in range(blocks - 1)))
