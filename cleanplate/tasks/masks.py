"""The mask pass alone: masks to look at, to mend by hand, and to give back.

summary, warnings = make_masks("in.mp4", click="320,180", output="masks")
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.names import refuse_inputs
from cleanplate.base.report import Progress, Watch
from cleanplate.base.settings import Encode
from cleanplate.base.types import Image, Labels
from cleanplate.decode.reader import VideoReader, open_video
from cleanplate.mask.stored import MaskSummary, StoredMasks
from cleanplate.mask.stored_format import palette
from cleanplate.mask.stored_video import write_label_video
from cleanplate.save.containers import CONTAINERS
from cleanplate.save.writer import VideoWriter
from cleanplate.tasks.marks import Marks, mask_pass, refuse_lost, sources_of
from cleanplate.tasks.sheet import eight_bit
from cleanplate.tasks.watchable import planes_of, watchable

_LABEL_VIDEO = ".mov"
_OTHER_VIDEOS = CONTAINERS.keys() - {_LABEL_VIDEO}

COLORS: NDArray[np.uint8] = np.frombuffer(palette(), np.uint8).reshape(256, 3)
"of the objects, as in the label pictures"


def make_masks(
    video: str | Path,
    *,
    output: str | Path,
    rate: Fraction | int | None = None,
    preview: bool = False,
    strict: bool = False,
    watch: Watch | None = None,
    **marks: Unpack[Marks],
) -> tuple[MaskSummary, list[str]]:
    """Masks of the marks (see `Marks`), and the sentences about what had to be repaired.

    output: a folder of stored masks, which `Job(masks=...)` and `mask=` take; or a .mov, a lossless video whose palette
    indices are the object ids, with what `masks.json` says in a file beside it (`labels.mov.json`); `mask=` takes it.
    With `fix` and no `mask`, stored masks in that folder are mended in place. preview: also write a video that shows
    the masks over the frames (`preview_path`). strict: raise `FailedError` once the masks are written, if what is
    followed was lost for a while.
    """
    output = Path(output)
    is_video = output.suffix.lower() == _LABEL_VIDEO
    if output.suffix.lower() in _OTHER_VIDEOS:
        raise UsageError(
            f"masks are kept without loss, in a video that ends in {_LABEL_VIDEO}, but this is '{output.name}'; "
            f"name it {output.stem}{_LABEL_VIDEO}, or give a name without suffix for a folder of PNGs"
        )
    sources = sources_of(marks, None if is_video else output)
    warnings: list[str] = []
    with open_video(video, None if rate is None else Fraction(rate)) as reader:
        if is_video:
            refuse_inputs(output, [Path(video), *(path for source in sources for path in source.paths)])
            if not output.parent.is_dir():
                raise UsageError(f"there is no folder '{output.parent}' to write '{output.name}' into; make it first")
            with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
                summary = mask_pass(reader, Path(folder), marks, warn=warnings.append, watch=watch)
                stored = StoredMasks(Path(folder))
                write_label_video(stored, reader.timestamps(), output)
                if preview:
                    _write_preview(reader, stored, preview_path(output), watch)
            summary = replace(summary, folder=output)
        else:
            summary = mask_pass(reader, output, marks, warn=warnings.append, watch=watch)
            if preview:
                _write_preview(reader, StoredMasks(output), preview_path(output), watch)
    if strict:
        refuse_lost(summary.tracks)
    return summary, warnings


def facts(summary: MaskSummary, warnings: list[str]) -> dict[str, Any]:
    """What the mask pass made, as JSON has it."""
    return {**asdict(summary), "folder": str(summary.folder), "warnings": warnings}


def preview_path(output: Path) -> Path:
    """Where the video that shows the masks goes: `masks.preview.mp4` for `masks`."""
    return output.with_name(f"{output.name}.preview.mp4")


def _write_preview(reader: VideoReader, masks: StoredMasks, path: Path, watch: Watch | None) -> None:
    info = watchable(reader.info)
    with VideoWriter(path, info, Encode(crf=20)) as writer:
        for frame in reader:
            image = frame.image
            image = eight_bit(image) if info.bit_depth == 8 else image
            shown = _tinted(image, masks.labels(frame.pts))
            writer.write(replace(frame, native=planes_of(shown, info)))
            if watch is not None:
                watch(Progress(stage="preview", done=frame.index + 1, total=masks.frame_count))


def _tinted(image: Image, labels: Labels) -> Image:
    """The picture with each object half in its color, with a white line round it."""
    top = 1 if image.dtype == np.uint8 else 257
    shown = image.copy()
    inside = labels > 0
    shown[inside] = image[inside] // 2 + COLORS[labels[inside]].astype(image.dtype) * top // 2
    edge = np.zeros_like(inside)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    shown[edge] = 255 * top
    return shown
