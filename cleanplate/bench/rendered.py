"""Rendered scenes as a data set in our own layout, so that the benches run where no data was downloaded.

    write_dataset(Path("rendered"), purpose="quality")      # then: cleanplate bench quality rendered
    write_dataset(Path("rendered-track"), purpose="track")  # then: cleanplate bench track rendered-track

The two purposes want other frames, so they are two folders. For *quality* `<clip>/frames` is the clean plate, which is
the truth, and `<clip>/holes` (0 and 255) a row of the table of holes. For *track* `<clip>/frames` is what the camera
sees, objects included, and `<clip>/objects` who is where: palette PNGs, 0 = nobody.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import FailedError, UsageError
from cleanplate.base.report import Progress, Watch
from cleanplate.bench.holes import hole_row, make_holes
from cleanplate.bench.store import made_by
from cleanplate.bench.synth import Film
from cleanplate.mask.stored_format import label_png

Purpose = Literal["quality", "track"]
Labels = NDArray[np.uint8]

QUALITY_CLIPS = (
    ("pan", "blob-still"),
    ("still", "blob-moving"),
    ("zoom", "object"),
    ("parallax", "blob-moving"),
    ("walker-pan", "subtitles"),
    ("exposure", "lump"),
    ("noise", "wires"),
    ("water", "strokes"),
    ("van", "logo"),
    ("tilt", "blocks"),
)
"each scene with the row of HOLES laid over it"
TRACK_SCENES = ("crowd", "behind", "hidden", "three", "walker-pan", "parallax")

_MADE = "rendered.json"
_CLIP_NAME = re.compile(r"[a-z0-9-]+")
"what scenes and rows of holes are called"
_IN_SIGHT = 0.6
"of an object's largest area: what of each has to be seen in a clip's first frame"


def write_dataset(
    folder: Path,
    *,
    purpose: Purpose,
    scenes: Sequence[str] | None = None,
    holes: Sequence[str] | None = None,
    width_px: int = 432,
    height_px: int = 240,
    frames: int = 60,
    seed: int = 0,
    watch: Watch | None = None,
) -> tuple[str, ...]:
    """Write the data set; returns the names of its clips, `<scene>-<holes>` for quality and `<scene>` for track.

    `scenes` are rows of SCENES; `holes`, for quality alone, rows of HOLES that they get in turn. Without `scenes` those
    of `QUALITY_CLIPS` or `TRACK_SCENES`. A clip for track begins where all its objects are in sight, so it may be
    shorter than `frames`. The same arguments give the same bytes; a folder that holds just this data set, made by the
    same code, is left as it is.

    Raises `UsageError` for a scene, hole or size there is not and for a folder that holds something else,
    `FailedError` where nothing can be written.
    """
    clips = _clips(purpose, scenes, holes)
    made = {
        "purpose": purpose,
        "clips": clips,
        "size": [width_px, height_px],
        "frames": frames,
        "seed": seed,
        "by": made_by("bench/scenery", "bench/synth", "bench/holes", "bench/rendered"),
    }
    made = json.loads(json.dumps(made))  # as it is read back
    names = tuple("-".join(clip) for clip in clips)
    films = [
        Film(scene, width_px=width_px, height_px=height_px, frames=frames, seed=seed, bit_depth=8)
        for scene, *_ in clips
    ]
    for _, *hole in clips:
        if hole:
            hole_row(hole[0], frames, height_px, width_px)
    try:
        if not _is_to_do(folder, made):
            return names
        for number, (film, (_, *hole), name) in enumerate(zip(films, clips, names, strict=True)):
            if watch is not None:
                watch(Progress(stage="render", done=number, total=len(clips)))
            if purpose == "quality":
                masks = make_holes(hole[0], frames, height_px, width_px, seed + number)
                _write_quality(film, masks, folder / name)
            else:
                _write_track(film, folder / name)
        _note(folder, made, is_whole=True)
    except OSError as error:
        raise FailedError(f"nothing can be written into '{folder}' ({error.strerror}); choose another") from error
    if watch is not None:
        watch(Progress(stage="render", done=len(clips), total=len(clips)))
    return names


def _clips(purpose: Purpose, scenes: Sequence[str] | None, holes: Sequence[str] | None) -> list[tuple[str, ...]]:
    """(scene, holes) of each clip for quality, (scene,) for track."""
    if purpose == "track":
        if holes is not None:
            raise UsageError("a data set for track has no holes; leave them out, or ask for quality")
        chosen: list[tuple[str, ...]] = [(scene,) for scene in (TRACK_SCENES if scenes is None else scenes)]
    else:
        rows = tuple(row for _, row in QUALITY_CLIPS) if holes is None else tuple(holes)
        names = tuple(scene for scene, _ in QUALITY_CLIPS) if scenes is None else tuple(scenes)
        if not rows:
            raise UsageError("no holes were named; name at least one, or leave them out for the usual ones")
        chosen = [(scene, rows[k % len(rows)]) for k, scene in enumerate(names)]
    if not chosen or len(set(chosen)) < len(chosen):
        raise UsageError(f"{len(chosen)} scenes were named, {len(set(chosen))} of them different; name each once")
    return chosen


def _is_to_do(folder: Path, made: dict[str, Any]) -> bool:
    """Makes the folder ready; False where it holds just this data set already, whole."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / _MADE).is_file():
        if _is_kept(folder, made):
            return False
    elif any(folder.iterdir()):
        raise UsageError(
            f"'{folder}' is not empty and holds no rendered data set; name a new folder, or empty this one"
        )
    _note(folder, made, is_whole=False)
    return True


def _is_kept(folder: Path, made: dict[str, Any]) -> bool:
    """Whether the data set in the folder is the one asked for; if not, its clips are removed."""
    try:
        old = json.loads((folder / _MADE).read_text(encoding="utf-8"))
        is_same = old["is_whole"] and old["made"] == made
        names = ["-".join(clip) for clip in old["made"]["clips"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"'{folder / _MADE}' is damaged; empty the folder, or name a new one") from error
    if is_same:
        return True
    for name in names:
        # Only what the note says was rendered here is removed: a note that somebody changed leads nowhere else.
        if _CLIP_NAME.fullmatch(name) and (folder / name).is_dir() and not (folder / name).is_symlink():
            shutil.rmtree(folder / name)
    return False


def _note(folder: Path, made: dict[str, Any], *, is_whole: bool) -> None:
    """Written before the first clip too, so that what an interrupted run left is known for ours."""
    (folder / _MADE).write_text(json.dumps({"is_whole": is_whole, "made": made}, indent=1), encoding="utf-8")


def _write_quality(film: Film, holes: NDArray[np.bool_], clip: Path) -> None:
    _make_folders(clip, "frames", "holes")
    for t, hole in enumerate(holes):
        (clip / "frames" / _number(t)).write_bytes(_png(film.sample(t).plate[..., ::-1]))
        (clip / "holes" / _number(t)).write_bytes(_png(hole.astype(np.uint8) * 255))


def _write_track(film: Film, clip: Path) -> None:
    _make_folders(clip, "frames", "objects")
    labels = [film.sample(t).labels for t in range(film.frames)]
    for t in range(start := first_in_sight(labels), film.frames):
        (clip / "frames" / _number(t - start)).write_bytes(_png(film.sample(t).image[..., ::-1]))
        (clip / "objects" / _number(t - start)).write_bytes(label_png(labels[t]))


def first_in_sight(labels: Sequence[Labels]) -> int:
    """The first frame in which every object of the clip shows most of itself; if none does, where the least one shows
    most."""
    areas = np.stack([np.bincount(each.ravel(), minlength=256)[1:] for each in labels])  # (T, 255)
    shown = areas[:, areas.any(axis=0)]
    if not shown.size:
        return 0
    least = (shown / shown.max(axis=0)).min(axis=1)
    enough = np.flatnonzero(least >= _IN_SIGHT)
    return int(enough[0] if enough.size else least.argmax())


def _make_folders(clip: Path, *names: str) -> None:
    for name in names:
        (clip / name).mkdir(parents=True)


def _number(index: int) -> str:
    return f"{index:05d}.png"


def _png(picture: NDArray[np.uint8]) -> bytes:
    """A PNG of a gray or BGR picture."""
    done, data = cv2.imencode(".png", np.ascontiguousarray(picture))
    assert done  # a picture of this kind always can be
    return data.tobytes()
