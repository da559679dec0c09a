"""What an encoder is told beside sizes and colours: quality, presets, profiles, and what keeps its bytes the same."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import av
import cv2

from cleanplate.base.errors import UsageError
from cleanplate.base.pixels import PixelFormat
from cleanplate.base.settings import Encode
from cleanplate.base.types import VideoInfo
from cleanplate.save.codecs import ENCODERS, EncoderSpec, encoder_of, profile_options
from cleanplate.save.containers import Container
from cleanplate.save.holds import open_source

PRESETS = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"]
_SVT_PRESETS = [str(number) for number in range(14)]
# x264 and x265 spread a stream over frame threads, and their number changes the bytes: fixed, it does not depend on
# the machine. Three keep two cores busy; eight made a 1080p encode there 1.3 times slower and its file 9 % larger.
ENCODER_THREADS = 3
# x264's AVX-512 code reads memory nobody wrote: in pictures 160 to 720 px wide one run in ten gave other bytes, never
# (150 runs) where the width is a multiple of 128. AVX2's code gave the same in 140 of 140 runs, for 5 to 8 % more time.
_AVX_512F = 13  # OpenCV's CV_CPU_AVX_512F, not named in Python
_SAFE_MULTIPLE_PX = 128
# x264's medium preset looks 40 frames ahead and holds 114 for it: 1.4 GB at 2160p. Ten are 51 frames, 0.6 GB. x265
# holds more for each: at 2160p, 10 bit, 2.1 GB with ten frames ahead and four B frames, 1.4 GB with three and two, 1.0
# GB with two, one and one frame thread (on a rendered pan no larger a file for it).
LARGE_PX = 4_500_000
_LARGE = {
    "libx264": ["rc-lookahead=10"],
    "libx264rgb": ["rc-lookahead=10"],
    "libx265": ["rc-lookahead=2", "bframes=1", "frame-threads=1"],
}
RANGES = {None: 0, False: 1, True: 2}
"FFmpeg's numbers for: unsaid, limited and full range"
_RATE_REACH_MBIT = 6
"DNxHD's nominal rates lie this near to the rate that its frames have"


def encoder_options(
    encoder: str, encode: Encode, info: VideoInfo, form: PixelFormat, container: Container
) -> dict[str, str]:
    """The options for this encoder. Raises `UsageError` for what was asked of it and it does not have."""
    spec = ENCODERS.get(encoder, EncoderSpec())
    known = {option.name for option in av.Codec(encoder, "w").create().supported_options.private}
    # frame_duration: packets last as long as their frames, where FFmpeg would say one over the average rate
    flags = "+bitexact+frame_duration" + ("+qscale" if "global_quality" in spec.quality else "")
    options = {"flags": flags, **spec.quality, **_profile(encoder, info, form)}
    if container.is_by_rate and spec.keeps_times and encoder != "ffv1":
        options["bf"] = "0"  # no times, so nothing says in which order reordered pictures are shown
    if form.has_alpha and encoder in ("libvpx", "libvpx-vp9"):
        options["auto-alt-ref"] = "0"  # libvpx refuses alpha with it
    options |= _preset(encoder, encode, known)
    if encode.crf is not None and "crf" not in known:
        raise UsageError(f"{encoder} has no --crf; leave it out")
    if encode.crf is not None and encode.crf > spec.crf_end:
        raise UsageError(
            f"--crf is {encode.crf:g}, but {encoder}'s scale ends at {spec.crf_end:g}; {spec.crf or 16:g} is visually "
            "lossless"
        )
    if encode.lossless:
        if spec.lossless is None:
            raise UsageError(f"--lossless is not known for {encoder}; type --codec h264, hevc or ffv1")
        options |= spec.lossless
    elif "crf" in known:
        options["crf"] = f"{encode.crf if encode.crf is not None else spec.crf or 16:g}"
    return options | _params(encoder, info, options)


def _preset(encoder: str, encode: Encode, known: Iterable[str]) -> dict[str, str]:
    if encode.preset is None:
        return {}
    if "preset" not in known:
        raise UsageError(f"{encoder} has no presets; leave out --preset")
    choice = {"libx264": PRESETS, "libx264rgb": PRESETS, "libx265": PRESETS, "libsvtav1": _SVT_PRESETS}.get(encoder)
    if choice and encode.preset not in choice:
        raise UsageError(f"{encoder} has no preset '{encode.preset}'; choose one of {listed(choice)}")
    return {"preset": encode.preset}


def _params(encoder: str, info: VideoInfo, options: dict[str, str]) -> dict[str, str]:
    """What goes to x264, x265 and SVT-AV1 in their own words."""
    width_px = info.height_px if info.rotation_deg % 180 else info.width_px
    params = list(_LARGE.get(encoder, ())) if info.width_px * info.height_px > LARGE_PX else []
    if encoder in ("libx264", "libx264rgb"):
        if width_px % _SAFE_MULTIPLE_PX and cv2.checkHardwareSupport(_AVX_512F):
            params.append("asm=AVX2")
        return {"x264-params": ":".join(params)} if params else {}
    if encoder == "libx265":
        params = ["log-level=none", f"frame-threads={ENCODER_THREADS}", *params]  # the last one of a name counts
        return {"x265-params": ":".join(filter(None, [options.get("x265-params"), *params]))}
    if encoder == "libsvtav1":
        return {"svtav1-params": f"lp={ENCODER_THREADS}"}
    return {}


def _profile(encoder: str, info: VideoInfo, form: PixelFormat) -> dict[str, str]:
    if encoder not in ("prores_ks", "dnxhd"):
        return {}
    profile = None
    if encoder_of(info.codec) == encoder:
        with open_source(info.path) as source:
            profile = source.streams[_main_index(info)].profile
    return profile_options(encoder, profile, form.name)


def bit_rates(options: dict[str, str], info: VideoInfo, rate: Fraction) -> list[int | None]:
    """Mbit/s to be tried in turn: DNxHD knows a few only, and the source's is the nearest to what its frames need."""
    if options.get("profile") != "dnxhd":
        return [None]
    with open_source(info.path) as source:
        first = next(source.demux(source.streams[_main_index(info)]))
        near = round(first.size * 8 * rate / 1_000_000)
    reach = range(max(near - _RATE_REACH_MBIT, 1), near + _RATE_REACH_MBIT + 1)
    return [mbit for _, mbit in sorted((abs(mbit - near), mbit) for mbit in reach)]


def _main_index(info: VideoInfo) -> int:
    """The number of the stream that is the video: the one that is none of the others."""
    others = {stream.index for stream in info.streams}
    return next(index for index in range(len(others) + 1) if index not in others)


def listed(names: Iterable[str]) -> str:
    """Names as a sentence has them."""
    *most, last = names
    return f"{', '.join(most)} or {last}"
