"""The demo: a rendered clip whose clean plate is known, cleaned by the command line, scored against the truth.

python -m cleanplate.bench.demo FOLDER
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.measure import hole_psnr
from cleanplate.bench.synth import Scene, render
from cleanplate.bench.synth_video import write_clip
from cleanplate.decode.reader import open_video
from cleanplate.tasks.sheet import write_sheet

_SCENE = "walker-pan"
_SIZE = {"width_px": 640, "height_px": 360, "frames": 60}


def main(folder: Path) -> None:
    """Render, run `cleanplate remove` with two engines, print the scores and where the pictures are."""
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    print(f"rendering a clip of {_SIZE['frames']} frames whose clean plate is known ...", flush=True)
    scene = render(_SCENE, **_SIZE)
    holes = scene.holes | scene.shadow  # the walker's shadow has to go with him
    write_clip(folder / "in.mp4", scene.images, has_sound=True)
    for index, hole in enumerate(holes):
        cv2.imwrite(str(folder / "masks" / f"{index:05d}.png"), hole.astype(np.uint8) * 255)
    telea = _remove(folder, "telea.mp4", "--engine", "opencv-telea", "--quiet")
    result = _remove(folder, "out.mp4")
    _sheet(scene, holes, result, folder / "before-after.png")
    print()
    print("hole PSNR against the known clean plate, after encoding (higher is better):")
    print(f"  cleanplate  {hole_psnr(result, scene.plate, holes, data_range=255):5.2f} dB")
    print(f"  Telea       {hole_psnr(telea, scene.plate, holes, data_range=255):5.2f} dB")
    print(f"video:                {folder / 'out.mp4'}")
    print(f"before/after picture: {folder / 'before-after.png'}")


def _remove(folder: Path, name: str, *flags: str) -> NDArray[np.uint8]:
    """Run the command line as a user would. Returns the written video's pictures (T, H, W, 3)."""
    words = ["remove", str(folder / "in.mp4"), "--mask", str(folder / "masks"), "-o", str(folder / name), *flags]
    print(f"$ cleanplate {' '.join(words)}", flush=True)
    subprocess.run([sys.executable, "-m", "cleanplate", *words], check=True)
    with open_video(folder / name) as video:
        return np.stack([frame.image for frame in video])


def _sheet(scene: Scene, holes: NDArray[np.bool_], result: NDArray[np.uint8], path: Path) -> None:
    """Before, after and truth on three frames in which the hole is large."""
    chosen = sorted(np.argsort(-holes.sum((1, 2)), kind="stable")[:: len(holes) // 4][:3].tolist())
    rows = [[scene.images[n], result[n], scene.plate[n]] for n in chosen]
    write_sheet(rows, ("before", "after", "truth"), [f"frame {n}" for n in chosen], path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
