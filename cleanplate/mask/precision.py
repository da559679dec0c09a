"""Half precision for networks that find and follow objects: products in bfloat16, what has to be exact in float32."""

from __future__ import annotations

import torch

from cleanplate.base.errors import UsageError

PRECISIONS = ("fp32", "bf16")


def check_precision(asked: str) -> None:
    """Raise `UsageError` for a precision that there is not."""
    if asked not in PRECISIONS:
        raise UsageError(f"precision is {asked}, but must be one of {', '.join(PRECISIONS)}")


def in_precision(asked: str, device: str) -> torch.autocast:
    """What runs within it has that precision."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=asked == "bf16")
