"""In which numbers networks calculate: float32, or a half precision where processor or graphics card gain by it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from cleanplate.base.errors import UsageError
from cleanplate.base.extras import require

PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"torch's names of them"
MIXED = ("fp32", "bf16")
"those for networks that run `in_precision`"


def check_precision(asked: str, there_are: Collection[str] = tuple(PRECISIONS)) -> None:
    """Raise `UsageError` for a precision that is none of these."""
    if asked not in there_are:
        raise UsageError(f"precision is {asked}, but must be one of {', '.join(there_are)}")


@dataclass(frozen=True, kw_only=True)
class MixedOptions:
    """The knob of networks that run `in_precision`."""

    precision: str = "fp32"
    "fp32, or bf16: faster on processors and graphics cards that have it, and a little different"

    def __post_init__(self) -> None:
        check_precision(self.precision, MIXED)


def type_of(precision: str) -> Any:
    """The torch type of a network that has that precision throughout."""
    return getattr(require("torch", "neural"), PRECISIONS[precision])


def in_precision(asked: str, device: str) -> Any:
    """A context: products within it have that precision, what has to be exact is in float32."""
    torch = require("torch", "neural")
    return torch.autocast(torch.device(device).type, type_of(asked), enabled=asked != "fp32")
