"""What is kept on disk of each job: how it stands, and its events by number."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import threading
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from cleanplate.journal.folder import write_through

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
_SHOWN = {"use_attribute_docstrings": True}
"the strings under the fields are what OpenAPI says of them"
_STATE_NAME = "job.json"
_EVENTS_NAME = "events.jsonl"


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a job, with all that is known of its progress then."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _SHOWN
    n: int
    "counted from 0 in each job; a job that is taken up again goes on counting"
    time_s: float
    "seconds since 1970"
    state: State
    stage: str | None = None
    done: int = 0
    "frames of this stage"
    total: int | None = None
    frames_per_s: float | None = None
    "over the last seconds"
    left_s: float | None = None
    "until this stage ends, at that speed"
    error: str | None = None
    "one sentence, where it failed"

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class JobFacts:
    """How a job stands, as anybody who may see it is told."""

    __pydantic_config__: ClassVar[dict[str, bool]] = _SHOWN
    id: str
    name: str
    "what the user calls it, for display only"
    task: str
    "a row of TASKS"
    state: State
    created_s: float
    "seconds since 1970, as below"
    started_s: float | None = None
    "when it was started last"
    ended_s: float | None = None
    starts: int = 0
    "more than one where the server ended in between"
    error: str | None = None
    "one sentence, where it failed"

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True)
class JobState(JobFacts):
    """How a job stands; a value, not a live view: ask again for the next one."""

    folder: Path
    "its own: a project, in which its result lies"
    owner: str = dataclasses.field(repr=False)
    "digest of the token of the session it belongs to"
    is_quick: bool = False
    "whether somebody sits and waits for it; such jobs do not wait for the others"

    def is_of(self, token: str) -> bool:
        """Whether it belongs to the session of that token; takes as long for every wrong one."""
        return hmac.compare_digest(self.owner, digest(token))

    def save(self) -> None:
        """Raises `OSError`."""
        kept = {name: value for name, value in dataclasses.asdict(self).items() if name not in ("id", "folder")}
        write_through(self.folder / _STATE_NAME, json.dumps(kept).encode())

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The job of that folder; None where there is none, or what is there cannot be read."""
        try:
            return cls(**json.loads((folder / _STATE_NAME).read_text(encoding="utf-8")), id=folder.name, folder=folder)
        except (OSError, ValueError, TypeError):
            return None


def digest(token: str) -> str:
    """What is kept of a session's token."""
    return hashlib.sha256(token.encode()).hexdigest()


class EventLog:
    """A job's events, in a file; what is in memory is where each line begins."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _EVENTS_NAME
        self._lock = threading.Lock()
        self._starts = array("Q", [0])
        if self._path.exists():
            with self._path.open("rb") as file:
                for line in file:
                    if line.endswith(b"\n"):  # else the server ended while it was written
                        self._starts.append(self._starts[-1] + len(line))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def add(self, **facts: Any) -> Event:
        """The next event, of these facts."""
        with self._lock:
            event = Event(n=len(self), **facts)
            line = json.dumps(event.to_json()).encode() + b"\n"
            with self._path.open("r+b" if self._path.exists() else "wb") as file:
                file.seek(self._starts[-1])  # not at its end: half a line may be there, of a full disk or a power cut
                file.write(line)
                file.truncate()
            self._starts.append(self._starts[-1] + len(line))
        return event

    def since(self, start: int, most: int = 1000) -> list[Event]:
        """The events from that number on, at most so many."""
        with self._lock:
            start = max(start, 0)
            stop = min(start + most, len(self))
            if start >= stop:
                return []
            with self._path.open("rb") as file:
                file.seek(self._starts[start])
                lines = file.read(self._starts[stop] - self._starts[start]).splitlines()
        return [Event(**json.loads(line)) for line in lines]
