"""Running networks where memory may not suffice: the same work in smaller parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from cleanplate.base.device import is_out_of_memory

_Found = TypeVar("_Found")


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
        if torch.cuda.is_available():  # outside the handler, which holds on to what the failed try had made
            torch.cuda.empty_cache()
        at_once = max(at_once // 2, least)


def in_batches(work: Callable[[Tensor], Tensor], given: Tensor, size: int) -> Tensor:
    """`work` on so many of the given (N, ...) at a time, or fewer after running out of memory: (N, ...)."""

    def all_of_it(step: int) -> Tensor:
        return torch.cat([work(part) for part in given.split(step)])

    return with_less(all_of_it, size, 1)
