"""Downloads of files whose size and sha256 are known: whole or not at all, and never twice the same bytes."""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO

TIMEOUT_S = 30.0
CHUNK_BYTES = 1 << 16
ATTEMPTS = 3


def sha256_of(path: Path) -> str:
    """The file's sum, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_right(path: Path, sha256: str | None, size_bytes: int | None) -> bool:
    """Whether there is a file of that sum and size; None = not known, and right whatever it is."""
    return path.is_file() and size_bytes in (None, path.stat().st_size) and sha256 in (None, sha256_of(path))


def download(address: str, path: Path, *, sha256: str, size_bytes: int) -> str | None:
    """Download to `path`, through a `.part` file that a later call goes on from. Returns why not; None = it is there.

    Two processes doing this at once can at worst spoil each other's `.part`, which the sum then shows.
    """
    part = path.with_name(path.name + ".part")
    why = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(ATTEMPTS):
            held = part.stat().st_size if part.is_file() else 0
            if held >= size_bytes and not is_right(part, sha256, size_bytes):
                part.unlink()  # whole, but wrong: start over
                held = 0
            if held < size_bytes:
                try:
                    _receive(address, size_bytes, part, held)
                except (OSError, http.client.HTTPException) as error:
                    # urllib's errors are OSErrors too; a cut in the middle leaves what came.
                    why = _said(error)
                    if isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code != 416:
                        break
                    if isinstance(error, urllib.error.HTTPError) and error.code == 416:
                        part.unlink(missing_ok=True)
                    continue
            if is_right(part, sha256, size_bytes):
                part.replace(path)  # atomic: nobody sees half a file under this name
                return None
            if part.stat().st_size >= size_bytes:
                why = "what the server sent has another sha256"
                is_fresh = held == 0
                part.unlink()
                if is_fresh:
                    break
            else:
                why = f"the server sent {part.stat().st_size} of {size_bytes} bytes (the next try goes on from there)"
    except _RefusedError as error:
        why = str(error)
    return why


class _RefusedError(Exception):
    """The server's answer is not what may be downloaded."""


def _said(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}"
    reason = getattr(error, "reason", None) or error
    return f"{reason}".strip() or type(error).__name__


def _receive(address: str, size_bytes: int, part: Path, held: int) -> None:
    """Append what is missing to `part`, or write it anew if the server starts from the beginning."""
    request = urllib.request.Request(address, headers={"User-Agent": "cleanplate", "Accept-Encoding": "identity"})
    _check_address(address, address)
    if held:
        request.add_header("Range", f"bytes={held}-")
    opener = urllib.request.build_opener(_CheckedRedirects())
    with opener.open(request, timeout=TIMEOUT_S) as answer:
        start = _start(answer.headers.get("Content-Range", "")) if answer.status == 206 else 0
        if start not in (0, held):
            raise _RefusedError("the server sent another part of the file than was asked for")
        length = answer.headers.get("Content-Length", "")
        if length.isdigit() and start + int(length) > size_bytes:
            raise _RefusedError(f"the server offers {start + int(length)} bytes where {size_bytes} are expected")
        with part.open("ab" if start else "wb") as file:
            _copy(answer, file, size_bytes - start)


def _copy(answer: IO[bytes], file: IO[bytes], limit_bytes: int) -> None:
    left = limit_bytes
    while chunk := answer.read(min(CHUNK_BYTES, left + 1)):
        if len(chunk) > left:
            file.truncate(0)
            raise _RefusedError("the server sent more bytes than expected")
        file.write(chunk)
        left -= len(chunk)


def _start(content_range: str) -> int:
    found = re.fullmatch(r"bytes (\d+)-\d+/(?:\d+|\*)", content_range.strip())
    return int(found[1]) if found else -1


def _check_address(address: str, origin: str) -> None:
    """Only https is used; plain http within this machine, for tests."""
    parts = urllib.parse.urlsplit(address)
    at_home = {"127.0.0.1", "localhost", "::1"}
    if parts.scheme == "https":
        return
    if parts.scheme == "http" and {parts.hostname, urllib.parse.urlsplit(origin).hostname} <= at_home:
        return
    raise _RefusedError(f"{address} is not an https address")


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _check_address(newurl, req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
