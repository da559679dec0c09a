"""The only way from a path that a user gives to a file of the server: inside its root, wherever symbolic links lead."""

from __future__ import annotations

from pathlib import Path

from cleanplate.apps.project import INDEX_NAME, Project
from cleanplate.base.errors import UsageError


def inside(root: Path | None, text: str) -> Path:
    """The file or folder of that name inside `root`. Raises `UsageError` for one that is not, or is not there.

    Which of the two is not told: what lies outside is nobody's business.
    """
    if root is None:
        raise UsageError("this server was started without --root, so it opens no paths; upload the file instead")
    try:
        found = (root / text).resolve(strict=True)
        is_inside = _is_below(found, root) and all(
            _is_below(part, root) for part in (found.iterdir() if found.is_dir() else ())
        )
    except (OSError, ValueError, RuntimeError):  # not there, a null character, a loop of links
        is_inside = False
    if not is_inside:
        raise UsageError(f"there is no '{text}' in the folder that this server may read; give a path inside it")
    return found


def check_inside(project: Project, root: Path | None) -> None:
    """Raises `UsageError` if the project's marks or painted frames lie neither in its own folder nor inside `root`."""
    for path in project.paths():
        if not _is_below(path, project.folder):
            inside(root, str(path))


def project_inside(root: Path | None, text: str) -> Project | None:
    """The project in the folder of that name inside `root`; None where it holds none.

    Raises `UsageError` as `inside` does, also for what the project names, and for one with links, which a copy would
    follow.
    """
    folder = inside(root, text)
    if not (folder / INDEX_NAME).is_file():
        return None
    try:
        if any(path.is_symlink() for path in folder.rglob("*")):
            raise UsageError(f"the project '{text}' holds links; put the files themselves there")
        project = Project.open(folder)
        for path in project.paths():
            inside(root, str(path))
    except OSError as error:  # a name that no disk takes
        raise UsageError(f"the project '{text}' cannot be read: {error.strerror}") from error
    except UsageError as error:
        raise UsageError(str(error).replace(f"{root}/", "")) from error
    return project


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
