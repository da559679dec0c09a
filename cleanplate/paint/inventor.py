"""What paints the content that no frame shows, and the table of those there are.

The default engine copies what other frames show; where nothing does, it asks an inventor for a few frames, the anchors,
and carries these to all others. So an inventor paints one frame at a time, and never sees what a hole hides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from cleanplate.base.table import Row, choose
from cleanplate.base.types import Clip
from cleanplate.motion.estimator import flow_networks
from cleanplate.paint.engine import ENGINES, engine_spec


class Inventor(ABC):
    """Paints one frame of a clip."""

    def __init__(self, name: str, device: str) -> None:
        """Made by `make_inventor`. name: its row's. device: where a network runs, as `choose_device` takes it."""
        self.name = name
        self.device = device
        self.notes: list[str] = []
        "what it chose by itself, a sentence each, for the report"

    @abstractmethod
    def paint(self, clip: Clip) -> NDArray[Any]:
        """The one frame that is the clip's core, (H, W, 3), painted throughout.

        Holes are what is not known yet: what other frames show has been copied. In them frames have smooth colours that
        may serve as a hint, or are blank; the clip's other frames, if any, are there to be looked at.
        """


@dataclass(frozen=True, kw_only=True)
class InventorSpec(Row):
    """One row of the table."""

    has_texture: bool = True
    "False: the smooth fill is left as it is, and there are no anchors that all pieces would have to agree about"
    around_frames: int = 0
    "shown before and after the frame that is painted"
    engine: str | None = None
    "the engine that does the work, whose row tells what it takes"
    paint_times: float = 1.0
    "what painting takes with it, of the time of the default one (432x240, ten clips); an engine's work comes on top"

    def window_bytes(self, crop_px: int) -> int:
        """Memory that inventing takes for a crop of that size."""
        if self.engine is None:
            return 0
        spec = ENGINES[self.engine]
        a_frame = crop_px * spec.bytes_per_px + spec.work_px(crop_px) * spec.bytes_per_work_px
        return spec.window_bytes(crop_px) + (2 * self.around_frames + 1) * a_frame

    def anchor_seconds(self, crop_px: int) -> float:
        """Core-seconds of its engine for one frame, the looking at others included."""
        if self.engine is None:
            return 0.0
        spec = ENGINES[self.engine]
        return spec.work_px(crop_px) / 1e6 * spec.core_seconds_per_mpx * (self.around_frames + 1)


def _by_engine(name: str, around_frames: int) -> InventorSpec:
    engine = ENGINES[name]
    return InventorSpec(
        where="cleanplate.paint.invent_network:NetworkInventor",
        summary=engine.summary,
        extra=engine.extra,
        weights=engine.weights,
        licence=engine.licence,
        engine=name,
        around_frames=around_frames,
    )


INVENTORS: dict[str, InventorSpec] = {
    "smooth": InventorSpec(
        where="cleanplate.paint.inventor:Inventor",
        summary="the smoothest surface that meets the border: scores best",
        has_texture=False,
    ),
    "exemplar": InventorSpec(
        where="cleanplate.paint.invent_exemplar:ExemplarInventor",
        summary="patches of the same frame (PatchMatch): looks like its surroundings",
        paint_times=1.4,
    ),
    "e2fgvi-hq": _by_engine("e2fgvi-hq", around_frames=10),
    "propainter": _by_engine("propainter", around_frames=5),
}


def inventor_spec(name: str) -> InventorSpec:
    """The table's row of that name. Raises `UsageError` naming those there are."""
    return choose(INVENTORS, name, "inventor")


def inventor_of(options: Any) -> InventorSpec:
    """The row of what paints, for an engine with these options, what no frame shows."""
    return inventor_spec(getattr(options, "invent", "smooth"))


def networks_of(engine: str, options: Any) -> frozenset[str]:
    """Rows of the table of weights that an engine with these options runs."""
    return engine_spec(engine).networks(options) | flow_networks(options) | {*inventor_of(options).weights}


def make_inventor(name: str, device: str = "cpu") -> Inventor | None:
    """One ready to paint; None for the one that leaves all as it is.

    Raises `UsageError`, `MissingExtraError` or `MissingWeightsError` for what is not in the table or not here.
    """
    spec = inventor_spec(name)
    if not spec.has_texture:
        return None
    made: Inventor = spec.load()(name, device)
    return made
