"""The jobs over HTTP, asked of a real server by somebody who asks wrongly, or means harm."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed (extra 'ui')")
httpx = pytest.importorskip("httpx", reason="httpx is not installed (extra 'dev')")
from rest_root import ORDER, QUICK, make_root
from serving import Served, served


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("rest"))


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Served]:
    with served("--root", str(place / "root"), "--folder", str(place / "served"), "--max-upload", "2M") as one:
        yield one


@pytest.fixture
def client(server: Served) -> Iterator[httpx.Client]:
    with server.client() as one:
        yield one


OUTSIDE = ["../secret.mp4", "inner/../../secret.mp4", "link.mp4", "door/secret.mp4", "loop", "/etc/passwd", "", "."]
OUTSIDE += ["nowhere.mp4", "in.mp4\0", "x" * 5000, "\udc80", "pictures", "file:in.mp4", "http://localhost/in.mp4"]


@pytest.mark.parametrize("path", OUTSIDE, ids=range(len(OUTSIDE)))
def test_no_path_leaves_the_root(path: str, client: httpx.Client, place: Path):
    found = client.post(
        "/jobs", content=json.dumps({**ORDER, "path": path}), headers={"content-type": "application/json"}
    )
    assert found.status_code == 422
    assert "secret" not in found.json()["error"].replace(path, "")
    absolute = client.post("/jobs", json={**ORDER, "path": str(place / "secret.mp4")})
    nowhere = client.post("/jobs", json={**ORDER, "path": str(place / "nobody.mp4")})
    said = [found.json()["error"].replace("nobody", "secret") for found in (absolute, nowhere)]
    assert said[0] == said[1]  # whether it is there is not told


def test_a_path_to_the_root_that_is_given_in_full_is_good(client: httpx.Client, place: Path):
    assert client.post("/jobs", json={**ORDER, "path": str(place / "root" / "in.mp4")}).status_code == 201


MARKS: dict[str, dict[str, Any]] = {
    "a mask above": {"mask": "../secret.png"},
    "a mask with a time": {"mask": "../secret.png@0-1"},
    "a mask behind a link": {"mask": ["inner/mask.png", "door/secret.png"]},
    "a mask as masks that were sent": {"mask": "masks/../../secret.png"},
    "a first mask": {"mask": "dog:../secret.png@0", "track": True},
    "a mended mask": {"click": "9,9", "fix": "../secret.png@0"},
    "the whole disk": {"mask": "/"},
}


@pytest.mark.parametrize("case", MARKS)
def test_no_mark_leaves_the_root(case: str, client: httpx.Client):
    found = client.post("/jobs", json={"path": "in.mp4", "marks": MARKS[case], "settings": QUICK})
    assert (found.status_code, "give a path inside it" in found.json()["error"]) == (422, True)


def test_no_painted_frame_leaves_the_root(client: httpx.Client):
    order = {**ORDER, "path": "in.mp4", "settings": {"reference": "../secret.png@0"}}
    assert "inside it" in client.post("/jobs", json=order).json()["error"]


@pytest.mark.parametrize("name", ["text.mp4", "list.m3u8"])
def test_what_is_no_video_is_refused_whatever_its_name(name: str, client: httpx.Client, place: Path):
    content = (place / "root" / name).read_bytes()
    sent = client.post("/jobs", files={"file": ("holiday.mp4", content)}, data={"job": json.dumps(ORDER)})
    named = client.post("/jobs", json={**ORDER, "path": name})
    assert (sent.status_code, named.status_code) == (422, 422)
    assert "'holiday.mp4' cannot be read as a video" in sent.json()["error"]
    assert str(place) not in sent.json()["error"]


ORDERS: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "no JSON"),
    "a list": ([], "is a list"),
    "an output": ({**ORDER, "path": "in.mp4", "output": "/etc/x"}, "has 'output'"),
    "a source": ({**ORDER, "source": "/etc/passwd"}, "has 'source'"),
    "no video": (ORDER, "send either"),
    "a path that is a number": ({**ORDER, "path": 3}, "have to be text"),
    "an unknown task": ({**ORDER, "path": "in.mp4", "task": "x"}, "remove, mask"),
    "an unknown engine": ({**ORDER, "path": "in.mp4", "settings": {"engine": "x"}}, "no engine 'x'"),
    "a place to write": ({**ORDER, "path": "in.mp4", "settings": {"origin_map": "/etc/x"}}, "true or false"),
    "no marks": ({"path": "in.mp4"}, "marks nothing"),
    "a deep one": ("[" * 100_000, "no JSON"),
}


@pytest.mark.parametrize("case", ORDERS)
def test_a_wrong_order_gets_one_sentence(case: str, client: httpx.Client):
    order, says = ORDERS[case]
    content = order if isinstance(order, str) else json.dumps(order)
    found = client.post("/jobs", content=content, headers={"content-type": "application/json"})
    assert (found.status_code, says in found.json()["error"]) == (422, True), found.text


MULTIPARTS: dict[str, tuple[dict[str, Any], str]] = {
    "a part of another name": ({"evil": ("x", b"x")}, "'evil' is not expected"),
    "a mask with a path": ({"mask": ("../x.png", b"x")}, "letters, digits"),
    "a hidden mask": ({"mask": (".htaccess", b"x")}, "letters, digits"),
    "a job that is large": ({"job": ("", b"x" * 1_100_000)}, "1024 KiB"),
    "no video": ({"mask": ("a.png", b"x")}, "send either"),
}


@pytest.mark.parametrize("case", MULTIPARTS)
def test_a_wrong_upload_gets_one_sentence_and_leaves_nothing(case: str, client: httpx.Client, place: Path):
    files, says = MULTIPARTS[case]
    found = client.post("/jobs", files=files)
    assert (found.status_code, says in found.json()["error"]) == (422, True), found.text
    assert not list((place / "served" / "jobs" / "incoming").iterdir())


def test_a_body_of_no_known_kind(client: httpx.Client):
    for kind in (
        "text/plain",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=x",
    ):
        found = client.post("/jobs", content=b"hello", headers={"content-type": kind})
        assert found.status_code == 422, kind
        assert found.json()["error"]


def test_a_huge_upload_is_refused_while_it_comes(server: Served, client: httpx.Client, place: Path):
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="in.mp4"\r\n\r\n'
        while sent < 200 * 1024**2:
            sent += 65536
            yield bytes(65536)

    kind = {"content-type": "multipart/form-data; boundary=b"}
    try:
        found = client.post("/jobs", content=body(), headers=kind)
        assert (found.status_code, "2 MiB" in found.json()["error"]) == (413, True)
    except httpx.WriteError:  # the server has closed while we were still sending
        pass
    assert sent < 50 * 1024**2  # what lies in the sockets' buffers counts too
    with line_to(server, f"Content-Length: {10**12}\r\n\r\n") as line:  # not a byte of it is waited for
        assert line.recv(1000).startswith(b"HTTP/1.1 413")
    until_empty(place / "served" / "jobs" / "incoming")
    assert client.get("/jobs").status_code == 200


def line_to(server: Served, rest: str) -> socket.socket:
    """A connection on which an upload has begun."""
    host, port = server.address.removeprefix("http://").split(":")
    line = socket.create_connection((host, int(port)), timeout=60)
    head = f"POST /jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    line.sendall(f"{head}{rest}".encode())
    return line


def until_empty(folder: Path) -> None:
    end = time.monotonic() + 20
    while list(folder.iterdir()):
        assert time.monotonic() < end, "something is left"
        time.sleep(0.05)


def test_an_upload_that_breaks_off_leaves_nothing(server: Served, place: Path):
    incoming = place / "served" / "jobs" / "incoming"
    part = '--b\r\nContent-Disposition: form-data; name="file"; filename="in.mp4"\r\n\r\nabc'
    with line_to(server, f"Content-Length: 100000\r\n\r\n{part}"):
        end = time.monotonic() + 20
        while not list(incoming.glob("*/source-*")):
            assert time.monotonic() < end
            time.sleep(0.02)
    until_empty(incoming)
