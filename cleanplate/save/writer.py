"""Video out: a file or a folder of PNGs, which appears under its name only when it is whole.

with VideoWriter("out.mp4", video.info, Encode()) as writer:
    for frame in video:
        writer.write(frame)
"""

from __future__ import annotations

import glob
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.pixels import PIXEL_FORMATS
from cleanplate.base.settings import Encode
from cleanplate.base.types import Frame, VideoInfo
from cleanplate.save.encode import plan_encode
from cleanplate.save.holds import UNTIMED, unheld_sound
from cleanplate.save.images import FolderSink
from cleanplate.save.untimed import untold_start
from cleanplate.save.video import FileSink


def check_output(output: str | Path, info: VideoInfo, encode: Encode) -> None:
    """Whether the result can be written there and so, asked before any work.

    Raises `UsageError`: no folder to write to, a container, codec or pixel format that cannot be written, the input
    itself, or a folder that holds something already.
    """
    output = Path(output)
    folder = output.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"the folder '{folder}' of the output does not exist; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"the folder '{folder}' of the output cannot be written to; choose another")
    if output.exists() and info.path.exists() and output.samefile(info.path):
        raise UsageError(f"the output '{output}' is the input itself; give it another name")
    if output.suffix:
        if output.is_dir():
            raise UsageError(f"the output '{output}' is a folder; give a file name such as {output / 'out.mp4'}")
        plan = plan_encode(output, info, encode)
        if not info.image_paths and not plan.kind.pictures_only:
            _check_sound(output, info, plan.container)
        return
    if encode.codec is not None or encode.crf is not None or encode.preset is not None:
        raise UsageError(
            f"the output '{output.name}' has no suffix, so it is a folder of PNGs, which have no --codec, --crf or "
            "--preset; leave them out or name the output .mp4, .mov or .mkv"
        )
    form = PIXEL_FORMATS[info.pixel_format]
    if encode.lossless and (form.model == "yuv" or form.bit_depth not in (8, 16)):
        raise UsageError(
            f"PNGs hold RGB, so those of {form.name} are not --lossless; leave it out, or name the output .mkv"
        )
    if output.exists() and not output.is_dir():
        raise UsageError(f"the output '{output}' is an existing file without a suffix; give a new name")
    if output.is_dir() and any(output.iterdir()):
        raise UsageError(f"the output folder '{output}' is not empty; empty it or give a new name")


def _check_sound(output: Path, info: VideoInfo, container: str) -> None:
    """Sound is never dropped, nor moved against the picture. Raises `UsageError`."""
    if sound := unheld_sound(info.path, container):
        raise UsageError(f"a {output.suffix} file cannot hold the sound of the source, {sound}")
    if container in UNTIMED and (sentence := untold_start(info, output.suffix)):
        raise UsageError(sentence)


class VideoWriter:
    """Writes one result. Left by an exception, it leaves nothing behind; an existing file is replaced at the end only.

    `warnings` holds, once it is left, a sentence for each thing that could not be kept. Raises `UsageError` for what
    cannot be asked of this output, `MediaError` where writing fails.
    """

    def __init__(
        self,
        output: str | Path,
        info: VideoInfo,
        encode: Encode,
        *,
        check: Callable[[Path, Fraction], None] | None = None,
    ) -> None:
        """`check` is given the finished file before it is moved into place; what it raises keeps it from that.

        Its second argument: by how many seconds all is shown later than in the source, as a container may ask for.
        """
        self._output = Path(output)
        self._check = check
        check_output(self._output, info, encode)
        self._part = _part_beside(self._output)
        self._sink: FileSink | FolderSink
        with self._reported():
            if self._output.suffix:
                self._sink = FileSink(self._part, info, plan_encode(self._output, info, encode))
            else:
                self._sink = FolderSink(self._part, info)
        self._count = 0

    @property
    def codec_name(self) -> str:
        """FFmpeg's name of the encoder, or png."""
        return self._sink.codec_name

    @property
    def warnings(self) -> list[str]:
        """What could not be kept, a sentence each."""
        return self._sink.warnings

    def write(self, frame: Frame) -> None:
        """Write one frame; frames come in the order shown. Raises `MediaError`."""
        with self._reported():
            self._sink.write(frame)
        self._count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                if not self._count:
                    raise MediaError(f"'{self._output}' was not written, for there was no frame to write")
                with self._reported():
                    self._sink.finish()
                if self._check is not None:
                    self._check(self._part, self._sink.later_s)
                with self._reported():
                    self._part.replace(self._output)
        finally:
            self._sink.close()
            if self._part.is_dir():
                shutil.rmtree(self._part, ignore_errors=True)
            else:
                self._part.unlink(missing_ok=True)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise MediaError(f"'{self._output}' could not be written: {reason}") from error


def encoder_for(output: Path, info: VideoInfo, encode: Encode) -> str:
    """FFmpeg's name of the encoder the result is going to be written with, or png."""
    return plan_encode(output, info, encode).encoder if output.suffix else "png"


def remove_leftovers(output: Path) -> None:
    """Remove the unfinished files of runs that were killed; for whoever knows that no run is writing this output."""
    for part in output.absolute().parent.glob(f".{glob.escape(output.name)}.*.part{glob.escape(output.suffix)}"):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def _part_beside(output: Path) -> Path:
    """A hidden name beside the output that nobody has: a pid may come back, and then meet what a killed run left."""
    return output.with_name(f".{output.name}.{secrets.token_hex(4)}.part{output.suffix}")
