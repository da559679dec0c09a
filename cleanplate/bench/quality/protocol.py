"""What is done to a clip before and after it is painted, and how clips make a mean. The table is the documentation.

`papers` is what the video inpainting papers since STTN (Zeng et al. 2020) do, to the letter; `plain` leaves the data as
it is. Both give a painter the same pictures and put the truth back outside the hole, so whole-frame scores speak of
what was painted alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.bench.pictures import size_of

Pictures = NDArray[np.uint8]  # (T, H, W, 3) RGB
Holes = NDArray[np.bool_]  # (T, H, W)

HEADLINE = ("psnr", "psnr(hole)", "ssim65", "ssim65(hole)", "ewarp", "ewarp(hole)")
"rows shown clip by clip unless metrics are asked for by name"

_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One line of the table."""

    summary: str
    size_px: tuple[int, int] | None = None
    "width and height everything is resized to; None = it stays as it is"
    dilations: int = 0
    "times the hole is dilated with a 3x3 cross"
    by_frame: tuple[str, ...] = ()
    "metrics whose mean is over all frames of all clips; that of the others is over clips"

    def frames(self, images: Pictures) -> Pictures:
        """Pictures at the protocol's size: bilinear between the four nearest samples, nothing averaged before."""
        if self.size_px is None:
            return images
        return np.stack([np.asarray(cv2.resize(image, self.size_px), np.uint8) for image in images])

    def holes(self, holes: Holes) -> Holes:
        """Holes at the protocol's size (nearest sample, of even shares the one below, as PIL has it), dilated."""
        if self.size_px is None:
            return holes
        return np.stack([self._hole(hole.view(np.uint8)) for hole in holes])

    def _hole(self, hole: NDArray[np.uint8]) -> NDArray[np.bool_]:
        assert self.size_px is not None
        small = cv2.resize(hole, self.size_px, interpolation=cv2.INTER_NEAREST_EXACT)
        return np.asarray(cv2.dilate(small, _CROSS, iterations=self.dilations), np.bool_)

    def composite(self, painted: NDArray[Any], truth: Pictures, holes: Holes) -> Pictures:
        """The painted pictures inside the hole, the truth outside: what is scored."""
        return np.where(holes[..., None], painted, truth)


PROTOCOLS: dict[str, Protocol] = {
    "plain": Protocol(
        summary="nothing resized, holes as they are; the mean is over clips, a clip's value over its frames",
    ),
    "papers": Protocol(
        summary=(
            "frames resized bilinearly to 432x240, masks to the nearest sample, > 0, dilated 4 times by a 3x3 cross; "
            "PSNR, SSIM and LPIPS are means over all frames of all clips, the others over clips"
        ),
        size_px=(432, 240),
        dilations=4,
        by_frame=("psnr", "ssim65", "ssim", "ssim-gauss", "lpips-alex", "lpips-vgg"),
    ),
}


def protocol_named(name: str) -> Protocol:
    """The table's line of that name. Raises `UsageError` naming those there are."""
    if name not in PROTOCOLS:
        raise UsageError(f"there is no protocol '{name}'; choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def fit_result(result: Pictures, original: Pictures, protocol: Protocol, clip: str) -> Pictures:
    """Another program's pictures at the protocol's size; it may have worked at that size or at the clip's own.

    Raises `UsageError` for any other size.
    """
    wanted = protocol.size_px or (original.shape[2], original.shape[1])
    if result.shape[1:3] == (wanted[1], wanted[0]):
        return result
    if result.shape[1:3] == original.shape[1:3]:
        return protocol.frames(result)
    sizes = {size_of(original[0]): None, f"{wanted[0]}x{wanted[1]}": None}
    raise UsageError(f"the result for clip '{clip}' is {size_of(result[0])}; give pictures of {' or '.join(sizes)}")
