"""Pieces into the job folder and out of it again."""

from __future__ import annotations

import numpy as np

from cleanplate.journal.entries import FramePaint
from cleanplate.journal.folder import JobFolder
from cleanplate.pieces import Held, Paint, Painted, Piece


class PieceKeeper:
    """A `Keeper`: of each frame only what its holes are painted with is kept."""

    def __init__(self, folder: JobFolder, suffix: str = "") -> None:
        """`suffix`: tells the pieces of one field from those of the other."""
        self._folder = folder
        self._suffix = suffix
        self.found = 0
        "pieces taken over from an earlier run"
        self.kept = 0

    def find(self, piece: Piece) -> list[Paint] | None:
        counts = [sum(int(np.count_nonzero(region.blank)) for region in held.regions) for held in piece.held]
        native = piece.held[0].frame.native
        assert native is not None
        dtype = np.dtype(np.uint8 if native.layout.bit_depth == 8 else np.uint16)
        found = self._folder.find(self._name(piece), counts, dtype)
        if found is None:
            return None
        self.found += 1
        return [_spread(held, paint) for held, paint in zip(piece.held, found, strict=True)]

    def keep(self, piece: Piece, paint: list[Paint]) -> None:
        blanks = [[region.blank for region in held.regions] for held in piece.held]  # without the frames

        def gathered() -> list[FramePaint]:
            return [
                (
                    np.concatenate([one.image[blank] for one, blank in zip(frame, parts, strict=True)]),
                    np.concatenate([one.origin[blank] for one, blank in zip(frame, parts, strict=True)]),
                )
                if parts
                else (np.zeros((0, 3), paint[0][0].image.dtype), np.zeros(0, np.uint8))
                for frame, parts in zip(paint, blanks, strict=True)
            ]

        self._folder.keep(self._name(piece), gathered)
        self.kept += 1

    def _name(self, piece: Piece) -> str:
        """A video's frames are divided in one way only, by what the job folder is claimed for."""
        first = piece.held[0].frame.index
        return f"{first:08d}-{first + len(piece.held):08d}{self._suffix}"


def _spread(held: Held, paint: FramePaint) -> Paint:
    """The samples back to their places."""
    samples, origin = paint
    painted, first = [], 0
    for region in held.regions:
        image = np.zeros((*region.blank.shape, 3), samples.dtype)
        source = np.zeros(region.blank.shape, np.uint8)
        stop = first + int(np.count_nonzero(region.blank))
        image[region.blank], source[region.blank] = samples[first:stop], origin[first:stop]
        painted.append(Painted(image=image, origin=source))
        first = stop
    return tuple(painted)
