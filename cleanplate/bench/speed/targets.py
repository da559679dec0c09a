"""The figures this project wants to reach in time and memory: the price of a small logo, and time and memory of a large
moving hole.

    for target in [*logo(folder), *large_hole(folder)]:
        print(target.name, target.measured, target.wanted, target.is_met)

Results are kept in the folder and measured again when code, versions or machine change.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import FailedError
from cleanplate.base.report import Progress, Watch
from cleanplate.base.types import Box
from cleanplate.bench.holes import moving_blob, still_box
from cleanplate.bench.speed.material import SEED, scratch_folder, write_masks
from cleanplate.bench.speed.report import PLAIN
from cleanplate.bench.speed.run import identity_facts, run_side, warm_up
from cleanplate.bench.store import Result, Unit, file_of, load, made_by, save
from cleanplate.bench.synth import stream
from cleanplate.bench.synth_video import write_clip

LOGO_RATIO = 1.3
MEMORY_MIB = 2048.0
MEMORY_RATIO = 1.1
FRAMES_A_SECOND = 4.0

_ENGINE = "flowfill"
_LOGO = (236, 240, 248)
"RGB of the still logo, which fills its mask: of what a logo looks like nothing is seen"
_LOOP_FRAMES = 60
"rendered; longer clips run through them forward and backward, so that no shot cut appears"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure beside what is wanted of it."""

    name: str
    measured: float | None
    "None = it was not, as `how` says"
    wanted: float
    unit: str
    "empty for ratios"
    is_least: bool
    "whether `wanted` is the least, or else the most, that meets it"
    how: str

    @property
    def is_met(self) -> bool:
        if self.measured is None:
            return False
        return self.measured >= self.wanted if self.is_least else self.measured <= self.wanted


def logo(folder: Path, *, height_px: int = 1080, frames: int = 600, repeats: int = 3, watch: Watch) -> list[Target]:
    """A still logo in a panning clip: the whole job over a plain decode and encode with the same settings.

    The median of the ratios of runs made one after the other. Raises `FailedError` if a run fails.
    """
    asked = {"height_px": height_px, "frames": frames, "repeats": repeats}
    found = _kept("logo", asked, folder, lambda: _logo(**asked, folder=folder, watch=watch))
    how = (
        f"{height_px}p, {frames} frames, still logo of {found['width_px']}x{found['high_px']} px, flowfill; median of "
        f"{repeats}: {', '.join(f'{ratio:.2f}' for ratio in found['ratios'])}; of processor time "
        f"{statistics.median(found['processor_ratios']):.2f}"
    )
    ratio = statistics.median(found["ratios"])
    return [
        Target(
            name="small logo, whole job / plain decode and encode",
            measured=ratio,
            wanted=LOGO_RATIO,
            unit="",
            is_least=False,
            how=how,
        )
    ]


def _logo(*, height_px: int, frames: int, repeats: int, folder: Path, watch: Watch) -> Result:
    width_px = 2 * round(height_px * 8 / 9)
    unit = height_px / 1080
    box: Box = (round(1400 * unit), round(100 * unit), round(1600 * unit), round(180 * unit))
    ratios, processor_ratios = [], []
    with scratch_folder(folder) as scratch:
        pictures = _pictures("pan", width_px, height_px)
        pictures[:, box[1] : box[3], box[0] : box[2]] = _LOGO
        write_clip(scratch / "in.mp4", _there_and_back(pictures, frames))
        (scratch / "mask").mkdir()
        write_masks(still_box(1, height_px, width_px, box), scratch / "mask")
        mask = scratch / "mask" / "000000.png"
        for side in (PLAIN, _ENGINE):
            warm_up(side, scratch)
        for n in range(repeats):
            watch(Progress(stage="logo", done=n, total=repeats))
            plain, _ = run_side(PLAIN, scratch / "in.mp4", mask, scratch)
            whole, _ = run_side(_ENGINE, scratch / "in.mp4", mask, scratch)
            ratios.append(whole.seconds / plain.seconds)
            processor_ratios.append(whole.processor_seconds / plain.processor_seconds)
        watch(Progress(stage="logo", done=repeats, total=repeats))
    return {
        "ratios": ratios,
        "processor_ratios": processor_ratios,
        "width_px": box[2] - box[0],
        "high_px": box[3] - box[1],
    }


def large_hole(
    folder: Path, *, height_px: int = 1080, lengths: tuple[int, int] = (100, 1000), watch: Watch
) -> list[Target]:
    """Time and peak memory on one continuous shot with a moving hole of 10 %, short and ten times as long.

    Raises `FailedError` if a run fails.
    """
    asked = {"height_px": height_px, "lengths": list(lengths)}
    found = _kept("large hole", asked, folder, lambda: _large_hole(height_px, lengths, folder, watch))
    short, long = (peak / 1024**2 for peak in found["peaks"])
    clip = f"{height_px}p, one shot, moving hole of 10 %, flowfill"
    how = f"{clip}; {lengths[1]} frames"
    return [
        Target(
            name="large moving hole, whole job",
            measured=lengths[1] / found["seconds"],
            wanted=FRAMES_A_SECOND,
            unit="frames/s",
            is_least=True,
            how=f"{how}, x264 veryfast; {found['processor_seconds'] / lengths[1]:.2f} s of processor time a frame",
        ),
        Target(name="peak memory", measured=max(short, long), wanted=MEMORY_MIB, unit="MiB", is_least=False, how=how),
        Target(
            name="peak memory, long / short",
            measured=long / short,
            wanted=MEMORY_RATIO,
            unit="",
            is_least=False,
            how=f"{clip}; {lengths[1]} frames {long:.0f} MiB, {lengths[0]} frames {short:.0f} MiB",
        ),
    ]


def _large_hole(height_px: int, lengths: tuple[int, int], folder: Path, watch: Watch) -> Result:
    width_px = 2 * round(height_px * 8 / 9)
    pictures = _pictures("pan", width_px, height_px)
    holes = moving_blob(_LOOP_FRAMES, height_px, width_px, share=0.1, speed=0.005, seed=SEED)
    peaks = []
    for n, frames in enumerate(lengths):
        watch(Progress(stage="large hole", done=sum(lengths[:n]), total=sum(lengths)))
        with scratch_folder(folder) as scratch:
            write_clip(scratch / "in.mp4", _there_and_back(pictures, frames), crf=20)
            (scratch / "masks").mkdir()
            write_masks(_there_and_back(holes, frames), scratch / "masks")
            ran, facts = run_side(_ENGINE, scratch / "in.mp4", scratch / "masks", scratch)
            peaks.append(max(ran.peak_bytes, facts["peak_memory_bytes"] or 0))
    watch(Progress(stage="large hole", done=sum(lengths), total=sum(lengths)))
    return {"peaks": peaks, "seconds": ran.seconds, "processor_seconds": ran.processor_seconds}


def _pictures(scene: str, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """The loop's frames (T, H, W, 3). At 1080p they take 360 MB; `render` would add 2 GB of motion."""
    samples = stream(scene, width_px=width_px, height_px=height_px, frames=_LOOP_FRAMES, seed=SEED)
    return np.stack([sample.image for sample in samples])


def _there_and_back(items: NDArray[Any], count: int) -> Iterator[Any]:
    """`count` items from a loop that runs forward and backward, so that no shot cut appears."""
    loop = [*range(len(items)), *range(len(items) - 2, 0, -1)]
    for n in range(count):
        yield items[loop[n % len(loop)]]


def _kept(name: str, asked: dict[str, Any], folder: Path, measure: Callable[[], Result]) -> Result:
    """The result from the folder, or measured now and kept there."""
    identity = {**identity_facts(), **asked, "target": made_by("bench/speed/targets", "bench/synth", "bench/holes")}
    unit = Unit(name=("target", name), identity=identity, task=None)
    path = file_of(unit, folder / "parts")
    found = load(path, unit)
    if found is None:
        found = measure()  # makes the folder
        try:
            path.parent.mkdir(exist_ok=True)
            save(path, unit, found)
        except OSError as error:
            raise FailedError(f"the result could not be written to '{path}' ({error.strerror})") from error
    return found
