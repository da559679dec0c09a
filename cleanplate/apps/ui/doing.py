"""How things stand, in facts for the page: something under way, a frame worth a look, a report."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from cleanplate.apps.jobs.state import Event, JobState
from cleanplate.base.report import Report

Kind = Literal["track", "preview", "run"]


@dataclass(frozen=True, kw_only=True)
class Doing:
    """How something that takes a while stands."""

    kind: Kind
    state: str = "idle"
    "idle, queued, running, done, failed or cancelled"
    stage: str = ""
    done: int = 0
    total: int | None = None
    frames_per_s: float | None = None
    left_s: float | None = None
    "until the stage ends"
    error: str = ""
    job: str = ""

    @classmethod
    def of(cls, kind: Kind, job: JobState, last: Event) -> Self:
        """How a job stands, of which `last` happened last."""
        return cls(
            kind=kind,
            state=job.state,
            stage=last.stage or "",
            done=last.done,
            total=last.total,
            frames_per_s=last.frames_per_s,
            left_s=last.left_s,
            error=job.error or "",
            job=job.id,
        )

    @property
    def is_going(self) -> bool:
        return self.state in ("queued", "running")


@dataclass(frozen=True, kw_only=True)
class Hint:
    """A frame worth a look."""

    frame: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the page tells of a report."""

    seen_share: float | None
    looks: tuple[Hint, ...]
    "where a border shows, and where most was invented"

    @classmethod
    def of(cls, report: Report, first: int) -> Facts:
        """Of a run that began at the frame `first`."""
        looks = ((look.frame + first, look.invented_share, look.seam_levels) for look in report.looks)
        return cls(seen_share=report.seen_share, looks=_hints(looks))

    @classmethod
    def read(cls, path: Path) -> Facts:
        """Of a report that was written, also before it told of borders."""
        said = json.loads(path.read_text(encoding="utf-8"))
        looks = ((look["frame"], look["invented_share"], look.get("seam_levels")) for look in said["looks"])
        return cls(seen_share=said["seen_share"], looks=_hints(looks))


def _hints(looks: Iterable[tuple[int, float, float | None]]) -> tuple[Hint, ...]:
    """A sentence for each frame, its share that was invented, and its seam: first those where a border shows."""
    seams, invented = [], []
    for frame, share, levels in looks:
        if levels is None:
            invented.append(Hint(frame=frame, why=f"{share:.0%} of the hole is invented"))
        else:
            step = f"{abs(levels):.0f} levels {'brighter' if levels > 0 else 'darker'}"
            seams.append(Hint(frame=frame, why=f"the border of the hole shows: {step} inside"))
    return (*seams, *invented)
