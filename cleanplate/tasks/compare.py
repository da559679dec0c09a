"""Two videos side by side, as a video and as a sheet of frames with their difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.names import refuse_inputs
from cleanplate.base.report import Progress, Watch
from cleanplate.base.settings import Encode
from cleanplate.decode.reader import VideoReader, open_video
from cleanplate.save.writer import VideoWriter, check_output
from cleanplate.tasks.sheet import check_picture, eight_bit, write_sheet
from cleanplate.tasks.watchable import planes_of, watchable

_DIFFERENCE_GAIN = 8
"makes a difference of one level visible"
_SHEET_ROWS = 4


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was written, and how far the two differ."""

    video: Path
    sheet: Path
    frames: int
    largest_difference: int
    "of all samples of the sheet's frames, on the 0-255 scale"
    warnings: list[str]


def compare(a: str | Path, b: str | Path, *, output: str | Path, watch: Watch | None = None) -> Comparison:
    """Write A and B side by side as a video, and a PNG of the same name: A, B and 8 times their difference.

    The video takes A's timing and sound. Raises `UsageError` if the sizes differ, `MediaError` for what cannot be read.
    """
    output = Path(output)
    sheet = output.with_suffix(".png")
    check_picture(sheet)
    for written in (output, sheet):
        refuse_inputs(written, (Path(a), Path(b)))
    with open_video(a) as left, open_video(b) as right:
        _check_sizes(left, right)
        info = watchable(left.info, across=2)
        check_output(output, info, Encode())
        if output.suffix == "":
            raise UsageError(f"the comparison is a video, but '{output}' has no suffix; name it like compare.mp4")
        total = min(len(left.timestamps()), len(right.timestamps()))
        chosen = {(2 * n + 1) * total // (2 * _SHEET_ROWS) for n in range(_SHEET_ROWS)}
        rows, names, count, largest = [], [], 0, 0
        frames_a, frames_b = iter(left), iter(right)
        with VideoWriter(output, info, Encode()) as writer:
            while (one := next(frames_a, None)) is not None and (two := next(frames_b, None)) is not None:
                pictures = [one.image, two.image]
                if info.bit_depth == 8:
                    pictures = [eight_bit(picture) for picture in pictures]
                else:
                    pictures = [p if p.dtype == np.uint16 else p.astype(np.uint16) * 257 for p in pictures]
                writer.write(replace(one, native=planes_of(np.concatenate(pictures, axis=1), info)))
                if count in chosen:
                    seen_a, seen_b = eight_bit(pictures[0]), eight_bit(pictures[1])
                    apart = np.abs(seen_a.astype(np.int16) - seen_b)
                    largest = max(largest, int(apart.max()))
                    rows.append([seen_a, seen_b, np.minimum(apart * _DIFFERENCE_GAIN, 255).astype(np.uint8)])
                    names.append(f"frame {count}")
                count += 1
                if watch is not None:
                    watch(Progress(stage="compare", done=count, total=total))
            if not rows:
                raise MediaError(f"no frame of '{a}' and '{b}' can be decoded; check the files with a player")
        warnings = list(writer.warnings)
        if one is not None or next(frames_b, None) is not None:
            warnings.append(f"one video is longer; only the first {count} frames were compared")
    write_sheet(rows, (f"A: {Path(a).name}", f"B: {Path(b).name}", f"difference x {_DIFFERENCE_GAIN}"), names, sheet)
    return Comparison(
        video=output,
        sheet=sheet,
        frames=count,
        largest_difference=largest,
        warnings=warnings,
    )


def _check_sizes(a: VideoReader, b: VideoReader) -> None:
    size_a, size_b = (f"{reader.info.width_px}x{reader.info.height_px}" for reader in (a, b))
    if size_a != size_b:
        raise UsageError(f"'{a.info.path}' is {size_a}, but '{b.info.path}' is {size_b}; compare videos of one size")
