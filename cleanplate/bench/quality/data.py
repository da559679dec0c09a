"""Data sets of clips with holes: the papers' folders or our own, and results that other programs left for them.

data = find_clips("DAVIS")                  # JPEGImages_432_240/<clip>/*.jpg and test_masks/<clip>/*.png
images, holes = read_clip(data.clips[0])    # (T, H, W, 3) uint8 RGB, (T, H, W) bool
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.names import images_in
from cleanplate.base.types import Hole
from cleanplate.bench.pictures import folders_in, pictures_in, read_frame, same_size, size_of
from cleanplate.decode.reader import open_video
from cleanplate.mask.stored_pictures import read_picture

FRAME_FOLDERS = ("JPEGImages_432_240", "JPEGImages/480p", "JPEGImages")
"where the papers' data sets keep frames; the first there is taken"
MASK_FOLDER = "test_masks"
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi")

Pictures = NDArray[np.uint8]  # (T, H, W, 3) RGB
Holes = NDArray[np.bool_]  # (T, H, W)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip of a data set: its pictures are the truth, its masks the holes."""

    name: str
    frames: tuple[Path, ...]
    masks: tuple[Path, ...]
    "as many as frames"
    is_masked: bool
    "whether any mask covers anything"


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """What was found in a folder."""

    folder: Path
    layout: str
    "where frames and masks lie, in words"
    clips: tuple[Clip, ...]
    notes: tuple[str, ...] = ()


def find_clips(folder: Path | str, *, is_resized: bool = False) -> DataSet:
    """The clips of a data set, checked: as many masks as frames and, unless `is_resized`, of the frames' size.

    Raises `UsageError` where there are none or they do not fit, `MediaError` and `MaskError` for unreadable pictures.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"there is no folder '{folder}'; give one that holds the data set")
    notes: list[str] = []
    frames = next((folder / name for name in FRAME_FOLDERS if (folder / name).is_dir()), None)
    if frames is not None:
        layout = f"{frames.relative_to(folder)}/<clip> and {MASK_FOLDER}/<clip>"
        pairs = _paper_clips(frames, folder / MASK_FOLDER, notes)
    else:
        layout = "<clip>/frames and <clip>/holes"
        pairs = [(clip.name, clip / "frames", clip / "holes") for clip in folders_in(folder) if _is_ours(clip)]
    if not pairs:
        raise UsageError(
            f"no clips were found in '{folder}': there is no {', '.join(FRAME_FOLDERS)} with {MASK_FOLDER} beside it, "
            "and no <clip>/frames with <clip>/holes; give the folder that holds one of these"
        )
    clips = tuple(_checked(*pair, is_resized=is_resized) for pair in pairs)
    notes += [
        f"clip '{clip.name}' has an empty hole in all its {len(clip.frames)} masks: it has no scores inside the hole"
        for clip in clips
        if not clip.is_masked
    ]
    return DataSet(folder=folder, layout=layout, clips=clips, notes=tuple(notes))


def _paper_clips(frames: Path, masks: Path, notes: list[str]) -> list[tuple[str, Path, Path]]:
    """The clips that have masks: data sets have frames of more clips than are tested on."""
    if not masks.is_dir():
        raise UsageError(
            f"'{frames}' has frames, but there is no folder '{masks}' with <clip>/*.png; put the masks there"
        )
    have, want = {path.name for path in folders_in(frames)}, [path.name for path in folders_in(masks)]
    if lost := [name for name in want if name not in have]:
        raise UsageError(
            f"clip '{lost[0]}' has masks in '{masks}', but no frames in '{frames}'; add these or remove those"
        )
    if spare := len(have) - len(want):
        notes.append(f"{spare} of the {len(have)} clips in '{frames}' have no masks and were left out")
    return [(name, frames / name, masks / name) for name in want]


def _is_ours(clip: Path) -> bool:
    return (clip / "frames").is_dir() and (clip / "holes").is_dir()


def _checked(name: str, frames: Path, masks: Path, *, is_resized: bool) -> Clip:
    pictures, holes = pictures_in(frames), pictures_in(masks)
    if len(pictures) != len(holes):
        raise UsageError(
            f"clip '{name}' has {len(pictures)} frames but {len(holes)} masks; give one mask for each frame"
        )
    size, hole_size = size_of(read_frame(pictures[0])), size_of(read_hole(holes[0]))
    if size != hole_size and not is_resized:
        raise UsageError(
            f"clip '{name}' has frames of {size} but masks of {hole_size}; "
            "give masks of the frames' size, or --protocol papers, which resizes both"
        )
    is_masked = any(read_hole(path).any() for path in holes)
    return Clip(name=name, frames=tuple(pictures), masks=tuple(holes), is_masked=is_masked)


def read_clip(clip: Clip) -> tuple[Pictures, Holes]:
    """Truth (T, H, W, 3) and holes (T, H', W') of a clip.

    Raises `MediaError` or `MaskError` for a picture that cannot be read, `UsageError` for pictures of several sizes.
    """
    return np.stack(list(same_size(clip.frames, read_frame))), np.stack(list(same_size(clip.masks, read_hole)))


def read_hole(path: Path) -> Hole:
    """A mask (H, W): True above 0, as the papers have it; of a lossy picture, whose black is noisy, above 127.

    Raises `MaskError` for a picture that cannot be read.
    """
    picture = read_picture(path)
    values = picture.levels if picture.labels is None else picture.labels
    assert values is not None  # one of the two is there
    return np.asarray(values > (0 if picture.is_exact else np.iinfo(values.dtype).max // 2), np.bool_)


def find_result(folder: Path, clip: Clip) -> tuple[Path, ...]:
    """The files of another program's result for a clip: `<clip>/` with pictures, or one video `<clip>.mp4`.

    Raises `UsageError` where there is neither, or not one picture for each frame.
    """
    video = next((path for end in VIDEO_SUFFIXES if (path := folder / f"{clip.name}{end}").is_file()), None)
    pictures = folder / clip.name
    if not pictures.is_dir():
        if video is None:
            raise UsageError(
                f"'{folder}' has no result for clip '{clip.name}'; "
                f"put its pictures into '{clip.name}/', or a video '{clip.name}.mp4', there"
            )
        return (video,)
    found = images_in(pictures)
    if len(found) != len(clip.frames):
        raise UsageError(
            f"the result '{pictures}' has {len(found)} pictures, but clip '{clip.name}' has {len(clip.frames)} frames; "
            "give one picture for each frame"
        )
    return tuple(found)


def read_result(paths: Sequence[Path], clip: Clip) -> Pictures:
    """The pictures (T, H, W, 3) uint8 of what `find_result` found; deep video is truncated to 8 bits.

    Raises `MediaError` for files that cannot be read, `UsageError` for another number of frames or several sizes.
    """
    is_video = len(paths) == 1 and paths[0].suffix.lower() in VIDEO_SUFFIXES
    found = np.stack(list(_video_frames(paths[0]) if is_video else same_size(paths, read_frame)))
    if len(found) != len(clip.frames):
        raise UsageError(
            f"the result '{paths[0]}' has {len(found)} frames, but clip '{clip.name}' has {len(clip.frames)}; "
            "give one for each frame"
        )
    return found


def _video_frames(path: Path) -> Iterator[Pictures]:
    with open_video(path) as video:
        for frame in video:
            picture = frame.image
            yield (picture // 257).astype(np.uint8) if picture.dtype == np.uint16 else picture
