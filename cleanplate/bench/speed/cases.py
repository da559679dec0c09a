"""What is measured: a base case, and sweeps that each vary one thing around it. The table is the documentation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cleanplate.base.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Case:
    """One video and its hole."""

    height_px: int
    share: float
    "of the picture that the hole covers, about"
    frames: int

    @property
    def width_px(self) -> int:
        """16:9, rounded to an even number."""
        return 2 * round(self.height_px * 8 / 9)

    @property
    def name(self) -> str:
        return f"{self.height_px}p, hole {100 * self.share:g} %, {self.frames} frames"


@dataclass(frozen=True, kw_only=True)
class Extent:
    """One line of the table: the base case and the values that the sweeps go through."""

    summary: str
    base: Case
    heights: tuple[int, ...]
    shares: tuple[float, ...]
    lengths: tuple[int, ...]
    "in multiples of the base case's frames"


_BASE = Case(height_px=480, share=0.05, frames=48)
_SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25)

EXTENTS: dict[str, Extent] = {
    "quick": Extent(
        summary="that it works: about a minute; start-up outweighs all else in clips this small",
        base=Case(height_px=144, share=0.05, frames=12),
        heights=(144, 240),
        shares=(0.02, 0.05, 0.1),
        lengths=(1, 2, 4),
    ),
    "standard": Extent(
        summary="up to 1080p and 8 times the length",
        base=_BASE,
        heights=(240, 360, 480, 720, 1080),
        shares=_SHARES,
        lengths=(1, 2, 4, 8),
    ),
    "full": Extent(
        summary="up to 2160p and 16 times the length",
        base=_BASE,
        heights=(240, 360, 480, 720, 1080, 1440, 2160),
        shares=_SHARES,
        lengths=(1, 2, 4, 8, 16),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The cases of each sweep, in rising order; the base case is in all of them."""

    base: Case
    size: tuple[Case, ...]
    share: tuple[Case, ...]
    length: tuple[Case, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """Each case once, the base case first."""
        return tuple(dict.fromkeys((self.base, *self.size, *self.share, *self.length)))


def plan_cases(
    extent: str,
    *,
    heights: Sequence[int] | None = None,
    shares: Sequence[float] | None = None,
    lengths: Sequence[int] | None = None,
) -> Plan:
    """The cases of an extent, or with other values in its sweeps; the base case then has the values nearest to its own.

    heights: px; shares: of the picture, 0-1; lengths: multiples of the extent's frames. Raises `UsageError` for an
    unknown extent or values that cannot be.
    """
    if extent not in EXTENTS:
        raise UsageError(f"there is no extent '{extent}'; choose one of {', '.join(EXTENTS)}")
    row = EXTENTS[extent]
    highs = _sorted(row.heights if heights is None else heights)
    areas = _sorted(row.shares if shares is None else shares)
    longs = _sorted(row.lengths if lengths is None else lengths)
    if not all(32 <= high <= 4320 and high % 2 == 0 for high in highs) or not highs:
        raise UsageError(f"heights are {_listed(highs)}, but must be even numbers of lines from 32 to 4320")
    if not all(0 < area <= 0.5 for area in areas) or not areas:
        percents = _listed(100 * area for area in areas)
        raise UsageError(f"hole shares are {percents} %, but must lie above 0 and up to 50 % of the picture")
    if not all(long >= 1 for long in longs) or not longs:
        raise UsageError(f"lengths are {_listed(longs)}, but must be whole multiples, from 1 up")
    high, area = (
        min(some, key=lambda value: abs(math.log(value / wanted)))
        for some, wanted in ((highs, row.base.height_px), (areas, row.base.share))
    )
    base = Case(height_px=int(high), share=area, frames=row.base.frames * int(longs[0]))
    return Plan(
        base=base,
        size=tuple(Case(height_px=int(high), share=base.share, frames=base.frames) for high in highs),
        share=tuple(Case(height_px=base.height_px, share=area, frames=base.frames) for area in areas),
        length=tuple(
            Case(height_px=base.height_px, share=base.share, frames=row.base.frames * int(long)) for long in longs
        ),
    )


def _sorted(values: Iterable[float]) -> list[float]:
    return sorted(set(values))


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "none"
