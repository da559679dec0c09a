"""Data sets of clips with labelled objects: as DAVIS lays them out or as we do, and labels that other programs made.

data = find_clips(Path("DAVIS"))            # JPEGImages/480p/<clip>/*.jpg and Annotations/480p/<clip>/*.png
data.clips[0].frames, data.clips[0].labels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cleanplate.base.errors import UsageError
from cleanplate.base.names import images_in
from cleanplate.bench.pictures import folders_in, pictures_in

FRAMES, LABELS, SIZE = "JPEGImages", "Annotations", "480p"
LIST = Path("ImageSets/2017/val.txt")
"the clips that DAVIS 2017 is measured on, one name a line; all clips where there is no such file"
OUR_FRAMES = "frames"
OUR_LABELS = ("objects", "object")


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip of a data set."""

    name: str
    frames: tuple[Path, ...]
    labels: tuple[Path | None, ...]
    "one for each frame; None = not labelled, which the first is always"

    @property
    def first(self) -> int:
        """Index of the first frame that is labelled: what trackers are given."""
        return next(index for index, path in enumerate(self.labels) if path is not None)

    @property
    def files(self) -> list[Path]:
        """All that belongs to it."""
        return [*self.frames, *(path for path in self.labels if path is not None)]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """What was found in a folder."""

    folder: Path
    layout: str
    "where frames and labels lie and which clips were taken, in words"
    clips: tuple[Clip, ...]


def find_clips(folder: Path) -> DataSet:
    """The clips of a data set. Raises `UsageError` where there are none, or labels do not belong to the frames."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder '{folder}'; give one that holds the data set")
    if (folder / FRAMES).is_dir():
        return _davis(folder)
    pairs = []
    for clip in folders_in(folder):
        labels = next((clip / name for name in OUR_LABELS if (clip / name).is_dir()), None)
        if labels is not None and (clip / OUR_FRAMES).is_dir():
            pairs.append((clip.name, clip / OUR_FRAMES, labels))
    ours = f"<clip>/{OUR_FRAMES} with <clip>/{' or <clip>/'.join(OUR_LABELS)}"
    if not pairs:
        raise UsageError(
            f"no clips were found in '{folder}': there is no {FRAMES} with {LABELS} beside it, and no "
            f"{ours}; give the folder that holds one of these"
        )
    return DataSet(folder=folder, layout=ours, clips=tuple(_clip(*pair) for pair in pairs))


def _davis(folder: Path) -> DataSet:
    """A folder of DAVIS: frames and labels by size, or right below, as other data sets of this layout have them."""
    sizes = [path.name for path in folders_in(folder / FRAMES)]
    below = SIZE if SIZE in sizes else next((name for name in sizes if folders_in(folder / FRAMES / name)), "")
    frames, labels = folder / FRAMES / below, folder / LABELS / below
    if not labels.is_dir():
        raise UsageError(f"'{frames}' has frames, but there is no folder '{labels}' with their labels; put them there")
    layout = f"{frames.relative_to(folder)}/<clip> and {labels.relative_to(folder)}/<clip>"
    names = [path.name for path in folders_in(labels)]
    if (folder / LIST).is_file():
        names = (folder / LIST).read_text(encoding="utf-8").split()
        layout += f", the clips of {LIST.as_posix()}"
    if not names:
        raise UsageError(f"no clips were found in '{labels}'; give the folder of a whole data set")
    for name in names:
        if not (frames / name).is_dir() or not (labels / name).is_dir() or Path(name).name != name:
            raise UsageError(f"clip '{name}' is not in both '{frames}' and '{labels}'; add it or take it off the list")
    clips = tuple(_clip(name, frames / name, labels / name) for name in names)
    return DataSet(folder=folder, layout=layout, clips=clips)


def _clip(name: str, frames: Path, labels: Path) -> Clip:
    pictures = pictures_in(frames)
    return Clip(name=name, frames=tuple(pictures), labels=_beside(pictures, pictures_in(labels)))


def find_result(folder: Path, clip: Clip) -> tuple[Path | None, ...]:
    """The label pictures that another program made of a clip, `<clip>/*.png`: one for each frame, None = not there.

    Those of frames that are not labelled are not asked for, nor that of the first, which the program was given.
    Raises `UsageError` for others that are missing.
    """
    if not (folder / clip.name).is_dir():
        raise UsageError(f"'{folder}' has no result for clip '{clip.name}'; put its label pictures into '{clip.name}/'")
    found = _beside(clip.frames, images_in(folder / clip.name))
    for index, (wanted, path) in enumerate(zip(clip.labels, found, strict=True)):
        if wanted is not None and path is None and index != clip.first:
            raise UsageError(
                f"'{folder / clip.name}' has no label picture for frame {clip.frames[index].name}; "
                "give one for each frame, black where nothing was found"
            )
    return found


def _beside(frames: Sequence[Path], labels: Sequence[Path]) -> tuple[Path | None, ...]:
    """The label picture of each frame: that of the same name, or in order where names differ but counts do not."""
    by_name = {path.stem: path for path in labels}
    stems = [path.stem for path in frames]
    if strange := [path for path in labels if path.stem not in set(stems)]:
        if len(labels) == len(frames) and len(strange) == len(labels):
            return tuple(labels)
        raise UsageError(
            f"'{strange[0]}' belongs to no frame in '{frames[0].parent}'; name label pictures as their frames"
        )
    return tuple(by_name.get(stem) for stem in stems)
