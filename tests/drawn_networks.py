"""Networks with drawn weights, which stand for the published ones where only the way is to be tested."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from cleanplate.motion.nets.flow_completion import RecurrentFlowCompletion  # noqa: E402 - torch may be missing
from cleanplate.motion.nets.raft import Raft  # noqa: E402
from cleanplate.paint.nets.propainter import InpaintGenerator  # noqa: E402
from cleanplate.paint.propainter_stages import Networks  # noqa: E402


def drawn(network: torch.nn.Module) -> torch.nn.Module:
    """The network with weights drawn by the names of its tensors' order, so that signals neither die nor explode."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in network.parameters():
            spread = tensor[0].numel() ** -0.5 if tensor.ndim > 1 else 0.05
            offset = 1.0 if tensor.ndim == 1 and (tensor == 1).all() else 0.0  # the scale of a normalisation
            tensor.copy_(offset + spread * torch.randn(tensor.shape, generator=random))
    return network.eval().requires_grad_(False)


def drawn_networks(depth: int = 2) -> Networks:
    """ProPainter's, its transformer `depth` blocks deep."""
    return Networks(drawn(Raft()), drawn(RecurrentFlowCompletion()), drawn(InpaintGenerator(depth)))


def store(network: torch.nn.Module, path: Path) -> None:
    """As published: behind the wrapper of a training loop."""
    torch.save({f"module.{name}": tensor for name, tensor in network.state_dict().items()}, path)
