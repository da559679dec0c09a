"""What stands before everything the server answers: who may ask, from where, and how much may be sent.

An ASGI application around another one. In order:

- listening on this machine alone, the Host header has to name it: else a foreign name that was made to point here
  (DNS rebinding) would let any web page in;
- a page of another site may not ask (Origin, Sec-Fetch-Site), but for following a link to here;
- the password or the access token, where one is wanted, compared in constant time, and slowly after a wrong one;
- a session: a cookie, or the header X-Session of a script; whoever brings none is given a new one;
- a body is refused as soon as it is larger than allowed, while it comes in.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from cleanplate.apps.jobs.state import digest

SESSION = "cleanplate-session"
"the cookie whose value owns jobs"
_ACCESS = "cleanplate-access"
"the cookie of a browser that has brought the access token once"
_SESSION_FORM = re.compile(r"[A-Za-z0-9_-]{16,128}", re.ASCII)
_HERE = ("localhost", "127.0.0.1", "::1")
_KEPT_S = 365 * 24 * 3600
"how long a browser remembers its session: its jobs are found again"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_PLAIN_BYTES = 64 * 1024**2
"the most that is taken of a body that is no upload, for it is kept in memory"
_SLOW_S = 0.5
_MOST_WAITING = 20
"answers to wrong passwords: one every half second, so many waiting"
_POLICY = (
    # Gradio's page has scripts in its lines and makes functions of text; nothing is to come from elsewhere.
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", _POLICY.encode()),
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Access:
    """What is wanted of those who ask."""

    host: str
    "where the server listens"
    password: str | None = None
    token: str | None = None
    max_upload_bytes: int

    @property
    def is_local(self) -> bool:
        """Whether nothing but this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def is_open(self) -> bool:
        return self.password is None and self.token is None


def session_of(request: Any) -> str:
    """The token of the session that asks, for a request of FastAPI or of Gradio: what owns its jobs."""
    return str(request.cookies[SESSION])  # the guard has seen to it that there is one


def is_loopback(host: str) -> bool:
    """Whether that is a name or address of this machine that no other one reaches."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """The application behind these checks."""

    def __init__(self, app: Application, access: Access) -> None:
        self._app = app
        self._access = access
        self._pass = secrets.token_urlsafe(32)
        self._slow = asyncio.Lock()
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = _Headers(scope["headers"])
        refusal = self._refusal(scope, headers)
        if refusal is None and not self._access.is_open:
            refusal = await self._wrong_access(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        given = headers.cookie(SESSION) if headers["x-session"] is None else headers["x-session"]
        if headers["x-session"] is not None and not _SESSION_FORM.fullmatch(headers["x-session"]):
            wrong = "X-Session has to be 16 to 128 letters, digits, - and _; make it long and random"
            await _refuse(400, wrong)(scope, receive, send)
            return
        is_new = given is None or not _SESSION_FORM.fullmatch(given)
        session = secrets.token_urlsafe(32) if is_new or given is None else given
        scope = {**scope, "headers": headers.with_cookie(SESSION, session)}
        await self._app(scope, self._limited(headers, receive), _with_headers(send, session if is_new else None))

    def _refusal(self, scope: Scope, headers: _Headers) -> Application | None:
        host = headers["host"] or ""
        name = _hostname(host)
        if self._access.is_local and name not in (*_HERE, self._access.host):
            return _refuse(403, f"this server is for this machine alone and not known as '{name}'; ask for localhost")
        origin, site = headers["origin"], headers["sec-fetch-site"]
        is_link = scope["method"] == "GET" and headers["sec-fetch-mode"] == "navigate"
        is_foreign = origin is not None and urlsplit(origin).netloc != host and scope["method"] not in _SAFE_METHODS
        if is_foreign or (site in ("cross-site", "same-site") and not is_link):
            return _refuse(403, "a page of another site may not ask this server for anything")
        return None

    async def _wrong_access(self, scope: Scope, headers: _Headers) -> Application | None:
        """None for those who may come in; else what they are answered."""
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if self._is_token(asked.get("token")):
            left = urlencode([(name, value) for name, value in asked.items() if name != "token"])
            response = RedirectResponse("/" + scope["path"].lstrip("/") + (f"?{left}" if left else ""), status_code=303)
            response.set_cookie(_ACCESS, self._pass, httponly=True, samesite="lax")
            return response
        kind, _, given = (headers["authorization"] or "").partition(" ")
        is_right = {
            "bearer": self._is_token(given),
            "basic": self._is_password(given),
        }.get(kind.lower(), False)
        if is_right or _same(headers.cookie(_ACCESS), self._pass):
            return None
        if given or "token" in asked:
            if self._waiting >= _MOST_WAITING:
                return _refuse(429, "too many wrong passwords at once; try again in a while")
            self._waiting += 1
            try:
                async with self._slow:
                    await asyncio.sleep(_SLOW_S)
            finally:
                self._waiting -= 1
        way = 'Basic realm="cleanplate", charset="UTF-8"' if self._access.password is not None else "Bearer"
        return _refuse(401, "this server wants its password or token", {"www-authenticate": way})

    def _is_token(self, given: str | None) -> bool:
        return self._access.token is not None and _same(given, self._access.token)

    def _is_password(self, given: str) -> bool:
        """Whether that is the password in the form of HTTP's Basic, of a user of whatever name."""
        if self._access.password is None:
            return False
        try:
            _, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return _same(password, self._access.password)

    def _limited(self, headers: _Headers, receive: Receive) -> Receive:
        is_upload = (headers["content-type"] or "").lower().startswith("multipart/")
        most = self._access.max_upload_bytes if is_upload else min(_PLAIN_BYTES, self._access.max_upload_bytes)
        said = headers["content-length"]
        received = 0

        async def limited() -> Message:
            nonlocal received
            if said is not None and said.isdecimal() and int(said) > most:
                raise _too_large(most)
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise _too_large(most)
            return message

        return limited


def _too_large(most: int) -> HTTPException:
    return HTTPException(
        413,
        f"what is sent is larger than the {most / 1024**2:.0f} MiB that this server takes (--max-upload)",
        {"connection": "close"},  # else what is still to come would be waited for
    )


def _same(given: str | None, wanted: str) -> bool:
    """In a time that does not depend on where they differ, nor on how long they are."""
    return given is not None and hmac.compare_digest(digest(given), digest(wanted))


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _refuse(status: int, sentence: str, headers: dict[str, str] | None = None) -> Application:
    return JSONResponse({"error": sentence}, status, {**(headers or {}), "connection": "close"})


def _with_headers(send: Send, session: str | None) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = list(_HEADERS)
            if session is not None:
                # Lax: a link from elsewhere shows the page with its jobs; whatever else comes from there is refused.
                cookie = f"{SESSION}={session}; HttpOnly; SameSite=Lax; Path=/; Max-Age={_KEPT_S}"
                added.append((b"set-cookie", cookie.encode()))
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return sending


class _Headers:
    """A request's headers by lower-case name; of several of one name the first."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._raw = list(raw)

    def __getitem__(self, name: str) -> str | None:
        return next((value.decode("latin-1") for key, value in self._raw if key.decode("latin-1") == name), None)

    def cookie(self, name: str) -> str | None:
        return self._cookies().get(name)

    def with_cookie(self, name: str, value: str) -> list[tuple[bytes, bytes]]:
        """All of them, with that cookie."""
        cookies = "; ".join(f"{key}={text}" for key, text in {**self._cookies(), name: value}.items())
        return [(key, text) for key, text in self._raw if key != b"cookie"] + [(b"cookie", cookies.encode("latin-1"))]

    def _cookies(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in (self["cookie"] or "").split(";"):
            name, _, value = part.strip().partition("=")
            if name:
                found.setdefault(name, value)
        return found
