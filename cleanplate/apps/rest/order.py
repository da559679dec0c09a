"""What a script sends, as a project: checked before it waits in the queue."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from cleanplate.apps.project import FORMAT, WITH_PATHS, Project, is_clean, suffix_like
from cleanplate.apps.rest.upload import Upload
from cleanplate.apps.server.look import look
from cleanplate.apps.server.paths import check_inside, inside
from cleanplate.base.errors import UsageError
from cleanplate.mask.hints import placed
from cleanplate.tasks.marks import texts

_KNOWN = ("task", "path", "name", "marks", "settings", "suffix")
_LONGEST_NAME = 200
_UPLOADED = re.compile(r"([^/:]+:)?masks/.*", re.DOTALL)


def read_order(upload: Upload, folder: Path, root: Path | None) -> tuple[Project, str]:
    """The project in its folder, and what the user calls it.

    Raises `UsageError` for an order that cannot be carried out, `MediaError` for what is no video.
    """
    try:
        order = json.loads(upload.job)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the job is no JSON: {error}") from error
    if not isinstance(order, dict) or (unknown := sorted(order.keys() - set(_KNOWN))):
        found = f"has '{unknown[0]}'" if isinstance(order, dict) else f"is a {type(order).__name__}"
        raise UsageError(f"the job {found}; it is an object that may have {', '.join(_KNOWN)}")
    source, name = _source(upload, order, root)
    said = {key: value for key, value in order.items() if key not in ("path", "name")}
    project = Project.from_json({**said, "format": FORMAT, "source": str(source)}, folder, "the job")
    try:
        for table in (project.marks, project.settings):
            for key in WITH_PATHS & table.keys():
                table[key] = [_from_root(text, upload, root) for text in texts(table[key], 0)]
        check_inside(project, root)
    except OSError as error:  # a name that no disk takes
        raise UsageError(f"a path in the job's marks cannot be read: {error.strerror}") from error
    rate = project.settings.get("rate")
    look(source, name, Fraction(rate) if rate else None)
    if project.suffix is None:
        project.suffix = suffix_like(Path(name))
    project.save()
    return project, name


def _source(upload: Upload, order: dict[str, Any], root: Path | None) -> tuple[Path, str]:
    path, name = order.get("path"), order.get("name", "")
    if not isinstance(path, str | None) or not isinstance(name, str) or not is_clean([path, name]):
        raise UsageError("the job's path and name have to be text")
    if (upload.video is None) == (path is None):
        raise UsageError("send either a video, as the part 'file', or the path of one, as the job's 'path'")
    if upload.video is not None:
        return upload.video, (name or upload.video_name or "video")[:_LONGEST_NAME]
    assert path is not None
    return inside(root, path), (name or Path(path).name)[:_LONGEST_NAME]


def _from_root(text: str, upload: Upload, root: Path | None) -> str:
    """A mark's file as the project names it: what was sent lies in its `masks/`, all else inside the root."""
    if upload.masks and _UPLOADED.fullmatch(text):
        return text
    if root is None:
        raise UsageError(f"no mask 'masks/...' was sent for '{text}'; send it as a part 'mask'")
    return placed(text, root)
