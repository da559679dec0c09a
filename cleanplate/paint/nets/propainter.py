"""ProPainter's generator (Zhou et al., "ProPainter: Improving Propagation and Transformer for Video Inpainting",
ICCV 2023). Module names are those of the published checkpoint.

Frames in which pixels have been carried along the flow (`propagation.propagate_images`) are encoded; features are
carried along the flow once more; a sparse transformer looks at all of them and at frames from farther away; and what
comes out is decoded. Pictures are -1..1, masks 1 in the hole, flow (x, y) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cleanplate.paint.nets.dual_propagation import WIDTH, FeaturePropagation
from cleanplate.paint.nets.layers import (
    AT_ONCE,
    TOKEN_PAD,
    TOKEN_PX,
    TOKEN_STRIDE,
    Encoder,
    SoftComposition,
    SoftSplit,
    decoder,
)
from cleanplate.paint.nets.sparse_transformer import DEPTH, DIM, SparseTransformer

SCALE = 4  # pixels a feature, each way
MULTIPLE_PX = 8
"height and width must be multiples of this"


def own_name(published: str) -> str:
    """The module's name for a published one: the feed-forward layers are E2FGVI's, which calls them otherwise."""
    return published.replace(".mlp.fc", ".mlp.conv")


class InpaintGenerator(nn.Module):
    """The generator under its published names. `forward` is what the four methods after it do, one after the other."""

    def __init__(self, depth: int = DEPTH) -> None:
        super().__init__()
        self.encoder = Encoder(3 + 2)
        self.decoder = decoder()
        self.ss = SoftSplit(WIDTH, DIM)
        self.sc = SoftComposition(WIDTH, DIM)
        self.feat_prop_module = FeaturePropagation()
        self.transformers = SparseTransformer(depth)

    def forward(self, frames: Tensor, masks: Tensor, updated: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
        """The frames that flow joins painted all over, -1..1: (L, 3, H, W).

        frames (T, 3, H, W) after the images' propagation: first the L local ones, which follow each other, then
        references; masks before and after that propagation, (T, 1, H, W) each; completed flows (L-1, 2, H, W). H and W
        are multiples of 8.
        """
        local = len(forward) + 1
        features = self.encode(frames, masks, updated)
        features = self.carry(features, torch.cat([masks, updated], 1)[:local], forward, backward)
        return self.decode(features, self.transform(features, masks[:local]), range(local))

    def encode(self, frames: Tensor, masks: Tensor, updated: Tensor) -> Tensor:
        """Features (T, 128, H/4, W/4), each frame's by itself."""
        return self.encoder(torch.cat([frames, masks, updated], 1).to(self.sc.bias_conv.weight.dtype))

    def carry(self, features: Tensor, masks: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
        """The features (T, 128, H/4, W/4) of all, those of the local frames carried along the flow.

        masks (L, 2, H, W): of the local frames, before and after the images' propagation.
        """
        size = (features.shape[-2], features.shape[-1])
        masks = F.interpolate(masks, size, mode="nearest").to(features.dtype)
        forward, backward = (
            F.interpolate(flow, size, mode="bilinear", align_corners=False) / SCALE if len(flow) else flow
            for flow in (forward, backward)
        )
        local = len(masks)
        return torch.cat([self.feat_prop_module(features[:local], masks, forward, backward), features[local:]])

    def transform(self, features: Tensor, masks: Tensor, at_once: int = AT_ONCE) -> Tensor:
        """The local frames' tokens (L, rows, columns, 512) after all frames were looked at.

        masks (L, 1, H, W): theirs, before the images' propagation. at_once: about how many numbers to make at a time.
        """
        size = (features.shape[-2], features.shape[-1])
        masks = F.interpolate(masks, size, mode="nearest").to(features.dtype)
        hidden = F.max_pool2d(masks, TOKEN_PX, TOKEN_STRIDE, TOKEN_PAD)  # (L, 1, rows, columns)
        tokens: Tensor = self.transformers(self.ss(features), size, hidden, at_once)
        return tokens

    def decode(self, features: Tensor, tokens: Tensor, wanted: Sequence[int]) -> Tensor:
        """The wanted ones of the local frames painted, (N, 3, H, W)."""
        size = (features.shape[-2], features.shape[-1])
        # Frame by frame, as decoded features of full size hold far more than all that came before.
        found = ((features[t, None], tokens[t, None]) for t in wanted)
        return torch.cat([torch.tanh(self.decoder(feature + self.sc(token, size))) for feature, token in found])
