"""The command `cleanplate`. It loads nothing heavy by itself, so that Ctrl-C has an answer while the rest is loaded."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

STOPPED = 130
"exit code after Ctrl-C, as shells have it; also after a polite kill"
NOTHING_WRITTEN = "stopped; no output was written"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 asked wrongly, 130 stopped."""
    with suppress(ValueError):  # outside the main thread there are no handlers
        signal.signal(signal.SIGTERM, _stop)
    try:
        with _in_haste():
            from cleanplate.apps.cli.app import run  # takes a second
    except KeyboardInterrupt:
        sys.stderr.write(f"error: {NOTHING_WRITTEN}\n")
        sys.exit(STOPPED)
    run(arguments)


@contextmanager
def _in_haste() -> Iterator[None]:
    """Import what stays, a quarter sooner: nothing of it is garbage, and numba is not let look for scipy's BLAS.

    No kernel multiplies matrices, and scipy itself can be imported as ever afterwards.
    """
    modules: dict[str, object | None] = sys.modules  # type: ignore[assignment]  # None = not to be found
    is_hidden = "scipy" not in modules
    gc.disable()
    if is_hidden:
        modules["scipy"] = None
    try:
        import numba.np.arraymath  # noqa: F401 - this is what looks for it

        yield
    finally:
        if is_hidden:
            del modules["scipy"]
        gc.freeze()
        gc.enable()


def _stop(*_: object) -> None:
    """A polite kill ends a run as Ctrl-C does: files are closed and temporary ones removed."""
    raise KeyboardInterrupt
