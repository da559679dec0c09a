"""Stored masks less one object."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cleanplate.base.types import VideoInfo
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_writer import LabelWriter


def write_without(masks: StoredMasks, number: int, info: VideoInfo, folder: Path) -> None:
    """The same masks and tracks without the object `number`, in a new folder; where it was, there is no hole.

    `info`: of the video they were made for. Raises what reading and writing stored masks raise.
    """
    with LabelWriter(folder, info, masks.sources) as writer:
        for span in masks.spans:
            labels = masks.read(span)
            writer.add(span.index, span.pts, np.where(labels == number, np.uint8(0), labels))
        tracks = tuple(track for track in masks.tracks if track.object_id != number)
        writer.close(tracks, masks.notes, frame_count=masks.frame_count)
