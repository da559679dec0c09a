"""An encoder must not put itself before everything else on the machine.

SVT-AV1, run by root as in most containers, has the kernel schedule the thread that opens it in real time, and its own
threads too; it does not take that back. All that the process starts from then on is scheduled so as well: other
programs get what is left, and its own threads, if there are more of them than cores, wait for each other without end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextmanager
def keeping_priority() -> Iterator[None]:
    """What is opened within leaves every thread scheduled as it was, new ones as the one that calls. Linux only."""
    if not _THREADS.is_dir():
        yield
        return
    before = schedules()
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread, now in schedules().items():
            if now != before.get(thread, policy):
                with suppress(ProcessLookupError):  # it has ended meanwhile
                    os.sched_setscheduler(thread, policy, parameter)


def schedules() -> dict[int, int]:
    """The kernel's policy for each thread of this process, by its number."""
    found = {}
    for path in _THREADS.iterdir():
        with suppress(ProcessLookupError):
            found[int(path.name)] = os.sched_getscheduler(int(path.name))
    return found
