"""DeAOT, variant R50-DeAOT-L: follows up to ten objects at once (Yang and Yang, "Decoupling Features in Hierarchical
Propagation for Video Object Segmentation", NeurIPS 2022).

A frame is encoded once; the labels of frames that are done are embedded as identities; propagation layers carry them to
the frame at hand from a long-term memory and from the frame before; a decoder draws the labels. Names are those of the
published checkpoint. How the memories go on from frame to frame is `deaot_loop`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cleanplate.mask.nets.propagation import Grid, Memory, Own, PropagationLayer, to_map, to_tokens
from cleanplate.mask.nets.resnet import ResNet

MOST_OBJECTS = 10
STRIDE_PX = 16
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"of the RGB values, 0-1, that the encoder is given"


@dataclass(frozen=True)
class Sizes:
    """How wide and deep the network is. The defaults are those of R50-DeAOT-L."""

    stem: int = 64
    blocks: tuple[int, int, int] = (3, 4, 6)
    d: int = 256
    layers: int = 3


class Features(NamedTuple):
    """What the encoder finds in a frame."""

    quarter: Tensor  # (1, 4 stem, H/4, W/4); sizes round up
    eighth: Tensor  # (1, 8 stem, H/8, W/8)
    sixteenth: Tensor  # (1, 16 stem, h, w)
    projected: Tensor  # (1, d, h, w)

    @property
    def grid(self) -> Grid:
        return self.projected.shape[2], self.projected.shape[3]


class FrameNorm(nn.Module):
    """Group normalisation over two halves of the channels and all places of a frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gn = nn.GroupNorm(2, channels)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        return to_tokens(self.gn(to_map(tokens, grid)))


class Propagation(nn.Module):
    """The layers one after the other, and the normalisation of what comes out."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.layers = nn.ModuleList(PropagationLayer(sizes.d, is_first=n == 0) for n in range(sizes.layers))
        self.decoder_norms = nn.ModuleList([FrameNorm(2 * sizes.d)])

    def each(self) -> Iterable[PropagationLayer]:
        """The layers, first to last."""
        return cast("Iterable[PropagationLayer]", self.layers)


class Propagated(NamedTuple):
    """What propagation makes of a frame."""

    outputs: tuple[Tensor, ...]  # (N, 2d) of each layer: looks, then identity; the last one normalised
    own: tuple[Own, ...]  # of each layer


class ConvNorm(nn.Module):
    """A convolution that keeps the size, normalised over eight groups of channels."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, padding=kernel // 2)
        self.gn = nn.GroupNorm(8, after)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.gn(self.conv(x))
        return normed


class Decoder(nn.Module):
    """A feature pyramid: from a sixteenth of the size to a quarter, with the encoder's features on the way."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        d, stem = sizes.d, sizes.stem
        self.conv_in = ConvNorm(2 * d, d, 1)
        self.conv_16x = ConvNorm(d, d, 3)
        self.conv_8x = ConvNorm(d, d // 2, 3)
        self.conv_4x = ConvNorm(d // 2, d // 2, 3)
        self.adapter_16x = nn.Conv2d(16 * stem, d, 1)
        self.adapter_8x = nn.Conv2d(8 * stem, d, 1)
        self.adapter_4x = nn.Conv2d(4 * stem, d // 2, 1)
        self.conv_out = nn.Conv2d(d // 2, MOST_OBJECTS + 1, 1)

    def forward(self, propagated: Tensor, features: Features) -> Tensor:
        """Logits (1, 11, H/4, W/4) of what the layers give as a map (1, 2d, h, w)."""
        x = F.relu(self.conv_in(propagated))
        x = F.relu(self.conv_16x(self.adapter_16x(features.sixteenth) + x))
        x = resized(x, features.eighth.shape[2:])
        x = F.relu(self.conv_8x(self.adapter_8x(features.eighth) + x))
        x = resized(x, features.quarter.shape[2:])
        x = F.relu(self.conv_4x(self.adapter_4x(features.quarter) + x))
        logits: Tensor = self.conv_out(x)
        return logits


class DeAot(nn.Module):
    """The parts of the network. Each method is one step of the loop over frames; all work on one frame."""

    def __init__(self, sizes: Sizes | None = None) -> None:
        super().__init__()
        sizes = sizes or Sizes()
        self.encoder = ResNet(sizes.stem, sizes.blocks)
        self.encoder_projector = nn.Conv2d(16 * sizes.stem, sizes.d, 1)
        self.patch_wise_id_bank = nn.Conv2d(
            MOST_OBJECTS + 1, sizes.d, STRIDE_PX + 1, stride=STRIDE_PX, padding=STRIDE_PX // 2
        )
        self.id_norm = nn.LayerNorm(sizes.d)
        self.LSTT = Propagation(sizes)
        self.decoder = Decoder(sizes)

    def encode(self, image: Tensor) -> Features:
        """Of a normalised picture (1, 3, H, W); sides of 16 k + 1 lie on the grid of all levels."""
        quarter, eighth, sixteenth = self.encoder(image)
        return Features(quarter, eighth, sixteenth, self.encoder_projector(sixteenth))

    def embed(self, labels: Tensor) -> Tensor:
        """Identities (N, d) of labels (H, W) int64: 0 = background, 1-10."""
        one_hot = F.one_hot(labels, MOST_OBJECTS + 1).permute(2, 0, 1)[None]  # (1, 11, H, W)
        banked = self.patch_wise_id_bank(one_hot.to(self.patch_wise_id_bank.weight.dtype))
        embedded: Tensor = self.id_norm(to_tokens(banked))
        return embedded

    def propagate(
        self,
        features: Features,
        memories: Sequence[tuple[Memory, Memory]] = (),
        embedded: Tensor | None = None,
    ) -> Propagated:
        """Through the layers, with the long-term and short-term memory of each.

        Of a frame whose identities are given, `embedded` takes the place of the memories: it remembers itself.
        """
        grid = features.grid
        visual, identity = to_tokens(features.projected), cast("Tensor | None", None)
        outputs, owns = [], []
        for n, layer in enumerate(self.LSTT.each()):
            own, gate = layer.observe(visual, identity)
            if embedded is None:
                long_term, short_term = memories[n]
            else:
                long_term = short_term = layer.remember(own, embedded)
            visual, identity = layer.propagate(visual, identity, own, gate, long_term, short_term, grid)
            outputs.append(torch.cat([visual, identity], dim=1))
            owns.append(own)
        outputs[-1] = self.LSTT.decoder_norms[0](outputs[-1], grid)
        return Propagated(tuple(outputs), tuple(owns))

    def remember(self, owns: Sequence[Own], embedded: Tensor) -> tuple[Memory, ...]:
        """What each layer keeps of a frame that went through `propagate`, now that its identities are known."""
        return tuple(layer.remember(own, embedded) for layer, own in zip(self.LSTT.each(), owns, strict=True))

    def decode(self, propagated: Propagated, features: Features, objects: int) -> Tensor:
        """Logits (1, 1 + objects, H/4, W/4) of background and objects; published code sets the others to -1e10."""
        logits: Tensor = self.decoder(to_map(propagated.outputs[-1], features.grid), features)
        return logits[:, : objects + 1]


def resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear to (h, w), corners on corners."""
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)
