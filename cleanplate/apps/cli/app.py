"""The commands under one roof: turns words into calls, and errors into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.text import Text

from cleanplate.apps.cli import bench, facts, look, measure, screen, ui, weights, work
from cleanplate.apps.cli.main import NOTHING_WRITTEN, STOPPED
from cleanplate.apps.cli.marks import grouped
from cleanplate.apps.cli.run import run as run_project
from cleanplate.base.errors import CleanplateError
from cleanplate.base.threads import is_any_left

# click's UsageError, of whichever click this typer uses: newer ones carry their own.
_WordsError: Any = typer.BadParameter.__base__


class _StoppedError(CleanplateError):
    """Ctrl-C, told with what the run has to say about going on: newer typers drop the exception itself."""

    exit_code = STOPPED


def _stoppable(command: Callable[..., None], said: str = NOTHING_WRITTEN) -> Callable[..., None]:
    """The command, which after Ctrl-C says this and what notes the exception has."""

    @wraps(command)
    def stopped_with_a_word(*given: Any, **flags: Any) -> None:
        try:
            command(*given, **flags)
        except KeyboardInterrupt as stop:
            raise _StoppedError(said + _notes(stop)) from stop

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
    *(work.remove, work.mask, work.fill, work.plan, run_project, ui.ui),
    *(look.preview, look.compare, measure.score),
    *(facts.engines, facts.doctor),
)
for command in _COMMANDS:
    app.command()(_stoppable(command))
benches = typer.Typer(help="Measure engines, trackers and speed, always in the same way.", no_args_is_help=True)
for bench_command in bench.COMMANDS:
    benches.command()(_stoppable(bench_command, "stopped"))  # what a bench has measured stays, as its notes say
app.add_typer(benches, name="bench")
stores = typer.Typer(callback=weights.no_command, invoke_without_command=True)
for name, weights_command in weights.COMMANDS.items():
    stores.command(name)(_stoppable(weights_command))
app.add_typer(stores, name="weights")


def _say_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"cleanplate {version('cleanplate')}")
        raise typer.Exit


@app.callback()
def _common(
    _: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_say_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")] = False,
) -> None:
    """Taken out of the arguments by `main`; declared for the help page."""


def run(arguments: Sequence[str] | None) -> None:
    """Run the command line and exit, as `main` has it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_debug = "--debug" in given
    try:
        code = app(
            grouped([word for word in given if word != "--debug"]), prog_name="cleanplate", standalone_mode=False
        )
        if code == STOPPED:  # how newer typers hand on a KeyboardInterrupt
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
        _say(NOTHING_WRITTEN)
        code = STOPPED
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


def _say(message: str) -> None:
    screen.err.print(Text(f"error: {message}", style="red"), soft_wrap=True)
