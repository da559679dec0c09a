"""Which frames of a result are most worth a look: where most was invented, and where the border of a hole shows.

looks = Looks()
looks.add(frame=0, seconds=0.0, samples=900, invented=40, seam=Seam(levels=-5.2, doubt_levels=0.6))
...
report.looks = looks.chosen()
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MOST_INVENTED = 8
_MOST_SEAMS = 4
_APART_S = 1.0
_LEAST_LEVELS = 3.0
"below that nobody sees a step, however sure it is"
_SURE, _SURE_TOGETHER = 4.0, 2.5
"times the doubt, of a frame alone and of frames in a row: of 1,474 rendered frames without a seam none is named"
_NEAR_FRAMES, _LEAST_TOGETHER = 2, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Seam:
    """The step of brightness across the border of a frame's holes, all of it taken together."""

    levels: float
    "of 255, in luma: above 0 where the paint is brighter than what lies around it"
    doubt_levels: float
    "the deviation it has where there is no seam"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A frame worth a look: much of it was invented, or the border of its hole shows."""

    frame: int
    seconds: float
    "from the first frame"
    invented_samples: int
    invented_share: float
    "of what was painted in it"
    seam_levels: float | None = None
    "levels of 255 that the paint is brighter than what lies around it, below 0 darker; None where no seam stands out"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Painted:
    look: Look
    seam: Seam | None


def surest(seams: Iterable[Seam | None]) -> Seam | None:
    """Of several seams of one frame the one that is least likely to be chance; None where there is none."""
    told = (seam for seam in seams if seam is not None)
    return max(told, key=lambda seam: abs(seam.levels) / seam.doubt_levels, default=None)


class Looks:
    """Takes every painted frame in order, and chooses in the end."""

    def __init__(self) -> None:
        self._painted: list[_Painted] = []

    def add(self, *, frame: int, seconds: float, samples: int, invented: int, seam: Seam | None) -> None:
        """A frame with so many painted samples, `invented` of them invented; its seam where it could be told."""
        look = Look(frame=frame, seconds=seconds, invented_samples=invented, invented_share=invented / samples)
        self._painted.append(_Painted(look=look, seam=seam))

    def chosen(self) -> list[Look]:
        """Where most was invented, and the highest seams, each kind at least a second apart; in order of time."""
        levels = _standing_out([(one.look.frame, one.seam) for one in self._painted if one.seam is not None])
        invented = [one.look for one in self._painted if one.look.invented_samples]
        seams = [one.look for one in self._painted if one.look.frame in levels]
        found = {
            look.frame: look
            for look in (
                *_apart(sorted(invented, key=lambda look: -look.invented_samples), _MOST_INVENTED),
                *_apart(sorted(seams, key=lambda look: -abs(levels[look.frame])), _MOST_SEAMS),
            )
        }
        return [
            Look(
                frame=look.frame,
                seconds=look.seconds,
                invented_samples=look.invented_samples,
                invented_share=look.invented_share,
                seam_levels=levels.get(look.frame),
            )
            for _, look in sorted(found.items())
        ]


def _apart(looks: Iterable[Look], most: int) -> list[Look]:
    """The first ones that are far enough from those before them."""
    found: list[Look] = []
    for look in looks:
        if len(found) < most and all(abs(look.seconds - other.seconds) >= _APART_S for other in found):
            found.append(look)
    return found


def _standing_out(seams: Sequence[tuple[int, Seam]]) -> dict[int, float]:
    """The levels of those seams that are no chance, by frame.

    A picture's own edges lie along a border by chance, but seldom in frames in a row, as either moves; paint that is
    too dark is so for a while. So frames in a row are believed more than a single one.
    """
    found = {}
    for n, (frame, seam) in enumerate(seams):
        around = seams[max(n - _NEAR_FRAMES, 0) : n + _NEAR_FRAMES + 1]
        near = [other for at, other in around if abs(at - frame) <= _NEAR_FRAMES]
        together = abs(sum(other.levels for other in near)) / sum(other.doubt_levels for other in near)
        is_sure = abs(seam.levels) > _SURE * seam.doubt_levels
        if abs(seam.levels) >= _LEAST_LEVELS and (
            is_sure or (len(near) >= _LEAST_TOGETHER and together > _SURE_TOGETHER)
        ):
            found[frame] = seam.levels
    return found
