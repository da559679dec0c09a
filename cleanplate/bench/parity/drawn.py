"""Checkpoints with drawn weights, which stand for the published ones where only the way or the time is of interest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from cleanplate.base.weights import WEIGHTS
from cleanplate.motion.nets.flow_completion import RecurrentFlowCompletion
from cleanplate.motion.nets.raft import Raft
from cleanplate.paint.nets.e2fgvi_hq import E2fgviHq
from cleanplate.paint.nets.propainter import InpaintGenerator

_Module = TypeVar("_Module", bound=torch.nn.Module)

NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {
    "e2fgvi-hq": E2fgviHq,
    "propainter": InpaintGenerator,
    "propainter-flow": RecurrentFlowCompletion,
    "raft": Raft,
}
"by the row of the weights table"
RENAMED = {"propainter": (".mlp.conv", ".mlp.fc")}
"ours and the published one, where a name is not the same"


def drawn(network: _Module) -> _Module:
    """The network with weights drawn in their order, so that signals neither die nor explode."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in network.parameters():
            spread = tensor[0].numel() ** -0.5 if tensor.ndim > 1 else 0.05
            offset = 1.0 if tensor.ndim == 1 and (tensor == 1).all() else 0.0  # the scale of a normalisation
            tensor.copy_(offset + spread * torch.randn(tensor.shape, generator=random))
    return network.eval().requires_grad_(False)


def store(folder: Path, row: str) -> Path:
    """The row's checkpoint under its published names, behind the wrapper of a training loop."""
    network = drawn(NETWORKS[row]())
    path = folder / WEIGHTS[row].file
    ours, theirs = RENAMED.get(row, ("", ""))
    tensors = {f"module.{name.replace(ours, theirs)}": tensor for name, tensor in network.state_dict().items()}
    torch.save(tensors, path)
    return path
