"""Where networks run: the processor or a graphics card, as asked for or chosen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from cleanplate.base.errors import UsageError
from cleanplate.base.extras import require

_Found = TypeVar("_Found")

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
            return "cuda:0", f"the device is {_with_card(0)}, the first of {cards} CUDA devices"
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


def device_name(asked: str) -> str:
    """The device that is meant, a card by its own name too: `cuda:0 (NVIDIA H200)`. Raises as `choose_device` does."""
    kind, _, number = choose_device(asked)[0].partition(":")
    return _with_card(int(number)) if kind == "cuda" else kind


def _with_card(number: int) -> str:
    torch: Any = require("torch", "neural")
    return f"cuda:{number} ({torch.cuda.get_device_name(number)})"


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


def with_less(work: Callable[[int], _Found], at_once: int, least: int) -> _Found:
    """What `work` returns when told to take `at_once` numbers at a time, or half as many after running out of memory.

    Raises what torch raised where not even `least` at a time will do.
    """
    while True:
        try:
            return work(at_once)
        except RuntimeError as error:  # also torch.OutOfMemoryError
            if not is_out_of_memory(error) or at_once <= least:
                raise
        # Outside the handler, which holds on to what the failed try had made.
        torch: Any = require("torch", "neural")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        at_once = max(at_once // 2, least)
