"""One open project with all that is being made for it: marks, tracking, a preview, the full run, and what came out.

Tracking is a quick job, so that it goes on when the page is closed, and ends alone where a video crashes its decoder.
A preview is made in a thread, where what the engine compiles is at hand. The full run is a job like any other. What is
under way is kept in the project, and found again when it is opened.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cleanplate.apps.jobs.queue import Jobs, NoSuchJobError
from cleanplate.apps.jobs.state import JobState
from cleanplate.apps.project import Project
from cleanplate.apps.ui.desk import STORED, Desk
from cleanplate.apps.ui.doing import Doing, Facts, Hint, Kind
from cleanplate.apps.ui.frames import shown_size
from cleanplate.apps.ui.playable import CLIP_FRAMES, Playable
from cleanplate.apps.ui.shown import Shown
from cleanplate.apps.ui.way import Way, way_span
from cleanplate.apps.ui.wishes import Wishes, received
from cleanplate.base.errors import CleanplateError, UsageError
from cleanplate.base.report import Progress, report_path
from cleanplate.paint.engine import make_engine
from cleanplate.paint.first_run import warm_up
from cleanplate.tasks.preview_clip import preview_clip


class _StoppedError(Exception):
    """A preview was told to stop."""


class Studio:
    """See the module. Safe to be used from several threads."""

    def __init__(self, project: Project, session: str, jobs: Jobs, threads: ThreadPoolExecutor) -> None:
        """Raises what opening the source raises."""
        self.project = project
        self.desk = Desk(project)
        self.wishes = Wishes(project, self.desk)
        self.session, self._jobs, self._threads = session, jobs, threads
        self._lock = threading.RLock()
        self._view = project.folder / "view"
        self._source = Playable(self.desk.shop, self._view / "source")
        self._result: Playable | None = None
        self._shown: Shown | None = None
        self._report: Facts | None = None
        self._version = 0
        "grows with each new result"
        self._preview = Doing(kind="preview")
        self._tracked = Doing(kind="track")  # how the last tracking ended
        self._stops = threading.Event()
        if (job := project.page.get("result")) is not None:
            with suppress(CleanplateError):
                self._take_result(jobs.get(job, session))

    # What the viewer asks for

    def facts(self) -> dict[str, Any]:
        """All that the viewer has to know."""
        info = self.desk.shop.info
        return {
            "project": self.project.folder.name,
            "width": info.width_px,
            "height": info.height_px,
            "shown": shown_size(info.width_px, info.height_px),
            "count": len(self.desk.shop),
            "starts": [round(float(start), 5) for start in self.desk.shop.starts_s],
            "clip_frames": CLIP_FRAMES,
            **self.changes(),
        }

    def changes(self) -> dict[str, Any]:
        """What a mark, a tracking, a preview or a run may have changed of them."""
        shown = self._shown
        whole = {"source": self._source.is_whole}
        if self._result is not None:
            whole["result"] = self._result.is_whole
        return {
            **self.desk.state(),
            "versions": {"mask": self.desk.version, "result": self._version},
            "has_result": shown is not None,
            "has_origin": shown is not None and shown.has_origin,
            "stretch": shown.stretch if shown else None,
            "whole": whole,
        }

    def shown(self) -> Shown:
        """What came out last. Raises `UsageError` where nothing has."""
        if self._shown is None:
            raise UsageError("there is no result yet; ask for a preview, or run the job")
        return self._shown

    def playable(self, kind: str) -> Playable:
        """The source or the result to play. Raises `UsageError` where there is no result."""
        found = self._source if kind == "source" else self._result
        if found is None:
            raise UsageError("there is no result to play yet; run the job")
        return found

    def hints(self) -> list[Hint]:
        """The frames to look at first: where something was lost, a border shows, and most was invented."""
        names = self.desk.names()
        found = [
            Hint(frame=lost.first, why=f"{names.get(track.object_id, track.title)} is lost until frame {lost.stop - 1}")
            for track in self.desk.tracks()
            for lost in track.lost
        ]
        return [*found, *(self._report.looks if self._report else ())]

    def summary(self) -> str:
        """What came out, in one sentence."""
        report = self._report
        if report is None or report.seen_share is None:
            return ""
        if report.seen_share > 0.995:
            return "All that was hidden is seen elsewhere in the video."
        return f"{report.seen_share:.0%} of what was hidden is seen elsewhere in the video, the rest is invented."

    # What it does

    def track(self, frame: int, way: Way) -> None:
        """Follow what is marked, from the frame shown on, back, both ways, or between the two marks around it.

        Raises `UsageError` where nothing is marked, or something is being followed already.
        """
        with self._lock:
            self._check_idle()
            span = way_span(self.desk, frame, way)
            self._make(self.desk.tracking_marks(frame, span), self.desk.drawn_in(span))

    def find(self, marks: dict[str, Any]) -> None:
        """Masks of finders, words or uploaded files, beside those that are there. Raises as `track`."""
        with self._lock:
            self._check_idle()
            if self.desk.stored is not None:
                marks = {**marks, "mask": [str(self.desk.kept.folder), *marks.get("mask", [])]}
            self._make(marks, [])

    def forget(self, number: int) -> None:
        """Take an object out, with its marks and its masks. Raises as `track`."""
        with self._lock:
            self._check_idle()
            self.desk.forget(number)

    def take_up(self) -> None:
        """Find what the project marks, if that is more than masks which were made. A failure is told as of tracking."""
        names = self.project.marks.keys() - {"with_shadow"}  # which is found in each run
        if not names or (names == {"mask"} and self.project.marks["mask"] == STORED["mask"]):
            return
        marks = {name: value for name, value in self.project.placed_marks().items() if name in names}
        try:
            self._make(marks, [])
        except CleanplateError as error:
            self._tracked = Doing(kind="track", state="failed", error=str(error))

    def take_mask(self, upload: Path) -> None:
        """Masks of a picture or a video that was sent. Raises as `track`; a file that is no mask ends the making."""
        self.find({"mask": [str(received(upload, self.project.masks / "uploads"))]})

    def preview(self, frame: int) -> None:
        """Two seconds around a frame, small. Raises `UsageError` where no mask was made, or one is under way."""
        with self._lock:
            if self._preview.is_going:
                raise UsageError("a preview is being made already; wait for it, or stop it first")
            self._check_masked()
            self._stops.clear()
            self._preview = Doing(kind="preview", state="queued")
            self._threads.submit(self._make_preview, frame)

    def run(self) -> JobState:
        """The full job. Raises `UsageError` for what a run would refuse."""
        with self._lock:
            if self.desk.drawn:
                drawn = ", ".join(map(str, self.desk.drawn[:5]))
                raise UsageError(f"frames {drawn} were marked but not tracked; track first, or take the marks back")
            self._check_masked()
            job = self._jobs.submit(self.project, self.session, self.project.page.get("name", ""))
            self.wishes.keep("run", {"job": job.id})
            return job

    def stop(self, kind: Kind) -> None:
        """Stop what is under way of that kind; what is not, is left alone."""
        if kind == "preview":
            self._stops.set()
            return
        with suppress(NoSuchJobError):
            self._jobs.cancel(self.project.page.get(kind, {}).get("job", ""), self.session)

    def doing(self, kind: Kind) -> Doing:
        """How it stands; what has ended is taken up."""
        if kind == "preview":
            return self._preview
        with self._lock:
            said = self.project.page.get(kind)
            if said is None:
                return self._tracked if kind == "track" else Doing(kind=kind)
            name = said["job"]
            try:
                state, last = self._jobs.get(name, self.session), self._jobs.last(name, self.session)
            except NoSuchJobError:
                self.wishes.keep(kind, None)
                return Doing(kind=kind)
            if kind == "track" and state.has_ended:
                return self._end_tracking(state, said)
            if kind == "run" and state.state == "done" and self.project.page.get("result") != state.id:
                self._take_result(state)
                self.wishes.keep("result", state.id)
            return Doing.of(kind, state, last)

    def warm(self) -> None:
        """Load and compile what a first click and a first preview need."""
        self.desk.warm()
        with suppress(CleanplateError):
            warm_up(make_engine(self.wishes.engine), self.desk.shop.info.bit_depth)

    def close(self) -> None:
        self.desk.close()
        if self._shown is not None:
            self._shown.close()

    def _check_idle(self) -> None:
        if self.doing("track").is_going:
            raise UsageError("something is being tracked already; wait for it, or stop it first")

    def _check_masked(self) -> None:
        if self.desk.stored is None:
            raise UsageError("there are no masks yet; mark what is to go, then track it")

    def _make(self, marks: dict[str, Any], frames: Sequence[int]) -> None:
        """A job that makes masks, by the tracker chosen; `frames`: the drawn ones that they are going to hold."""
        if (tracker := self.project.page.get("tracker")) is not None:
            marks = {**marks, "tracker": tracker}
        settings = {name: self.project.settings[name] for name in ("rate",) if name in self.project.settings}
        ours = Project.create(self._jobs.room(), self.project.source, task="mask", marks=marks, settings=settings)
        job = self._jobs.submit(ours, self.session, moves=True, is_quick=True)
        self.desk.settle()  # the masks to come know of no object that comes back
        self.wishes.keep("track", {"job": job.id, "frames": list(frames)})

    def _end_tracking(self, state: JobState, said: dict[str, Any]) -> Doing:
        if state.state == "done":
            self.desk.take_masks(state.folder / "result.masks", said["frames"])
        self.wishes.keep("track", None)
        self._jobs.delete(state.id, self.session)
        self._tracked = Doing(kind="track", state=state.state, error=state.error or "")
        return self._tracked

    def _make_preview(self, frame: int) -> None:
        self._preview = replace(self._preview, state="running")
        try:
            made = preview_clip(
                self.project.source,
                masks=self.desk.kept.folder,
                frame=frame,
                folder=self._view / f"preview-{secrets.token_hex(4)}",
                with_shadow=self.project.marks.get("with_shadow", False),
                watch=self._watch,
                **self.project.choices(),
            )
            facts = Facts.of(made.report, made.first)
            shown = Shown(made.after, made.origin, made.first)
            self._show(shown, Playable(shown.after, self._view), facts)
            self._preview = Doing(kind="preview", state="done")
        except _StoppedError:
            self._preview = Doing(kind="preview", state="cancelled")
        except CleanplateError as error:
            self._preview = Doing(kind="preview", state="failed", error=str(error))
        except Exception as error:  # it must not hang as if it were still going on
            self._preview = Doing(kind="preview", state="failed", error=f"this is a fault in cleanplate: {error!r}")
            raise

    def _watch(self, progress: Progress) -> None:
        if self._stops.is_set():
            raise _StoppedError
        self._preview = replace(self._preview, stage=progress.stage, done=progress.done, total=progress.total)

    def _take_result(self, state: JobState) -> None:
        project = self._jobs.project(state.id, self.session)
        shown = Shown(project.output, project.origin_map)
        facts = Facts.read(report_path(project.output))
        self._show(shown, Playable(shown.after, self._view / f"result-{state.id}"), facts)

    def _show(self, shown: Shown, result: Playable, facts: Facts) -> None:
        with self._lock:
            before, self._shown, self._result, self._report = self._shown, shown, result, facts
            self._version += 1
        if before is not None:
            before.close()
