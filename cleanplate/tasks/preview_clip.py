"""A few seconds around a frame, taken out small: what a run would give there, before it is started.

    clip = preview_clip("in.mp4", masks=Path("masks"), frame=120, folder=Path("preview"))
    clip.after, clip.origin, clip.first, clip.report      # a small video, its origin map, what it begins with

It is a run of the whole chain over a small copy of that stretch, with some frames before and after it to look for what
is hidden. What lies farther away is not seen, so a run may show more of what is there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Unpack

import cv2
import numpy as np

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.report import Report, Watch
from cleanplate.base.settings import Encode, PaintedFrame
from cleanplate.base.types import Frame, Image, Labels
from cleanplate.chain import run
from cleanplate.decode.reader import VideoReader, open_video
from cleanplate.mask.shadow import shadowed
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_writer import LabelWriter
from cleanplate.tasks.choices import Choices, job_of
from cleanplate.tasks.proxy import fitting, small, write_proxy

PREVIEW_PX = 640 * 360
_SECONDS = 2.0
_BEYOND_FRAMES = 12
"before and after the stretch, to look for what is hidden"
_COPY = Encode(codec="libx264", preset="ultrafast", lossless=True)
_RESULT = Encode(codec="libx264", crf=14, preset="ultrafast")


@dataclass(frozen=True, kw_only=True)
class PreviewClip:
    """What was made."""

    after: Path
    "a small H.264 video of the stretch and what lies beyond"
    origin: Path
    "its origin map: see save/origin.py"
    first: int
    "the frame of the source that `after` begins with"
    report: Report


def preview_clip(
    video: str | Path,
    *,
    masks: str | Path,
    frame: int,
    folder: str | Path,
    with_shadow: bool = False,
    watch: Watch | None = None,
    **choices: Unpack[Choices],
) -> PreviewClip:
    """Take out of two seconds around `frame`, at about 640x360, what the stored masks cover.

    folder: what was there is replaced. with_shadow: what the objects cast joins them. choices: those of the run; how
    its result is written, when it works and painted frames outside the stretch do not count here. Raises `UsageError`
    for a frame that is not there, `MaskError` where nothing is marked around it, and what a run raises.
    """
    folder = Path(folder)
    asked = job_of(video, folder / "after.mp4", choices)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with open_video(video, asked.rate) as reader:
        times = reader.timestamps()
        if not 0 <= frame < len(times):
            raise UsageError(f"there is no frame {frame}; the video has frames 0 to {len(times) - 1}")
        count = max(round(_SECONDS * float(reader.info.rate or 25)), 1)
        begin = min(max(frame - count // 2, 0), max(len(times) - count, 0))
        first, stop = max(begin - _BEYOND_FRAMES, 0), min(begin + count + _BEYOND_FRAMES, len(times))
        stored = StoredMasks(Path(masks))
        stored.check_video(reader.info)
        if all(stored.is_empty(pts) for pts, _ in times[first:stop]):
            raise MaskError(f"nothing is marked around frame {frame}; track what is to go to there first")
        size = fitting(reader.info.width_px, reader.info.height_px, PREVIEW_PX)
        source = folder / "before.mkv"
        write_proxy(_pictures(reader, times[first:stop], first, size), reader.info, size, source, _COPY)
        _write_masks(source, stored, [pts for pts, _ in times[first:stop]], folder / "masks", with_shadow)
        shrunk = size[0] / reader.info.width_px
        grow_px = round(asked.grow_px * shrunk) if asked.grow_px * shrunk >= 1 else min(asked.grow_px, 1)
        starts = [(pts - times[0][0]) * reader.info.time_base for pts, _ in (times[first], times[stop - 1])]
    references = _references(asked.references, (starts[0], starts[1]), size, folder)
    origin = folder / "origin.mkv"
    job = replace(
        asked,
        video=source,
        masks=folder / "masks",
        grow_px=grow_px,
        feather_px=min(round(asked.feather_px * shrunk), grow_px),
        encode=_RESULT,
        within=None,
        rate=None,
        verify=False,
        origin_map=origin,
        references=references,
        trust_references=asked.trust_references and bool(references),
    )
    report = run(job, watch, fresh=True)
    return PreviewClip(after=job.output, origin=origin, first=first, report=report)


def _pictures(
    reader: VideoReader, times: Sequence[tuple[int, int]], first: int, size: tuple[int, int]
) -> Iterator[tuple[int, int, Image]]:
    for frame in reader.frames_at({first + n: pts for n, (pts, _) in enumerate(times)}):
        yield frame.pts, times[frame.index - first][1], small(frame.image, size)


def _write_masks(source: Path, stored: StoredMasks, stamps: Sequence[int], folder: Path, with_shadow: bool) -> None:
    """The masks of those times (ticks of the full video), as small as the pictures of `source`."""
    with open_video(source) as copy, LabelWriter(folder, copy.info, ()) as writer:
        base, size = copy.info.time_base, (copy.info.width_px, copy.info.height_px)
        at = {round((pts - stamps[0]) * stored.time_base / base): pts for pts in stamps}

        def drawn() -> Iterator[tuple[Frame, Labels]]:
            for frame in copy:
                begun = frame.pts - copy.info.start_pts
                hole = stored.labels(at[min(at, key=lambda ticks: abs(ticks - begun))]) > 0
                share = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA)
                yield frame, (share > 0).astype(np.uint8)

        for frame, labels in shadowed(drawn()) if with_shadow else drawn():
            writer.add(frame.index, frame.pts, labels)
        writer.close()


def _references(
    given: Sequence[PaintedFrame], within_s: tuple[Fraction, Fraction], size: tuple[int, int], folder: Path
) -> tuple[PaintedFrame, ...]:
    """Those painted frames that lie in the stretch, made small, at its own times."""
    found = []
    for n, painted in enumerate(given):
        if within_s[0] <= painted.time_s <= within_s[1]:
            picture = cv2.imread(str(painted.path), cv2.IMREAD_UNCHANGED)
            if picture is None:
                raise UsageError(f"the reference '{painted.path.name}' cannot be read; save it as PNG")
            path = folder / f"reference-{n}.png"
            cv2.imwrite(str(path), cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
            found.append(PaintedFrame(path=path, time_s=painted.time_s - within_s[0]))
    return tuple(found)
