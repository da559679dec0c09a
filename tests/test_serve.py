"""`cleanplate ui` as it is started and ended: killed in the middle of a job, asked wrongly, and without its extra."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed (extra 'ui')")
pytest.importorskip("httpx", reason="httpx is not installed (extra 'dev')")
from serving import ended, folder_of, served

from cleanplate.apps.cli.main import main
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

BOX = "180,10,236,40"
SETTINGS = {"engine": "opencv-telea", "preset": "veryfast", "options": {"radius_px": 12}}
ORDER = {"path": "long.mp4", "marks": {"box": BOX}, "settings": SETTINGS}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip that takes seconds."""
    folder = tmp_path_factory.mktemp("root")
    scene = render("logo-pan", width_px=256, height_px=144, frames=60)
    there_and_back = [*range(60), *range(58, 0, -1)]
    write_clip(folder / "long.mp4", (scene.images[there_and_back[n % 118]] for n in range(160)))
    return folder


def test_a_killed_server_goes_on_where_it_was(root: Path, tmp_path: Path):
    flags = ("--root", str(root), "--folder", str(tmp_path / "served"))
    with served(*flags) as one, one.client() as client:
        job = client.post("/jobs", json=ORDER).json()["id"]
        folder = folder_of(tmp_path / "served", job)
        end = time.monotonic() + 60
        while not list(folder.glob(".result.mp4.job/*[0-9]-[0-9]*")):
            assert time.monotonic() < end
            time.sleep(0.02)
        one.process.kill()
        one.process.wait()
    with served(*flags) as one, one.client() as client:
        assert ended(client, job)["state"] == "done"
        assert client.get(f"/jobs/{job}/report").json()["pieces_taken_over"] > 0
        result = client.get(f"/jobs/{job}/result").content
    words = ["remove", str(root / "long.mp4"), "--box", BOX, "-e", "opencv-telea", "--set", "radius_px=12"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--preset", "veryfast", "-q", "-o", str(tmp_path / "out.mp4")])
    assert not left.value.code
    assert result == (tmp_path / "out.mp4").read_bytes()


def test_without_a_root_no_path_is_opened(tmp_path: Path, root: Path):
    with served("--folder", str(tmp_path / "served"), "--token", "battery-staple") as one:
        with one.client() as stranger:
            assert stranger.get("/jobs").status_code == 401
        with one.client(headers={"authorization": "Bearer battery-staple"}) as client:
            found = client.post("/jobs", json={**ORDER, "path": str(root / "long.mp4")})
            assert (found.status_code, "--root" in found.json()["error"]) == (422, True)


def test_a_server_is_ended_by_ctrl_c(tmp_path: Path):
    with served("--folder", str(tmp_path / "served")) as one:
        with pytest.raises(SystemExit) as left:
            main(["ui", "--no-page", "--no-browser", "--folder", str(tmp_path / "served"), "--port", "0"])
        assert left.value.code == 2  # the folder is taken
        one.process.send_signal(signal.SIGINT)
        out, _ = one.process.communicate(timeout=30)
        assert (one.process.returncode, "ended" in out) == (0, True)


MISTAKES: dict[str, tuple[str, str]] = {
    "open to all": ("--host 0.0.0.0", "--password or --token"),
    "a short password": ("--host 0.0.0.0 --password abc", "at least 8"),
    "no root": ("--root nowhere", "no folder 'nowhere'"),
    "no workers": ("--workers 0", "at least one"),
    "an upload of no size": ("--max-upload huge", "--max-upload is 'huge'"),
    "an address of another machine": ("--host 203.0.113.7 --password abcdefgh", "nothing can listen on 203.0.113.7"),
    "a name that is none": ("--host no.such.name.invalid --token abcdefgh", "nothing can listen on"),
    "a port out of range": ("--port 70000", "70000"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_each_mistake_gets_one_sentence(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    words, says = MISTAKES[case]
    monkeypatch.chdir(tmp_path)
    port = [] if "--port" in words else ["--port", "0"]
    with pytest.raises(SystemExit) as left:
        main(["ui", "--no-page", "--no-browser", "--folder", "served", *port, *words.split()])
    err = capsys.readouterr().err
    assert (left.value.code, len(err.strip().splitlines())) == (2, 1)
    assert says in err


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(SystemExit) as left:
            main(["ui", "--no-page", "--no-browser", "--folder", str(tmp_path), "--port", port])
    assert (left.value.code, f"port {port}" in capsys.readouterr().err) == (2, True)


def test_without_the_extra_the_pip_command_is_told(tmp_path: Path):
    code = "import sys; sys.modules['fastapi'] = None; from cleanplate.apps.cli.main import main; main(['ui'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
    assert 'pip install "cleanplate[ui]"' in done.stderr
