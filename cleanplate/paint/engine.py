"""What an engine is, and the table of those there are.

An engine paints the holes of one `Clip`. It knows no files, no videos and no other clips; cropping, blanking, growing,
windows, joints and pasting are the chain's. A new engine is one file and one row here; `tests/contract` tries every
row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cleanplate.base.device import check_device
from cleanplate.base.errors import UsageError
from cleanplate.base.options import fill_options
from cleanplate.base.table import Row, choose
from cleanplate.base.types import Clip, Painting

WORK_HEIGHT_PX = 360
"about how high the pictures are made on which motion is found, unless an engine's options say otherwise"


class Engine(ABC):
    """Paints the holes of one clip."""

    Options: ClassVar[type]
    "a frozen dataclass: every knob, its default and its unit"
    runs_on_cards: bool = False
    "whether it has a network, which can be given another device than the processor"
    compiles: ClassVar[bool] = True
    "whether its first clip takes long for code that is compiled then: see `first_run`"

    def __init__(self, options: Any, device: str = "cpu") -> None:
        self.options = options
        self.device = device
        self.notes: list[str] = []
        "what it chose by itself, a sentence each, for the report"

    def _note(self, sentence: str | None) -> None:
        """Something for the report, once."""
        if sentence is not None and sentence not in self.notes:
            self.notes.append(sentence)

    @abstractmethod
    def fill(self, clip: Clip) -> Painting:
        """Paint `clip`'s core: images and origin of those frames, equal to the clip outside its holes."""


@dataclass(frozen=True, kw_only=True)
class EngineSpec(Row):
    """One row of the table: where an engine lives and what the chain must arrange for it."""

    core_frames: int
    "frames painted in one piece, at most"
    margin_frames: int
    "frames shown before and after the core"
    bytes_per_px: int
    "working memory a pixel of one frame of the clip, beside the clip itself, at 8 bit"
    bytes_per_work_px: int = 0
    "the same a pixel of the smaller pictures that it finds motion on, or that a network is shown"
    network_bytes: int = 0
    "memory of a network and its library, whatever it is shown"
    window_bytes_per_px: int = 0
    "what a network takes a pixel of the crop for the frames it is shown at a time, whatever the clip's length"
    most_work_px: int | None = None
    "larger crops are painted at this size; None = crops are painted as they are"
    references: int = 0
    "frames from far away it can make use of at a time"
    core_seconds_per_mpx: float = 0.1
    "work for a megapixel of crop in one frame, for the forecast (measured as told in forecast.py)"
    core_seconds_a_frame: float = 0.0
    "and for a frame however small its crop"
    multiple_px: int = 1
    "height and width must be multiples of this"
    filled_px: tuple[int, int] = (1, 1)
    "height and width that it fills crops up to multiples of by itself"

    def work_px(self, crop_px: int) -> int:
        """Pixels that a crop of so many is painted with."""
        return crop_px if self.most_work_px is None else min(crop_px, self.most_work_px)

    def window_bytes(self, crop_px: int) -> int:
        """Memory that painting a crop of that size takes, whatever the clip's length."""
        return self.network_bytes + self.window_bytes_per_px * self.work_px(crop_px)

    def clip_bytes_per_px(self, crop_px: int, frame_height_px: int, sample_bytes: int) -> int:
        """Memory that painting takes a pixel of one frame of the clip, the clip itself and what is painted included."""
        share = 1 / max(1, round(frame_height_px / WORK_HEIGHT_PX)) ** 2
        if self.most_work_px is not None:
            share = self.work_px(crop_px) / max(crop_px, 1)
        deeper = 3 * (sample_bytes - 1)  # measured at 8 bit, where painted frames take half
        return 3 * sample_bytes + 1 + self.bytes_per_px + deeper + round(self.bytes_per_work_px * share)


ENGINES: dict[str, EngineSpec] = {
    "flowfill": EngineSpec(
        where="cleanplate.paint.flowfill:FlowFill",
        summary="follows the motion and copies what other frames show; smooth where nothing is ever seen",
        core_frames=64,
        margin_frames=30,
        bytes_per_px=5,  # measured: 4 at 2160 lines, 5 to 7 (`best`) at 1080, and what is pasted and kept of it beside
        bytes_per_work_px=20,  # 25 in all at 240 lines with a hole of 30 %: flow, ways of hidden points, motion kept
        references=4,
        core_seconds_per_mpx=0.15,
        core_seconds_a_frame=0.04,  # four clips of 80 to 100 frames at 432x240
    ),
    "opencv-telea": EngineSpec(
        where="cleanplate.paint.opencv:Telea",
        summary="each frame by itself, fast marching (Telea 2004)",
        core_frames=32,
        margin_frames=0,
        bytes_per_px=12,
        core_seconds_per_mpx=0.065,
    ),
    "opencv-ns": EngineSpec(
        where="cleanplate.paint.opencv:NavierStokes",
        summary="each frame by itself, fluid dynamics (Bertalmio 2001)",
        core_frames=32,
        margin_frames=0,
        bytes_per_px=12,
        core_seconds_per_mpx=0.065,
    ),
    "smooth": EngineSpec(
        where="cleanplate.paint.smooth:Smooth",
        summary="each frame by itself, the smoothest surface that meets the border",
        core_frames=32,
        margin_frames=0,
        bytes_per_px=24,
        core_seconds_per_mpx=0.03,
    ),
    "e2fgvi-hq": EngineSpec(
        where="cleanplate.paint.e2fgvi:E2fgvi",
        summary="a network that carries features along the motion and invents the rest (Li et al. 2022)",
        core_frames=32,
        margin_frames=10,
        bytes_per_px=4,  # what is painted
        bytes_per_work_px=44,  # features of every frame, and the sums of overlapping windows
        network_bytes=600 * 1024**2,  # measured: torch and the network 300 MiB, what is worked on at a time 300
        window_bytes_per_px=3000,  # measured at 648x360: 2300 for eleven frames
        most_work_px=500_000,
        references=2,
        filled_px=(60, 108),
        core_seconds_per_mpx=27,  # measured at 432x240, 648x360 and 864x480 in float32: 26, 25 and 27
        extra="neural",
        weights=("e2fgvi-hq",),
        licence="Apache-2.0; weights CC-BY-NC-4.0: no commercial use",
    ),
    "propainter": EngineSpec(
        where="cleanplate.paint.propainter:ProPainter",
        summary="a network that carries pictures and features along the motion and invents the rest (Zhou et al. 2023)",
        core_frames=32,
        margin_frames=10,
        bytes_per_px=4,  # what is painted
        bytes_per_work_px=73,  # pictures twice, flow both ways and kept, features of every frame, sums of windows
        network_bytes=600 * 1024**2,
        window_bytes_per_px=4000,  # flow that is completed at a time, 200 for each: 22 at 432x240, 10 of large crops
        most_work_px=500_000,
        filled_px=(8, 8),
        core_seconds_per_mpx=57,  # measured at 432x240: 54, and the margins of long clips
        extra="neural",
        weights=("propainter", "propainter-flow", "raft"),
        licence="Apache-2.0; weights NTU S-Lab License 1.0: no commercial use",
    ),
}


def engine_spec(name: str) -> EngineSpec:
    """The table's row of that name. Raises `UsageError` naming those there are."""
    return choose(ENGINES, name, "engine")


def engine_class(name: str) -> type[Engine]:
    """The class of an engine, imported now. Raises `UsageError` for an unknown name or an extra that is not here."""
    found: type[Engine] = engine_spec(name).load()
    return found


def engine_options(name: str, given: Mapping[str, Any]) -> Any:
    """An engine's options, the given ones in place of their defaults. Raises `UsageError` for one it does not have."""
    return fill_options(engine_class(name).Options, given, f"engine '{name}'")


def make_engine(name: str, options: Mapping[str, Any] | None = None, device: str = "cpu") -> Engine:
    """An engine ready to paint. Raises `UsageError` for an unknown engine, option or device, or one it cannot use."""
    chosen = engine_class(name)
    check_device(device)
    made = chosen(engine_options(name, options or {}), device)
    if device not in ("auto", "cpu") and not made.runs_on_cards:
        raise UsageError(f"--device is {device}, but the engine '{name}' runs on the processor; leave out --device")
    return made
