"""The process of a job, seen from the server: started, listened to, told to stop, and killed if it does not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from cleanplate.apps.jobs.child import PATIENCE_S, STOPPED


class JobProcess:
    """Runs the job of a folder from now on.

    heard: called with what it says of its progress. ended: called once, when it has gone, with None if the job is done
    and else with a sentence on why not. Both are called in a thread of this process's own.
    """

    def __init__(
        self, folder: Path, heard: Callable[[dict[str, Any]], None], ended: Callable[[str | None], None]
    ) -> None:
        with (folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cleanplate.apps.jobs.child", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C at the server's terminal is the server's, which asks its jobs to stop
            )
        self._heard, self._ended = heard, ended
        self._attendant = threading.Thread(target=self._attend, name=f"job {folder.name}")
        self._attendant.start()

    def stop(self) -> None:
        """Stop it as Ctrl-C would, and kill it if it is still there in two seconds. Does not wait."""
        self._process.send_signal(signal.SIGTERM)
        threading.Thread(target=self._kill, name="kill", daemon=True).start()

    def join(self) -> None:
        """Wait until it has ended."""
        self._attendant.join()

    def _kill(self) -> None:
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _attend(self) -> None:
        error = None
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        with self._process.stdout as lines, self._process.stdin:
            for line in lines:
                if line.endswith("\n"):  # else it was killed while it spoke
                    said = json.loads(line)
                    error = said.get("error")
                    if error is None:
                        self._heard(said)
            code = self._process.wait()
        self._ended(error or _how_it_ended(code))


def _how_it_ended(code: int) -> str | None:
    if code < 0:
        name = signal.Signals(-code).name
        return f"the job's process was ended by {name}, as a file may that crashes its decoder, or too little memory"
    return {0: None, STOPPED: "the job was stopped"}.get(code, f"the job's process ended with exit code {code}")
