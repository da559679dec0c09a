"""Who may ask the server, from where, and how much may be sent: the guard alone, before something that tells all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed (extra 'ui')")
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from cleanplate.apps.server import guard as server_guard
from cleanplate.apps.server.guard import SESSION, Access, Guard, is_loopback
from cleanplate.apps.server.serve import ServerOptions
from cleanplate.base.errors import UsageError

PASSWORD, TOKEN = "correct horse", "battery-staple"


async def tells_all(scope: Any, receive: Any, send: Any) -> None:
    """What an application behind the guard is told: the session, the length of the body, the path."""
    headers = {key.decode(): value.decode() for key, value in scope["headers"]}
    cookies = dict(part.split("=", 1) for part in headers["cookie"].split("; "))
    length = 0
    try:
        while True:
            message = await receive()
            length += len(message.get("body", b""))
            if not message.get("more_body"):
                break
    except HTTPException as error:
        await JSONResponse({"error": error.detail, "read": length}, error.status_code)(scope, receive, send)
        return
    said = {"session": cookies[SESSION], "bytes": length, "path": scope["path"], "cookies": sorted(cookies)}
    await JSONResponse(said)(scope, receive, send)


def client(host: str = "127.0.0.1", base: str = "http://localhost:7860", **access: Any) -> TestClient:
    guard = Guard(tells_all, Access(host=host, max_upload_bytes=1000, **access))
    return TestClient(guard, base_url=base, follow_redirects=False)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server_guard, "_SLOW_S", 0.0)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1:7860", "[::1]:7860", "LOCALHOST:1"])
def test_this_machine_may_ask(name: str):
    assert client().get("/", headers={"host": name}).status_code == 200


@pytest.mark.parametrize(
    "name", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7860", "", "[", "@"]
)
def test_a_foreign_name_that_points_here_is_refused(name: str):
    found = client().get("/", headers={"host": name})
    assert found.status_code == 403
    assert "this machine alone" in found.json()["error"]
    assert "set-cookie" not in found.headers


FOREIGN: dict[str, dict[str, str]] = {
    "another site": {"origin": "https://evil.example"},
    "another port": {"origin": "http://localhost:3000"},
    "no site at all": {"origin": "null"},
    "told by the browser": {"sec-fetch-site": "cross-site"},
    "another port, told by the browser": {"sec-fetch-site": "same-site"},
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_page_of_another_site_changes_nothing(case: str):
    for method in ("POST", "DELETE", "PUT", "PATCH"):
        found = client().request(method, "/jobs", headers=FOREIGN[case])
        assert (found.status_code, "another site" in found.json()["error"]) == (403, True)


def test_a_page_of_another_site_reads_nothing_but_may_link_here():
    ask = client()
    assert ask.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}).status_code == 403
    assert ask.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}).status_code == 200
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert ask.post("/", headers=link).status_code == 403


def test_the_own_page_and_scripts_may_ask():
    ask = client()
    own = {"origin": "http://localhost:7860", "sec-fetch-site": "same-origin"}
    assert ask.post("/", headers=own).status_code == 200
    assert ask.post("/").status_code == 200


def test_everybody_gets_a_session_and_keeps_it():
    ask, other = client(), client()
    first = ask.get("/")
    cookie = first.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="))
    assert len(first.json()["session"]) >= 32
    again = ask.get("/")
    assert again.json()["session"] == first.json()["session"]
    assert "set-cookie" not in again.headers
    assert other.get("/").json()["session"] != first.json()["session"]


def test_a_script_brings_its_own_session():
    mine = "s" * 20
    ask = client()
    ask.get("/")
    assert ask.get("/", headers={"x-session": mine}).json()["session"] == mine
    for wrong in ("short", "s" * 129, "with space in it, long", "ü" * 20):
        assert ask.get("/", headers={"x-session": wrong.encode()}).status_code == 400


@pytest.mark.parametrize("value", ["short", "x" * 300, "a b" * 10, "../../../../etc/passwd"])
def test_a_cookie_that_is_no_session_is_replaced(value: str):
    found = client().get("/", headers={"cookie": f"{SESSION}={value}; other=1"})
    assert found.json()["session"] != value
    assert SESSION in found.headers["set-cookie"]
    assert "other" in found.json()["cookies"]


def test_the_first_of_two_cookies_counts():
    first, second = "a" * 20, "b" * 20
    found = client().get("/", headers={"cookie": f"{SESSION}={first}; {SESSION}={second}"})
    assert found.json()["session"] == first


def test_a_password_is_wanted_and_taken():
    ask = client(host="0.0.0.0", base="http://studio.example", password=PASSWORD)
    refused = ask.get("/")
    assert (refused.status_code, refused.headers["www-authenticate"][:5]) == (401, "Basic")
    assert "set-cookie" not in refused.headers
    assert ask.get("/", auth=("anybody", PASSWORD)).status_code == 200
    for wrong in ("", "correct", PASSWORD + " ", PASSWORD.upper()):
        assert ask.get("/", auth=("anybody", wrong)).status_code == 401
    for odd in ("Basic", "Basic ???", "Basic /////w==", f"Bearer {PASSWORD}", "Digest x", f"basic  {PASSWORD}"):
        assert ask.get("/", headers={"authorization": odd}).status_code == 401


def test_a_token_is_wanted_and_taken():
    ask = client(host="0.0.0.0", base="http://studio.example", token=TOKEN)
    assert ask.get("/").headers["www-authenticate"] == "Bearer"
    assert ask.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert ask.get("/", headers={"authorization": f"Bearer {TOKEN}x"}).status_code == 401
    assert ask.get("/", auth=("anybody", TOKEN)).status_code == 401


def test_a_token_in_the_address_lets_a_browser_in_and_leaves_the_address():
    ask = client(token=TOKEN)
    assert ask.get("/?token=wrong").status_code == 401
    found = ask.get(f"/page?x=1&token={TOKEN}")
    assert (found.status_code, found.headers["location"]) == (303, "/page?x=1")
    assert TOKEN not in found.headers["set-cookie"]
    assert ask.get("/").status_code == 200  # by the cookie
    other = client(token=TOKEN)
    other.cookies = ask.cookies
    assert other.get("/").status_code == 401  # each server has its own
    away = client(token=TOKEN).get(f"http://localhost:7860//evil.example/?token={TOKEN}")
    assert away.headers["location"] == "/evil.example/"


def test_wrong_passwords_are_answered_slowly_and_not_without_end(monkeypatch: pytest.MonkeyPatch):
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(server_guard.asyncio, "sleep", sleep)
    monkeypatch.setattr(server_guard, "_SLOW_S", 0.5)
    guard = Guard(tells_all, Access(host="localhost", password=PASSWORD, max_upload_bytes=1))
    ask = TestClient(guard, base_url="http://localhost")
    assert ask.get("/", auth=("me", "wrong")).status_code == 401
    assert slept == [0.5]
    guard._waiting = 20
    assert ask.get("/", auth=("me", "wrong")).status_code == 429
    assert ask.get("/", auth=("me", PASSWORD)).status_code == 200


def test_a_session_alone_is_no_password():
    ask = client(password=PASSWORD)
    assert ask.get("/", headers={"x-session": "s" * 20}).status_code == 401


def pieces(size: int, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * size


def test_a_body_that_says_it_is_too_large_is_refused_unread():
    found = client().post("/", content=b"x" * 1001, headers={"content-type": "multipart/form-data; boundary=b"})
    assert (found.status_code, found.json()["read"]) == (413, 0)
    assert client().post("/", content=b"x" * 1000).json()["bytes"] == 1000


def test_a_body_that_does_not_say_is_refused_on_the_way():
    found = client().post("/", content=pieces(100, 50), headers={"content-type": "multipart/form-data; boundary=b"})
    assert found.status_code == 413
    assert found.json()["read"] <= 1000
    lies = {"content-length": "10", "transfer-encoding": "chunked"}
    assert client().post("/", content=pieces(100, 50), headers=lies).status_code == 413


def test_what_is_no_upload_is_kept_in_memory_and_so_may_be_less():
    guard = Guard(tells_all, Access(host="localhost", max_upload_bytes=1024**3))
    ask = TestClient(guard, base_url="http://localhost")
    large = {"content-length": str(65 * 1024**2)}
    assert ask.post("/", headers=large).status_code == 413
    assert ask.post("/", headers={**large, "content-type": "multipart/form-data; boundary=b"}).status_code == 200


def test_answers_are_told_not_to_be_framed_or_guessed():
    headers = client().get("/").headers
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        *((here, True) for here in ("localhost", "127.0.0.1", "127.8.8.8", "::1")),
        *((not_here, False) for not_here in ("0.0.0.0", "::", "", "192.168.1.5", "localhost.evil.example")),
    ],
)
def test_what_is_this_machine_alone(host: str, is_here: bool, tmp_path: Any):
    assert is_loopback(host) == is_here
    told = {"folder": tmp_path, "max_upload_bytes": 1, "host": host}
    if not is_here:
        with pytest.raises(UsageError, match="--password or --token"):
            ServerOptions(**told)
    ServerOptions(**told, password=PASSWORD)
    ServerOptions(**told, token=TOKEN)
    with pytest.raises(UsageError, match="at least 8"):
        ServerOptions(**told, token="short")


def test_refusals_are_json():
    assert json.loads(client().get("/", headers={"host": "evil"}).text).keys() == {"error"}
