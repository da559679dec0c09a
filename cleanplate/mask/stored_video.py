"""Stored masks as one lossless video: the palette PNGs of a folder of masks, one for each frame, in QuickTime.

PNG for its checksums: FFV1 has them too, but its decoder passes over what they find.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import av
from av.error import FFmpegError

from cleanplate.base.errors import MediaError
from cleanplate.base.types import Labels
from cleanplate.mask.maker import Timestamps
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_format import label_png


def write_label_video(masks: StoredMasks, timestamps: Timestamps, path: Path) -> None:
    """The labels of each of those frames (pts, duration: ticks), and `path` + .json with who found what, when.

    Raises `MediaError` where it cannot be written; then no part of a file is left.
    """
    part, facts_part = path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.json.part")
    frame_s = masks.time_base * max(min((duration for _, duration in timestamps), default=1), 1)
    try:
        with av.open(
            str(part), "w", format="mov", options={"video_track_timescale": str(masks.time_base.denominator)}
        ) as out:
            stream = out.add_stream("png", rate=(1 / frame_s).limit_denominator(60000))
            stream.width, stream.height, stream.pix_fmt = masks.width_px, masks.height_px, "pal8"
            drawn: Labels | None = None
            for pts, duration in timestamps:
                if (labels := masks.labels(pts)) is not drawn:
                    drawn, picture = labels, label_png(labels)
                packet = av.Packet(picture)
                packet.stream, packet.time_base = stream, masks.time_base
                packet.pts = packet.dts = pts
                packet.duration, packet.is_keyframe = duration, True
                out.mux(packet)
        facts = {
            "size_px": [masks.width_px, masks.height_px],
            "frame_count": masks.frame_count,
            "objects": masks.objects,
            "sources": masks.sources,
            "tracks": [asdict(track) for track in masks.tracks],
            "notes": masks.notes,
        }
        facts_part.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        facts_part.replace(path.with_name(f"{path.name}.json"))
        part.replace(path)
    except (FFmpegError, OSError) as error:
        raise MediaError(f"the label video '{path}' cannot be written ({error}); give another name") from error
    finally:
        part.unlink(missing_ok=True)
        facts_part.unlink(missing_ok=True)
