"""An engine of your own, tried on pictures in memory: python examples/own_engine.py"""

from dataclasses import dataclass

import numpy as np

import cleanplate
from cleanplate.paint.engine import Engine, EngineSpec


class Median(Engine):
    """Paints each hole sample with the median over the frames that show it: right for a still camera."""

    @dataclass(frozen=True)
    class Options:
        pass

    def fill(self, clip: cleanplate.Clip) -> cleanplate.Painting:
        known = np.ma.masked_array(clip.images, np.broadcast_to(clip.holes[..., None], clip.images.shape))
        plate = np.ma.median(known, axis=0).filled(128).astype(clip.images.dtype)  # (H, W, 3)
        first, stop = clip.core_range
        holes = clip.holes[first:stop]
        images = np.where(holes[..., None], plate, clip.images[first:stop])
        shown = (~clip.holes).any(0)
        return cleanplate.Painting(images=images, origin=np.where(holes, np.where(shown, 1, 2), 0).astype(np.uint8))


cleanplate.ENGINES["median"] = EngineSpec(
    where=f"{__name__}:Median", summary="median over time", core_frames=50, margin_frames=25, bytes_per_px=16
)
images = np.full((20, 40, 60, 3), 90, np.uint8)
holes = np.zeros(images.shape[:3], bool)
for t in range(20):
    images[t, 10:30, 2 * t : 2 * t + 15] = 255  # something white that passes
    holes[t, 10:30, 2 * t : 2 * t + 15] = True
print("clean:", bool((cleanplate.fill(images, holes, engine="median").images == 90).all()))
