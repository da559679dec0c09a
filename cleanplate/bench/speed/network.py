"""One engine that is a network on one short rendered clip, in a process of its own: its seconds and what it painted.

    python -m cleanplate.bench.speed.network ENGINE OPTIONS HEIGHT FRAMES RESULT.npy

Prints JSON. The weights are those that CLEANPLATE_WEIGHTS holds; which they are makes no difference to the time.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from cleanplate.base.extras import require
from cleanplate.base.types import Clip
from cleanplate.bench.speed.material import SCENE, SEED
from cleanplate.bench.synth import stream
from cleanplate.paint.engine import make_engine


def shown(height_px: int, frames: int) -> Clip:
    """A rendered clip, 9:5, with a still hole of a sixth of the width and height."""
    width_px = 2 * round(height_px * 0.9)
    samples = stream(SCENE, width_px=width_px, height_px=height_px, frames=frames, seed=SEED)
    images = np.stack([sample.image for sample in samples])
    holes = np.zeros(images.shape[:3], np.bool_)
    holes[:, height_px // 3 : height_px // 2, width_px // 3 : width_px // 2] = True
    images[holes] = 0
    return Clip(images=images, holes=holes)


def main(name: str, options: str, height: str, frames: str, result: str) -> None:
    """Paint the clip. A smaller one goes first, on which half precision is judged and libraries are made ready."""
    engine, clip = make_engine(name, json.loads(options), "auto"), shown(int(height), int(frames))
    engine.fill(Clip(images=clip.images[:2, :120, :216], holes=clip.holes[:2, :120, :216]))
    begin, begin_core = time.perf_counter(), time.process_time()
    painting = engine.fill(clip)
    seconds, core_seconds = time.perf_counter() - begin, time.process_time() - begin_core
    np.save(result, painting.images)
    card_bytes = None
    if engine.device.startswith("cuda"):
        torch: Any = require("torch", "neural")
        card_bytes = torch.cuda.max_memory_allocated(engine.device)
    print(json.dumps({"seconds": seconds, "core_seconds": core_seconds, "card_bytes": card_bytes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
