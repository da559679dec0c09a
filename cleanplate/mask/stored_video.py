"""Stored masks as one lossless video: FFV1 with a checksum for each slice, whose gray values are the object ids.

A tag in the file says that grays are labels; without it only bright ones would count as holes.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from cleanplate.base.errors import MediaError
from cleanplate.mask.maker import Timestamps
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_pictures import LABELS_TAG

_OPTIONS = {"level": "3", "slicecrc": "1", "g": "1", "threads": "1"}


def write_label_video(masks: StoredMasks, timestamps: Timestamps, path: Path) -> None:
    """The labels of each of those frames (pts, duration: ticks), and `path` + .json with who found what, when.

    Raises `MediaError` where it cannot be written; then nothing of it is left.
    """
    part = path.with_name(f".{path.name}.part")
    rate = 1 / (masks.time_base * max(min((duration for _, duration in timestamps), default=1), 1))
    try:
        with av.open(str(part), "w", format="matroska") as out:
            out.metadata["comment"] = LABELS_TAG
            stream = out.add_stream("ffv1", rate=rate.limit_denominator(60000), options=_OPTIONS)
            stream.width, stream.height, stream.pix_fmt = masks.width_px, masks.height_px, "gray"
            stream.codec_context.time_base = masks.time_base
            for pts, duration in timestamps:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(masks.labels(pts)), format="gray")
                frame.pts, frame.duration, frame.time_base = pts, duration, masks.time_base
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        facts = {
            "size_px": [masks.width_px, masks.height_px],
            "frame_count": masks.frame_count,
            "objects": masks.objects,
            "sources": masks.sources,
            "tracks": [asdict(track) for track in masks.tracks],
        }
        path.with_name(f"{path.name}.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        part.replace(path)
    except (FFmpegError, OSError) as error:
        raise MediaError(f"the label video '{path}' cannot be written ({error}); give another name") from error
    finally:
        part.unlink(missing_ok=True)
