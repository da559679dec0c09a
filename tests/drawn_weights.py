"""Checkpoints with drawn weights, which stand for the published ones where only the way is to be tested."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from cleanplate.base.weights import WEIGHTS  # noqa: E402 - torch may be missing
from cleanplate.motion.nets.flow_completion import RecurrentFlowCompletion  # noqa: E402
from cleanplate.motion.nets.raft import Raft  # noqa: E402
from cleanplate.paint.nets.e2fgvi_hq import E2fgviHq  # noqa: E402
from cleanplate.paint.nets.propainter import InpaintGenerator  # noqa: E402

NETWORKS = {
    "e2fgvi-hq": E2fgviHq,
    "propainter": InpaintGenerator,
    "propainter-flow": RecurrentFlowCompletion,
    "raft": Raft,
}
"by the row of the weights table"
RENAMED = {"propainter": (".mlp.conv", ".mlp.fc")}
"ours and the published one, where a name is not the same"


def drawn(network: torch.nn.Module) -> torch.nn.Module:
    """The network with weights drawn in their order, so that signals neither die nor explode."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in network.parameters():
            spread = tensor[0].numel() ** -0.5 if tensor.ndim > 1 else 0.05
            offset = 1.0 if tensor.ndim == 1 and (tensor == 1).all() else 0.0  # the scale of a normalisation
            tensor.copy_(offset + spread * torch.randn(tensor.shape, generator=random))
    return network.eval().requires_grad_(False)


def store(folder: Path, row: str) -> Path:
    """The row's checkpoint, behind the wrapper of a training loop."""
    network = drawn(NETWORKS[row]())
    path = folder / WEIGHTS[row].file
    ours, theirs = RENAMED.get(row, ("", ""))
    tensors = {f"module.{name.replace(ours, theirs)}": tensor for name, tensor in network.state_dict().items()}
    torch.save(tensors, path)
    return path
