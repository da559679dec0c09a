"""The form of stored masks: a folder with `masks.json` and one palette PNG for each change.

    masks/
      masks.json       version, size, clock, who marked what, the spans, what was followed how surely, and notes
      000000.png       labels from frame 0 on, until the next span begins
      000123.png       labels from frame 123 on

A span without a file is a stretch without holes. The PNGs are palette pictures whose indices are the labels, so they
can be looked at, mended in an editor, and given as masks by themselves.
"""

from __future__ import annotations

import colorsys
import json
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cleanplate.base.errors import MaskError
from cleanplate.base.tracks import Lost, Marked, Track
from cleanplate.base.types import Box, Labels
from cleanplate.mask.stored_pictures import MAX_PIXELS

INDEX_NAME = "masks.json"
FORMAT = "cleanplate-masks"
VERSION = 1
PICTURE_NAME = re.compile(r"\d{6,10}\.png", re.ASCII)

_MAX_INDEX_BYTES = 2**28
"an hour of 60 frames/s that change each time needs 30 MB"


@dataclass(frozen=True, kw_only=True)
class LabelSpan:
    """A stretch of frames with the same labels; it lasts until the next one begins."""

    index: int
    "its first frame"
    pts: int
    "ticks: when that frame is shown"
    file: str | None
    "the PNG's name; None = no hole"
    boxes_xyxy: tuple[Box, ...]
    "around the holes, one for each group that lies apart from the others; none = no hole"
    hole_px: int
    "samples with a label"


@dataclass(frozen=True, kw_only=True)
class StoredIndex:
    """What `masks.json` holds."""

    width_px: int
    height_px: int
    time_base: Fraction
    "seconds a tick"
    frame_count: int
    objects: tuple[int, ...]
    "the labels in use"
    sources: tuple[str, ...]
    "who marked what, as it was typed: number k, counted from 1, drew label k unless it carried labels of its own"
    spans: tuple[LabelSpan, ...]
    tracks: tuple[Track, ...] = ()
    "of the objects that were followed: where they were marked, how sure each frame is, where they were lost"
    notes: tuple[str, ...] = ()
    "what the mask pass chose by itself, a sentence each"

    def to_json(self) -> str:
        facts = {**asdict(self), "time_base": str(self.time_base)}
        for track in facts["tracks"]:  # of a long video what was found is seldom in sight
            looked_for = [n for n, share in enumerate(track["confidence"]) if share is not None]
            first, stop = (looked_for[0], looked_for[-1] + 1) if looked_for else (0, 0)
            track |= {"first": first, "confidence": track["confidence"][first:stop]}
        return json.dumps({"format": FORMAT, "version": VERSION, **facts}, indent=1)


def is_stored(folder: Path) -> bool:
    """Whether the folder holds stored masks rather than just pictures."""
    return (folder / INDEX_NAME).is_file()


def read_index(folder: Path) -> StoredIndex:
    """Reads and checks `masks.json`. Raises `MaskError` for anything that this program would not have written."""
    path = folder / INDEX_NAME
    try:
        if path.stat().st_size > _MAX_INDEX_BYTES:
            raise MaskError(f"{path} is too large for stored masks; make the masks again with: cleanplate mask")
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MaskError(
            f"'{folder}' holds no stored masks ({INDEX_NAME}: {error.strerror}); make them with: cleanplate mask"
        ) from error
    except (ValueError, RecursionError) as error:
        raise MaskError(f"{path} is damaged; make the masks again with: cleanplate mask") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise MaskError(f"{path} does not describe stored masks; make them with: cleanplate mask")
    if facts.get("version") != VERSION:
        raise MaskError(
            f"{path} has version {str(facts.get('version'))[:20]}, but this program reads version {VERSION}; "
            "make the masks again with: cleanplate mask"
        )
    try:
        return _checked(facts)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        reason = str(error)[:120]
        raise MaskError(f"{path} is damaged ({reason}); make the masks again with: cleanplate mask") from error


def _checked(facts: dict[str, Any]) -> StoredIndex:
    width_px, height_px = _whole(facts, "width_px", 1, MAX_PIXELS), _whole(facts, "height_px", 1, MAX_PIXELS)
    if width_px * height_px > MAX_PIXELS:
        raise ValueError(f"a size of {width_px}x{height_px}")
    time_base = facts["time_base"]
    if not re.fullmatch(r"\d{1,12}(/\d{1,12})?", time_base) or Fraction(time_base) <= 0:
        raise ValueError("time_base")
    frame_count = _whole(facts, "frame_count", 1, 2**32)
    spans = tuple(_checked_span(span, width_px, height_px) for span in facts["spans"])
    indices, times = [span.index for span in spans], [span.pts for span in spans]
    if not spans or indices[0] != 0 or indices[-1] >= frame_count or not (_rises(indices) and _rises(times)):
        raise ValueError("the spans are not in order")
    return StoredIndex(
        width_px=width_px,
        height_px=height_px,
        time_base=Fraction(time_base),
        frame_count=frame_count,
        objects=tuple(_bounded(label, "objects", 1, 255) for label in facts["objects"]),
        sources=tuple(str(source) for source in facts["sources"]),
        spans=spans,
        tracks=tuple(_checked_track(track, frame_count) for track in facts.get("tracks", ())),
        notes=tuple(str(note) for note in facts.get("notes", ())),
    )


def _checked_track(track: dict[str, Any], frame_count: int) -> Track:
    first = _bounded(track.get("first", 0), "first", 0, frame_count)
    known = tuple(None if share is None else float(share) for share in track["confidence"])
    confidence = (None,) * first + known + (None,) * (frame_count - first - len(known))
    if len(confidence) != frame_count or not all(share is None or 0 <= share <= 1 for share in confidence):
        raise ValueError("the confidence of a track")
    return Track(
        object_id=_whole(track, "object_id", 1, 255),
        name=str(track["name"]),
        tracker=str(track["tracker"]),
        marked=tuple(
            Marked(frame=_whole(at, "frame", 0, frame_count - 1), said=str(at["said"])) for at in track["marked"]
        ),
        confidence=confidence,
        lost=tuple(
            Lost(
                first=_whole(span, "first", 0, frame_count),
                stop=_whole(span, "stop", 0, frame_count),
                start_s=float(span["start_s"]),
                stop_s=float(span["stop_s"]),
            )
            for span in track["lost"]
        ),
    )


def _checked_span(span: dict[str, Any], width_px: int, height_px: int) -> LabelSpan:
    file, boxes = span["file"], span["boxes_xyxy"]
    if (file is None) != (not boxes):
        raise ValueError("a span has a file without a box, or a box without a file")
    if file is not None and not PICTURE_NAME.fullmatch(file):  # so it names no other folder
        raise ValueError("a span's file is not named like 000123.png")
    return LabelSpan(
        index=_whole(span, "index", 0, 2**32),
        pts=_whole(span, "pts", -(2**63), 2**63),
        file=file,
        boxes_xyxy=tuple(_checked_box(box, width_px, height_px) for box in boxes),
        hole_px=_whole(span, "hole_px", 0 if file is None else 1, 0 if file is None else width_px * height_px),
    )


def _checked_box(box: Sequence[Any], width_px: int, height_px: int) -> Box:
    x0, y0, x1, y1 = (_bounded(edge, "boxes_xyxy", 0, MAX_PIXELS) for edge in box)
    if not (x0 < x1 <= width_px and y0 < y1 <= height_px):
        raise ValueError("a box outside the picture")
    return x0, y0, x1, y1


def _whole(facts: dict[str, Any], name: str, least: int, most: int) -> int:
    return _bounded(facts[name], name, least, most)


def _bounded(value: Any, name: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} is {str(value)[:40]}")
    return value


def _rises(numbers: Sequence[int]) -> bool:
    return all(a < b for a, b in pairwise(numbers))


def label_png(labels: Labels) -> bytes:
    """A palette PNG of (H, W) labels (ISO/IEC 15948). Fast rather than small: level 1, no row filter."""
    height_px, width_px = labels.shape
    rows = np.zeros((height_px, width_px + 1), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = labels
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 3, 0, 0, 0)),
        (b"PLTE", _PALETTE),
        (b"IDAT", zlib.compress(rows.tobytes(), 1)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def palette() -> bytes:
    """Black, then 255 colours far from their neighbours: hues a golden angle apart."""
    colors = bytearray(3)
    for label in range(1, 256):
        color = colorsys.hsv_to_rgb(label * 0.381966 % 1, 1.0 if label % 2 else 0.6, 1.0)
        colors += bytes(round(255 * channel) for channel in color)
    return bytes(colors)


_PALETTE = palette()
