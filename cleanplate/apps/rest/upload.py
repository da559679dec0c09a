"""Uploads: each part of a multipart body goes straight to its file while it comes in, none is kept in memory."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from cleanplate.base.errors import UsageError

_MASK_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}", re.ASCII)
_MOST_PARTS = 2000
_MOST_TEXT_BYTES = 1024**2


@dataclass
class Upload:
    """What was sent."""

    job: bytes = b"{}"
    "the part of that name: JSON"
    video: Path | None = None
    "where the video is: a random name"
    video_name: str = ""
    "what the user calls it, for display only"
    masks: list[Path] = field(default_factory=list)


async def receive(body: AsyncIterator[bytes], content_type: str, folder: Path) -> Upload:
    """Read a body with the parts `job`, `file` and any number of `mask`s into a folder; masks go to its `masks/`.

    Raises `UsageError` for a body that is not so.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise UsageError(f"the body is of the type '{content_type}'; send multipart/form-data or application/json")
    parts = _Parts(folder)
    parser = MultipartParser(
        options[b"boundary"],
        {
            "on_part_begin": parts.begin,
            "on_header_field": parts.header_field,
            "on_header_value": parts.header_value,
            "on_header_end": parts.header_end,
            "on_headers_finished": parts.open,
            "on_part_data": parts.write,
            "on_part_end": parts.end,
        },
    )
    try:
        async for chunk in body:
            await run_in_threadpool(parser.write, chunk)
        parser.finalize()
    except MultipartParseError as error:
        raise UsageError(f"the body is no multipart/form-data as its header says: {error}") from error
    finally:
        parts.close()
    return parts.upload


class _Parts:
    """Called by the parser as it goes."""

    def __init__(self, folder: Path) -> None:
        self.upload = Upload()
        self._folder = folder
        self._count = 0
        self._name = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._text: bytearray | None = None
        self._file: BinaryIO | None = None

    def begin(self) -> None:
        self._count += 1
        if self._count > _MOST_PARTS:
            raise UsageError(f"more than {_MOST_PARTS} parts were sent; send masks as one video or as stored masks")
        self._headers = {}

    def header_field(self, data: bytes, start: int, stop: int) -> None:
        self._name += data[start:stop]

    def header_value(self, data: bytes, start: int, stop: int) -> None:
        self._value += data[start:stop]

    def header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        if name == "job":
            self._text = bytearray()
        elif name == "file" and self.upload.video is None:
            self.upload.video = self._folder / f"source-{secrets.token_hex(8)}"
            self.upload.video_name = file_name
            self._file = self.upload.video.open("xb")
        elif name == "mask":
            self._file = self._mask(file_name).open("xb")
        else:
            raise UsageError(f"the part '{name}' is not expected; send one 'file', one 'job' and any number of 'mask'")

    def _mask(self, name: str) -> Path:
        path = self._folder / "masks" / name
        if not _MASK_NAME.fullmatch(name) or path in self.upload.masks:
            raise UsageError(
                f"a mask is called '{name}'; give each a name of its own, of letters, digits, dots, - and _"
            )
        path.parent.mkdir(exist_ok=True)
        self.upload.masks.append(path)
        return path

    def write(self, data: bytes, start: int, stop: int) -> None:
        if self._file is not None:
            self._file.write(memoryview(data)[start:stop])
        elif self._text is not None:
            self._text += data[start:stop]
            if len(self._text) > _MOST_TEXT_BYTES:
                raise UsageError(f"the part 'job' is larger than {_MOST_TEXT_BYTES // 1024} KiB")

    def end(self) -> None:
        if self._text is not None:
            self.upload.job, self._text = bytes(self._text), None
        self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
