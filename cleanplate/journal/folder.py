"""The job folder beside an output: what a run has finished, so that the same command goes on from there.

    with JobFolder(Path("out.mp4")) as folder:      # .out.mp4.job, locked
        folder.claim(facts)                         # or the sentence that says what is different now
        paint = folder.find("00000000-00000068", counts, dtype)   # None: not finished, cut short or flipped
        folder.keep("00000000-00000068", paint)                   # written by a thread
        folder.finish()                             # the result is in place: on leaving, the folder goes

    .out.mp4.job/
      lock               held as long as the run lives; the system lets go of it when the process dies
      facts.json         what the folder was made for
      masks/             the stored masks of the mask pass
      masks.json         that they are whole
      survey             what the survey found
      reference-00000610 a frame that pieces far away are shown
      painted-00000044   a frame whose hole was painted before the pieces, or by a person
      00000000-00000068  a finished piece: its frames, from 0 up to 68; -0 or -1 behind: of their top or bottom fields

Nothing here is believed without its checksum, so nothing here can spoil a result.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from cleanplate.base.errors import CleanplateError, MediaError, ProofError, UsageError
from cleanplate.base.threads import Sink
from cleanplate.base.words import counted
from cleanplate.journal.entries import FramePaint, pack, seal, unpack, unseal
from cleanplate.journal.facts import Facts, content_hash, differences, from_json, to_json

_PIECE = re.compile(r"\d{8,}-\d{8,}(-[01])?", re.ASCII)
_WAITING_PIECES = 1


class JobFolder:
    """One run's folder, for one run at a time. Left by an exception it stays if something worth having is in it."""

    def __init__(self, output: Path, *, fresh: bool = False) -> None:
        """`fresh`: what an earlier run left is thrown away."""
        self.path = output.with_name(f".{output.name}.job")
        self.masks = self.path / "masks"
        self._output = output
        self._fresh = fresh
        self._facts = self.path / "facts.json"
        self._sealed = self.path / "masks.json"
        self._lock: int | None = None
        self._writer: Sink[tuple[Path, Callable[[], bytes]]] | None = None
        self._is_claimed = self._is_finished = False
        self._needed_bytes = 0

    def __enter__(self) -> Self:
        """Raises `UsageError` where another run holds the folder, or none can be made."""
        try:
            self._lock = self._locked()
        except OSError as error:
            raise UsageError(
                f"nothing can be written into '{self._output.parent}' ({error.strerror}); "
                "choose another folder for the output"
            ) from error
        self._writer = Sink(self._write, _WAITING_PIECES, "journal").__enter__()
        return self

    def _locked(self) -> int:
        while True:
            self.path.mkdir(exist_ok=True)
            path = self.path / "lock"
            try:
                lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            except FileNotFoundError:  # the run before removed the folder just now
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.exists() and path.stat().st_ino == os.fstat(lock).st_ino:  # else removed meanwhile, as above
                    return lock
            except BlockingIOError:
                os.close(lock)
                raise UsageError(
                    f"another run is writing '{self._output}' now; wait until it has ended, or give another --output"
                ) from None
            except FileNotFoundError:
                pass
            os.close(lock)

    def claim(self, facts: Facts) -> None:
        """Take over what was finished for exactly these facts. Raises `UsageError` for what was finished for others."""
        pieces = self._pieces()
        try:
            before = from_json(self._facts.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = None
        if before is not None and before != facts and not self._fresh and (pieces or self._sealed.exists()):
            raise UsageError(
                f"'{self.path}' holds {counted(len(pieces), 'finished piece')} of a run with other settings: "
                f"{', '.join(differences(before, facts))}; type the command as it was to go on, or add --fresh to "
                "start over"
            )
        if before != facts or self._fresh:
            self._clear()
            write_through(self._facts, to_json(facts).encode())
        self._is_claimed = True

    def stored_masks(self) -> list[str] | None:
        """What the mask pass had to say, if its masks are here, whole and as they were written; else they are gone."""
        try:
            sealed = json.loads(self._sealed.read_text(encoding="utf-8"))
            if sealed["hash"] == content_hash(self.masks):
                return list(sealed["warnings"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        self._sealed.unlink(missing_ok=True)
        shutil.rmtree(self.masks, ignore_errors=True)
        return None

    def seal_masks(self, warnings: Sequence[str]) -> None:
        """The mask pass is done: from now on its masks are taken over."""
        sealed = {"hash": content_hash(self.masks), "warnings": list(warnings)}
        write_through(self._sealed, json.dumps(sealed).encode())

    def reserve(self, needed_bytes: int) -> None:
        """Raises `MediaError` where that much, less what is here already, does not fit on the disk."""
        self._needed_bytes = needed_bytes
        here = sum(piece.stat().st_size for piece in self._pieces())
        free = shutil.disk_usage(self.path).free
        if free + here < needed_bytes:
            raise MediaError(
                f"this run needs about {_mib(needed_bytes - here)} on the disk of '{self._output}', but {_mib(free)} "
                "are free; free some, or choose another folder for the output"
            )

    def find(self, piece: str, counts: Sequence[int], dtype: np.dtype[Any]) -> list[FramePaint] | None:
        """A piece's paint, so many samples for each frame; None if it is not here or is not what was written."""
        try:
            entry = (self.path / piece).read_bytes()
        except OSError:
            return None
        return unpack(entry, counts, dtype)

    def keep(self, piece: str, paint: Callable[[], Sequence[FramePaint]]) -> None:
        """Write a finished piece, soon. `paint` is called in the writing thread.

        Raises what kept an earlier one from being written: `MediaError`.
        """
        assert self._writer is not None
        self._writer.put((self.path / piece, lambda: pack(paint())))

    def store(self, name: str, content: bytes) -> None:
        """Write something else that is worth finding again, now. Raises `MediaError` where it cannot be."""
        self._write((self.path / name, lambda: seal(content)))

    def load(self, name: str) -> bytes | None:
        """What was stored under that name; None if it is not here or is not what was written."""
        try:
            content = unseal((self.path / name).read_bytes())
        except OSError:
            return None
        return None if content is None else bytes(content)

    def finish(self) -> None:
        """The result is in place: on leaving, the folder goes."""
        self._is_finished = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._writer is not None
        assert self._lock is not None
        is_stopped = isinstance(error, KeyboardInterrupt)
        try:
            # Pieces that wait to be written are finished work: they are dropped where they are not needed any more, and
            # where a person waits who pressed Ctrl-C.
            is_dropped = is_stopped or self._is_finished
            self._writer.__exit__(KeyboardInterrupt if is_dropped else None, None, None)
        except CleanplateError as late:
            if error is None:
                raise
            if late is not error:
                error.add_note(str(late))
        finally:
            self._tidy(error, is_stopped)
            os.close(self._lock)

    def _tidy(self, error: BaseException | None, is_stopped: bool) -> None:
        """Remove the folder, or say why it stays."""
        pieces = len(self._pieces())
        is_worth_it = pieces > 0 or (is_stopped and self._sealed.exists())
        is_hopeless = isinstance(error, ProofError | UsageError)  # the same command would fail again
        if not self._is_claimed:  # somebody else's work
            is_kept = self._facts.exists()
        else:
            is_kept = is_worth_it and not is_hopeless and not self._is_finished
            if is_kept and error is not None:
                if _is_full(error.__cause__):
                    error.add_note(f"free about {_mib(self._missing_bytes())} more")
                kept = counted(pieces, "finished piece") if pieces else "the masks"
                error.add_note(
                    f"{kept} kept in '{self.path}': type the same command again to go on, or add --fresh to start over"
                )
        if not is_kept:
            self._facts.unlink(missing_ok=True)  # first: what is left of a folder without it is nothing
            shutil.rmtree(self.path, ignore_errors=True)

    def _pieces(self) -> list[Path]:
        return [path for path in self.path.iterdir() if _PIECE.fullmatch(path.name)]

    def _clear(self) -> None:
        self._facts.unlink(missing_ok=True)
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()

    def _write(self, item: tuple[Path, Callable[[], bytes]]) -> None:
        path, packed = item
        entry = packed()
        try:
            write_through(path, entry)
        except OSError as error:
            why = "the disk is full" if _is_full(error) else error.strerror
            raise MediaError(f"'{path}' could not be written: {why}") from error

    def _missing_bytes(self) -> int:
        here = sum(piece.stat().st_size for piece in self._pieces())
        return max(self._needed_bytes - here - shutil.disk_usage(self.path).free, 1)


def _is_full(error: BaseException | None) -> bool:
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


def write_through(path: Path, content: bytes) -> None:
    """A file that is there whole or not at all, also after a power cut."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _mib(size: int) -> str:
    return f"{-(-size // 1024**2)} MiB"
