"""ProPainter's flow completion on stored flows."""

from __future__ import annotations

import torch

from cleanplate.bench.parity.recipe import Weights
from cleanplate.bench.parity.table import Arrays
from cleanplate.motion.nets.flow_completion import UNUSED, RecurrentFlowCompletion


def run(weights: Weights, inputs: Arrays) -> Arrays:
    """`flow_forward` and `flow_backward` (N, T-1, 2, H, W), `masks` (N, T, 1, H, W) -> both flows completed."""
    network = weights.load(RecurrentFlowCompletion(), unused=UNUSED)
    given = (torch.from_numpy(inputs[name]) for name in ("flow_forward", "flow_backward", "masks"))
    with torch.inference_mode():
        completed = [network.complete(*clip) for clip in zip(*given, strict=True)]
    forward, backward = (torch.stack(flows).numpy() for flows in zip(*completed, strict=True))
    return {"completed_forward": forward, "completed_backward": backward}
