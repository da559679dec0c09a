"""The process of one job: runs the project of a folder, and tells how far it is in lines of JSON on standard output.

    python -m cleanplate.apps.jobs.child FOLDER       # started by `Jobs` alone

Its standard input is a pipe that nobody writes to: when it closes, the server is gone, and so the job stops as by
Ctrl-C, to be taken up again by the next server through the journal.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

_NICE = 5
"a click on the page does not wait for a job"
STOPPED = 130
"exit code of a job that was told to stop"
PATIENCE_S = 2.0
"how long a job may take to stop before it is killed"
_APART_S, _APART_LATER_S, _LATER_S = 0.25, 1.0, 60.0
"between two lines about the same stage, in its first minute and later"
_WINDOW_S = 10.0
"over which the speed is taken"


class _Pace:
    """Turns progress into lines, not too many, with speed and time left."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._stage = ""
        self._seen: deque[tuple[float, int]] = deque()
        self._begun_s = self._told_s = 0.0

    def watch(self, progress: Any) -> None:
        """Told of each frame by the task: a `Progress`."""
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._begun_s, self._told_s = progress.stage, now, 0.0
            self._seen.clear()
        self._seen.append((now, progress.done))
        while now - self._seen[0][0] > _WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()
        apart_s = _APART_S if now - self._begun_s < _LATER_S else _APART_LATER_S
        if now - self._told_s < apart_s and progress.done != progress.total:
            return
        self._told_s = now
        begin_s, begin = self._seen[0]
        speed = (progress.done - begin) / (now - begin_s) if now > begin_s and progress.done > begin else None
        left = None if speed is None or progress.total is None else max(progress.total - progress.done, 0) / speed
        self._tell(
            {
                "stage": progress.stage,
                "done": progress.done,
                "total": progress.total,
                "frames_per_s": speed and round(speed, 2),
                "left_s": None if left is None else round(left, 1),
            }
        )


def main(folder: Path) -> int:
    """Run the job. Returns the exit code: 0 done, 1 failed, 2 asked wrongly, 130 stopped."""
    lines = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints goes to the log

    def tell(facts: dict[str, Any]) -> None:
        lines.write(json.dumps(facts) + "\n")

    try:
        threading.Thread(target=_end_with_server, name="server gone?", daemon=True).start()
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the process that a server before this one left may still be ending
            _run(folder, _Pace(tell).watch)
    except KeyboardInterrupt:
        return STOPPED
    except Exception as error:
        from cleanplate.base.errors import CleanplateError

        if isinstance(error, CleanplateError):
            tell({"error": str(error).replace(f"{folder}/", "")})
            return error.exit_code
        sys.excepthook(type(error), error, error.__traceback__)
        what = f"{error.filename or 'a file'}: {error.strerror}" if isinstance(error, OSError) else None
        tell({"error": what or f"this is a fault in cleanplate: {type(error).__name__}: {error}"})
        return 1
    return 0


def _run(folder: Path, watch: Callable[[Any], None]) -> None:
    from cleanplate.apps.jobs.state import JobState
    from cleanplate.apps.project import Project  # takes a second, in which Ctrl-C has an answer

    project, state = Project.open(folder), JobState.read(folder)
    project.run(watch)
    if state is None or not state.is_quick:  # whose masks are taken as they lie
        shutil.make_archive(str(project.kept_masks), "zip", project.kept_masks)


def _end_with_server() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_S)
    os._exit(STOPPED)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.nice(_NICE)
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(code)  # a piece that nobody waits for may still be painted: Python would not end before it
