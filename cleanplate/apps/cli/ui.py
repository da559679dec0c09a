"""The command `ui`: the page and the same jobs over HTTP, from one server."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from platformdirs import user_data_path

from cleanplate.apps.cli import screen
from cleanplate.base.extras import require
from cleanplate.base.settings import parse_memory

if TYPE_CHECKING:
    from cleanplate.apps.server.serve import ServerOptions

_ACCESS = "Who may ask"


def ui(
    root: Annotated[
        Path | None,
        typer.Option("--root", help="Videos in this folder may be opened by their paths.", show_default="none may"),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", help="Where jobs, uploads and results are kept.", show_default="the user's data folder"
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Jobs that run at a time; others wait.")] = 1,
    host: Annotated[
        str,
        typer.Option(
            "--host", help="The address to listen on; any but this machine's wants a password.", rich_help_panel=_ACCESS
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port to listen on; 0 = any.")] = 7860,
    password: Annotated[
        str | None,
        typer.Option(
            "--password",
            help="What a person has to type, with any user name.",
            envvar="CLEANPLATE_PASSWORD",
            rich_help_panel=_ACCESS,
            show_default=False,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            help="What a script has to send: Authorization: Bearer TOKEN.",
            envvar="CLEANPLATE_TOKEN",
            rich_help_panel=_ACCESS,
            show_default=False,
        ),
    ] = None,
    max_upload: Annotated[
        str, typer.Option("--max-upload", help="The largest upload, like 4G or 500M.", rich_help_panel=_ACCESS)
    ] = "4G",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Serve the page, not only scripts.")] = True,
) -> None:
    """Open the page in a browser, and serve the same jobs to scripts."""
    server = require("cleanplate.apps.server.serve", "ui")
    max_upload_bytes = parse_memory(max_upload, "--max-upload")
    assert max_upload_bytes is not None
    options: ServerOptions = server.ServerOptions(
        folder=(folder or user_data_path("cleanplate") / "server").absolute(),
        max_upload_bytes=max_upload_bytes,
        host=host,
        port=port,
        root=root,
        workers=workers,
        password=password,
        token=token,
        has_page=page,
    )

    def ready(address: str) -> None:
        screen.say(f"cleanplate answers at {address} (Ctrl-C ends it)")
        if page and browser:
            webbrowser.open(address if token is None else f"{address}?token={token}")

    with suppress(KeyboardInterrupt):  # how a server is ended
        server.serve(options, ready)
    screen.say("ended; jobs that were not done go on when it is started again")
