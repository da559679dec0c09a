"""The command `cleanplate`. It loads nothing heavy by itself, so that Ctrl-C has an answer while the rest is loaded."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

STOPPED = 130
"exit code after Ctrl-C, as shells have it; also after a polite kill"
NOTHING_WRITTEN = "stopped; no output was written"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 asked wrongly, 130 stopped."""
    with suppress(ValueError):  # outside the main thread there are no handlers
        signal.signal(signal.SIGTERM, _stop)
    try:
        from cleanplate.apps.cli.app import run  # takes a second
    except KeyboardInterrupt:
        sys.stderr.write(f"error: {NOTHING_WRITTEN}\n")
        sys.exit(STOPPED)
    run(arguments)


def _stop(*_: object) -> None:
    """A polite kill ends a run as Ctrl-C does: files are closed and temporary ones removed."""
    raise KeyboardInterrupt
