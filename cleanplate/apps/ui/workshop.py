"""All that the page works with, of all its visitors: their projects.

A project lies in the folder of its session, under a random name: who is of another session does not find it.
"""

from __future__ import annotations

import re
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from cleanplate.apps.jobs.queue import Jobs
from cleanplate.apps.jobs.state import digest
from cleanplate.apps.project import INDEX_NAME, Project
from cleanplate.apps.server.look import look
from cleanplate.apps.server.paths import inside, project_inside
from cleanplate.apps.ui.studio import Studio
from cleanplate.apps.ui.wishes import received
from cleanplate.base.errors import CleanplateError, UsageError
from cleanplate.mask.maker import MOST_OBJECTS

_OPEN = 6
"projects that are held open at a time"
_NAME = re.compile(r"[0-9a-f]{16}")
_VIDEOS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mxf", ".ts", ".mts", ".mpg", ".mpeg", ".wmv", ".y4m")
_MOST_CHOICES = 500


class Workshop:
    """See the module. Safe to be used from several threads."""

    def __init__(self, folder: Path, jobs: Jobs, root: Path | None = None) -> None:
        """`folder`: where projects are kept; `root`: what visitors may open. Raises as `Jobs` does."""
        self.jobs = jobs
        self.root = root.resolve() if root is not None else None
        self._served = folder.resolve()
        self._folder = folder.absolute() / "projects"
        self._threads = ThreadPoolExecutor(1, "preview")
        self._lock = threading.RLock()
        self._open: OrderedDict[tuple[str, str], Studio] = OrderedDict()

    def choices(self) -> list[tuple[str, str]]:
        """(title, path from the root) of the videos and projects inside it."""
        if self.root is None:
            return []
        found = (choice for path in sorted(self.root.rglob("*")) if (choice := self._choice(self.root, path)))
        return list(islice(found, _MOST_CHOICES))

    def _choice(self, root: Path, path: Path) -> tuple[str, str] | None:
        if path.is_relative_to(self._served) or not path.is_file():
            return None
        if path.name == INDEX_NAME:
            return f"{path.parent.relative_to(root)} (project)", str(path.parent.relative_to(root))
        return (str(path.relative_to(root)),) * 2 if path.suffix.lower() in _VIDEOS else None

    def from_root(self, session: str, text: str) -> Studio:
        """A new project of a video inside the root, or one that goes on from a project there, which stays as it is.

        Raises `UsageError`, or `MediaError` for no video.
        """
        source = inside(self.root, text)
        if source.is_relative_to(self._served):  # where projects of other sessions lie
            raise UsageError(f"'{text}' is part of what this server keeps; choose what lies outside of it")
        name, folder = Path(text).name, self._room(session) / secrets.token_hex(8)
        found = project_inside(self.root, text)
        if found is None:
            look(source, text)
            return self._opened(session, Project.create(folder, source), name)
        if found.task != "remove":
            raise UsageError(f"the project '{text}' is of the task {found.task}; run it with: cleanplate run")
        rate = found.settings.get("rate")
        look(found.source, found.source.name, Fraction(rate) if rate else None)
        ours = replace(found, page=_kept_of(found.page)).copy_to(folder)
        studio = self._opened(session, ours, name)
        studio.take_up()
        return studio

    def from_upload(self, session: str, upload: Path) -> Studio:
        """A new project of a file that was sent, which is moved into it. Raises `MediaError` for what is no video."""
        name = upload.name[:80]
        look(upload, name)
        folder = self._room(session) / secrets.token_hex(8)
        return self._opened(session, Project(folder=folder, source=received(upload, folder)), name)

    def projects(self, session: str) -> list[tuple[str, str]]:
        """(name, id) of the session's projects, the last one first."""
        room = self._room(session)
        found = []
        for folder in (
            sorted(room.glob("*/project.json"), key=lambda path: -path.stat().st_mtime) if room.exists() else ()
        ):
            try:
                found.append((Project.open(folder.parent).page.get("name", folder.parent.name), folder.parent.name))
            except CleanplateError:
                continue
        return found

    def studio(self, session: str, name: str) -> Studio:
        """An own project by its id. Raises `UsageError` where there is none."""
        key = digest(session), name
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key]
            folder = self._room(session) / name
            if not _NAME.fullmatch(name) or not folder.is_dir():
                raise UsageError("there is no such project of this session; choose a video to begin one")
            return self._keep(session, Project.open(folder))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for studio in self._open.values():
            studio.close()

    def _opened(self, session: str, project: Project, name: str) -> Studio:
        project.page["name"] = name
        project.settings["origin_map"] = True  # shown over the result
        project.save()
        try:
            with self._lock:
                studio = self._keep(session, project)
            studio.changes()  # masks of another video are refused
        except CleanplateError as error:
            self._open.pop((digest(session), project.folder.name), None)
            shutil.rmtree(project.folder, ignore_errors=True)
            raise type(error)(str(error).replace(str(project.folder), name)) from error
        threading.Thread(target=studio.warm, name="warm", daemon=True).start()
        return studio

    def _keep(self, session: str, project: Project) -> Studio:
        studio = Studio(project, session, self.jobs, self._threads)
        self._open[digest(session), project.folder.name] = studio
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)[1].close()
        return studio

    def _room(self, session: str) -> Path:
        return self._folder / digest(session)[:32]


def _kept_of(page: Mapping[str, Any]) -> dict[str, Any]:
    """What the page takes over of a project that somebody else wrote."""
    names = page.get("objects")
    is_sound = isinstance(names, dict) and all(
        re.fullmatch(r"[1-9]\d{0,2}", n) and int(n) <= MOST_OBJECTS and isinstance(name, str)
        for n, name in names.items()
    )
    return {"objects": names} if is_sound else {}
