"""The jobs over HTTP, asked of a real server: what a script gets."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed (extra 'ui')")
httpx = pytest.importorskip("httpx", reason="httpx is not installed (extra 'dev')")
from rest_root import BOX, ORDER, QUICK, make_root
from serving import Served, ended, folder_of, served

from cleanplate.apps.cli.main import main
from cleanplate.mask.stored_format import is_stored


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


def slow(**more: Any) -> dict[str, Any]:
    return {"path": "long.mp4", "marks": {"box": BOX}, "settings": {**QUICK, "options": {"radius_px": 12}}, **more}


def by_command_line(source: Path, output: Path, *words: str) -> bytes:
    with pytest.raises(SystemExit) as left:
        main(["remove", str(source), "-o", str(output), "-e", "opencv-telea", "--preset", "veryfast", "-q", *words])
    assert not left.value.code
    return output.read_bytes()


def events_of(client: httpx.Client, job_id: str, start: int = 0, **headers: str) -> list[dict[str, Any]]:
    with client.stream("GET", f"/jobs/{job_id}/events", params={"from": start}, headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        return [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]


def test_an_upload_becomes_the_command_lines_bytes(client: httpx.Client, place: Path, tmp_path: Path):
    source = place / "root" / "in.mp4"
    with source.open("rb") as file:
        sent = client.post("/jobs", files={"file": ("../../my clip.mp4", file)}, data={"job": json.dumps(ORDER)})
    assert sent.status_code == 201
    job = sent.json()
    assert sent.headers["location"] == f"/jobs/{job['id']}"
    events = events_of(client, job["id"])
    assert [event["n"] for event in events] == list(range(len(events)))
    assert events[-1]["state"] == "done"
    assert any(event["stage"] == "fill" and event["total"] == 8 for event in events)
    expected = by_command_line(source, tmp_path / "out.mp4", "--box", BOX)
    result = client.get(f"/jobs/{job['id']}/result")
    assert result.content == expected
    assert result.headers["content-type"] == "video/mp4"
    assert "filename*=utf-8''my%20clip-remove.mp4" in result.headers["content-disposition"]
    part = client.get(f"/jobs/{job['id']}/result", headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, expected[100:200])
    report = client.get(f"/jobs/{job['id']}/report").json()
    assert (report["untouched"], report["frames"]) == ("identical", 8)
    with zipfile.ZipFile(io.BytesIO(client.get(f"/jobs/{job['id']}/masks").content)) as masks:
        masks.extractall(tmp_path / "masks")
    assert is_stored(tmp_path / "masks")
    stored = [path.name for path in folder_of(place / "served", job["id"]).glob("source-*")]
    assert len(stored) == 1
    assert re.fullmatch(r"source-[0-9a-f]{16}", stored[0])
    said = client.delete(f"/jobs/{job['id']}")
    assert (said.status_code, said.json()["links"]) == (200, {})
    assert not folder_of(place / "served", job["id"]).exists()
    assert client.get(f"/jobs/{job['id']}").status_code == 404


def test_a_path_in_the_root_and_masks_from_there(client: httpx.Client, place: Path, tmp_path: Path):
    settings = {**QUICK, "origin_map": True}
    order = {"path": "in.mp4", "marks": {"mask": "inner/mask.png@0-0.2"}, "settings": settings, "suffix": ".mkv"}
    job = client.post("/jobs", json={**order, "name": "from the root"}).json()
    found = ended(client, job["id"])
    assert (found["state"], found["name"]) == ("done", "from the root")
    masks = zipfile.ZipFile(io.BytesIO(client.get(f"/jobs/{job['id']}/masks").content))
    assert json.loads(masks.read("masks.json"))["frame_count"] == 8
    assert found["links"].keys() == {"events", "result", "masks", "report", "origin"}
    assert client.get(found["links"]["result"]).headers["content-type"] == "video/x-matroska"
    with av.open(io.BytesIO(client.get(found["links"]["origin"]).content)) as origin:
        assert sum(1 for _ in origin.decode(video=0)) == 8


def test_masks_may_be_sent_along(client: httpx.Client, place: Path, tmp_path: Path):
    source, mask = place / "root" / "in.mp4", place / "secret.png"
    order = {"marks": {"mask": "masks/logo.png"}, "settings": QUICK}
    files = [("file", ("in.mp4", source.read_bytes())), ("mask", ("logo.png", mask.read_bytes()))]
    job = client.post("/jobs", files=files, data={"job": json.dumps(order)}).json()
    assert ended(client, job["id"])["state"] == "done"
    expected = by_command_line(source, tmp_path / "out.mp4", "--mask", str(mask))
    assert client.get(f"/jobs/{job['id']}/result").content == expected


def test_masks_alone_are_the_result_of_their_task(client: httpx.Client):
    job = client.post("/jobs", json={"task": "mask", "path": "in.mp4", "marks": {"box": BOX}}).json()
    assert ended(client, job["id"])["state"] == "done"
    result = client.get(f"/jobs/{job['id']}/result")
    assert result.headers["content-disposition"].endswith('"in-mask.zip"')
    assert "masks.json" in zipfile.ZipFile(io.BytesIO(result.content)).namelist()
    assert client.get(f"/jobs/{job['id']}/report").json()["holed_frames"] == 8


def test_jobs_queue_and_are_cancelled(client: httpx.Client):
    first = client.post("/jobs", json=slow()).json()
    end = time.monotonic() + 60
    while client.get(f"/jobs/{first['id']}").json()["state"] == "queued":  # what another test sent is ending
        assert time.monotonic() < end
        time.sleep(0.02)
    second = client.post("/jobs", json=slow()).json()
    assert (second["state"], second["ahead"]) == ("queued", 0)
    early = client.get(f"/jobs/{first['id']}/result")
    assert (early.status_code, "running" in early.json()["error"]) == (409, True)
    assert client.delete(f"/jobs/{second['id']}").json()["state"] == "cancelled"
    begin = time.monotonic()
    client.delete(f"/jobs/{first['id']}")
    assert ended(client, first["id"])["state"] == "cancelled"
    assert time.monotonic() - begin < 30
    assert client.post(f"/jobs/{second['id']}/again").json()["state"] in ("queued", "running")
    assert ended(client, second["id"])["state"] == "done"
    listed = [job["id"] for job in client.get("/jobs").json()]
    assert listed.index(second["id"]) < listed.index(first["id"])  # the newest first


def test_events_go_on_from_a_number(client: httpx.Client):
    job = client.post("/jobs", json={**ORDER, "path": "in.mp4"}).json()
    everything = events_of(client, job["id"])
    assert events_of(client, job["id"], start=2) == everything[2:]
    assert events_of(client, job["id"], **{"last-event-id": "3"}) == everything[4:]
    assert events_of(client, job["id"], start=10_000) == []
    assert client.get(f"/jobs/{job['id']}/events?from=-1").status_code == 422
    assert client.get(f"/jobs/{job['id']}").json()["progress"] == everything[-1]


def test_another_session_finds_nothing(server: Served, client: httpx.Client):
    job = client.post("/jobs", json={**ORDER, "path": "in.mp4"}).json()["id"]
    with server.client("t" * 32) as other, httpx.Client(base_url=server.address, trust_env=False) as nobody:
        for stranger in (other, nobody):
            assert stranger.get("/jobs").json() == []
            for what in ("", "/result", "/masks", "/report", "/events"):
                found = stranger.get(f"/jobs/{job}{what}")
                assert (found.status_code, "no job" in found.json()["error"]) == (404, True)
            assert stranger.delete(f"/jobs/{job}").status_code == 404
            assert stranger.post(f"/jobs/{job}/again").status_code == 404
    assert ended(client, job)["state"] == "done"


def test_a_browsers_cookie_is_a_session_too(server: Served):
    with httpx.Client(base_url=server.address, trust_env=False) as browser:
        job = browser.post("/jobs", json={**ORDER, "path": "in.mp4"}).json()
        assert [one["id"] for one in browser.get("/jobs").json()] == [job["id"]]


def test_the_routes_are_described(client: httpx.Client):
    said = client.get("/openapi.json").json()
    assert {"/tasks", "/jobs", "/jobs/{job_id}", "/jobs/{job_id}/events", "/jobs/{job_id}/result"} <= said[
        "paths"
    ].keys()
    for routes in said["paths"].values():
        assert all(route["summary"] for route in routes.values())
    body = said["paths"]["/jobs"]["post"]["requestBody"]["content"]
    assert body.keys() == {"application/json", "multipart/form-data"}
    fields = said["components"]["schemas"]["JobSaid"]["properties"]
    assert fields["starts"]["description"]
    assert "owner" not in fields
    assert "folder" not in fields
    tasks = client.get("/tasks").json()
    assert tasks["tasks"]["remove"]["settings"]["grow_px"] == {"takes": "a whole number", "default": 4}
    assert tasks["marks"]["click"]["takes"] == "text or a list of text"


def test_the_lines_of_the_docs_run_as_they_stand(server: Served, place: Path, tmp_path: Path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    page = (Path(__file__).parent.parent / "docs" / "server.md").read_text()
    (lines,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    assert "http://127.0.0.1:7860" in lines
    shutil.copy(place / "root" / "in.mp4", tmp_path / "in.mp4")
    lines = lines.replace("http://127.0.0.1:7860", server.address)
    done = subprocess.run(["bash", "-euc", lines], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert '"state": "done"' in done.stdout
    with pytest.raises(SystemExit):
        main(["remove", str(tmp_path / "in.mp4"), "--box", BOX, "--grow", "6", "-o", str(tmp_path / "cli.mp4"), "-q"])
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "cli.mp4").read_bytes()
    assert json.loads((tmp_path / "out.mp4.json").read_text())["untouched"] == "identical"


def test_the_project_of_the_docs_runs_as_it_stands(place: Path, tmp_path: Path):
    page = (Path(__file__).parent.parent / "docs" / "server.md").read_text()
    (said,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    shutil.copy(place / "root" / "in.mp4", tmp_path / "in.mp4")
    (tmp_path / "logo").mkdir()
    (tmp_path / "logo" / "project.json").write_text(said)
    with pytest.raises(SystemExit) as left:
        main(["run", str(tmp_path / "logo"), "-q"])
    assert not left.value.code
    assert (tmp_path / "logo" / "result.mp4").exists()
