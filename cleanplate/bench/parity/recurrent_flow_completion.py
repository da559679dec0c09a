"""ProPainter's flow completion on stored flows."""

from __future__ import annotations

import torch

from cleanplate.bench.parity.recipe import Weights
from cleanplate.bench.parity.table import Arrays
from cleanplate.motion.nets.flow_completion import UNUSED, RecurrentFlowCompletion


def run(weights: Weights, inputs: Arrays) -> Arrays:
    """`flow_forward` and `flow_backward` (1, T-1, 2, H, W), `masks` (1, T, 1, H, W) -> both flows completed."""
    network = weights.load(RecurrentFlowCompletion(), unused=UNUSED)
    with torch.inference_mode():
        given = (torch.from_numpy(inputs[name])[0] for name in ("flow_forward", "flow_backward", "masks"))
        forward, backward = network.complete(*given)
    return {"completed_forward": forward[None].numpy(), "completed_backward": backward[None].numpy()}
