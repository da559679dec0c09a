"""`cleanplate weights list|get|path|check`: the files that networks are loaded from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cleanplate.apps.cli import screen
from cleanplate.base.errors import CleanplateError
from cleanplate.base.hub import HUB, find_folder
from cleanplate.base.weights import WEIGHTS, check, find_file, locate, weight_spec

Names = Annotated[list[str], typer.Argument(help="Names of weights: see `cleanplate weights list`.")]
AllNames = Annotated[
    list[str] | None,
    typer.Argument(help="Names of weights: see `cleanplate weights list`.", show_default="all that are here"),
]


def list_() -> None:
    """All there are: what for, size, licence, and whether they are on this machine."""
    table = Table("weights", "what they do", "size", "licence", "commercial use", "here")
    for name, spec in WEIGHTS.items():
        try:
            here = str(locate(name, offline=True))
        except CleanplateError:
            here = "no"
        may = "yes" if spec.is_commercial_ok else "no"
        table.add_row(name, spec.summary, spec.size(), spec.licence, may, Text(here, overflow="fold"))
    for name, model in HUB.items():  # folders, fetched when they are used
        here = str(find_folder(name) or "no")
        table.add_row(name, model.summary, f"{model.megabytes} MB", model.licence, "yes", Text(here, overflow="fold"))
    screen.out.print(table)


def get(
    names: Names,
    accept_licence: Annotated[
        list[str] | None,
        typer.Option("--accept-licence", help="A licence you accept, by name, e.g. one that forbids commercial use."),
    ] = None,
) -> None:
    """Download weights, or tell where a person gets them."""
    for name in names:
        screen.say(f"{name}: {locate(name, accept_licences=accept_licence or ())}")


def path(names: Names) -> None:
    """Print where weights are on this machine, a path a line, and download nothing."""
    for name in names:
        screen.say(str(locate(name, offline=True)))


def check_(names: AllNames = None) -> None:
    """Compare weights on this machine with what their publisher says of them; exit code 1 if one is another file."""
    for name in names or filter(find_file, WEIGHTS):
        found, sha256 = check(name)
        verdict = "as published" if weight_spec(name).sha256 else "the publisher gives no checksum"
        screen.say(f"{name}: {found} sha256 {sha256}, {verdict}")


def no_command(context: typer.Context) -> None:
    """The weights of networks: what there is, and how they get here."""
    if context.invoked_subcommand is None:
        list_()


COMMANDS: dict[str, Callable[..., None]] = {"list": list_, "get": get, "path": path, "check": check_}
