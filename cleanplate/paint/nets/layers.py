"""Building blocks that the networks of E2FGVI's family share: features, tokens, and the way back to pictures.

Li et al., "Towards an end-to-end framework for flow-guided video inpainting", CVPR 2022; soft split, soft composition
and the fusion of overlapping tokens are from Liu et al., "FuseFormer", ICCV 2021. Frames are the batch: (T, C, H, W).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TOKEN_PX, TOKEN_STRIDE, TOKEN_PAD = 7, 3, 3
"tokens are 7x7 patches of the features, three px apart, so that neighbours overlap"
HIDDEN = 1960
"width of the feed-forward layers: patches of 40 channels"
AT_ONCE = 1 << 24
"numbers that attention and feed-forward layers make at a time, about: bounds their memory in large pictures"


def token_grid(height: int, width: int) -> tuple[int, int]:
    """How many tokens features of that height and width are cut into."""
    first, second = ((length + 2 * TOKEN_PAD - TOKEN_PX) // TOKEN_STRIDE + 1 for length in (height, width))
    return first, second


def compose(patches: Tensor, size: tuple[int, int]) -> Tensor:
    """Overlapping patches (T, h, w, C * 49) summed where they lie: (T, C, *size)."""
    columns = patches.flatten(1, 2).transpose(1, 2)
    return F.fold(columns, size, TOKEN_PX, padding=TOKEN_PAD, stride=TOKEN_STRIDE)


def overlap(size: tuple[int, int], like: Tensor) -> Tensor:
    """How many patches cover each pixel: (1, 1, *size)."""
    return compose(like.new_ones(1, *token_grid(*size), TOKEN_PX**2), size)


class Encoder(nn.Module):
    """Pictures to features at a quarter of their size; the early ones (256 channels) are looked at again and again."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        plain = ((channels, 64, 2), (64, 64, 1), (64, 128, 2), (128, 256, 1), (256, 384, 1))
        layers: list[nn.Module] = []
        for before, after, stride in plain:
            layers += [nn.Conv2d(before, after, 3, stride, 1), nn.LeakyReLU(0.2)]
        self.groups = {10: 2, 12: 4, 14: 8, 16: 1}
        "number of the layer -> groups of channels, each of which gets its part of the early features"
        for n, (before, after) in zip(self.groups, ((640, 512), (768, 384), (640, 256), (512, 128)), strict=True):
            layers += [nn.Conv2d(before, after, 3, 1, 1, groups=self.groups[n]), nn.LeakyReLU(0.2)]
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """(T, channels, H, W) -> (T, 128, H/4, W/4)."""
        early = x
        for n, layer in enumerate(self.layers):
            if n == 8:
                early = x  # (T, 256, H/4, W/4)
            if n in self.groups:
                parts = (features.unflatten(1, (self.groups[n], -1)) for features in (early, x))
                x = torch.cat(list(parts), dim=2).flatten(1, 2)
            x = layer(x)
        return x


class _Enlarge(nn.Module):
    """Twice the size, then a convolution."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True))
        return found


def decoder() -> nn.Sequential:
    """Features (T, 128, H/4, W/4) to pictures (T, 3, H, W), before the tanh that brings them to -1..1."""
    return nn.Sequential(
        _Enlarge(128, 128),
        nn.LeakyReLU(0.2),
        nn.Conv2d(128, 64, 3, padding=1),
        nn.LeakyReLU(0.2),
        _Enlarge(64, 64),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 3, 3, padding=1),
    )


class SoftSplit(nn.Module):
    """Features cut into overlapping patches, each made a token."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.channels = channels
        self.embedding = nn.Linear(channels * TOKEN_PX**2, dim)

    def forward(self, features: Tensor) -> Tensor:
        """(T, C, H, W) -> (T, h, w, dim)."""
        return tokens_of(features, self.embedding.weight, self.embedding.bias)


def tokens_of(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Each 7x7 patch of the features through a linear layer, as the convolution that this is: (T, h, w, dim)."""
    kernel = weight.view(-1, features.shape[1], TOKEN_PX, TOKEN_PX)
    return F.conv2d(features, kernel, bias, TOKEN_STRIDE, TOKEN_PAD).permute(0, 2, 3, 1)


class SoftComposition(nn.Module):
    """Tokens made patches again, summed where they overlap."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(dim, channels * TOKEN_PX**2)
        self.bias_conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """(T, h, w, dim) -> (T, C, *size)."""
        found: Tensor = self.bias_conv(compose(self.embedding(tokens), size))
        return found


class FusionFeedForward(nn.Module):
    """A feed-forward layer in whose middle overlapping tokens are averaged, so that they agree with each other."""

    def __init__(self, dim: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Linear(dim, hidden))
        self.conv2 = nn.Sequential(nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """(T, h, w, dim), tokens of features of that size -> the same shape."""
        patches = self.conv1(tokens)
        fused = compose(patches, size) / overlap(size, patches)  # (T, hidden / 49, *size)
        weight, bias = self.conv2.parameters()
        # On the fused features the activation has less to do than on patches cut from them, and means the same.
        return tokens_of(F.gelu(fused), weight, bias)

    def in_parts(self, tokens: Tensor, size: tuple[int, int], at_once: int) -> Tensor:
        """The same, for so many frames at a time that about `at_once` numbers are made."""
        step = max(1, at_once // (HIDDEN * tokens[0, ..., 0].numel()))
        return torch.cat([self(part, size) for part in tokens.split(step)])
