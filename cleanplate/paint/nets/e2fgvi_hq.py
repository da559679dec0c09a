"""E2FGVI-HQ (Li et al., "Towards an end-to-end framework for flow-guided video inpainting", CVPR 2022).

Flow of the frames with their holes, features propagated along it, and a transformer over those and over reference
frames. The stages are separate, so that what windows of frames have in common is computed once.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cleanplate.motion.nets.spynet import SPyNet
from cleanplate.paint.nets.focal import FocalBlock
from cleanplate.paint.nets.layers import AT_ONCE, Encoder, SoftComposition, SoftSplit, decoder
from cleanplate.paint.nets.propagation import BidirectionalPropagation

CHANNELS, DIM, BLOCKS = 128, 512, 8
MULTIPLE_PX = (60, 108)
"height and width must be multiples of these: windows of 5x9 tokens, three features apart, at a quarter of the size"
UNUSED = tuple(f"transformer.{n}.attn.valid_ind_rolled" for n in range(BLOCKS))
"published names of index lists, which follow from the windows' size: see `focal`"


class E2fgviHq(nn.Module):
    """The network under its published names."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = decoder()
        self.update_spynet = SPyNet()
        self.feat_prop_module = BidirectionalPropagation(CHANNELS)
        self.ss = SoftSplit(CHANNELS, DIM)
        self.sc = SoftComposition(CHANNELS, DIM)
        self.transformer = nn.ModuleList(FocalBlock(DIM) for _ in range(BLOCKS))

    def forward(self, frames: Tensor, local: int) -> tuple[Tensor, Tensor, Tensor]:
        """Frames (T, 3, H, W), -1..1 with holes 0, `local` consecutive ones first and then references.

        Returns all frames painted (T, 3, H, W), -1..1, and the flows (local - 1, 2, H/4, W/4) forward and backward.
        """
        small = self.shrink(frames[:local])
        forward, backward = self.flows(small[:-1], small[1:]), self.flows(small[1:], small[:-1])
        features = self.encoder(frames)
        features = torch.cat([self.feat_prop_module(features[:local], forward, backward), features[local:]])
        return self.decode(self.transform(features, len(frames))), forward, backward

    def shrink(self, frames: Tensor) -> Tensor:
        """Frames (T, 3, H, W), -1..1, as flow is found on them: (T, 3, H/4, W/4), 0..1, holes one half."""
        size = (frames.shape[-2] // 4, frames.shape[-1] // 4)
        return F.interpolate((frames + 1) / 2, size=size, mode="bilinear", align_corners=True)

    def flows(self, source: Tensor, target: Tensor) -> Tensor:
        """Flow (N, 2, H/4, W/4) px between shrunk frames."""
        found: Tensor = self.update_spynet(source, target)
        return found

    def transform(self, features: Tensor, wanted: int, at_once: int = AT_ONCE) -> Tensor:
        """What the first `wanted` frames show when all frames (T, 128, h, w) are asked: (wanted, 128, h, w)."""
        size = (features.shape[-2], features.shape[-1])
        tokens = self.ss(features)
        for block in self.transformer:
            # the last block is asked for what is wanted only
            tokens = block(tokens, size, wanted if block is self.transformer[-1] else len(tokens), at_once)
        return features[:wanted] + torch.cat([self.sc(part[None], size) for part in tokens])

    def decode(self, features: Tensor) -> Tensor:
        """Pictures (T, 3, 4 h, 4 w), -1..1, of features (T, 128, h, w)."""
        return torch.tanh(self.decoder(features))
