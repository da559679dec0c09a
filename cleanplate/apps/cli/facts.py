"""The commands that tell: `engines` and `doctor`."""

from __future__ import annotations

import dataclasses
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import typer
from rich.table import Table
from rich.text import Text

from cleanplate.apps.cli import screen
from cleanplate.base.device import choose_device
from cleanplate.base.errors import MissingExtraError
from cleanplate.base.table import Row
from cleanplate.base.weights import cache_folder
from cleanplate.paint.engine import ENGINES, engine_class
from cleanplate.paint.inventor import INVENTORS
from cleanplate.save.encode import available_encoders

_CORE = ("numpy", "scipy", "av", "opencv-python-headless", "numba", "typer", "rich", "platformdirs")


def engines() -> None:
    """The painting engines, the options each takes with --set, and what --invent can name."""
    table = Table("engine", "what it does", "options", "needs", "licence")
    for name, spec in ENGINES.items():
        try:
            options = [f"{field.name}={field.default}" for field in dataclasses.fields(engine_class(name).Options)]
        except MissingExtraError:
            options = []
        table.add_row(name, spec.summary, "\n".join(options), _needs(spec), spec.licence)
    screen.out.print(table)
    inventors = Table("--invent", "what it does where no frame shows what is there", "needs", "licence")
    for name, inventor in INVENTORS.items():
        inventors.add_row(name, inventor.summary, _needs(inventor), inventor.licence)
    screen.out.print(inventors)


def _needs(row: Row) -> Text:
    return Text(f"pip install 'cleanplate[{row.extra}]'" if row.extra else "nothing more")


def doctor() -> None:
    """What this installation has, and what is missing."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    missing = []
    table.add_row("cleanplate", version("cleanplate"))
    table.add_row("Python", f"{platform.python_version()} on {platform.platform()}")
    for name in _CORE:
        try:
            table.add_row(name, version(name))
        except PackageNotFoundError:
            missing.append(name)
            table.add_row(name, "MISSING")
    encoders = available_encoders()
    missing += [name for name, is_there in encoders.items() if not is_there]
    table.add_row("encoders", ", ".join(name if is_there else f"{name} MISSING" for name, is_there in encoders.items()))
    table.add_row("processors", str(os.cpu_count()))
    table.add_row("device", _device())
    table.add_row("weights", f"looked for in {os.environ.get('CLEANPLATE_WEIGHTS', cache_folder())}")
    clashing = [name for name in ("opencv-python", "opencv-contrib-python") if _is_installed(name)]
    if clashing:
        missing.append("an OpenCV of its own")
        table.add_row("clash", f"{clashing[0]} overwrites opencv-python-headless; pip uninstall {clashing[0]}")
    table.add_row("torch", "installed" if find_spec("torch") else "not installed (only learned engines need it)")
    table.add_row(
        "verdict", "ready" if not missing else f"not ready: {', '.join(missing)}; pip install cleanplate again"
    )
    screen.out.print(table)
    if missing:
        raise typer.Exit(1)


def _device() -> str:
    try:
        _, why = choose_device("auto")
    except MissingExtraError:
        return "cpu: networks need torch"
    return f"networks run anywhere; left to choose, {why}"


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
