"""ProPainter's propagation and generator on stored frames and completed flows."""

from __future__ import annotations

import numpy as np
import torch

from cleanplate.bench.parity.recipe import Weights
from cleanplate.bench.parity.table import Arrays
from cleanplate.paint.nets.dual_propagation import propagate_images
from cleanplate.paint.nets.propainter import InpaintGenerator, own_name

_Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def run(weights: Weights, inputs: Arrays) -> Arrays:
    """Frames and masks of T frames of which `num_local_frames` are local, and completed flows between all.

    `frames` ([N,] T, 3, H, W), -1..1, or `frames_u8`, 0..255; `masks` ([N,] T, 1, H, W); `completed_forward` and
    `completed_backward` ([N,] T-1, 2, H, W). Outputs have an axis in front where `masks` have one.
    """
    network = weights.load(InpaintGenerator(), rename=own_name)
    joints = int(inputs["num_local_frames"]) - 1

    def clips(name: str) -> torch.Tensor:
        return torch.from_numpy(inputs[name].reshape(-1, *inputs[name].shape[-4:]).astype(np.float32))

    def one(frames: torch.Tensor, masks: torch.Tensor, forward: torch.Tensor, backward: torch.Tensor) -> _Outputs:
        filled, left = propagate_images(frames * (1 - masks), masks, forward, backward)
        frames = frames * (1 - masks) + filled * masks
        return frames, left, network(frames, masks, left, forward[:joints], backward[:joints])

    frames = clips("frames") if "frames" in inputs else clips("frames_u8") / 255 * 2 - 1
    given = (frames, clips("masks"), clips("completed_forward"), clips("completed_backward"))
    with torch.inference_mode():
        found = [torch.stack(each) for each in zip(*(one(*clip) for clip in zip(*given, strict=True)), strict=True)]
    is_single = inputs["masks"].ndim == 4
    names = ("propagated", "updated_masks", "output")
    return {name: (each[0] if is_single else each).numpy() for name, each in zip(names, found, strict=True)}
