"""The command `cleanplate`: turns words into calls, and errors into one sentence and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from typing import Annotated, Any

import typer
from rich.text import Text

from cleanplate.apps.cli import bench, facts, look, measure, screen, work
from cleanplate.base.errors import CleanplateError
from cleanplate.base.threads import is_any_left

# click's UsageError, of whichever click this typer uses: newer ones carry their own.
_WordsError: Any = typer.BadParameter.__base__

_STOPPED = 130
"exit code after Ctrl-C, as shells have it; also after a polite kill"


class _StoppedError(CleanplateError):
    """Ctrl-C, told with what the run has to say about going on: newer typers drop the exception itself."""

    exit_code = _STOPPED


def _stoppable(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def stopped_with_a_word(*given: Any, **flags: Any) -> None:
        try:
            command(*given, **flags)
        except KeyboardInterrupt as stop:
            raise _StoppedError("stopped; no output was written" + _notes(stop)) from stop

    return stopped_with_a_word


def _notes(error: BaseException) -> str:
    return "".join(f"; {note}" for note in getattr(error, "__notes__", ()))


app = typer.Typer(
    help="Take things out of video: look first, invent last, and prove that nothing else was touched.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
_COMMANDS = (
    *(work.remove, work.mask, work.fill, work.plan),
    *(look.preview, look.compare, measure.score),
    *(facts.engines, facts.weights, facts.doctor),
)
for command in _COMMANDS:
    app.command()(_stoppable(command))
benches = typer.Typer(help="Measure engines, trackers and speed, always in the same way.", no_args_is_help=True)
for bench_command in bench.COMMANDS:
    benches.command()(_stoppable(bench_command))
app.add_typer(benches, name="bench")


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")] = False,
) -> None:
    """Taken out of the arguments by `main`; declared for the help page."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 asked wrongly, 130 stopped."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_debug = "--debug" in given
    with suppress(ValueError):  # outside the main thread there are no handlers
        signal.signal(signal.SIGTERM, _stop)
    try:
        code = app([word for word in given if word != "--debug"], prog_name="cleanplate", standalone_mode=False)
        if code == _STOPPED:  # how newer typers hand on a KeyboardInterrupt
            raise KeyboardInterrupt
    except _WordsError as error:
        command = error.ctx.command_path if error.ctx is not None else "cleanplate"
        message = error.format_message().rstrip(".").replace("\n", " ")
        if message:  # empty where no words were given: the help page has been shown then
            _say(f"{message}; see {command} --help")
        code = 2
    except CleanplateError as error:
        if is_debug:
            raise
        _say(str(error) + _notes(error))
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _say("stopped; no output was written")
        code = _STOPPED
    except OSError as error:
        if is_debug:
            raise
        _say(f"{error.filename or 'a file'}: {error.strerror or error}")
        code = 1
    except Exception as error:
        if is_debug:
            raise
        _say(
            f"this is a fault in cleanplate: {type(error).__name__}: {error}; run it again with --debug and report that"
        )
        code = 1
    if is_any_left():  # a piece that nobody waits for is still being painted: Python would not end before it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)
    sys.exit(code or 0)


def _stop(*_: object) -> None:
    """A polite kill ends a run as Ctrl-C does: files are closed and temporary ones removed."""
    raise KeyboardInterrupt


def _say(message: str) -> None:
    screen.err.print(Text(f"error: {message}", style="red"), soft_wrap=True)
