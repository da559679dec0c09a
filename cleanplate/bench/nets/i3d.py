"""I3D: Inception-v1 blown up to three dimensions, RGB stream, 400 classes (Carreira and Zisserman, CVPR 2017).

Names are those of the PyTorch checkpoint that the inpainting papers use (`rgb_imagenet.pt`), e.g.
`Mixed_3b.b1a.conv3d.weight`. Convolutions and poolings pad as TensorFlow does ("SAME"): what is missing for a whole
number of steps, the odd sample behind.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Triple = tuple[int, int, int]
CLASSES = 400
LEAST_FRAMES, LEAST_PX = 9, 193
"smallest clip of which the last pooling, 2 frames by 7x7 after steps of 8 and 32, finds a whole window"

_MIXED: dict[str, tuple[int, tuple[int, int, int, int, int, int]]] = {
    # name: channels in, channels of the branches b0, b1a, b1b, b2a, b2b, b3b
    "Mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "Mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "Mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}


def pad_same(clip: Tensor, kernel: Triple, stride: Triple, value: float = 0.0) -> Tensor:
    """Pad (N, C, T, H, W) so that windows of `kernel` at steps of `stride` give ceil(size / stride) positions."""
    sides: list[int] = []
    for size, k, s in zip(reversed(clip.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        missing = max((-(-size // s) - 1) * s + k - size, 0)
        sides += [missing // 2, missing - missing // 2]
    return F.pad(clip, sides, value=value)


class Unit3D(nn.Module):
    """Convolution, batch normalisation and ReLU; the last layer is a convolution with bias alone."""

    def __init__(
        self, before: int, after: int, kernel: Triple, stride: Triple = (1, 1, 1), is_last: bool = False
    ) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv3d = nn.Conv3d(before, after, kernel, stride, bias=is_last)
        if not is_last:
            self.bn = nn.BatchNorm3d(after, eps=0.001, momentum=0.01)
        self.is_last = is_last

    def forward(self, clip: Tensor) -> Tensor:
        clip = self.conv3d(pad_same(clip, self.kernel, self.stride))
        return clip if self.is_last else F.relu(self.bn(clip))


class Pool(nn.Module):
    """Largest value of a window. The padding is 0 as in TensorFlow's port, which after a ReLU never wins."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, clip: Tensor) -> Tensor:
        return F.max_pool3d(pad_same(clip, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Four branches side by side: 1x1x1; 1x1x1 and 3x3x3, twice; pooling and 1x1x1."""

    def __init__(self, before: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one: Triple = (1, 1, 1)
        three: Triple = (3, 3, 3)
        self.b0 = Unit3D(before, widths[0], one)
        self.b1a, self.b1b = Unit3D(before, widths[1], one), Unit3D(widths[1], widths[2], three)
        self.b2a, self.b2b = Unit3D(before, widths[3], one), Unit3D(widths[3], widths[4], three)
        self.b3a, self.b3b = Pool(three, one), Unit3D(before, widths[5], one)

    def forward(self, clip: Tensor) -> Tensor:
        branches = self.b0(clip), self.b1b(self.b1a(clip)), self.b2b(self.b2a(clip)), self.b3b(self.b3a(clip))
        return torch.cat(branches, dim=1)


class I3D(nn.Module):
    """Clip in, 400 logits out."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit3D(3, 64, (7, 7, 7), (2, 2, 2))
        self.Conv3d_2b_1x1 = Unit3D(64, 64, (1, 1, 1))
        self.Conv3d_2c_3x3 = Unit3D(64, 192, (3, 3, 3))
        for name, (before, widths) in _MIXED.items():
            self.add_module(name, Mixed(before, widths))
        self.logits = Unit3D(1024, CLASSES, (1, 1, 1), is_last=True)

    def forward(self, clip: Tensor) -> Tensor:
        """Logits (N, 400) of clips (N, 3, T, H, W), averaged over time and space.

        Clips are at least `LEAST_FRAMES` long and `LEAST_PX` a side.
        """
        wide, half = Pool((1, 3, 3), (1, 2, 2)), Pool((3, 3, 3), (2, 2, 2))
        clip = wide(self.Conv3d_1a_7x7(clip))
        clip = wide(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(clip)))
        for name in ("Mixed_3b", "Mixed_3c"):
            clip = self.get_submodule(name)(clip)
        clip = half(clip)
        for name in ("Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f"):
            clip = self.get_submodule(name)(clip)
        clip = Pool((2, 2, 2), (2, 2, 2))(clip)
        for name in ("Mixed_5b", "Mixed_5c"):
            clip = self.get_submodule(name)(clip)
        logits: Tensor = self.logits(F.avg_pool3d(clip, (2, 7, 7), stride=1))
        return logits.mean(dim=(2, 3, 4))
