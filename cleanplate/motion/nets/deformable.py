"""Modulated deformable convolution (Zhu et al., "Deformable ConvNets v2", CVPR 2019), on `grid_sample`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DeformableConvolution(nn.Module):
    """A 3x3 convolution whose nine points lie where a small network says, and count as much as it says.

    The network (`conv_offset`) sees a condition; the channels are cut into groups with points of their own.
    """

    def __init__(self, before: int, after: int, *, groups: int, condition: int) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(after, before, 3, 3))
        self.bias = nn.Parameter(torch.empty(after))
        widths = (condition, after, after, after)
        layers = [(nn.Conv2d(a, b, 3, padding=1), nn.LeakyReLU(0.1)) for a, b in zip(widths, widths[1:], strict=False)]
        self.conv_offset = nn.Sequential(
            *(layer for pair in layers for layer in pair), nn.Conv2d(after, 3 * 9 * groups, 3, padding=1)
        )

    def offsets(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """From (N, condition, H, W): raw offsets (N, groups * 9 * 2, H, W), dy and dx in turn, and strengths 0..1."""
        found = self.conv_offset(condition)
        offsets, strength = found.split([2 * 9 * self.groups, 9 * self.groups], 1)
        return offsets, torch.sigmoid(strength)

    def gather(self, features: Tensor, offsets: Tensor, strength: Tensor) -> Tensor:
        """The convolution of features (N, before, H, W), zero outside: (N, after, H, W).

        offsets: (N, groups * 9 * 2, H, W) in features, dy and dx of each of the nine points, on top of its place in a
        plain convolution. strength: (N, groups * 9, H, W).
        """
        count, channels, height, width = features.shape
        grouped = features.reshape(count * self.groups, channels // self.groups, height, width)
        moved = offsets.view(count * self.groups, 9, 2, height, width)
        strong = strength.view(count * self.groups, 9, 1, height, width)
        rows, columns = (torch.arange(size, device=features.device, dtype=features.dtype) for size in (height, width))
        out = self.bias.view(1, -1, 1, 1).expand(count, -1, height, width)
        for n in range(9):  # point by point: all at once would hold nine times the features
            y = rows[:, None] + (n // 3 - 1) + moved[:, n, 0]
            x = columns + (n % 3 - 1) + moved[:, n, 1]
            grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
            found = F.grid_sample(grouped, grid, align_corners=False) * strong[:, n]
            out = out + F.conv2d(
                found.view(count, channels, height, width), self.weight[:, :, n // 3, n % 3, None, None]
            )
        return out
