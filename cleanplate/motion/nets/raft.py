"""RAFT (Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", ECCV 2020).

Features of two pictures are compared all with all at an eighth of the size; a recurrent unit looks the comparison up
around where each point is believed to have gone and corrects that belief, again and again. Module names are those of
the published checkpoints. Flow is (x, y) in pixels, pictures are -1..1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cleanplate.motion.nets.layers import pixel_grid, sample

STRIDE_PX = 8  # one feature for so many pixels each way
HIDDEN, CONTEXT = 128, 128
LEVELS, RADIUS = 4, 4
LOOKED_UP = LEVELS * (2 * RADIUS + 1) ** 2  # 324


class Raft(nn.Module):
    """The full model ("basic")."""

    def __init__(self) -> None:
        super().__init__()
        self.fnet = Encoder(256, lambda width: nn.InstanceNorm2d(width))
        self.cnet = Encoder(HIDDEN + CONTEXT, lambda width: nn.BatchNorm2d(width))
        self.update_block = UpdateBlock()

    def forward(self, image1: Tensor, image2: Tensor, iterations: int = 12) -> tuple[Tensor, Tensor]:
        """Flow from each first picture to the second one: at an eighth of the size, and full.

        Pictures (N, 3, H, W), H and W multiples of 8 and at least 128. Returns (N, 2, H/8, W/8), in coarse pixels, and
        (N, 2, H, W).
        """
        features1, features2 = self.fnet(torch.cat([image1, image2])).chunk(2)  # (N, 256, h, w) each
        return self.refine(features1, features2, self.cnet(image1), iterations)

    def refine(
        self, features1: Tensor, features2: Tensor, state: Tensor, iterations: int, at_once: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """What `forward` returns, from `fnet`'s features of both pictures and `cnet`'s of the first one.

        at_once: see `CorrelationPyramid`.
        """
        correlation = CorrelationPyramid(features1, features2, at_once)
        hidden, context = state.split([HIDDEN, CONTEXT], 1)
        hidden, context = torch.tanh(hidden), torch.relu(context)
        start = pixel_grid(hidden.shape[-2], hidden.shape[-1], hidden.device).permute(2, 0, 1)  # (2, h, w)
        coarse = torch.zeros_like(hidden[:, :2])
        for _ in range(iterations):
            hidden, change = self.update_block(hidden, context, correlation.look_up(start + coarse), coarse)
            coarse = coarse + change
        return coarse, upsample_convex(coarse, self.update_block.upsampling(hidden))


class Encoder(nn.Module):
    """A picture (N, 3, H, W) to features (N, out, H/8, W/8)."""

    def __init__(self, out: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.norm1 = norm(64)
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.layer1 = nn.Sequential(ResidualBlock(64, 64, 1, norm), ResidualBlock(64, 64, 1, norm))
        self.layer2 = nn.Sequential(ResidualBlock(64, 96, 2, norm), ResidualBlock(96, 96, 1, norm))
        self.layer3 = nn.Sequential(ResidualBlock(96, 128, 2, norm), ResidualBlock(128, 128, 1, norm))
        self.conv2 = nn.Conv2d(128, out, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        features = torch.relu(self.norm1(self.conv1(pictures)))
        return self.conv2(self.layer3(self.layer2(self.layer1(features))))


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, which is normalised too where the size changes."""

    def __init__(self, before: int, after: int, stride: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.norm1 = norm(after)
        self.norm2 = norm(after)
        shortcut: list[nn.Module] = []
        if stride > 1:
            # One normalisation under two names, as published. Loaded in this order, `downsample.1` has the last word.
            self.norm3 = norm(after)
            shortcut = [nn.Conv2d(before, after, 1, stride=stride), self.norm3]
        self.downsample = nn.Sequential(*shortcut)

    def forward(self, features: Tensor) -> Tensor:
        found = torch.relu(self.norm1(self.conv1(features)))
        found = torch.relu(self.norm2(self.conv2(found)))
        return torch.relu(self.downsample(features) + found)


class CorrelationPyramid:
    """How alike each point of the first picture is to each point of the second one, at four sizes of the latter."""

    def __init__(self, features1: Tensor, features2: Tensor, at_once: int | None = None) -> None:
        """Features (N, 256, h, w). at_once: points compared at a time; None = all, kept for every correction.

        With fewer the comparison is made anew for each correction, in less memory and more time.
        """
        self.targets = features2  # (N, 256, h, w)
        # Even before the product, as that is the largest thing here.
        self.points = (features1 / features1.shape[1] ** 0.5).flatten(2).transpose(1, 2)  # (N, hw, 256)
        self.at_once = at_once or self.points.shape[1]
        self.kept = self._levels(self.points) if self.at_once >= self.points.shape[1] else None
        # The slow one of the 81 shifts goes along x, the fast one along y.
        steps = torch.arange(-RADIUS, RADIUS + 1, device=features1.device, dtype=features1.dtype)
        self.shifts = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), -1)  # (9, 9, 2): x, y

    def look_up(self, places: Tensor) -> Tensor:
        """The 9x9 surroundings, in every level, of places (N, 2, h, w) in the second picture: (N, 324, h, w)."""
        count, _, height, width = places.shape
        centres = places.permute(0, 2, 3, 1).flatten(1, 2)  # (N, hw, 2)
        parts = zip(self.points.split(self.at_once, 1), centres.split(self.at_once, 1), strict=True)
        found = torch.cat([self._found(points, there) for points, there in parts], 1)  # (N, hw, 324)
        return found.view(count, height, width, LOOKED_UP).permute(0, 3, 1, 2).contiguous()

    def _found(self, points: Tensor, centres: Tensor) -> Tensor:
        levels = self._levels(points) if self.kept is None else self.kept
        around = centres.reshape(-1, 1, 1, 2)
        found = [sample(level, around / 2**n + self.shifts).flatten(1) for n, level in enumerate(levels)]
        return torch.cat(found, 1).view(*centres.shape[:2], LOOKED_UP)

    def _levels(self, points: Tensor) -> list[Tensor]:
        """Points (N, n, 256) compared with all of the second picture: (N n, 1, h, w), and three times half of that."""
        products = points @ self.targets.flatten(2)
        levels = [products.view(-1, 1, *self.targets.shape[2:])]
        for _ in range(LEVELS - 1):
            levels.append(F.avg_pool2d(levels[-1], 2))
        return levels


class UpdateBlock(nn.Module):
    """One correction of the flow; `mask` and all other names as published."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = MotionEncoder()
        self.gru = SeparableGru()
        self.flow_head = FlowHead()
        self.mask = nn.Sequential(nn.Conv2d(HIDDEN, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 9 * STRIDE_PX**2, 1))

    def forward(self, hidden: Tensor, context: Tensor, looked_up: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """The hidden state (N, 128, h, w) after this step, and what it adds to the flow (N, 2, h, w)."""
        motion = self.encoder(looked_up, flow)
        hidden = self.gru(hidden, torch.cat([context, motion], 1))
        return hidden, self.flow_head(hidden)

    def upsampling(self, hidden: Tensor) -> Tensor:
        """What each coarse neighbour counts for each fine pixel: (N, 576, h, w), not yet a softmax."""
        return 0.25 * self.mask(hidden)  # the paper's scale, to balance gradients


class MotionEncoder(nn.Module):
    """What was looked up (N, 324, h, w) and the flow so far (N, 2, h, w) to (N, 128, h, w), the flow at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.convc1 = nn.Conv2d(LOOKED_UP, 256, 1)
        self.convc2 = nn.Conv2d(256, 192, 3, padding=1)
        self.convf1 = nn.Conv2d(2, 128, 7, padding=3)
        self.convf2 = nn.Conv2d(128, 64, 3, padding=1)
        self.conv = nn.Conv2d(192 + 64, 128 - 2, 3, padding=1)

    def forward(self, looked_up: Tensor, flow: Tensor) -> Tensor:
        alike = torch.relu(self.convc2(torch.relu(self.convc1(looked_up))))
        moved = torch.relu(self.convf2(torch.relu(self.convf1(flow))))
        return torch.cat([torch.relu(self.conv(torch.cat([alike, moved], 1))), flow], 1)


class SeparableGru(nn.Module):
    """A gated recurrent unit of convolutions, along rows and then along columns."""

    def __init__(self) -> None:
        super().__init__()
        along_rows = partial(nn.Conv2d, HIDDEN + CONTEXT + 128, HIDDEN, (1, 5), padding=(0, 2))
        along_columns = partial(nn.Conv2d, HIDDEN + CONTEXT + 128, HIDDEN, (5, 1), padding=(2, 0))
        self.convz1, self.convr1, self.convq1 = along_rows(), along_rows(), along_rows()
        self.convz2, self.convr2, self.convq2 = along_columns(), along_columns(), along_columns()

    def forward(self, hidden: Tensor, given: Tensor) -> Tensor:
        hidden = self._step(hidden, given, self.convz1, self.convr1, self.convq1)
        return self._step(hidden, given, self.convz2, self.convr2, self.convq2)

    @staticmethod
    def _step(hidden: Tensor, given: Tensor, convz: nn.Module, convr: nn.Module, convq: nn.Module) -> Tensor:
        both = torch.cat([hidden, given], 1)
        update, reset = torch.sigmoid(convz(both)), torch.sigmoid(convr(both))
        candidate = torch.tanh(convq(torch.cat([reset * hidden, given], 1)))
        return (1 - update) * hidden + update * candidate


class FlowHead(nn.Module):
    """The hidden state to a change of the flow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(HIDDEN, 256, 3, padding=1)
        self.conv2 = nn.Conv2d(256, 2, 3, padding=1)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.conv2(torch.relu(self.conv1(hidden)))


def upsample_convex(coarse: Tensor, weights: Tensor) -> Tensor:
    """Flow (N, 2, h, w) eight times as large: each fine pixel is a mean of the 3x3 coarse ones around it.

    `weights` (N, 9*8*8, h, w) before the softmax over the nine. Beyond the edge lie zeros.
    """
    count, _, height, width = coarse.shape
    shares = weights.view(count, 1, 9, STRIDE_PX, STRIDE_PX, height, width).softmax(2)
    around = F.unfold(STRIDE_PX * coarse, 3, padding=1).view(count, 2, 9, 1, 1, height, width)
    fine = (shares * around).sum(2)  # (N, 2, 8, 8, h, w)
    return fine.permute(0, 1, 4, 2, 5, 3).reshape(count, 2, STRIDE_PX * height, STRIDE_PX * width)
