"""What a file's header claims of its video's length, held against what was found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from cleanplate.base.types import VideoInfo
from cleanplate.base.words import counted
from cleanplate.decode.packets import Losses
from cleanplate.decode.transport import ends_within_packet
from cleanplate.decode.whole import missing_bytes

_LONG_S = 10
"a picture that is to stay for longer than this, and than all before it, is a wrong number in the header"
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d{1,9})?)")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The header's word on one video stream."""

    path: Path
    frames: int | None
    time_base: Fraction
    "seconds a tick"
    start_pts: int
    end_pts: int | None
    "ticks: when the last picture ends"
    missing_bytes: int
    "by which the file is shorter than it says"
    ends_early: bool = False
    "it ends within a packet, and does not say how much is missing"

    @classmethod
    def of(cls, path: Path, container: InputContainer, stream: VideoStream) -> Claim:
        """Read from an open stream."""
        start, length = stream.start_time, stream.duration
        end = None if start is None or length is None else start + length
        if end is None and stream.time_base and (clock := _CLOCK.fullmatch(stream.metadata.get("DURATION", ""))):
            hours, minutes, seconds = clock.groups()  # Matroska's
            end = round((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) / stream.time_base)
        frames = stream.frames or None
        if container.format.name == "avi":  # counts ticks, also those at which the picture before stays
            end, frames = (start or 0) + (frames or 0), None
        return cls(
            path=path,
            frames=frames,
            time_base=stream.time_base or Fraction(1),
            start_pts=start or 0,
            end_pts=end,
            missing_bytes=missing_bytes(path),
            ends_early=container.format.name == "mpegts" and ends_within_packet(path),
        )

    def last_duration(self, pts: int, duration: int, info: VideoInfo, losses: Losses) -> int:
        """How long the last picture stays: its packet's word, unless the stream's length clearly says otherwise.

        In MP4 a packet's duration is the step to the next one decoded, which for reordered pictures of uneven timing is
        another picture's. Lengths are written in milliseconds, so less than one is no contradiction. The length of a
        file that lost its end says nothing.
        """
        if self.end_pts is None or self.end_pts <= pts or self.missing_frames(losses, max(duration, 1)):
            return duration
        claimed = self.end_pts - pts
        is_close = abs(claimed - duration) * info.time_base <= Fraction(1, 1000)
        return duration if is_close or self.is_absurd(claimed, pts) else claimed

    def is_absurd(self, length: int, pts: int) -> bool:
        """Whether a picture shown from `pts` on, in ticks, hardly stays for so long: longer than all before it."""
        return length > max(pts - self.start_pts, int(_LONG_S / self.time_base))

    def missing_frames(self, losses: Losses, step: int) -> int:
        """How many frames the file owes behind its last one. `step`: ticks from one to the next."""
        gap = 0 if self.end_pts is None or losses.end_pts is None else self.end_pts - losses.end_pts
        is_late = 2 * gap > 3 * step
        if self.frames is not None:  # more than there are stand in the header of a file that an edit list shortens
            return max(self.frames - losses.packets, 0) if is_late or self.missing_bytes else 0
        if self.end_pts is None or not is_late or not self.missing_bytes:
            return 0
        return max(round((self.end_pts - self.start_pts) / step) - losses.packets, 1)

    def sentences(self, losses: Losses, step: int) -> list[str]:
        """What was lost or mended, a sentence each. `step`: ticks from one frame to the next."""
        found = []
        missing = self.missing_frames(losses, step)
        if missing:
            total = losses.packets + missing if self.frames is None else self.frames
            found.append(f"'{self.path}' is cut short: the last {missing} of its {total} frames are missing")
        elif self.missing_bytes:
            found.append(f"'{self.path}' is cut short by {self.missing_bytes} bytes; what could be read was kept")
        elif self.ends_early:
            found.append(
                f"'{self.path}' seems to end within a packet, so its end is missing; how much, a transport stream does "
                "not say: what could be read was kept"
            )
        elif losses.unread:
            found.append(f"parts of '{self.path}' could not be read; what could be was kept")
        if losses.undecoded:
            found.append(
                f"{counted(losses.undecoded, 'frame')} of '{self.path}' could not be decoded and "
                f"{_is(losses.undecoded)} missing: the one before stays until the next"
            )
        if losses.flawed:
            found.append(
                f"{counted(losses.flawed, 'frame')} of '{self.path}' {_is(losses.flawed)} damaged and kept as the "
                "decoder mended them"
            )
        return found


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
