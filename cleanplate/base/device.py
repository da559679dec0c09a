"""Where networks run: the processor or a graphics card, as asked for or chosen."""

from __future__ import annotations

import re
from typing import Any

from cleanplate.base.errors import UsageError
from cleanplate.base.extras import require

DEVICES = "auto, cpu, cuda, cuda:N or mps"


def choose_device(asked: str) -> tuple[str, str | None]:
    """A device's name as torch has it, and a sentence on why where the choice was ours.

    asked: one of `DEVICES`. Raises `UsageError` for another word or a device that is not here, `MissingExtraError` for
    anything but `cpu` without torch.
    """
    check_device(asked)
    if asked == "cpu":
        return "cpu", None
    torch = require("torch", "neural")
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    has_mps = torch.backends.mps.is_available()
    if asked == "auto":
        if cards:
            return (
                "cuda:0",
                f"the device is cuda:0 ({torch.cuda.get_device_name(0)}), the first of {cards} CUDA devices",
            )
        if has_mps:
            return "mps", "the device is mps, as there is no CUDA device"
        return "cpu", "the device is cpu, as there is no CUDA or MPS device"
    if asked == "mps":
        if not has_mps:
            raise UsageError("--device is mps, but there is no MPS device here; give auto or cpu")
        return "mps", None
    number = int(asked.partition(":")[2] or 0)
    if number >= cards:
        here = f"cuda:0 to cuda:{cards - 1}" if cards else "none (or torch was installed without CUDA)"
        raise UsageError(f"--device is {asked}, but the CUDA devices here are: {here}; give another, auto or cpu")
    return f"cuda:{number}", None


def check_device(asked: str) -> None:
    """Raises `UsageError` for a word that names no kind of device."""
    if re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", asked) is None:
        raise UsageError(f"--device is '{asked}'; give {DEVICES}")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch raised this because memory did not suffice: on a card, or on the processor."""
    torch: Any = require("torch", "neural")
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in said or "out of memory" in said)
    )
