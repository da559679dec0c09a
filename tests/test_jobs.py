"""The queue of jobs: one at a time, each in its own process, kept on disk, and another session's are not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cleanplate.apps.jobs.process import JobProcess
from cleanplate.apps.jobs.queue import Jobs, NoSuchJobError
from cleanplate.apps.jobs.state import EventLog
from cleanplate.apps.project import Project
from cleanplate.base.errors import UsageError
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

ME, YOU = "m" * 32, "y" * 32
BOX = "180,10,236,40"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short clip, one that takes seconds, and one that is none."""
    folder = tmp_path_factory.mktemp("jobs")
    scene = render("logo-pan", width_px=256, height_px=144, frames=60)
    write_clip(folder / "short.mp4", scene.images[:8])
    there_and_back = [*range(60), *range(58, 0, -1)]
    write_clip(folder / "long.mp4", (scene.images[there_and_back[n % 118]] for n in range(160)))
    (folder / "broken.mp4").write_bytes((folder / "short.mp4").read_bytes()[:300])
    return folder


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(tmp_path / "jobs") as jobs:
        yield jobs


def project(place: Path, tmp_path: Path, name: str = "short.mp4", **settings: object) -> Project:
    folder = tmp_path / f"project {len(list(tmp_path.iterdir()))}"
    plain = {
        "preset": "veryfast",
        "engine": "opencv-telea",
        "options": {"radius_px": 12},
    }  # some seconds, in small pieces
    return Project.create(folder, place / name, marks={"box": BOX}, settings={**plain, **settings})


class Paused(JobProcess):
    """Stands still from its start until it is told to go on: what a test says of the queue does not race its jobs."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._process.send_signal(signal.SIGSTOP)


@pytest.fixture
def all_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cleanplate.apps.jobs.queue.JobProcess", Paused)


def go_on(jobs: Jobs, job_id: str) -> None:
    process = jobs._jobs[job_id].process
    assert process is not None
    process._process.send_signal(signal.SIGCONT)


def until(is_so: Callable[[], bool], most_s: float = 60) -> None:
    end = time.monotonic() + most_s
    while not is_so():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def at_work(jobs: Jobs, job_id: str, frames: int = 1) -> bool:
    event = jobs.last(job_id, ME)
    return event.stage == "fill" and event.done >= frames


def test_a_job_tells_how_far_it_is_and_ends_in_the_projects_result(jobs: Jobs, place: Path, tmp_path: Path):
    mine = project(place, tmp_path)
    job = jobs.submit(mine, ME, name="my holiday")
    mine.settings["grow_px"] = 9  # the job has a copy
    mine.save()
    events = list(jobs.follow(job.id, ME))
    assert [event.n for event in events] == list(range(len(events)))
    assert [event.state for event in events if event.stage is None] == ["queued", "running", "done"]
    fill = [event for event in events if event.stage == "fill"]
    assert (fill[-1].done, fill[-1].total, fill[-1].left_s) == (8, 8, 0)
    done = jobs.get(job.id, ME)
    assert (done.state, done.name, done.error, done.starts) == ("done", "my holiday", None, 1)
    mine.settings["grow_px"] = 4
    mine.run()
    its = jobs.project(job.id, ME)
    assert its.output.read_bytes() == mine.output.read_bytes()
    assert (its.kept_masks / "masks.json").exists()
    assert its.kept_masks.with_name("result.masks.zip").exists()
    assert json.loads((done.folder / "result.mp4.json").read_text())["untouched"] == "identical"


@pytest.mark.usefixtures("all_paused")
def test_one_worker_takes_one_job_after_the_other(jobs: Jobs, place: Path, tmp_path: Path):
    ids = [jobs.submit(project(place, tmp_path), ME).id for _ in range(3)]
    assert [jobs.get(job_id, ME).state for job_id in ids] == ["running", "queued", "queued"]
    assert [jobs.ahead(job_id, ME) for job_id in ids] == [0, 0, 1]
    spans = []
    for job_id in ids:
        until(lambda one=job_id: jobs.get(one, ME).state == "running")
        go_on(jobs, job_id)
        *_, last = jobs.follow(job_id, ME)
        assert last.state == "done"
        job = jobs.get(job_id, ME)
        spans.append((job.started_s, job.ended_s))
    assert all(after[0] >= before[1] for before, after in pairwise(spans))
    assert [job.id for job in jobs.of(ME)] == ids[::-1]


@pytest.mark.usefixtures("all_paused")
def test_two_workers_take_two(place: Path, tmp_path: Path):
    with Jobs(tmp_path / "jobs", workers=2) as jobs:
        ids = [jobs.submit(project(place, tmp_path), ME).id for _ in range(3)]
        assert [jobs.get(job_id, ME).state for job_id in ids] == ["running", "running", "queued"]
        jobs.cancel(ids[0], ME)
        go_on(jobs, ids[0])
        until(lambda: jobs.get(ids[2], ME).state == "running")


def test_another_session_sees_nothing(jobs: Jobs, place: Path, tmp_path: Path):
    job = jobs.submit(project(place, tmp_path), ME)
    assert jobs.of(YOU) == []
    for ask in (jobs.get, jobs.project, jobs.events, jobs.last, jobs.ahead, jobs.cancel, jobs.again, jobs.delete):
        with pytest.raises(NoSuchJobError):
            ask(job.id, YOU)
    with pytest.raises(NoSuchJobError):
        next(jobs.follow(job.id, YOU))
    with pytest.raises(NoSuchJobError):
        jobs.get("../jobs", ME)
    assert ME not in (job.folder / "job.json").read_text()
    assert ME not in repr(job)


def test_cancelling_stops_it_within_seconds_and_it_may_go_on(jobs: Jobs, place: Path, tmp_path: Path):
    job, next_one = (jobs.submit(project(place, tmp_path, "long.mp4"), ME) for _ in range(2))
    until(lambda: bool(list(job.folder.glob(".result.mp4.job/*[0-9]-[0-9]*"))))
    with pytest.raises(UsageError, match="cancel it first"):
        jobs.delete(job.id, ME)
    assert jobs.cancel(next_one.id, ME).state == "cancelled"  # while it waits
    jobs.cancel(job.id, ME)
    until(lambda: jobs.get(job.id, ME).state == "cancelled")
    assert not list(job.folder.glob(".result.*part*"))
    assert not list(job.folder.glob("result.mp4*"))
    jobs.again(job.id, ME)
    *_, last = jobs.follow(job.id, ME)
    assert last.state == "done"
    assert json.loads((job.folder / "result.mp4.json").read_text())["pieces_taken_over"] > 0
    with pytest.raises(UsageError, match="done"):
        jobs.again(job.id, ME)
    jobs.delete(job.id, ME)
    assert not job.folder.exists()
    assert [one.id for one in jobs.of(ME)] == [next_one.id]


def test_what_does_not_stop_is_killed(jobs: Jobs, place: Path, tmp_path: Path):
    job = jobs.submit(project(place, tmp_path, "long.mp4"), ME)
    until(lambda: at_work(jobs, job.id))
    process = jobs._jobs[job.id].process
    assert process is not None
    os.kill(process._process.pid, signal.SIGSTOP)  # as deaf as a decoder that hangs
    jobs.cancel(job.id, ME)
    until(lambda: jobs.get(job.id, ME).state == "cancelled")


def test_a_broken_video_and_a_crash_end_their_job_alone(jobs: Jobs, place: Path, tmp_path: Path):
    broken = jobs.submit(project(place, tmp_path, "broken.mp4"), ME)
    crashing = jobs.submit(project(place, tmp_path, "long.mp4"), ME)
    good = jobs.submit(project(place, tmp_path), ME)
    *_, last = jobs.follow(broken.id, ME)
    assert last.state == "failed"
    assert "broken.mp4' cannot be read as a video" in (last.error or "")
    until(lambda: at_work(jobs, crashing.id))
    process = jobs._jobs[crashing.id].process
    assert process is not None
    os.kill(process._process.pid, signal.SIGSEGV)
    *_, last = jobs.follow(crashing.id, ME)
    assert (last.state, "SIGSEGV" in (last.error or "")) == ("failed", True)
    *_, last = jobs.follow(good.id, ME)
    assert last.state == "done"


def test_what_a_run_would_refuse_never_waits(jobs: Jobs, place: Path, tmp_path: Path):
    wrong = project(place, tmp_path, engine="magic")
    with pytest.raises(UsageError, match="magic"):
        jobs.submit(wrong, ME)
    assert jobs.of(ME) == []
    assert not [path for path in jobs.folder.iterdir() if path.is_dir()]


_SERVER = """
import sys, time
from pathlib import Path
from cleanplate.apps.jobs.queue import Jobs
from cleanplate.apps.project import Project
if __name__ == "__main__":
    jobs = Jobs(Path(sys.argv[1]))
    for folder in sys.argv[2:]:
        print(jobs.submit(Project.open(folder), "m" * 32).id, flush=True)
    time.sleep(600)
"""


def test_a_server_that_is_killed_leaves_its_jobs_to_the_next(place: Path, tmp_path: Path):
    long, short = project(place, tmp_path, "long.mp4"), project(place, tmp_path)
    words = [sys.executable, "-c", _SERVER, str(tmp_path / "jobs"), str(long.folder), str(short.folder)]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    first, second = (server.stdout.readline().strip() for _ in range(2))
    folder = tmp_path / "jobs" / first
    until(lambda: bool(list(folder.glob(".result.mp4.job/*[0-9]-[0-9]*"))))
    with pytest.raises(UsageError, match="another server"):
        Jobs(tmp_path / "jobs")
    server.kill()
    server.communicate()
    with (folder / "events.jsonl").open("ab") as log:
        log.write(b'{"n": 99, "time_')  # half a line, as a power cut may leave it
    with Jobs(tmp_path / "jobs") as jobs:
        assert [job.id for job in jobs.of(ME)] == [second, first]
        events = list(jobs.follow(first, ME))
        assert [event.n for event in events] == list(range(len(events)))
        states = [event.state for event in events if event.stage is None]
        assert states == ["queued", "running", "queued", "running", "done"]
        job = jobs.get(first, ME)
        assert job.starts == 2
        assert json.loads((folder / "result.mp4.json").read_text())["pieces_taken_over"] > 0
        *_, last = jobs.follow(second, ME)
        assert last.state == "done"
    long.run()
    assert (folder / "result.mp4").read_bytes() == long.output.read_bytes()


def test_a_job_whose_server_is_gone_stops_at_once(place: Path, tmp_path: Path):
    """It does not wait until it has something to say: a stage may take minutes."""
    child = project(place, tmp_path, "long.mp4")
    words = [sys.executable, "-m", "cleanplate.apps.jobs.child", str(child.folder)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()  # it is at work
    process.stdin.close()
    assert process.wait(60) == 130
    process.stdout.close()
    assert not child.output.exists()


def test_a_server_that_ends_stops_its_jobs_for_the_next(place: Path, tmp_path: Path):
    with Jobs(tmp_path / "jobs") as jobs:
        job = jobs.submit(project(place, tmp_path, "long.mp4"), ME)
        until(lambda: at_work(jobs, job.id))
        process = jobs._jobs[job.id].process
        assert process is not None
    assert process._process.poll() is not None
    assert json.loads((job.folder / "job.json").read_text())["state"] == "queued"


def test_a_job_that_takes_the_server_down_is_not_tried_for_ever(jobs: Jobs, place: Path, tmp_path: Path):
    job = jobs.submit(project(place, tmp_path), ME)
    list(jobs.follow(job.id, ME))
    jobs.close()
    said = json.loads((job.folder / "job.json").read_text())
    (job.folder / "job.json").write_text(json.dumps({**said, "state": "running", "starts": 5}))
    (jobs.folder / "strange").mkdir()
    (jobs.folder / "strange" / "job.json").write_text("[]")
    with Jobs(jobs.folder) as after:
        found = after.get(job.id, ME)
        assert (found.state, "5 times" in (found.error or "")) == ("failed", True)


def test_events_are_found_by_number(tmp_path: Path):
    log = EventLog(tmp_path)
    for n in range(50):
        assert log.add(time_s=float(n), state="running", stage="fill", done=n).n == n
    assert [event.n for event in log.since(45)] == [45, 46, 47, 48, 49]
    assert [event.n for event in log.since(3, most=2)] == [3, 4]
    assert log.since(50) == []
    assert log.since(-7, most=1)[0].n == 0
    again = EventLog(tmp_path)
    assert again.add(time_s=0.0, state="done").n == 50
    assert again.since(49)[0] == log.since(49)[0]


def test_a_full_disk_leaves_no_half_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = EventLog(tmp_path)
    log.add(time_s=1.0, state="queued")
    (tmp_path / "events.jsonl").open("ab").write(b'{"n": 1, "ti')  # what a write on a full disk left
    assert log.add(time_s=2.0, state="running").n == 1
    assert [event.time_s for event in EventLog(tmp_path).since(0)] == [1.0, 2.0]
    assert np.all([line.endswith(b"}\n") for line in (tmp_path / "events.jsonl").open("rb")])


@pytest.mark.usefixtures("all_paused")
def test_a_quick_job_waits_for_quick_ones_alone(jobs: Jobs, place: Path, tmp_path: Path):
    long = jobs.submit(project(place, tmp_path), ME)
    first, second = (jobs.submit(project(place, tmp_path), ME, is_quick=True) for _ in range(2))
    assert [jobs.get(job.id, ME).state for job in (long, first, second)] == ["running", "running", "queued"]
    assert jobs.ahead(second.id, ME) == 0
    assert [job.id for job in jobs.of(ME)] == [long.id]
    for job in (first, second):
        until(lambda one=job: jobs.get(one.id, ME).state == "running")
        go_on(jobs, job.id)
    until(lambda: jobs.get(second.id, ME).state == "done")
    assert jobs.get(long.id, ME).state == "running"
    masks = jobs.project(second.id, ME).kept_masks
    assert (masks / "masks.json").exists()
    assert not masks.with_name("result.masks.zip").exists()  # nobody fetches it
