"""Runs a command and says how long it took and how much memory it and all processes below it held.

ran = run_measured([sys.executable, "-m", "cleanplate", "remove", ...])
ran.seconds, ran.peak_bytes, ran.output
"""

from __future__ import annotations

import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cleanplate.base.errors import FailedError
from cleanplate.base.extras import require

INTERVAL_SECONDS = 0.05
"between looks at the process tree; one look costs a millisecond"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A command that ended well."""

    seconds: float
    "from its start to its end, by the clock on the wall"
    processor_seconds: float
    "of it and of all processes it waited for, user's and system's: less shaken by what else runs"
    peak_bytes: int
    "most memory of the process tree: see `run_measured`"
    output: str
    "what it printed"


def run_measured(
    words: Sequence[str],
    *,
    interval_seconds: float = INTERVAL_SECONDS,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run a command to its end; what it started and left running is ended with it, and all of it on Ctrl-C.

    environment: in place of this process's own.

    The memory of the tree is looked at every `interval_seconds`: the sum over all processes alive at that moment of
    the most each has ever held (Linux's VmHWM, so that peaks between two looks count; elsewhere what it holds then).
    One process alone is measured exactly, but for what it grows after the last look. For several it is an upper bound
    of resident memory: their peaks need not coincide, and pages they share count in each. A child counts from the
    second look that finds it, as a process just forked still shows its parent's memory.

    Raises `FailedError` with its last line if it fails, `MissingExtraError` without psutil.
    """
    require("psutil", "bench")
    # Files, not pipes: a grandchild that lives on would keep a pipe open, and reading it would wait for that.
    with tempfile.TemporaryFile("w+", errors="replace") as output, tempfile.TemporaryFile("w+") as errors:
        start, used = time.perf_counter(), _used_by_children()
        try:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment)
        except OSError as error:
            raise FailedError(f"'{words[0]}' could not be started ({error.strerror}); check the path") from error
        tree: _Tree | None = None
        try:
            tree = _Tree(process.pid, interval_seconds)
            process.wait()
            seconds = time.perf_counter() - start
        finally:  # Ctrl-C may come before the tree is watched
            (tree or _Tree(process.pid, interval_seconds)).end()
            process.wait()
        printed, complaints = _text(output), _text(errors)
    if process.returncode != 0:
        raise FailedError(_why(words, process.returncode, complaints or printed))
    return Ran(
        seconds=seconds,
        processor_seconds=_used_by_children() - used,
        peak_bytes=tree.peak_bytes,
        output=printed,
    )


def _used_by_children() -> float:
    """Processor seconds of all processes that were waited for so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read())


def _why(words: Sequence[str], code: int, said: str) -> str:
    """One sentence: what was run, how it ended, and its last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if code < 0:
        how = f"was killed by signal {-code} ({signal.Signals(-code).name}), perhaps for want of memory"
    else:
        how = f"ended with code {code}"
    return f"'{' '.join(words)}' {how}" + (f": {lines[-1]}" if lines else "")


class _Tree:
    """Watches a process and all below it in a thread of its own, until `end`."""

    def __init__(self, pid: int, interval_seconds: float) -> None:
        self.peak_bytes = 0
        self._psutil: Any = require("psutil", "bench")
        self._interval = interval_seconds
        self._root: Any = None
        "waited for by who started it"
        self._known: set[Any] = set()
        "processes of the last look below the root"
        self._stop = threading.Event()
        with suppress(self._psutil.NoSuchProcess):  # it may have ended by now
            self._root = self._psutil.Process(pid)
        self._thread = threading.Thread(target=self._watch, name="process tree", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching, and end whatever still runs."""
        self._stop.set()
        self._thread.join()
        if self._root is None:
            return
        with suppress(self._psutil.NoSuchProcess):
            self._look()
        left = [process for process in (self._root, *self._known) if process.is_running()]
        for process in left:
            with suppress(self._psutil.NoSuchProcess):
                process.kill()
        self._psutil.wait_procs([process for process in left if process != self._root], timeout=10)

    def _watch(self) -> None:
        with suppress(self._psutil.NoSuchProcess):  # the end of it; what it left running stays known
            while self._root is not None:
                self._look()
                if self._stop.wait(self._interval):
                    return

    def _look(self) -> None:
        below = set(self._root.children(recursive=True))
        counted = [self._root, *(below & self._known)]
        self.peak_bytes = max(self.peak_bytes, sum(map(self._held, counted)))
        # One whose parent has ended is no longer found below, but is still to be ended.
        self._known = below | {process for process in self._known if process.is_running()}

    def _held(self, process: Any) -> int:
        """The most a process has held, in bytes; 0 once it has ended."""
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(errors="replace")
        except OSError:
            status = ""
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        try:
            return int(process.memory_info().rss)
        except self._psutil.Error:
            return 0
