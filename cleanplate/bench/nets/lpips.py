"""LPIPS, version 0.1: distance of pictures as people see it (Zhang et al., CVPR 2018).

Stages of a classifier's features are brought to unit length, compared channel by channel, weighted by what people said
in the paper's study, and averaged. Names are those of the published files: backbones as torchvision's
`features.N.weight`, heads as `linK.model.1.weight`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Mean and deviation of the backbones' inputs, for pictures of -1..1.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_TINY = 1e-10


class Backbone(nn.Module):
    """The feature stages of a classifier: `stages[k]` are positions in `features` after which stage k is read."""

    def __init__(self, features: nn.Sequential, stages: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.features = features
        self.stages = tuple(stages)
        self.widths = tuple(widths)

    def forward(self, pictures: Tensor) -> Iterator[Tensor]:
        """Features of pictures (N, 3, H, W), one tensor (N, C, h, w) a stage, each when it is asked for.

        So no more than one stage of two pictures is held: VGG16's first has 256 bytes for each pixel.
        """
        for n, layer in enumerate(self.features):
            pictures = layer(pictures)
            if n in self.stages:
                yield pictures
            if n == self.stages[-1]:
                return


def alexnet() -> Backbone:
    """AlexNet as published in 2014 ("one weird trick"): its convolutions, read after each ReLU."""
    sizes = ((3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1), (256, 256, 3, 1, 1))
    layers: list[nn.Module] = []
    for n, (before, after, kernel, stride, padding) in enumerate(sizes):
        layers += [nn.Conv2d(before, after, kernel, stride, padding), nn.ReLU()]
        if n in (0, 1):
            layers.append(nn.MaxPool2d(3, 2))
    return Backbone(nn.Sequential(*layers), (1, 4, 7, 9, 11), (64, 192, 384, 256, 256))


def vgg16() -> Backbone:
    """VGG with 13 convolutions, read after the last ReLU of each block."""
    layers: list[nn.Module] = []
    stages, before = [], 3
    for count, width in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        for _ in range(count):
            layers += [nn.Conv2d(before, width, 3, 1, 1), nn.ReLU()]
            before = width
        stages.append(len(layers) - 1)
        layers.append(nn.MaxPool2d(2, 2))
    return Backbone(nn.Sequential(*layers), stages, (64, 128, 256, 512, 512))


class Heads(nn.Module):
    """How much each channel of each stage counts."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        for k, width in enumerate(widths):
            # In the published files the convolution follows a dropout, and so is number 1.
            convolution = nn.Conv2d(width, 1, 1, bias=False)
            setattr(self, f"lin{k}", nn.ModuleDict({"model": nn.Sequential(nn.Identity(), convolution)}))

    def forward(self, stage: int, differences: Tensor) -> Tensor:
        """Squared differences (N, C, h, w) of a stage as one map (N, 1, h, w)."""
        head: nn.ModuleDict = getattr(self, f"lin{stage}")
        weighted: Tensor = head["model"](differences)
        return weighted


class Lpips(nn.Module):
    """A map of distances; its mean is the published distance."""

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = Heads(backbone.widths)
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, result: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Distances of pictures (N, 3, H, W), values -1..1: (N,), and as maps (N, H, W) of the pictures' size."""
        size = result.shape[-2:]
        total = result.new_zeros(len(result))
        whole = result.new_zeros(len(result), *size)
        pairs = zip(self._features(result), self._features(truth), strict=True)
        for k, (a, b) in enumerate(pairs):
            found = self.heads(k, (_unit(a) - _unit(b)) ** 2)
            total = total + found.mean(dim=(1, 2, 3))
            whole = whole + F.interpolate(found, size=size, mode="bilinear", align_corners=False)[:, 0]
        return total, whole

    def _features(self, pictures: Tensor) -> Iterator[Tensor]:
        features: Iterator[Tensor] = self.backbone((pictures - self.shift) / self.scale)
        return features


def _unit(features: Tensor) -> Tensor:
    return features / (features.pow(2).sum(dim=1, keepdim=True).sqrt() + _TINY)
