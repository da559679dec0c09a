"""What a person sets of a project: engine and options, how it is written, painted frames. Each change is saved."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np

from cleanplate.apps.project import Project
from cleanplate.apps.ui.desk import Desk
from cleanplate.apps.ui.frames import png
from cleanplate.apps.ui.overpaint import hole_of, painted_over, unpacked
from cleanplate.base.errors import UsageError
from cleanplate.base.settings import Job
from cleanplate.base.types import Planes
from cleanplate.decode.images import read_image
from cleanplate.paint.engine import engine_class, engine_options
from cleanplate.tasks.choices import OF_ENGINES

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}", re.ASCII)


class Wishes:
    """Changes the settings of one project. Safe to be used from several threads."""

    def __init__(self, project: Project, desk: Desk) -> None:
        self.project = project
        self._desk = desk
        self._lock = threading.RLock()

    def set(self, name: str, value: Any) -> None:
        """A setting of the task; None = its default. Raises `UsageError` for one that it does not take."""
        with self._lock:
            before = self.project.settings
            kept = {**before, name: value}
            self.project.settings = {n: one for n, one in kept.items() if one is not None}
            try:
                self.project.save()
            except UsageError:
                self.project.settings = before
                raise

    @property
    def engine(self) -> str:
        """The name of the one that is going to paint."""
        return str(self.project.settings.get("engine", Job.engine))

    def set_engine(self, name: str) -> None:
        """Another engine, whose options are its own."""
        engine_class(name)  # says what it lacks
        with self._lock:
            owned = (*OF_ENGINES, "options")
            self.project.settings = {n: one for n, one in self.project.settings.items() if n not in owned}
            self.set("engine", name)

    def set_style(self, name: str) -> None:
        """What fills the places that no frame shows. Raises `UsageError` for an engine that is not told."""
        engine_options(self.engine, {"invent": name})
        self.set("invent", name)

    def set_option(self, name: str, value: Any, default: Any) -> None:
        """An option of the engine. Raises `UsageError` for a value that it does not take."""
        with self._lock:
            options = {**self.project.settings.get("options", {}), name: value}
            options = {n: one for n, one in options.items() if n != name or (one is not None and one != default)}
            engine_options(self.engine, options)
            self.set("options", options or None)

    def set_codec(self, codec: str | None) -> None:
        """What the result is written with: h264, hevc, lossless, or as the source."""
        self.set("lossless", True if codec == "lossless" else None)
        self.set("codec", None if codec == "lossless" else codec)

    @property
    def codec(self) -> str | None:
        """See `set_codec`."""
        settings = self.project.settings
        return "lossless" if settings.get("lossless") else settings.get("codec")

    def mark(self, name: str, value: Any) -> None:
        """A mark that goes with the masks, like with_shadow."""
        with self._lock:
            self.project.marks[name] = value
            self.project.save()

    def keep(self, name: str, value: Any) -> None:
        """Something of the page alone, like the segmenter; None forgets it."""
        with self._lock:
            page = {**self.project.page, name: value}
            self.project.page = {n: one for n, one in page.items() if one is not None}
            self.project.save()

    def add_reference(self, frame: int, upload: Path) -> None:
        """A painted picture of that frame. Raises `UsageError` for one of another size, `MediaError` for no picture."""
        self._read_painted(upload)
        path = received(upload, self.project.masks / "references", f"{frame:06d}")
        text = f"{path.relative_to(self.project.folder)}@{self._desk.shop.time_of(frame)}"
        others = [one for one in self.project.settings.get("reference", []) if f"/{frame:06d}." not in one]
        self.set("reference", [*others, text])

    def add_painting(self, frame: int, layer: bytes) -> str:
        """What was painted over that frame in the browser: a PNG, see-through where nothing was. A sentence about it.

        It becomes a painted picture like any other. Beside the hole the frame is seen itself: what is painted there
        would only hide by what it is aligned; unless shadows go too, which are not known yet. Raises as
        `add_reference`, and `UsageError` where nothing is painted, or nothing is marked to be painted over.
        """
        shown = self._desk.shop.frame(frame)
        with tempfile.TemporaryDirectory(dir=self.project.folder) as work:
            path = Path(work) / "painted.png"
            path.write_bytes(layer)
            colors, painted = unpacked(self._read_painted(path))
            if not painted.any():
                raise UsageError(f"nothing is painted on frame {frame}; paint over what is to go first")
            settings = self.project.settings
            reach = {name: settings.get(name, getattr(Job, name)) for name in ("grow_px", "feather_px")}
            hole = hole_of(shown, self._desk.labels(frame), **reach)
            if not hole.any():
                raise UsageError(
                    f"nothing is marked on frame {frame}, so nothing is to be painted over there; mark what is to go "
                    "first, or paint on a frame where it is marked"
                )
            if not self.project.marks.get("with_shadow", False):
                painted &= hole
            if not (painted & hole).any():
                raise UsageError(f"what is marked on frame {frame} is not painted over; paint there")
            path.write_bytes(png(painted_over(shown.image, colors, painted, hole)))
            self.add_reference(frame, path)
        left = np.count_nonzero(hole & ~painted) / np.count_nonzero(hole)
        if not left:
            return f"Frame {frame} is taken as it is painted."
        share = f"{left:.0%}" if left >= 0.01 else "Less than 1%"
        return f"Frame {frame} is taken. {share} of its hole is not painted; that is filled as without it."

    def forget_references(self) -> None:
        """No painted frames any more."""
        self.set("reference", None)
        self.set("trust_reference", None)

    def references(self) -> list[str]:
        """A sentence for each painted frame."""
        texts = self.project.settings.get("reference", [])
        return [f"Frame {int(Path(text.partition('@')[0]).stem)} was painted." for text in texts]

    def _read_painted(self, path: Path) -> Planes:
        planes, info = read_image(path), self._desk.shop.info
        if (planes.width_px, planes.height_px) != (info.width_px, info.height_px):
            raise UsageError(
                f"the painted frame is {planes.width_px}x{planes.height_px}, but the video is {info.width_px}x"
                f"{info.height_px}; save the frame shown and paint on that"
            )
        return planes


def received(upload: Path, folder: Path, name: str | None = None) -> Path:
    """A file that was sent, moved into that folder under that name, or a random one; of its own the suffix is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = upload.suffix.lower() if _SUFFIX.fullmatch(upload.suffix) else ""
    path = folder / f"{name or secrets.token_hex(8)}{suffix}"
    shutil.move(upload, path)
    return path
