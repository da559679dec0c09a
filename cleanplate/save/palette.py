"""Pictures of at most 256 colours for GIFs: exact where there are no more, else by FFmpeg's palette filters."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray

_MOST = 256
_NEARLY_ALL = 0.9
"share of pixels that the 256 commonest colours must have to be kept as they are"
_HALF = 128
"alpha from which on a GIF's pixel, which is there or is not, is there"


def with_palette(rgba: NDArray[np.uint8]) -> VideoFrame:
    """A picture with a palette of its own, from (H, W, 4) R, G, B and alpha."""
    rgba = np.where(rgba[..., 3:] >= _HALF, rgba | np.array([0, 0, 0, 255], np.uint8), 0).astype(np.uint8)
    words = np.ascontiguousarray(rgba).view("<u4")[..., 0]  # (H, W)
    colours, places, counts = np.unique(words, return_inverse=True, return_counts=True)
    if len(colours) > _MOST:
        common = np.argsort(-counts, kind="stable")[:_MOST]
        if counts[common].sum() < _NEARLY_ALL * words.size:
            return _reduced(rgba)
        places = _nearest(colours, common)[places]
        colours = colours[common]
    palette = np.zeros((_MOST, 4), np.uint8)
    palette[: len(colours)] = colours.view(np.uint8).reshape(-1, 4)[:, [3, 0, 1, 2]]  # A, R, G, B
    indices = np.asarray(places).reshape(words.shape).astype(np.uint8)
    return VideoFrame.from_ndarray((indices, palette), format="pal8")  # type: ignore[arg-type]  # PyAV's stub


def _nearest(colours: NDArray[np.uint32], common: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each colour the place in `common` of the one most like it; a common one's is its own."""
    channels = colours.view(np.uint8).reshape(-1, 4).astype(np.float32)
    found = np.empty(len(colours), np.intp)
    for start in range(0, len(colours), _MOST):  # in parts, for there may be as many as pixels
        part = channels[start : start + _MOST]
        found[start : start + _MOST] = np.square(part[:, None] - channels[common]).sum(-1).argmin(1)
    return found


def _reduced(rgba: NDArray[np.uint8]) -> VideoFrame:
    """The colours by median cut, spread by error diffusion (FFmpeg's `palettegen` and `paletteuse`)."""
    source = VideoFrame.from_ndarray(rgba, format="rgba")
    graph = Graph()
    start = graph.add_buffer(width=source.width, height=source.height, format=source.format, time_base=Fraction(1, 25))
    split, made = graph.add("split"), graph.add("palettegen", "stats_mode=single:reserve_transparent=1")
    used, end = graph.add("paletteuse", "new=1:dither=sierra2_4a:alpha_threshold=128"), graph.add("buffersink")
    start.link_to(split)
    split.link_to(used, 0, 0)
    split.link_to(made, 1, 0)
    made.link_to(used, 0, 1)
    used.link_to(end)
    graph.configure()
    source.pts = 0
    graph.push(source)
    graph.push(None)
    picture = graph.pull()
    assert isinstance(picture, VideoFrame)
    return picture
