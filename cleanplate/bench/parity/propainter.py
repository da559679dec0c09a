"""ProPainter's propagation and generator on stored frames and completed flows."""

from __future__ import annotations

import numpy as np
import torch

from cleanplate.bench.parity.recipe import Weights
from cleanplate.bench.parity.table import Arrays
from cleanplate.paint.nets.dual_propagation import propagate_images
from cleanplate.paint.nets.propainter import InpaintGenerator, own_name


def run(weights: Weights, inputs: Arrays) -> Arrays:
    """Frames and masks of T frames of which `num_local_frames` are local, and completed flows between all.

    `frames` (..., T, 3, H, W), -1..1, or `frames_u8`, 0..255; `masks` (..., T, 1, H, W); `completed_forward` and
    `completed_backward` (..., T-1, 2, H, W). Outputs have an axis in front where `masks` have one.
    """
    network = weights.load(InpaintGenerator(), rename=own_name)
    front = inputs["masks"].shape[:-4]

    def clip(name: str) -> torch.Tensor:
        array = inputs[name]
        return torch.from_numpy(array.reshape(array.shape[-4:]).astype(np.float32))

    frames = clip("frames") if "frames" in inputs else clip("frames_u8") / 255 * 2 - 1
    masks, forward, backward = clip("masks"), clip("completed_forward"), clip("completed_backward")
    joints = int(inputs["num_local_frames"]) - 1
    with torch.inference_mode():
        filled, left = propagate_images(frames * (1 - masks), masks, forward, backward)
        frames = frames * (1 - masks) + filled * masks
        output = network(frames, masks, left, forward[:joints], backward[:joints])
    found = {"propagated": frames, "updated_masks": left, "output": output}
    return {name: tensor.reshape(front + tensor.shape).numpy() for name, tensor in found.items()}
