"""A project: what one person wants of one video, as a folder that can be closed, opened again and taken elsewhere.

project = Project.create(Path("dog"), Path("in.mp4"))
project.marks["click"] = ["dog:320,180@00:03.5"]      # as on the command line
project.settings["grow_px"] = 6                       # as `remove` calls them
project.save()
report = Project.open(Path("dog")).run()              # the same functions as the command line, the same bytes

dog/
  project.json      see `Project`; relative paths in it begin at the folder
  masks/            masks and painted frames that were made for it
  result.mp4        once it was run, with its report beside it: result.mp4.json
  result.masks/     the masks it was run with
  result.origin.mkv where the samples came from, if that was asked for
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, cast

from cleanplate.apps.table import TASKS, Setting, TaskSpec, marks_kinds
from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.report import Report, Watch, report_path
from cleanplate.base.settings import Job
from cleanplate.base.table import choose
from cleanplate.journal.folder import write_through
from cleanplate.mask.hints import placed
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored import MaskSummary
from cleanplate.paint.engine import engine_options
from cleanplate.save.containers import CONTAINERS
from cleanplate.tasks.choices import Choices, job_of
from cleanplate.tasks.marks import Marks, sources_of, texts
from cleanplate.tasks.masks import facts

FORMAT = 1
INDEX_NAME = "project.json"
_MOST_BYTES = 16 * 1024**2
WITH_PATHS = frozenset(("mask", "fix", "reference"))
"marks and settings that name files"
_NEAR = 2
"a source that lies at most so many folders above is named relative to the project: they are moved together"

Found = Report | tuple[MaskSummary, list[str]]
"what a task gives back"


@dataclass(kw_only=True)
class Project:
    """What stands in `project.json`; change the fields, then `save`."""

    folder: Path
    source: Path
    "the video, or a folder of images; absolute"
    task: str = "remove"
    "a row of TASKS"
    marks: dict[str, Any] = field(default_factory=dict)
    "see `Marks`: texts as on the command line, or lists of them; relative paths begin at the folder"
    settings: dict[str, Any] = field(default_factory=dict)
    "by the names the task's function has, see `TaskSpec.settings`; what is left out has its default"
    suffix: str | None = None
    "of the result, like .mp4; None = the source's, if a video can be written so, else .mkv"
    page: dict[str, Any] = field(default_factory=dict)
    "what the page keeps for itself, like colours and the playhead; no task looks at it"

    @classmethod
    def create(cls, folder: str | Path, source: str | Path, **fields: Any) -> Self:
        """A new project in a folder that is new, or empty. Raises `UsageError` for one that holds something else."""
        folder, source = Path(folder).absolute(), Path(source).absolute()
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"'{folder}' is there already and not empty; give a new folder for the project")
        project = cls(folder=folder, source=source, **fields)
        project.save()
        return project

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The project of that folder. Raises `UsageError` where there is none, or its file is damaged."""
        folder = Path(folder).absolute()
        path = folder / INDEX_NAME
        if not path.is_file():
            raise UsageError(f"'{folder}' is no project, for it holds no {INDEX_NAME}; give a folder that does")
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"'{path}' is larger than {_MOST_BYTES // 1024**2} MiB, so it is no project's")
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"'{path}' cannot be read as a project: it is no JSON ({error})") from error
        return cls.from_json(said, folder, f"'{path}'")

    @classmethod
    def from_json(cls, said: Any, folder: Path, owner: str) -> Self:
        """The project that such JSON describes. `owner`: whose JSON it is, for the message. Raises `UsageError`."""
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            found = said.get("format") if isinstance(said, dict) else type(said).__name__
            raise UsageError(f"{owner} is of format {found!r}, but this version reads format {FORMAT}")
        kinds = {"task": str, "source": str, "marks": dict, "settings": dict, "suffix": str | None, "page": dict}
        for name, value in said.items():
            if name != "format" and (name not in kinds or not isinstance(value, kinds[name])):
                wrong = f"says {name} is {_short(value)}" if name in kinds else f"has '{name}', which is unknown"
                raise UsageError(f"{owner} cannot be read as a project: it {wrong}")
        if "source" not in said or not is_clean(said["source"]):
            raise UsageError(f"{owner} cannot be read as a project: it names no source")
        fields = {name: said[name] for name in kinds if name in said and name != "source"}
        project = cls(folder=folder, source=Path(os.path.normpath(folder / said["source"])), **fields)
        project.check_fields(owner)
        return project

    @property
    def masks(self) -> Path:
        """The folder for masks and painted frames that are made for it."""
        return self.folder / "masks"

    @property
    def spec(self) -> TaskSpec:
        return choose(TASKS, self.task, "task")

    @property
    def output(self) -> Path:
        """Where its result goes: a file, or for masks their folder."""
        if self.spec.makes == "masks":
            return self.kept_masks
        return self.folder / f"result{self.suffix or suffix_like(self.source)}"

    @property
    def kept_masks(self) -> Path:
        """Where the stored masks are that its result was made with, once it was run."""
        return self.folder / "result.masks"

    @property
    def origin_map(self) -> Path:
        """Where the map of seen and invented samples is, once it was run with `origin_map`."""
        return self.folder / "result.origin.mkv"

    def save(self) -> None:
        """Write `project.json`, whole or not at all. Raises `UsageError` for wrong fields, `MediaError`."""
        self.check_fields(f"the project '{self.folder}'")
        try:
            self.masks.mkdir(parents=True, exist_ok=True)
            write_through(self.folder / INDEX_NAME, (json.dumps(self.to_json(), indent=1) + "\n").encode())
        except OSError as error:
            raise MediaError(f"the project cannot be written to '{self.folder}' ({error.strerror})") from error

    def to_json(self) -> dict[str, Any]:
        """What stands in `project.json`."""
        return {
            "format": FORMAT,
            "task": self.task,
            "source": self._said_source(),
            "marks": self.marks,
            "settings": self.settings,
            "suffix": self.suffix,
            "page": self.page,
        }

    def copy_to(self, folder: Path) -> Project:
        """The same project in a new folder: its masks are copied, its source is not, and results are left behind."""
        if self.masks.exists():
            shutil.copytree(self.masks, folder / "masks", dirs_exist_ok=True)
        copied = replace(self, folder=folder, marks=self._apart(self.marks), settings=self._apart(self.settings))
        copied.save()
        return copied

    def move_to(self, folder: Path) -> Project:
        """The same project, all its files with it, in a folder that is not there yet on the same disk."""
        source = self.source
        if source.is_relative_to(self.folder):
            source = folder / source.relative_to(self.folder)
        self.folder.rename(folder)
        moved = replace(self, folder=folder, source=source)
        moved.save()
        return moved

    def check_fields(self, owner: str) -> None:
        """Raises `UsageError` for a task, a mark or a setting that is not known, or not of its type."""
        _check(self.settings, self.spec.settings(), f"{owner} has the setting", self.task)
        _check(self.marks, marks_kinds(), f"{owner} has the mark", self.task)
        if self.suffix is not None and self.suffix not in CONTAINERS:
            raise UsageError(
                f"{owner} wants a result of the kind '{self.suffix}'; choose one of {', '.join(CONTAINERS)}"
            )

    def check(self) -> None:
        """Raises `UsageError` for what a run would refuse before it reads the video, and for a source that is gone."""
        if not self.source.exists():
            raise UsageError(
                f"the source of the project, '{self.source}', is not there; say where it is now: "
                f"cleanplate run {self.folder} --source VIDEO"
            )
        if not self._sources():
            raise UsageError("the project marks nothing; add a click, a box or a mask to it")
        job = self._job()
        engine_options(job.engine, job.options)

    def paths(self) -> list[Path]:
        """All files and folders that a run would read. Raises `UsageError` for marks that cannot be read."""
        found = [path for source in self._sources() for path in source.paths]
        return [self.source, *found, *(painted.path for painted in self._job().references)]

    def run(self, watch: Watch | None = None, *, output: Path | None = None, fresh: bool = False) -> Found:
        """Do the task, as the command line would. What an earlier, stopped run has finished is taken over.

        watch: told of the progress. output: where to, if not into the folder. fresh: start over.
        Raises what the task raises.
        """
        self.check()
        function: Callable[..., Found] = self.spec.load()
        ours: dict[str, Any] = {"watch": watch}
        if self.spec.makes == "video":
            ours |= {"fresh": fresh, "keep_masks": self.kept_masks}
        output = output or self.output
        found = function(self.source, output=output, **ours, **self.placed_marks(), **self._arguments())
        if not isinstance(found, Report):  # which writes itself
            report_path(output).write_text(json.dumps(facts(*found), indent=2) + "\n", encoding="utf-8")
        return found

    def placed_marks(self) -> Marks:
        """The marks with absolute paths."""
        return cast(Marks, {name: self._placed(name, value) for name, value in self.marks.items()})

    def choices(self) -> Choices:
        """The settings that say how holes are painted and how the result is written, with absolute paths."""
        found = {name: value for name, value in self._arguments().items() if name in Choices.__annotations__}
        return cast(Choices, found)

    def _job(self) -> Job:
        """The run that the settings ask for."""
        return job_of(self.source, self.output, self.choices())

    def _sources(self) -> list[MaskSource]:
        return sources_of(self.placed_marks(), self.output if self.spec.makes == "masks" else None)

    def _arguments(self) -> dict[str, Any]:
        """The settings as the task's function takes them."""
        found = {name: self._placed(name, value) for name, value in self.settings.items()}
        if isinstance(rate := found.get("rate"), str):
            try:
                found["rate"] = Fraction(rate)
            except (ValueError, ZeroDivisionError):
                raise UsageError(f"the rate is '{rate}', which is no number; write it like 25 or 24000/1001") from None
        if "origin_map" in found:
            found["origin_map"] = self.origin_map if found["origin_map"] else None
        return found

    def _placed(self, name: str, value: Any) -> Any:
        return [placed(text, self.folder) for text in texts(value, 0)] if name in WITH_PATHS else value

    def _apart(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Marks or settings as they are said in a folder that has a copy of `masks` and none of what lies elsewhere."""
        return {
            name: [text.replace(f"{self.masks}/", "masks/") for text in self._placed(name, value)]
            if name in WITH_PATHS
            else value
            for name, value in table.items()
        }

    def _said_source(self) -> str:
        relative = os.path.relpath(self.source, self.folder)
        return relative if Path(relative).parts[: _NEAR + 1].count("..") <= _NEAR else str(self.source)


def _check(given: Mapping[str, Any], known: Mapping[str, Setting], owner: str, task: str) -> None:
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"{owner} '{name}', which the task '{task}' does not take; it takes {', '.join(known)}")
        if not known[name].takes(value):
            raise UsageError(f"{owner} '{name}' = {_short(value)}, but it takes {known[name].said}")
        if not is_clean(value):
            raise UsageError(f"{owner} '{name}' with characters that no text has; write it anew")


def suffix_like(source: Path) -> str:
    """That of a result, where nobody chose one: the source's, if a video can be written so, else .mkv."""
    own = source.suffix.lower()
    return own if own in CONTAINERS else ".mkv"


def is_clean(value: Any) -> bool:
    """Whether all text in what JSON gave can be part of a path: no null characters, no halves of characters."""
    text = json.dumps(value, ensure_ascii=False)
    return "\\u0000" not in text and text.encode(errors="replace").decode() == text


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
