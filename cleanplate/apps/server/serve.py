"""The server: REST and the page in one process, behind one guard.

serve(ServerOptions(folder=Path("served"), max_upload_bytes=4 * 1024**3), print)     # until Ctrl-C
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from cleanplate.apps.jobs.queue import Jobs
from cleanplate.apps.rest.routes import make_app
from cleanplate.apps.server.guard import Access, Guard
from cleanplate.base.errors import UsageError
from cleanplate.base.table import load

_BACKLOG = 128
_SHUTDOWN_S = 2
"how long open connections, like those of followers, are waited for"
_LEAST_SECRET = 8


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """What the server is told. Raises `UsageError` for what would let everybody in."""

    folder: Path
    "where jobs, uploads and results are kept"
    max_upload_bytes: int
    host: str = "127.0.0.1"
    port: int = 7860
    "0 = any that is free"
    root: Path | None = None
    "the folder whose videos may be opened by their paths; None = none may"
    workers: int = 1
    "jobs that run at a time"
    password: str | None = None
    token: str | None = None
    has_page: bool = True
    "False = REST alone"

    def __post_init__(self) -> None:
        if not self.access.is_local and self.access.is_open:
            raise UsageError(
                f"--host {self.host} lets other machines in, so --password or --token has to be given as well; "
                "or leave out --host, for this machine alone"
            )
        for flag, secret in (("--password", self.password), ("--token", self.token)):
            if secret is not None and len(secret) < _LEAST_SECRET:
                raise UsageError(f"{flag} has {len(secret)} characters, but at least {_LEAST_SECRET} are needed")
        if self.root is not None and not self.root.is_dir():
            raise UsageError(f"there is no folder '{self.root}' to be the --root; give one that is there")

    @property
    def access(self) -> Access:
        return Access(host=self.host, password=self.password, token=self.token, max_upload_bytes=self.max_upload_bytes)


def serve(options: ServerOptions, ready: Callable[[str], None]) -> None:
    """Answer until Ctrl-C; jobs that run then are taken up again by the next server on the same folder.

    ready: called with the address, once it is answered. Raises `UsageError` for an address that cannot be listened on.
    """
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # other users of this machine have no business there
    with listening(options.host, options.port) as listener, Jobs(options.folder / "jobs", options.workers) as jobs:
        port = listener.getsockname()[1]
        host = f"[{options.host}]" if ":" in options.host else options.host
        config = uvicorn.Config(
            guarded(options, jobs),
            ws="none",
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        _Server(config, lambda: ready(f"http://{host}:{port}/")).run(sockets=[listener])


def guarded(options: ServerOptions, jobs: Jobs) -> Guard:
    """All that the server answers, behind its guard: an ASGI application."""
    app = make_app(jobs, root=options.root)
    if options.has_page:  # last, for the page answers at all addresses that nobody else has
        _mount_page(app, options, jobs)
    return Guard(app, options.access)


def listening(host: str, port: int) -> socket.socket:
    """A socket there. Raises `UsageError` where none can be had."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=_BACKLOG
        )
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"nothing can listen on {host} port {port} ({why}); choose another --port, or 0 for any"
        ) from error


def _mount_page(app: FastAPI, options: ServerOptions, jobs: Jobs) -> None:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    uploads = options.folder / "gradio"
    shutil.rmtree(uploads, ignore_errors=True)  # what an upload left that broke off; others are in their projects
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # else they lie open in /tmp
    mount = load("cleanplate.apps.ui.page:mount", "ui")
    mount(app, jobs, root=options.root, folder=options.folder, max_upload_bytes=options.max_upload_bytes)


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()
