"""What the page says in HTML: progress, sentences, lists. All text of others is escaped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

from cleanplate.apps.jobs.state import Event, JobState
from cleanplate.apps.ui.doing import Doing, Hint
from cleanplate.base.tracks import Track

_STAGES = {
    "look": "reading",
    "track": "following",
    "mask": "drawing the masks",
    "survey": "looking around",
    "invent": "inventing",
    "prepare": "getting ready",
    "fill": "painting",
    "verify": "reading the result again",
}
_COUNTED = {"invent": "shots", "prepare": ""}
"what a stage counts, if it is not frames; nothing = it is not worth counting"
_MOST_SPANS = 3
"so many stretches without an object are named"
_STATES = {"queued": "waiting for its turn", "cancelled": "stopped", "done": "done", "failed": "failed"}


def progress(doing: Doing, finished: str = "Done.") -> str:
    """A bar with words under it; `finished`: what is said when it is done."""
    if doing.state == "idle":
        return ""
    if doing.state == "failed":
        return sentence(doing.error, is_error=True)
    if doing.state == "done":
        return sentence(finished)
    if not doing.is_going:
        return sentence("Stopped.")
    share = doing.done / doing.total if doing.total else 0.0
    bar = f'<div class="cp-progress-rail"><div class="cp-progress-bar" style="width:{share:.1%}"></div></div>'
    return f'<div class="cp-progress">{bar}<p>{escape(_how_far(doing))}</p></div>'


def sentence(text: str, *, is_error: bool = False) -> str:
    """One sentence, as it is."""
    return f'<p class="cp-said{" cp-error" if is_error else ""}">{escape(text)}</p>' if text else ""


def sentences(texts: Sequence[str]) -> str:
    """Several, one under the other."""
    return "".join(map(sentence, texts))


def overpaint() -> str:
    """Links that paint over the frame shown here, or save it, whole and without loss."""
    acts = {"paint": "Paint over the frame shown", "save": "Save the frame shown"}
    links = (f'<a href="#" onclick="window.cleanplate.{act}(); return false">{said}</a>' for act, said in acts.items())
    return f'<div class="cp-links">{"".join(links)}</div>'


def quiet(text: str) -> str:
    """What explains a step, in a softer colour."""
    return f'<p class="cp-quiet">{escape(text)}</p>'


def hints(found: Sequence[Hint]) -> str:
    """Frames to look at first; a click goes there."""
    if not found:
        return quiet("After tracking, a preview or a run, the frames worth a look are listed here.")
    rows = (
        f'<li><button type="button" onclick="window.cleanplate.show({hint.frame})"><b>frame {hint.frame}</b>'
        f"<span>{escape(hint.why)}</span></button></li>"
        for hint in found
    )
    return f'<ul class="cp-list">{"".join(rows)}</ul>'


def followed(name: str, track: Track) -> str:
    """How an object of that name was followed, in words for the page."""
    found = f"{name}: found in {track.found_frames} frames"
    if not track.lost:
        return f"{found}."
    spans = [f"{lost.first} to {lost.stop - 1}" for lost in track.lost[:_MOST_SPANS]]
    more = f" and {len(track.lost) - _MOST_SPANS} more" if len(track.lost) > _MOST_SPANS else ""
    return f"{found}; lost in {', '.join(spans)}{more}. If it can be seen there, mark it once more and track again."


def links(job: str) -> str:
    """Where a finished job's files are."""
    names = {"result": "Video", "masks": "Masks", "report": "Report"}
    found = (f'<a href="/jobs/{escape(job)}/{what}" download>{title}</a>' for what, title in names.items())
    return f'<div class="cp-links">{"".join(found)}</div>'


def jobs(found: Sequence[tuple[JobState, Event]]) -> str:
    """The table of a session's jobs."""
    if not found:
        return quiet("No job was started yet.")
    rows = "".join(
        f"<tr><td>{escape(state.name)}</td><td>{escape(_state(state, last))}</td><td>{_ago(state.created_s)}</td>"
        f"<td>{links(state.id) if state.state == 'done' else ''}</td></tr>"
        for state, last in found
    )
    return f'<table class="cp-jobs"><tr><th>Video</th><th>State</th><th>Sent</th><th>Files</th></tr>{rows}</table>'


def seconds(time_s: float) -> str:
    """`40 s`, `3 min`, `2 h`."""
    if time_s < 90:
        return f"{time_s:.0f} s"
    return f"{time_s / 60:.0f} min" if time_s < 5400 else f"{time_s / 3600:.1f} h"


def _state(state: JobState, last: Event) -> str:
    if state.state == "failed":
        return f"failed: {state.error}"
    if state.state != "running":
        return _STATES[state.state]
    return _how_far(Doing.of("run", state, last))


def _how_far(doing: Doing) -> str:
    if doing.state == "queued":
        return _STATES["queued"]
    parts = [_STAGES.get(doing.stage, doing.stage) or "starting"]
    counted = _COUNTED.get(doing.stage, "frames")
    if not doing.stage or not counted:
        return parts[0]
    parts.append(f"{doing.done} of {doing.total} {counted}" if doing.total else f"{doing.done} {counted}")
    if doing.frames_per_s and counted == "frames":
        parts.append(f"{doing.frames_per_s:.1f} frames/s")
    if doing.left_s is not None:
        parts.append(f"{seconds(doing.left_s)} left of this stage")
    return " · ".join(parts)


def _ago(time_s: float) -> str:
    return f"{seconds(max(time.time() - time_s, 0))} ago"
