"""A real server in a process of its own, started by the command line, and a client for it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass
class Served:
    """A server that answers."""

    address: str
    process: subprocess.Popen[str]

    def client(self, session: str = "s" * 32, **more: Any) -> httpx.Client:
        """A client of one session."""
        headers = {"x-session": session, **more.pop("headers", {})}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60, trust_env=False, **more)


@contextmanager
def served(*flags: str, has_page: bool = False) -> Iterator[Served]:
    """`cleanplate ui` on a free port of this machine, ended as by Ctrl-C."""
    words = [sys.executable, "-m", "cleanplate", "ui", "--port", "0", "--no-browser", *flags]
    process = subprocess.Popen(
        [*words, *([] if has_page else ["--no-page"])],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # background shells ignore it
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        assert "answers at" in line, f"the server said: {line!r}"
        yield Served(line.split()[3].rstrip("/"), process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def ended(client: httpx.Client, job_id: str, most_s: float = 120) -> dict[str, Any]:
    """The job, when it has ended."""
    end = time.monotonic() + most_s
    while time.monotonic() < end:
        job = client.get(f"/jobs/{job_id}").json()
        if job["state"] in ("done", "failed", "cancelled"):
            return dict(job)
        time.sleep(0.1)
    raise AssertionError(f"the job is still {job}")


def folder_of(served_folder: Path, job_id: str) -> Path:
    return served_folder / "jobs" / job_id
