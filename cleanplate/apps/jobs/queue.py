"""Jobs: projects that wait in a queue, run in processes of their own, and are still there after a restart.

    with Jobs(Path("jobs"), workers=1) as jobs:
        job = jobs.submit(Project.open("dog"), owner=token)       # a copy: the project may change meanwhile
        for event in jobs.follow(job.id, token):                  # ends when the job does
            print(event.stage, event.done, event.total, event.left_s)
        jobs.get(job.id, token).state                             # done
        jobs.project(job.id, token).output                        # the result; beside it masks and report

Whoever asks gives the token of their session; jobs of another session are not there for them.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cleanplate.apps.jobs.process import JobProcess
from cleanplate.apps.jobs.state import Event, EventLog, JobState, State, digest
from cleanplate.apps.project import Project
from cleanplate.base.errors import UsageError

_MOST_STARTS = 5
"a job that took the server down so often is not tried again"
_LOOK_S = 0.2
"how often a follower looks for new events"


class NoSuchJobError(UsageError):
    """There is no job of that name, or it is another session's: which of the two is not told."""


@dataclass
class _Kept:
    """A job, and the process it runs in."""

    state: JobState
    log: EventLog
    process: JobProcess | None = None
    ends_as: State | None = None
    "what it is to be when its process was told to stop: cancelled, or queued for the next server"


class Jobs:
    """A queue of jobs in a folder, of which so many run at a time, the oldest first. For any number of threads."""

    def __init__(self, folder: str | Path, workers: int = 1) -> None:
        """Takes up what an earlier server left. Raises `UsageError` where another one has the folder now."""
        if workers < 1:
            raise UsageError(f"--workers is {workers}, but at least one job has to run at a time")
        self.folder = Path(folder).absolute()
        self._workers = workers
        self._lock = threading.RLock()
        self._is_open = True
        self.folder.mkdir(parents=True, exist_ok=True)
        self._held = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._held.close()
            raise UsageError(
                f"another server is using '{self.folder}' now; end that one, or give another --folder"
            ) from None
        self._incoming = self.folder / "incoming"
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._jobs: dict[str, _Kept] = {}
        for state in sorted(filter(None, map(JobState.read, self.folder.iterdir())), key=lambda one: one.created_s):
            self._jobs[state.id] = kept = _Kept(state, EventLog(state.folder))
            if state.state == "running":
                if state.starts < _MOST_STARTS:
                    self._now(kept, "queued")
                else:
                    error = f"the server ended {state.starts} times while this job ran, so it is not started again"
                    self._now(kept, "failed", error=error)
        self._fill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def room(self) -> Path:
        """A new folder on the jobs' disk, for a project that is to move; what is left of it goes at the next start."""
        folder = self._incoming / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder

    def submit(
        self, project: Project, owner: str, name: str = "", *, moves: bool = False, is_quick: bool = False
    ) -> JobState:
        """A new job of this project as it is now, last in the queue.

        owner: the session's token. name: what the user calls it. moves: the project's folder becomes the job's, with
        all that is in it; else it is copied. is_quick: somebody sits and waits for it: such jobs run one at a time
        beside the others. Raises `UsageError` for what the task refuses before it reads the video.
        """
        project.check()
        folder = self.folder / secrets.token_hex(8)
        try:
            if moves:
                project.move_to(folder)
            else:
                folder.mkdir()
                project.copy_to(folder)
            kept = self._new(project, folder, owner, name, is_quick)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._fill()
        return kept.state

    def _new(self, project: Project, folder: Path, owner: str, name: str, is_quick: bool) -> _Kept:
        """The job in its folder, last in the queue."""
        state = JobState(
            id=folder.name,
            name=name or project.source.name,
            task=project.task,
            state="queued",
            folder=folder,
            created_s=time.time(),
            owner=digest(owner),
            is_quick=is_quick,
        )
        kept = _Kept(state, EventLog(folder))
        self._now(kept, "queued")
        with self._lock:
            self._jobs[state.id] = kept
        return kept

    def of(self, owner: str) -> list[JobState]:
        """The session's jobs, the newest first; quick ones are for whoever sent them to look after."""
        with self._lock:
            states = [kept.state for kept in reversed(self._jobs.values())]
            return [state for state in states if state.is_of(owner) and not state.is_quick]

    def get(self, job_id: str, owner: str) -> JobState:
        """How it stands. Raises `NoSuchJobError`, as all below."""
        return self._kept(job_id, owner).state

    def project(self, job_id: str, owner: str) -> Project:
        """The job's own project: where its result, its masks and its source are."""
        return Project.open(self.get(job_id, owner).folder)

    def ahead(self, job_id: str, owner: str) -> int:
        """How many jobs are started before it."""
        kept = self._kept(job_id, owner)
        with self._lock:
            lane = [other for other in self._jobs.values() if other.state.is_quick == kept.state.is_quick]
            waiting = [other for other in lane if other.state.state == "queued"]
            return waiting.index(kept) if kept in waiting else 0

    def events(self, job_id: str, owner: str, start: int = 0) -> list[Event]:
        """What has happened to it, from that event on; does not wait."""
        return self._kept(job_id, owner).log.since(start)

    def last(self, job_id: str, owner: str) -> Event:
        """What happened to it last."""
        log = self._kept(job_id, owner).log
        return log.since(len(log) - 1)[-1]

    def follow(self, job_id: str, owner: str, start: int = 0) -> Iterator[Event]:
        """Its events from that one on, as they happen, until it has ended."""
        while True:
            has_ended = self.get(job_id, owner).has_ended  # asked before: what comes after is not missed
            events = self.events(job_id, owner, start)
            yield from events
            start += len(events)
            if has_ended and not events:
                return
            if not events:
                time.sleep(_LOOK_S)

    def cancel(self, job_id: str, owner: str) -> JobState:
        """Take it out of the queue, or stop it as Ctrl-C would; after two seconds it is killed. Does not wait."""
        kept = self._kept(job_id, owner)
        with self._lock:
            if kept.process is not None:
                self._stop(kept, "cancelled")
            elif kept.state.state == "queued":
                self._now(kept, "cancelled", ended_s=time.time())
            return kept.state

    def again(self, job_id: str, owner: str) -> JobState:
        """Queue one that failed or was cancelled once more: it goes on from the pieces it had finished.

        Raises `UsageError` for one that is done, or has not ended.
        """
        kept = self._kept(job_id, owner)
        with self._lock:
            if kept.state.state not in ("failed", "cancelled"):
                raise UsageError(f"the job is {kept.state.state}; only one that failed or was cancelled is run again")
            self._now(kept, "queued", ended_s=None, error=None, starts=0)
            self._fill()
            return kept.state

    def delete(self, job_id: str, owner: str) -> None:
        """Forget it, with its result and all its files. Raises `UsageError` for one that has not ended."""
        kept = self._kept(job_id, owner)
        with self._lock:
            if not kept.state.has_ended:
                raise UsageError("the job has not ended; cancel it first")
            self._jobs.pop(job_id, None)
        shutil.rmtree(kept.state.folder, ignore_errors=True)

    def close(self) -> None:
        """Stop what runs; the next server on this folder takes it up again."""
        with self._lock:
            self._is_open = False
            running = [(kept, kept.process) for kept in self._jobs.values() if kept.process is not None]
            for kept, _ in running:
                self._stop(kept, "queued")
        for _, process in running:
            process.join()
        self._held.close()

    def _kept(self, job_id: str, owner: str) -> _Kept:
        with self._lock:
            kept = self._jobs.get(job_id)
        if kept is None or not kept.state.is_of(owner):
            raise NoSuchJobError(f"there is no job '{job_id}' of this session; see the list of its jobs")
        return kept

    def _now(self, kept: _Kept, state: State, **changes: Any) -> None:
        """The job is in this state from now on."""
        kept.state = replace(kept.state, state=state, **changes)
        kept.state.save()
        kept.log.add(time_s=time.time(), state=state, error=kept.state.error)

    def _fill(self) -> None:
        """Start what waits, as long as a worker is free."""
        with self._lock:
            for kept in self._jobs.values():
                is_quick = kept.state.is_quick
                running = sum(o.process is not None for o in self._jobs.values() if o.state.is_quick == is_quick)
                if kept.state.state == "queued" and running < (1 if is_quick else self._workers) and self._is_open:
                    self._start(kept)

    def _start(self, kept: _Kept) -> None:
        def heard(said: dict[str, Any]) -> None:
            with suppress(OSError):  # a full disk ends the job, and not who listens to it
                kept.log.add(time_s=time.time(), state="running", **said)

        def ended(why: str | None) -> None:
            with self._lock, suppress(OSError):  # known here all the same; after a restart the job would run again
                kept.process = None
                if why is None:
                    self._now(kept, "done", ended_s=time.time())
                elif kept.ends_as == "queued":
                    self._now(kept, "queued")
                elif kept.ends_as is not None:
                    self._now(kept, kept.ends_as, ended_s=time.time())
                else:
                    self._now(kept, "failed", ended_s=time.time(), error=why)
            self._fill()

        kept.ends_as = None
        try:
            self._now(kept, "running", started_s=time.time(), starts=kept.state.starts + 1)
            kept.process = JobProcess(kept.state.folder, heard, ended)
        except OSError as error:
            with suppress(OSError):
                self._now(kept, "failed", ended_s=time.time(), error=f"the job cannot be started: {error.strerror}")

    def _stop(self, kept: _Kept, ends_as: State) -> None:
        assert kept.process is not None
        kept.ends_as = ends_as
        kept.process.stop()
