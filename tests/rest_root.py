"""What the tests of the jobs over HTTP are served: a root with clips, and orders for it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

BOX = "180,10,236,40"
QUICK = {"engine": "opencv-telea", "preset": "veryfast"}
ORDER = {"marks": {"box": BOX}, "settings": QUICK}


def make_root(folder: Path) -> Path:
    """A root with clips and masks in it, and beside it what is nobody's business."""
    root = folder / "root"
    (root / "inner").mkdir(parents=True)
    scene = render("logo-pan", width_px=256, height_px=144, frames=60)
    write_clip(root / "in.mp4", scene.images[:8], has_sound=True)
    there_and_back = [*range(60), *range(58, 0, -1)]
    write_clip(root / "long.mp4", (scene.images[there_and_back[n % 118]] for n in range(160)))
    mask = scene.holes[0].astype(np.uint8) * 255
    cv2.imwrite(str(root / "inner" / "mask.png"), mask)
    write_clip(folder / "secret.mp4", scene.images[:8])
    cv2.imwrite(str(folder / "secret.png"), mask)
    (root / "link.mp4").symlink_to(folder / "secret.mp4")
    (root / "door").symlink_to(folder)
    (root / "loop").symlink_to(root / "loop")
    (root / "pictures").mkdir()
    cv2.imwrite(str(root / "pictures" / "0.png"), scene.images[0])
    (root / "pictures" / "1.png").symlink_to(folder / "secret.png")
    (root / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{folder}/secret.mp4\n#EXT-X-ENDLIST\n")
    (root / "text.mp4").write_text("this is not a video\n" * 50)
    return folder
