"""Sheets for the page: before, hole, result and truth of rendered scenes, small enough to live in the repository."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.measure import hole_psnr
from cleanplate.base.report import Progress, Watch
from cleanplate.bench.speed.report import TELEA
from cleanplate.bench.synth import SCENES, render
from cleanplate.tasks.arrays import fill
from cleanplate.tasks.sheet import write_sheet

SHOWN = ("walker-pan", "wet", "parallax", "logo-pan", "van", "cloth")
SEED = 0
MOST_BYTES = 150_000
"of a sheet: it lives in the repository"

_SIZE = {"width_px": 384, "height_px": 216, "frames": 60}
_ROWS = 2
_HOLE_RGB = np.array((255, 0, 255), np.float32)


def draw_sheets(folder: Path, watch: Watch) -> str:
    """Write a JPEG for each scene shown into the folder; returns the page's text about them."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [
        f"Rendered at {_SIZE['width_px']}x{_SIZE['height_px']}, {_SIZE['frames']} frames, seed {SEED}; painted with "
        f"`flowfill`, nothing grown or feathered, not encoded. Magenta marks what was to be painted."
    ]
    for n, name in enumerate(SHOWN):
        watch(Progress(stage="pictures", done=n, total=len(SHOWN)))
        ours, telea = _draw(name, folder / f"{name}.jpg")
        parts.append(
            f"**{name}**: {SCENES[name].summary}. PSNR in the hole {ours:.1f} dB, Telea {telea:.1f} dB.\n\n"
            f"![{name}: before, hole, result, truth]({folder.name}/{name}.jpg)"
        )
    watch(Progress(stage="pictures", done=len(SHOWN), total=len(SHOWN)))
    return "\n\n".join(parts)


def _draw(name: str, path: Path) -> tuple[float, float]:
    """PSNR inside the hole, dB, of flowfill and of Telea; two frames of flowfill's result are drawn."""
    scene = render(name, **_SIZE, seed=SEED)
    holes = scene.holes | scene.shadow | scene.mirror  # what belongs to an object has to go with it
    results = [fill(scene.images, holes, engine=engine).images for engine in ("flowfill", TELEA)]
    chosen = _spread_frames(holes)
    rows = [[scene.images[t], _marked(scene.images[t], holes[t]), results[0][t], scene.plate[t]] for t in chosen]
    with tempfile.TemporaryDirectory() as work:
        sheet = Path(work, "sheet.png")
        write_sheet(rows, ("before", "hole", "result", "truth"), [f"frame {t}" for t in chosen], sheet)
        path.write_bytes(_small_jpeg(np.asarray(cv2.imread(str(sheet)), np.uint8)))
    ours, telea = (hole_psnr(result, scene.plate, holes, data_range=255) for result in results)
    return ours, telea


def _spread_frames(holes: NDArray[np.bool_]) -> list[int]:
    """The frames shown: the middles of equal parts of those that have a hole."""
    holed = np.flatnonzero(holes.any(axis=(1, 2)))
    return [int(part[len(part) // 2]) for part in np.array_split(holed, _ROWS)]


def _marked(image: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture with its hole in a colour that scenes do not have."""
    marked = image.copy()
    marked[hole] = (0.3 * image[hole] + 0.7 * _HOLE_RGB).astype(np.uint8)
    return marked


def _small_jpeg(sheet: NDArray[np.uint8]) -> bytes:
    """The sheet (H, W, 3) BGR at the best quality that keeps it small."""
    for quality in range(92, 20, -4):
        _, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(data) <= MOST_BYTES:
            break
    return data.tobytes()
