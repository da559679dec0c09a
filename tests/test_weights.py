"""Weights are fetched whole or not at all: tried against a server on this machine that cuts, lies and redirects."""

from __future__ import annotations

import hashlib
import http.server
import os
import re
import threading
from pathlib import Path

import pytest

from cleanplate.base import download, weights
from cleanplate.base.errors import MissingWeightsError, UsageError
from cleanplate.base.weights import WEIGHTS, WeightSpec, cache_folder, locate

CONTENT = bytes(range(256)) * 1200  # 300 kB: several chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """One file, served as `mode` says."""

    mode = "plain"
    cut_after: int | None = None

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []  # the Range header of each


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        wanted = self.headers.get("Range", "")
        self.server.requests.append(wanted)
        mode, body, start = self.server.mode, CONTENT, 0
        if mode == "redirect":
            self.send_response(302)
            self.send_header("Location", "http://example.com/elsewhere")
            self.end_headers()
            return
        if mode == "gone":
            self.send_error(404)
            return
        if mode == "wrong":
            body = bytes(len(CONTENT))
        if mode in ("large", "large-unsaid"):
            body = CONTENT + b"more"
        if (found := re.fullmatch(r"bytes=(\d+)-", wanted)) and mode != "no-range":
            start = int(found[1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        if mode != "large-unsaid":
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        stop = len(body)
        if self.server.cut_after is not None:
            stop, self.server.cut_after = min(stop, start + self.server.cut_after), None
        self.wfile.write(body[start:stop])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join(timeout=5)


@pytest.fixture
def spec(server, tmp_path, monkeypatch):
    """A row 'toy' of the table, an empty cache and no settings from outside."""
    for name in ("CLEANPLATE_WEIGHTS", "CLEANPLATE_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache")
    cache_folder().mkdir(parents=True)
    made = row(f"http://127.0.0.1:{server.server_port}/toy.bin")
    monkeypatch.setitem(WEIGHTS, "toy", made)
    return made


def row(address, **changes):
    fields = {
        "file": "toy.bin",
        "address": address,
        "sha256": SHA256,
        "bytes": len(CONTENT),
        "licence": "MIT",
        "is_commercial_ok": True,
        "summary": "a toy",
    }
    return WeightSpec(**{**fields, **changes})


def files():
    return sorted(p.name for p in cache_folder().iterdir())


def test_fetched_once_then_found(server, spec):
    path = locate("toy")
    assert path.read_bytes() == CONTENT
    assert path.parent == cache_folder()
    assert locate("toy") == path
    assert len(server.requests) == 1
    assert files() == ["toy.bin"]


def test_a_cut_is_mended_within_one_call(server, spec):
    server.cut_after = 100_000
    assert locate("toy").read_bytes() == CONTENT
    assert server.requests[0] == ""
    assert server.requests[1] == "bytes=100000-"


def test_a_part_left_by_an_earlier_run_is_gone_on_from(server, spec):
    (cache_folder() / "toy.bin.part").write_bytes(CONTENT[:250_000])
    assert locate("toy").read_bytes() == CONTENT
    assert server.requests == ["bytes=250000-"]
    assert files() == ["toy.bin"]


def test_a_server_that_knows_no_ranges_starts_over(server, spec):
    server.mode = "no-range"
    (cache_folder() / "toy.bin.part").write_bytes(CONTENT[:1000])
    assert locate("toy").read_bytes() == CONTENT
    assert len(server.requests) == 1


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 7)])
def test_a_part_with_other_content_is_not_believed(server, spec, left):
    (cache_folder() / "toy.bin.part").write_bytes(left)
    assert locate("toy").read_bytes() == CONTENT
    assert server.requests[-1] == ""  # from the beginning
    assert files() == ["toy.bin"]


def test_a_whole_part_needs_no_server(server, spec):
    (cache_folder() / "toy.bin.part").write_bytes(CONTENT)
    assert locate("toy").read_bytes() == CONTENT
    assert server.requests == []


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("wrong", "another sha256"),
        ("large", "offers 307204 bytes where 307200"),
        ("large-unsaid", "more bytes than expected"),
        ("gone", "answered 404"),
        ("redirect", "not an https address"),
    ],
)
def test_a_server_that_is_not_right(server, spec, mode, said):
    server.mode = mode
    with pytest.raises(MissingWeightsError, match=said) as caught:
        locate("toy")
    message = str(caught.value)
    assert spec.address in message
    assert SHA256 in message
    assert str(cache_folder() / "toy.bin") in message
    assert "toy.bin" not in files()
    assert all((cache_folder() / name).stat().st_size == 0 for name in files())
    assert len(server.requests) == 1


def test_a_server_that_always_cuts_is_given_up_but_what_came_is_kept(server, spec, monkeypatch):
    monkeypatch.setattr(Server, "cut_after", property(lambda self: 50_000, lambda self, value: None))
    with pytest.raises(MissingWeightsError, match="could not be downloaded"):
        locate("toy")
    assert len(server.requests) == download.ATTEMPTS
    assert (cache_folder() / "toy.bin.part").read_bytes() == CONTENT[:150_000]


def test_a_spoiled_cache_is_fetched_anew(server, spec):
    path = locate("toy")
    path.write_bytes(CONTENT[:-1] + b"!")
    assert locate("toy").read_bytes() == CONTENT
    path.write_bytes(b"")
    assert locate("toy").read_bytes() == CONTENT
    assert len(server.requests) == 3


@pytest.mark.parametrize(("setting", "offline"), [("1", None), ("", True), ("0", True)])
def test_offline_says_which_file_to_put_where(server, spec, monkeypatch, setting, offline):
    monkeypatch.setenv("CLEANPLATE_OFFLINE", setting)
    with pytest.raises(MissingWeightsError, match="switched off") as caught:
        locate("toy", offline=offline)
    for part in (spec.address, SHA256, str(cache_folder() / "toy.bin"), "CLEANPLATE_WEIGHTS"):
        assert part in str(caught.value)
    assert server.requests == []
    assert "\n" not in str(caught.value)


def test_offline_can_be_overruled_and_does_not_hide_what_is_there(server, spec, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    path = locate("toy", offline=False)
    assert locate("toy") == path
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "0")
    path.unlink()
    assert locate("toy") == path


def test_unreachable(server, spec, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    monkeypatch.setitem(WEIGHTS, "toy", row(f"http://127.0.0.1:{port}/toy.bin"))
    with pytest.raises(MissingWeightsError, match="refused"):
        locate("toy")


@pytest.mark.parametrize("address", ["http://example.com/toy.bin", "ftp://127.0.0.1/toy.bin", "file:///etc/hostname"])
def test_only_https(spec, monkeypatch, address):
    monkeypatch.setitem(WEIGHTS, "toy", row(address))
    with pytest.raises(MissingWeightsError, match="not an https address"):
        locate("toy")


def test_a_licence_against_commerce_is_accepted_by_name_first(server, spec, monkeypatch):
    strict = row(spec.address, licence="CC-BY-NC-4.0", is_commercial_ok=False)
    monkeypatch.setitem(WEIGHTS, "toy", strict)
    for accepted in ((), ("MIT",), ("CC-BY-NC",)):
        with pytest.raises(UsageError, match=r"CC-BY-NC-4\.0.*accept_licences=\('CC-BY-NC-4\.0',\)"):
            locate("toy", accept_licences=accepted)
    assert server.requests == []
    assert locate("toy", accept_licences=["CC-BY-NC-4.0"]).read_bytes() == CONTENT
    assert locate("toy").read_bytes() == CONTENT  # it is here: accepted before


def test_own_folder_comes_first_and_is_checked(server, spec, tmp_path, monkeypatch):
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(own))
    locate("toy")  # not in the folder: from the server
    (own / "toy.bin").write_bytes(CONTENT)
    assert locate("toy", offline=True) == own / "toy.bin"
    (own / "toy.bin").write_bytes(b"x" * len(CONTENT))
    with pytest.raises(MissingWeightsError, match="is not the file"):
        locate("toy")
    assert len(server.requests) == 1


def test_unknown_name():
    with pytest.raises(UsageError, match="'nothing'; choose one of yunet"):
        locate("nothing")


def test_weights_without_a_checksum_are_fetched_by_a_person(server, spec, monkeypatch, tmp_path):
    unknown = row(spec.address, licence="CC-BY-NC-4.0", is_commercial_ok=False, sha256=None, bytes=None)
    monkeypatch.setitem(WEIGHTS, "toy", unknown)
    with pytest.raises(UsageError, match=r"weights get toy --accept-licence 'CC-BY-NC-4.0'"):
        locate("toy")
    with pytest.raises(MissingWeightsError, match=r"size not known.*no checksum; fetch toy\.bin from http"):
        locate("toy", accept_licences=["CC-BY-NC-4.0"])
    assert not server.requests
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    (tmp_path / "toy.bin").write_bytes(b"as the user has it")
    assert weights.check("toy") == (tmp_path / "toy.bin", hashlib.sha256(b"as the user has it").hexdigest())


def test_the_table_is_well_formed():
    for name, spec in WEIGHTS.items():
        assert spec.address.startswith("https://"), name
        if spec.sha256 is None:  # a page, where a person fetches it
            assert spec.bytes is None, name
        else:
            assert Path(spec.address).suffix == Path(spec.file).suffix, name
            assert re.fullmatch(r"[0-9a-f]{64}", spec.sha256), name
            assert spec.bytes is not None, name
            assert spec.bytes > 0, name
        assert Path(spec.file).name == spec.file, name
    assert len({spec.file for spec in WEIGHTS.values()}) == len(WEIGHTS)


@pytest.mark.skipif(not os.environ.get("CLEANPLATE_WEIGHTS"), reason="CLEANPLATE_WEIGHTS names no folder of weights")
@pytest.mark.parametrize("name", list(WEIGHTS))
def test_real_files_are_those_of_the_table(name):
    if not Path(os.environ["CLEANPLATE_WEIGHTS"], WEIGHTS[name].file).exists():
        pytest.skip(f"the weights '{name}' are not in CLEANPLATE_WEIGHTS")
    assert WEIGHTS[name].bytes in (None, locate(name, offline=True).stat().st_size)


def test_the_cache_is_made_when_it_is_needed(server, spec):
    cache_folder().rmdir()
    assert locate("toy").read_bytes() == CONTENT
