"""Command after command in one process that is watched: whether it hangs, dies, what it says and what memory it needs.

with Worker(folder) as worker:
    code, said, peak_bytes = worker.run(["remove", "in.mp4", "--box", "0,0,9,9", "-o", "out.mp4"])
"""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

TIME_LIMIT_S = 20


class Worker:
    """One process that runs command after command, so that its start is paid once; it is replaced when it dies."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "stderr"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return self._process.pid if self._process else None

    def run(self, words: Sequence[str]) -> tuple[int | None, str, int]:
        """Exit code, standard error and peak memory in bytes; None for a process that hung (and was killed) or died."""
        process = self._process or self._start()
        self._log.write_bytes(b"")
        _forget_peak(process.pid)
        stdin, stdout = _pipe(process.stdin), _pipe(process.stdout)
        stdin.write(json.dumps(list(words)) + "\n")
        stdin.flush()
        ready, _, _ = select.select([stdout], [], [], TIME_LIMIT_S)
        answer = stdout.readline() if ready else ""
        peak = _peak(process.pid)
        if not answer:
            what = f"died with {process.wait()}" if ready else f"hung for {TIME_LIMIT_S} s"
            self._stop()
            return None, f"{what}\n{self._log.read_text(errors='replace')}", peak
        return int(answer), self._log.read_text(errors="replace"), peak

    def _start(self) -> subprocess.Popen[str]:
        words = [sys.executable, "-X", "faulthandler", "-m", "cleanplate.bench.watched"]
        pipe = subprocess.PIPE
        with self._log.open("a") as log:  # appended to, so that emptying it between two runs leaves no gap
            self._process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=log, text=True)
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _forget_peak(pid: int) -> None:
    marks = Path(f"/proc/{pid}/clear_refs")
    if marks.exists():
        marks.write_text("5")


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def main() -> None:
    """Be a worker: a command line in JSON on each line, its exit code in answer; what it prints is thrown away."""
    answers = sys.stdout
    for line in sys.stdin:
        sys.argv = ["cleanplate", *json.loads(line)]
        code: object = 0
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                runpy.run_module("cleanplate", run_name="__main__")
            except SystemExit as stop:
                code = stop.code
        answers.write(f"{code or 0}\n")
        answers.flush()


if __name__ == "__main__":
    main()
