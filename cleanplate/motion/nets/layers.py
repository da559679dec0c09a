"""Building blocks of networks that follow motion: sampling along a flow, and convolutions that look where they want.

Flows are (N, 2, H, W), x before y, in pixels of the picture they move.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def sample(x: Tensor, places: Tensor, *, mode: str = "bilinear", padding: str = "zeros") -> Tensor:
    """The values of x (N, C, H, W) at places (N, h, w, 2), x before y, in pixels: (N, C, h, w).

    Places are computed with in float32 whatever x is: half precision cannot tell the pixels of a large picture apart.
    """
    height, width = x.shape[-2:]
    size = torch.tensor([max(width - 1, 1), max(height - 1, 1)], dtype=torch.float32, device=x.device)
    grid = 2 * places.float() / size - 1  # in the published order of rounding: half a pixel falls to the same side
    found = F.grid_sample(x.float(), grid, mode=mode, padding_mode=padding, align_corners=True)
    return found.to(x.dtype)


def pixel_grid(height: int, width: int, device: torch.device) -> Tensor:
    """The place of each pixel: (H, W, 2) float32, x before y."""
    y = torch.arange(height, dtype=torch.float32, device=device)
    x = torch.arange(width, dtype=torch.float32, device=device)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def warp(x: Tensor, flow: Tensor, *, mode: str = "bilinear", padding: str = "zeros") -> Tensor:
    """x (N, C, H, W) seen along the flow (N, 2, H, W): the value at p is that of x at p + flow(p)."""
    places = pixel_grid(flow.shape[-2], flow.shape[-1], flow.device) + flow.permute(0, 2, 3, 1).float()
    return sample(x, places, mode=mode, padding=padding)


def modulated_deform_conv2d(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A 3x3 convolution whose nine points may lie anywhere, each with a weight of its own at each pixel.

    Zhu et al., "Deformable ConvNets v2", CVPR 2019. Stride 1; zeros around the picture.

    x: (N, C, H, W), in G groups of channels that share their points. offset: (N, G * 9 * 2, H, W), for each group and
    each point, row by row, how far it is moved: y before x, px. mask: (N, G * 9, H, W). weight: (D, C, 3, 3).
    bias: (D,). Returns (N, D, H, W).
    """
    count, channels, height, width = x.shape
    groups = mask.shape[1] // 9
    moved = offset.float().view(count * groups, 9, 2, height, width).flip(2).permute(0, 1, 3, 4, 2)
    points = pixel_grid(3, 3, x.device).view(9, 1, 1, 2) - 1
    places = pixel_grid(height, width, x.device) + points + moved  # (N G, 9, H, W, 2)
    grouped = x.reshape(count * groups, channels // groups, height, width)
    found = sample(grouped, places.view(count * groups, 9 * height, width, 2))
    found = found.view(count * groups, channels // groups, 9, height, width)
    found *= mask.view(count * groups, 1, 9, height, width)
    columns = found.view(count, channels * 9, height, width)
    return F.conv2d(columns, weight.flatten(1)[..., None, None], bias)  # a third faster than the product of matrices


class DeformableAlignment(nn.Module):
    """Brings features to where they are now, by points that a small network chooses from what it is told.

    Chan et al., "BasicVSR++", CVPR 2022. The points lie around where flows say; with none, around the pixel itself.
    """

    def __init__(self, condition: int, before: int, after: int, *, reach_px: float, groups: int = 16) -> None:
        """condition, before, after: channels told, brought and returned. reach_px: how far from the flow at most."""
        super().__init__()
        self.reach_px, self.groups = reach_px, groups
        self.weight = nn.Parameter(torch.zeros(after, before, 3, 3))
        self.bias = nn.Parameter(torch.zeros(after))
        layers: list[nn.Module] = []
        for channels in (condition, after, after):
            layers += [nn.Conv2d(channels, after, 3, padding=1), nn.LeakyReLU(0.1)]
        self.conv_offset = nn.Sequential(*layers, nn.Conv2d(after, groups * 27, 3, padding=1))

    def forward(self, x: Tensor, condition: Tensor, flows: Sequence[Tensor] = ()) -> Tensor:
        """x (N, C, H, W) aligned: (N, D, H, W). flows: (N, 2, H, W) px, each for an equal part of x's groups."""
        offset, mask = self.conv_offset(condition).split([self.groups * 18, self.groups * 9], dim=1)
        offset = self.reach_px * offset.float().tanh()
        if flows:
            points = self.groups * 9 // len(flows)
            offset = offset + torch.cat([flow.float().flip(1).repeat(1, points, 1, 1) for flow in flows], dim=1)
        return modulated_deform_conv2d(x, offset, mask.sigmoid(), self.weight, self.bias)
