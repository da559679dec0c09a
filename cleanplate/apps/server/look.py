"""Is that a video? Found by decoding its first picture, in a process of its own that a broken file may crash."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

from cleanplate.base.errors import CleanplateError, MediaError

_PATIENCE_S = 60.0
_AT_ONCE = threading.BoundedSemaphore(2)


def look(path: Path, name: str | None = None, rate: Fraction | None = None) -> dict[str, Any]:
    """Its size and timing: width_px, height_px, frame_count, rate, codec, container.

    name: what the user calls it, for the message. Raises `MediaError` for what is no video, whatever its name says.
    """
    words = [sys.executable, "-m", "cleanplate.apps.server.look", str(path), *([str(rate)] if rate else [])]
    try:
        with _AT_ONCE:
            done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE_S, stdin=subprocess.DEVNULL)
        said: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise MediaError(f"'{name or path}' cannot be read as a video: its decoder crashed or hung") from error
    if "error" in said:
        raise MediaError(said["error"].replace(str(path), name or str(path)))
    return said


def _main(path: str, rate: str | None = None) -> None:
    from cleanplate.decode.reader import open_video

    try:
        with open_video(path, Fraction(rate) if rate else None) as reader:
            info = reader.info
    except CleanplateError as error:
        said: dict[str, Any] = {"error": str(error)}
    else:
        names = ("width_px", "height_px", "frame_count", "codec", "container")
        said = {name: getattr(info, name) for name in names}
        said["rate"] = None if info.rate is None else str(info.rate)
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    _main(*sys.argv[1:])
