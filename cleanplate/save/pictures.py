"""Frames as the encoder takes them: put back into the stored orientation and form, and given the times it needs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from cleanplate.base.color import to_rgb
from cleanplate.base.pixels import PixelFormat, turn_back
from cleanplate.base.types import Frame, Planes, VideoInfo
from cleanplate.save.options import RANGES
from cleanplate.save.palette import with_palette
from cleanplate.save.plan import EncodePlan


class PictureMaker:
    """Makes FFmpeg's pictures of frames, sample by sample; only what the plan names is ever converted."""

    def __init__(self, info: VideoInfo, plan: EncodePlan) -> None:
        self._info = info
        self._plan = plan
        turned = info.rotation_deg % 180 == 90
        self._size = (info.height_px, info.width_px) if turned else (info.width_px, info.height_px)

    def of(self, frame: Frame) -> VideoFrame:
        """The stored picture, without a time."""
        picture = self._made(frame)
        color = self._plan.color
        if not self._plan.spec.keeps_times:  # ProRes and others take the colours' names from pictures alone
            picture.color_primaries, picture.color_trc = color.primaries, color.transfer
            picture.colorspace, picture.color_range = color.matrix, RANGES[color.full_range]
        return picture

    def _made(self, frame: Frame) -> VideoFrame:
        assert frame.native is not None
        plan = self._plan
        if plan.makes_palette:
            return with_palette(self._stored(_rgba(frame.native)))
        samples = [self._stored(shown) for shown in frame.native.arrays]
        if plan.changes_model:
            picture = self._filled(samples, plan.source)
            return picture.reformat(format=plan.form.name, dst_colorspace="ITU709", dst_color_range="MPEG")
        spare = plan.source.bit_depth - plan.form.bit_depth
        if spare > 0:
            top = 2**plan.form.bit_depth - 1
            half = 1 << (spare - 1)
            samples = [np.minimum((s.astype(np.uint32) + half) >> spare, top).astype(np.uint16) for s in samples]
        return self._filled(samples, plan.form)

    def _stored(self, shown: NDArray[Any]) -> NDArray[Any]:
        return turn_back(shown, self._info.rotation_deg, self._info.is_flipped)

    def _filled(self, samples: list[NDArray[Any]], form: PixelFormat) -> VideoFrame:
        picture = VideoFrame(*self._size, form.name)
        form.store(samples, [_rows(plane, form) for plane in picture.planes], *self._size)
        return picture


class Timing:
    """The times pictures are encoded with, and those their packets get.

    Some encoders know only a few frame rates, and some containers store none but a rate. So pictures are numbered for
    them, and the packets, which come out in the order shown, get the true times back, or the nearest tick of the rate.
    """

    def __init__(self, info: VideoInfo, plan: EncodePlan) -> None:
        self._info = info
        self._is_by_rate = plan.kind.is_by_rate
        self._is_counted = self._is_by_rate or not plan.spec.keeps_times
        self._rate = plan.rate
        self.time_base = 1 / plan.rate if self._is_counted else info.time_base
        "seconds a tick, as the encoder is told"
        self._ticks = 1 / plan.rate if self._is_by_rate else info.time_base
        self._count = 0
        self._first_pts: int | None = None  # where no times are stored everything begins with the first picture
        self._due: dict[int, tuple[int, int]] = {}

    def give(self, picture: VideoFrame, frame: Frame) -> None:
        """Set the picture's time for the encoder."""
        picture.pts, picture.duration, picture.time_base = frame.pts, frame.duration, self._info.time_base
        if not self._is_counted:
            return
        self._due[self._count] = (frame.pts, frame.duration)
        if self._is_by_rate:
            self._first_pts = frame.pts if self._first_pts is None else self._first_pts
            self._due[self._count] = (round((frame.pts - self._first_pts) * self._info.time_base * self._rate), 1)
        picture.pts, picture.duration, picture.time_base = self._count, 1, self.time_base
        self._count += 1

    def put_back(self, packet: Packet[Any]) -> None:
        """Give a packet its picture's true time."""
        if self._is_counted and packet.pts is not None:
            pts, duration = self._due.pop(packet.pts)
            packet.pts = packet.dts = pts
            packet.duration = duration
            packet.time_base = self._ticks


def clock_of(plan: EncodePlan) -> Fraction | None:
    """Ticks a second of the container; None where it takes the source's."""
    if plan.kind.is_by_rate:
        return plan.rate
    return Fraction(plan.kind.clock_hz) if plan.kind.clock_hz else None


def _rgba(planes: Planes) -> NDArray[np.uint8]:
    """(H, W, 4) R, G, B and alpha, eight bits each."""
    rgb = to_rgb(planes, (0, 0, planes.width_px, planes.height_px))
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    if planes.layout.has_alpha:
        top = 2**planes.layout.bit_depth - 1
        alpha = np.rint(planes.arrays[-1] * (255 / top)).astype(np.uint8)
    if rgb.dtype == np.uint16:
        rgb = np.rint(rgb * (255 / 65535)).astype(np.uint8)
    return np.dstack([rgb, alpha])


def _rows(plane: Any, form: PixelFormat) -> NDArray[Any]:
    """A plane to be filled, (rows, words a line)."""
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size).view(form.dtype)
