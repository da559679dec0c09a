"""A first run compiles in two processes: numba compiles on one core, and what a clip needs last can be had meanwhile.

Run as a program (`python -m cleanplate.paint.first_run 8`) it is the second process. Both leave what they compile in
numba's cache, from where the other one takes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import cv2
import numpy as np

from cleanplate.base.color import compile_kernels
from cleanplate.base.types import Clip
from cleanplate.paint.engine import Engine

_PATIENCE_S = 1.0
"a warm-up that takes longer compiles; reading what is compiled takes a third of that"
_ROOM_BYTES = 1024**3
"a smaller ceiling of memory has no room for the second process, which takes 300 MiB for some seconds"


def warm_up(engine: Engine, bit_depth: int, memory_bytes: int | None = None) -> None:
    """Let an engine load and compile what it and the conversions of colour need for pictures of that depth.

    `memory_bytes`: what all processes together may use; None = no limit.
    """
    has_room = memory_bytes is None or memory_bytes >= _ROOM_BYTES
    with _compiling_beside(bit_depth) if engine.compiles and has_room else nullcontext():
        if engine.compiles:
            _fill_a_small_clip(engine, bit_depth)
        compile_kernels(bit_depth)


def _fill_a_small_clip(engine: Engine, bit_depth: int) -> None:
    random = np.random.default_rng(0)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    still = cv2.resize(random.integers(0, 256, (12, 12, 3)).astype(np.uint8), (96, 96)).astype(dtype)
    images = np.stack([np.roll(still, 2 * n, axis=1) for n in range(6)])
    holes = np.zeros(images.shape[:3], bool)
    for n in range(len(holes)):
        holes[n, 40:52, 36 + 2 * n : 52 + 2 * n] = True
    images[holes] = 0
    engine.fill(Clip(images=images, holes=holes))


@contextmanager
def _compiling_beside(bit_depth: int) -> Iterator[None]:
    """While what is within compiles, a second process begins at the other end; it ends with what is within.

    What becomes of it does not matter: a kernel that is not found in the cache is compiled here.
    """
    process: subprocess.Popen[bytes] | None = None
    lock, has_ended = threading.Lock(), False

    def start() -> None:
        nonlocal process
        with lock:
            if not has_ended:
                words = [sys.executable, "-m", "cleanplate.paint.first_run", str(bit_depth)]
                nothing = subprocess.DEVNULL
                process = subprocess.Popen(words, stdin=nothing, stdout=nothing, stderr=nothing)

    timer = threading.Timer(_PATIENCE_S, start)
    if len(os.sched_getaffinity(0)) > 1:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            has_ended = True
        if process is not None:
            process.terminate()
            process.wait()


def compile_last(bit_depth: int) -> None:
    """Compile what `flowfill` runs last, which is half of all, and the colours, on frames in which little is to do."""
    from cleanplate.paint.blend import blend
    from cleanplate.paint.judge import Candidates
    from cleanplate.paint.steady import steady
    from cleanplate.paint.trace import FLOW, Tracks

    dtype = np.uint8 if bit_depth == 8 else np.uint16
    images = np.zeros((2, 16, 16, 3), dtype)
    holes = np.zeros((2, 16, 16), np.bool_)
    holes[:, 4, 4] = True
    tracks = Tracks(
        masked=holes, gray=images[..., 0].astype(np.uint8), flows=np.zeros((2, 0), np.int16),
        places=np.zeros((1, 5), np.int64), planes=np.tile(np.eye(3), (1, 2, 1, 1)), is_planar=np.zeros(1, np.bool_),
    )  # fmt: skip
    found = Candidates(
        x0=0, y0=0, ways=np.zeros(0, np.int64), hypotheses=np.zeros(0, np.int64),
        frame=np.zeros((0, 3, 3), np.int32), xy=np.zeros((0, 3, 3, 2), np.float32),
        risk=np.zeros((0, 3, 3, 2), np.float32), verdict=np.zeros((0, 3, 3, 4), np.float32),
        weight=np.zeros((0, 3, 3), np.float32),
    )  # fmt: skip
    light = np.ones((2, 3), np.float32)
    part, weight = np.zeros((16, 16, 3), np.float32), np.ones((16, 16), np.float32)
    marks = np.zeros((16, 16), np.uint8)
    blend(images, 0, holes[0], tracks, 1, found, light, (0, 0), part, weight, weight, marks, marks)
    with ThreadPoolExecutor(1) as pool:
        steady(images, holes, [0], 0, tracks, FLOW, 1.0, 1, 1.0, light, pool)
    compile_kernels(bit_depth)


if __name__ == "__main__":
    compile_last(int(sys.argv[1]))
