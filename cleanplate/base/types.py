"""The nouns of the program: what flows through `decode -> mask -> motion -> paint -> paste -> save`.

Conventions, here and everywhere: RGB; row-major (H, W); points and flow are (x, y) in pixels with pixel centres at
integers; boxes are half-open (x0, y0, x1, y1); frame indices count from 0; ranges are half-open; a hole is True
where something is to be painted; time is exact (ticks x `Fraction`), never a float.
Pictures, masks and boxes are in *displayed orientation* (rotation and flip applied) at *stored pixels* (no aspect
stretch). 16-bit pictures are full scale: `round(v * 65535 / (2**bits - 1))`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]  # (H, W, 3) RGB, uint8 or full-scale uint16
Hole = NDArray[np.bool_]  # (H, W), True = paint here
Labels = NDArray[np.uint8]  # (H, W), 0 = background, 1-255 = object ids
Box = tuple[int, int, int, int]  # half-open x0, y0, x1, y1

Model = Literal["yuv", "rgb", "gray"]

UNTOUCHED, SEEN, INVENTED = 0, 1, 2
"where a sample of a painting came from: see `Painting.origin`"


@dataclass(frozen=True, kw_only=True)
class Color:
    """How the stored numbers of a video mean light. Codes are those of ITU-T H.273."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    "2 = the file does not say"
    full_range: bool | None = None
    "None = the file does not say"
    chroma_location: str = "unspecified"
    "left, center, topleft, top, bottomleft, bottom or unspecified (MPEG's name of the chroma siting)"


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One stream of the source that is not the video being worked on."""

    index: int
    kind: str
    "audio, subtitle, data, attachment or video"
    codec: str
    language: str | None = None


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What is known of a video before its frames are decoded."""

    path: Path
    width_px: int
    height_px: int
    "width and height as displayed (after rotation), in stored pixels"
    time_base: Fraction
    "seconds a tick"
    rate: Fraction | None
    "average frames a second, for display only; None = unknown"
    frame_count: int | None
    "the header's claim; None where it makes none"
    bit_depth: int
    pixel_format: str
    "FFmpeg's name, e.g. yuv420p10le"
    codec: str
    "FFmpeg's name of the codec, e.g. h264; 'images' for a folder"
    container: str = ""
    color: Color = field(default_factory=Color)
    field_order: str = "progressive"
    "progressive, unknown, or which field comes first as coded and as shown: tt, bb, tb or bt"
    pixel_aspect: Fraction = Fraction(1)
    rotation_deg: int = 0
    "clockwise turn that brings the stored picture upright: 0, 90, 180 or 270"
    is_flipped: bool = False
    "mirrored left to right, after the turn"
    start_pts: int = 0
    "ticks: presentation time of the first frame, as far as the header tells"
    streams: tuple[Stream, ...] = ()
    image_paths: tuple[Path, ...] = ()
    "the pictures, in order, where the source is a folder"


@dataclass(frozen=True, kw_only=True)
class PlaneLayout:
    """How the samples of one picture lie, seen in displayed orientation.

    Chroma sample (i, j) sits at luma position `(step_x * i + site_x, step_y * j + site_y)` and belongs to the block of
    luma samples whose first column is `step_x * i + block_x` (rows alike). `block_*` is 0 but for odd sizes turned
    over, where the half-covered block comes first: then -1 (or less for wider steps).
    """

    pixel_format: str
    model: Model
    bit_depth: int
    step_x: int = 1
    step_y: int = 1
    site_x: float = 0.0
    site_y: float = 0.0
    block_x: int = 0
    block_y: int = 0
    matrix: int = 1
    "H.273 matrix code actually used: never 2 (unspecified)"
    full_range: bool = False
    has_alpha: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Planes:
    """One picture in the file's own samples, as read-only views in displayed orientation.

    `arrays`: (Y, Cb, Cr), (R, G, B) or (Y,), then alpha where there is one; each (h, w) uint8, or uint16 with the value
    in its low bits. Luma, R, G, B and alpha are (H, W); chroma is smaller by the layout's steps.
    """

    arrays: tuple[NDArray[Any], ...]
    layout: PlaneLayout

    @property
    def height_px(self) -> int:
        return int(self.arrays[0].shape[0])

    @property
    def width_px(self) -> int:
        return int(self.arrays[0].shape[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture of a video and when it is shown."""

    index: int
    pts: int
    "ticks of the video's time base"
    duration: int
    "ticks; 0 = unknown"
    native: Planes | None
    "the decoder's own planes, read by paste and save only; None where only the timing was read"
    captions: bytes = b""
    "closed captions that the picture carries: CTA-708 triplets, written into the picture that replaces it"

    def crop(self, box_xyxy: Box) -> Image:
        """The part of the picture inside the box: (h, w, 3) RGB, uint8 for 8-bit sources, else full-scale uint16."""
        from cleanplate.base.color import to_rgb

        if self.native is None:
            raise ValueError("this frame carries its timing only; decode the video to see its picture")
        return to_rgb(self.native, box_xyxy)

    @property
    def image(self) -> Image:
        """The whole picture, converted anew at each access: (H, W, 3) RGB."""
        if self.native is None:
            raise ValueError("this frame carries its timing only; decode the video to see its picture")
        return self.crop((0, 0, self.native.width_px, self.native.height_px))


@dataclass(frozen=True, kw_only=True, eq=False)
class Prompt:
    """A hint to a mask maker on one frame."""

    index: int
    object_id: int = 1
    points_xy: tuple[tuple[float, float], ...] = ()
    point_is_in: tuple[bool, ...] = ()
    box_xyxy: Box | None = None
    hole: Hole | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Matte:
    """What labels cannot hold: a see-through overlay, or a stain that changed the picture by gain and offset."""

    alpha: NDArray[np.float32]  # (H, W), 0-1
    color: NDArray[np.float32]  # (H, W, 3), 0-1 RGB
    gain: NDArray[np.float32] | None = None
    offset: NDArray[np.float32] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """A frame of the same shot that shows what a clip's holes hide: one from far away, or one that was painted."""

    index: int
    "its frame index in the video"
    image: Image  # (h, w, 3), the clip's dtype, zero inside the hole: the part that may be of use
    hole: Hole  # (h, w)
    planes: NDArray[np.float64]  # (T, 3, 3): points of each of the clip's frames, px of its crop, to this image's; a
    # guess, good to a few px
    needed: NDArray[np.bool_]  # (T,): where it shows something that no frame nearby does
    front: Hole | None = None
    "(h, w): what lies in front of the rest and moves by itself; None = nothing is known to"
    is_painted: bool = False
    "its hole is filled by invention: what is copied from there is invented as well, and only where nothing is seen"
    is_trusted: bool = False
    "painted, and right: what it shows goes before what other frames show"


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """What an engine sees: consecutive frames of one shot, cropped to a hole and its surroundings, the hole blanked."""

    images: NDArray[Any]  # (T, H, W, 3) RGB, uint8 or full-scale uint16, zero inside the holes
    holes: NDArray[np.bool_]  # (T, H, W)
    start: int = 0
    "frame index of images[0] in the video"
    core: tuple[int, int] | None = None
    "half-open range of positions in `images` whose painting is owed; None = all"
    box_xyxy: Box | None = None
    "where the crop sits in the full frame; None = it is the full frame"
    frame_height_px: int | None = None
    "height of the full frame, which lengths in pixels scale with; None = the clip's own"
    references: tuple[Reference, ...] = ()
    "the most telling first"

    @property
    def core_range(self) -> tuple[int, int]:
        """The half-open range of positions owed, spelled out."""
        return self.core if self.core is not None else (0, len(self.images))


@dataclass(frozen=True, kw_only=True, eq=False)
class Painting:
    """What an engine returns for the clip's core, in order.

    `origin` says where each sample came from: 0 untouched, 1 seen elsewhere in the video (copied weight at least one
    half), 2 invented.
    """

    images: NDArray[Any]  # (T_core, H, W, 3), the clip's dtype; equal to the clip outside the holes
    origin: NDArray[np.uint8]  # (T_core, H, W)


@dataclass(frozen=True, kw_only=True, eq=False)
class Flow:
    """Motion between pairs of frames: the point (x, y) of `source[n]` lies at (x, y) + xy[n, y, x] in `target[n]`."""

    xy: NDArray[np.float32]  # (N, H, W, 2) px
    source: tuple[int, ...]
    target: tuple[int, ...]
    valid: NDArray[np.bool_]  # (N, H, W)
