"""E2FGVI-HQ on stored frames."""

from __future__ import annotations

import torch

from cleanplate.bench.parity.recipe import Weights
from cleanplate.bench.parity.table import Arrays
from cleanplate.paint.nets.e2fgvi_hq import UNUSED, E2fgviHq


def run(weights: Weights, inputs: Arrays) -> Arrays:
    """`masked_frames` (1, T, 3, H, W), -1..1, of which `num_local_frames` are local -> frames and flows."""
    network = weights.load(E2fgviHq(), unused=UNUSED)
    with torch.inference_mode():
        frames = torch.from_numpy(inputs["masked_frames"])[0]
        output, forward, backward = network(frames, int(inputs["num_local_frames"]))
    return {"output": output.numpy(), "flow_forward": forward[None].numpy(), "flow_backward": backward[None].numpy()}
