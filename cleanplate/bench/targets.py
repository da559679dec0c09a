"""What this project wants to reach, measured in one run as ratios: quality, the cost of a small logo, memory.

    python -m cleanplate.bench.targets [quality] [logo] [memory]

Each run is a process of its own. Machines differ and are noisy: read the ratios, not the seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.measure import hole_psnr
from cleanplate.bench.holes import moving_blob
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.decode.reader import open_video
from cleanplate.tasks.arrays import fill

Pictures = NDArray[np.uint8]


def quality(_: Path) -> None:
    """Hole PSNR and time of flowfill and Telea on ten real clips with synthetic holes, nothing grown or feathered."""
    clips = os.environ.get("CLEANPLATE_CLIPS")
    if not clips:
        print("quality: skipped; set CLEANPLATE_CLIPS to the folder that holds davis/<clip>/{frames,holes}")
        return
    scores: dict[str, list[float]] = {"flowfill": [], "opencv-telea": []}
    seconds = dict.fromkeys(scores, 0.0)
    frames = 0
    for engine in scores:  # compile and load before the clock runs
        fill(np.zeros((2, 64, 64, 3), np.uint8), np.eye(64, dtype=bool)[None].repeat(2, 0), engine=engine)
    print(f"{'clip':16s} {'flowfill':>9s} {'Telea':>9s}   hole PSNR, dB")
    for clip in sorted(Path(clips, "davis").iterdir()):
        images = np.stack(list(_pictures(clip / "frames")))
        holes = np.stack([picture[..., 0] > 127 for picture in _pictures(clip / "holes")])
        frames += len(images)
        for engine, found in scores.items():
            start = time.perf_counter()
            painting = fill(images, holes, engine=engine)
            seconds[engine] += time.perf_counter() - start
            found.append(hole_psnr(painting.images, images, holes, data_range=255))
        print(f"{clip.name:16s} {scores['flowfill'][-1]:9.2f} {scores['opencv-telea'][-1]:9.2f}", flush=True)
    print(f"{'mean':16s} {np.mean(scores['flowfill']):9.2f} {np.mean(scores['opencv-telea']):9.2f}   wanted: 19.5 dB")
    each = {engine: 1000 * spent / frames for engine, spent in seconds.items()}
    ratio = each["flowfill"] / each["opencv-telea"]
    print(
        f"{'ms a frame':16s} {each['flowfill']:9.1f} {each['opencv-telea']:9.1f}   ratio {ratio:.2f}, wanted: 6 at most"
    )


def _pictures(folder: Path) -> Iterator[Pictures]:
    with open_video(folder) as reader:
        for frame in reader:
            yield frame.image


def logo(work: Path) -> None:
    """1080p with a still 200x80 logo, x264 veryfast on both sides: the whole job against plain decode and encode."""
    source = work / "logo.mp4"
    scene = render("logo-pan", width_px=1920, height_px=1080, frames=60)
    write_clip(source, _there_and_back(scene.images, 600))
    words = ["remove", str(source), "--box", "1400,100,1600,180", "-o", str(work / "clean.mp4")]
    words += ["--preset", "veryfast", "--crf", "16", "--quiet"]
    ratios = []
    _cleanplate(words)  # compile once before the clock runs
    for _ in range(3):
        plain = _timed(lambda: _run([sys.executable, "-c", _PLAIN, str(source), str(work / "plain.mp4")]))
        whole = _timed(lambda: _cleanplate(words))
        ratios.append(whole / plain)
        print(
            f"logo: {whole:.1f} s against {plain:.1f} s of plain decode and encode, ratio {whole / plain:.2f}",
            flush=True,
        )
    print(f"logo: median ratio {np.median(ratios):.2f}, wanted: 1.6 at most")


# What anybody would write with PyAV: decode, encode with the same settings, nothing else.
_PLAIN = """
import sys, av
with av.open(sys.argv[1]) as source, av.open(sys.argv[2], "w") as out:
    video = source.streams.video[0]
    video.thread_type = "AUTO"
    to = out.add_stream("libx264", rate=video.average_rate, options={"preset": "veryfast", "crf": "16"})
    to.width, to.height, to.pix_fmt = video.width, video.height, video.pix_fmt
    for frame in source.decode(video):
        frame.pict_type = 0
        out.mux(to.encode(frame))
    out.mux(to.encode(None))
"""


def memory(work: Path) -> None:
    """Peak memory on one continuous 1080p shot with a moving hole of 10 %, short and ten times as long."""
    scene = render("pan", width_px=1920, height_px=1080, frames=60)
    peaks = []
    for frames in (100, 1000):
        source, masks = work / f"shot-{frames}.mp4", work / f"masks-{frames}.mkv"
        write_clip(source, _there_and_back(scene.images, frames), crf=20)
        holes = moving_blob(60, 1080, 1920, share=0.1, speed=0.005)
        pictures = (np.repeat(hole[..., None], 3, 2).astype(np.uint8) * 255 for hole in _there_and_back(holes, frames))
        write_clip(masks, pictures, codec="ffv1", crf=None, pixel_format="gray")
        words = ["remove", str(source), "--mask", str(masks), "-o", str(work / "out.mp4"), "--json"]
        report = json.loads(_cleanplate(words))
        peaks.append(report["peak_memory_bytes"] / 1024**2)
        print(
            f"memory: {frames} frames, peak {peaks[-1]:.0f} MiB, {report['seconds']['total'] / frames:.2f} s a frame",
            flush=True,
        )
    print(f"memory: ratio {peaks[1] / peaks[0]:.2f}, wanted: 1.1 at most; peak wanted: 2048 MiB at most")


def _there_and_back(items: NDArray[Any], count: int) -> Iterator[Any]:
    """`count` items from a loop that runs forward and backward, so that no shot cut appears."""
    loop = [*range(len(items)), *range(len(items) - 2, 0, -1)]
    for n in range(count):
        yield items[loop[n % len(loop)]]


def _cleanplate(words: list[str]) -> str:
    return _run([sys.executable, "-m", "cleanplate", *words])


def _run(words: list[str]) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


TARGETS: dict[str, Callable[[Path], None]] = {"quality": quality, "logo": logo, "memory": memory}


def main(names: Iterable[str]) -> None:
    """Measure the targets named, or all."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names or TARGETS:
            if name not in TARGETS:
                sys.exit(f"there is no target '{name}'; choose from {', '.join(TARGETS)}")
            TARGETS[name](Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
