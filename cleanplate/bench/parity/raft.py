"""RAFT on a stored pair of pictures."""

from __future__ import annotations

import torch

from cleanplate.bench.parity.recipe import Weights
from cleanplate.bench.parity.table import Arrays
from cleanplate.motion.nets.raft import Raft


def run(weights: Weights, inputs: Arrays) -> Arrays:
    """`image1` and `image2` (N, 3, H, W), -1..1, and `iters` -> flow at an eighth of the size and full."""
    network = weights.load(Raft())
    with torch.inference_mode():
        images = (torch.from_numpy(inputs[name]) for name in ("image1", "image2"))
        coarse, flow = network(*images, int(inputs["iters"]))
    return {"flow_low": coarse.numpy(), "flow": flow.numpy()}
