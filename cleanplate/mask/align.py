"""Which picture of a mask belongs to which frame of the video: by time, in exact fractions.

Each runs on a clock of its own, so times count from the first frame of each.

    video      |--*---|--*---|--*---|--*---|         a frame takes the mask picture shown at *
    mask       |-------------|-------------|
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median_low

from cleanplate.base.errors import MaskError

_SINGLE_FRAME_S = Fraction(1, 25)  # the length given to a lone picture that states none


@dataclass(frozen=True)
class Timeline:
    """When each picture begins, and when the last one ends: seconds from the first picture."""

    starts: tuple[Fraction, ...]
    end: Fraction

    @classmethod
    def of(cls, timestamps: Sequence[tuple[int, int]], time_base: Fraction) -> Timeline:
        """From (pts, duration) in ticks, in order of showing; durations but the last are not looked at."""
        first = timestamps[0][0]
        starts = tuple((pts - first) * time_base for pts, _ in timestamps)
        last = timestamps[-1][1] * time_base
        if last <= 0:
            last = starts[-1] - starts[-2] if len(starts) > 1 else _SINGLE_FRAME_S
        return cls(starts, starts[-1] + last)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def frame_s(self) -> Fraction:
        """How long a picture is shown: the median."""
        return median_low(stop - start for start, stop in pairwise((*self.starts, self.end)))


def align(video: Timeline, mask: Timeline, name: str) -> tuple[list[int], str | None]:
    """For each frame of the video the index of its mask picture (never falling), and a warning or None.

    A mask that is one frame longer or shorter is repaired. One with the video's number of frames (give or take one)
    whose clock runs differently, as when a tool wrote 24 for 24000/1001 or a constant rate for a variable one, is taken
    frame by frame. Raises `MaskError` with both counts for one that is longer or shorter by more.
    """
    found = [max(bisect_right(mask.starts, probe) - 1, 0) for probe in _probes(video, mask)]
    frame_s = max(video.frame_s, mask.frame_s)
    if abs(len(mask) - len(video)) <= 1:
        counted, warning = by_number(len(video), len(mask), name)
        if found == counted:
            return found, warning
        fewer, more = sorted((video, mask), key=len)
        if len(fewer) < len(more) and all(_distance(time, more.starts) <= frame_s / 4 for time in fewer.starts):
            return found, _gap(name, len(mask), len(video)) if len(mask) < len(video) else None
        return by_number(len(video), len(mask), name, "its clock runs differently")
    surplus = (mask.end - video.end) / frame_s
    if abs(surplus) > Fraction(3, 2):
        raise MaskError(
            f"the mask {name} has {len(mask)} frames ({float(mask.end):.3f} s) and the video {len(video)} "
            f"({float(video.end):.3f} s); give a mask video that is as long as the video"
        )
    if surplus < -Fraction(1, 2):
        return found, _shorter(name, len(mask), len(video))
    if surplus > Fraction(1, 2):
        return found, _longer(name, len(mask), len(video))
    return found, None


def by_number(
    video_count: int, mask_count: int, name: str, reason: str = "", hint: str = ""
) -> tuple[list[int], str | None]:
    """The same by counting: frame k takes picture k; one picture too few or too many is repaired.

    `reason` is why counting was needed, for the warning. Raises `MaskError` with both counts (and `hint`) otherwise.
    """
    if abs(mask_count - video_count) > 1:
        raise MaskError(
            f"the mask {name} has {mask_count} pictures and the video {video_count} frames; "
            f"{hint or 'give one picture for each frame of the video'}"
        )
    warning = None
    if mask_count < video_count:
        warning = _shorter(name, mask_count, video_count)
    elif mask_count > video_count:
        warning = _longer(name, mask_count, video_count)
    elif reason:
        warning = f"the mask {name} has as many frames as the video ({mask_count})"
    if reason:
        warning = f"{warning}, but {reason}: its frame k is used for frame k of the video"
    return [min(index, mask_count - 1) for index in range(video_count)], warning


def _probes(video: Timeline, mask: Timeline) -> list[Fraction]:
    """When to look at the mask for each frame: a little after its start, so that rounded times do no harm.

    Half a picture, of the mask or the video, whichever is the shorter: a frame that stays for long after a gap still
    takes the mask of the moment it appears.
    """
    shown = (stop - start for start, stop in pairwise((*video.starts, video.end)))
    half = mask.frame_s / 2
    return [start + min(length / 2, half) for start, length in zip(video.starts, shown, strict=True)]


def _distance(time: Fraction, starts: Sequence[Fraction]) -> Fraction:
    """From a time to the nearest of the starts, in seconds."""
    after = bisect_right(starts, time)
    return min(abs(start - time) for start in starts[max(after - 1, 0) : after + 1])


def _gap(name: str, mask_count: int, video_count: int) -> str:
    return (
        f"the mask {name} lacks one frame ({mask_count} against {video_count} frames): "
        "there its picture before is used once more"
    )


def _shorter(name: str, mask_count: int, video_count: int) -> str:
    return (
        f"the mask {name} ends one frame before the video ({mask_count} against {video_count} frames): "
        "its last picture is used once more"
    )


def _longer(name: str, mask_count: int, video_count: int) -> str:
    return (
        f"the mask {name} ends one frame after the video ({mask_count} against {video_count} frames): "
        "its last picture is not used"
    )
