"""The frames of a project that were drawn on since its masks were made, each kept as a picture of labels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cleanplate.apps.ui.drawing import Drawing
from cleanplate.base.errors import MediaError
from cleanplate.mask.stored_format import label_png
from cleanplate.mask.stored_pictures import read_picture


class DrawnFrames:
    """Drawings by frame; what is kept here is on disk as well."""

    def __init__(self, folder: Path, shape: tuple[int, int]) -> None:
        """Takes up what lies there. `shape`: (H, W) of the video; pictures of another size are left alone."""
        self.version = 0
        "grows with each change"
        self._folder = folder
        self._drawings: dict[int, Drawing] = {}
        for path in sorted(folder.glob("*.png")):
            labels = read_picture(path).labels
            if labels is not None and labels.shape == shape and path.stem.isdigit():
                self._drawings[int(path.stem)] = Drawing.of(int(path.stem), labels)

    @property
    def frames(self) -> list[int]:
        return sorted(self._drawings)

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        return tuple(self._drawings.values())

    def of(self, frame: int) -> Drawing | None:
        return self._drawings.get(frame)

    def path(self, frame: int) -> Path:
        """Where the picture of that frame is, or would be."""
        return self._folder / f"{frame:06d}.png"

    def keep(self, drawing: Drawing) -> None:
        """As it is now. Raises `MediaError` where nothing can be written."""
        self._drawings[drawing.frame] = drawing
        self.version += 1
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.path(drawing.frame).write_bytes(label_png(drawing.labels))
        except OSError as error:
            raise MediaError(f"what was drawn cannot be kept in '{self._folder}' ({error.strerror})") from error

    def drop(self, frames: Iterable[int]) -> None:
        for frame in frames:
            self._drawings.pop(frame, None)
            self.path(frame).unlink(missing_ok=True)
        self.version += 1

    def replace(self, drawings: Iterable[Drawing]) -> None:
        """These take the place of all there are. Raises as `keep`."""
        drawings = list(drawings)
        self.drop(self.frames)
        for drawing in drawings:
            self.keep(drawing)
