"""Which encoder, pixel format and options a result is written with: decided, and refused, before any work is done."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2

from cleanplate.base.errors import UsageError
from cleanplate.base.pixels import PIXEL_FORMATS, PixelFormat
from cleanplate.base.settings import Encode
from cleanplate.base.types import Color, VideoInfo

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
FAMILIES = {"h264": "libx264", "h265": "libx265", "hevc": "libx265", "ffv1": "ffv1"}
PRESETS = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"]
CRF_DEFAULT = 16.0
# x264 and x265 spread a stream over frame threads, and their number changes the bytes: fixed, it does not depend on
# the machine. Three keep two cores busy; eight made a 1080p encode there 1.3 times slower and its file 9 % larger.
ENCODER_THREADS = 3
# x264's AVX-512 code reads memory nobody wrote: in pictures 160 to 720 px wide one run in ten gave other bytes, never
# (150 runs) where the width is a multiple of 128. AVX2's code gave the same in 140 of 140 runs, for 5 to 8 % more time.
_AVX_512F = 13  # OpenCV's CV_CPU_AVX_512F, not named in Python
_SAFE_MULTIPLE_PX = 128
# x264's medium preset looks 40 frames ahead and holds 114 for it: 1.4 GB at 2160p. Ten are 51 frames, 0.6 GB.
LARGE_PX = 4_500_000
_LARGE_LOOKAHEAD = 10
BT709 = Color(primaries=1, transfer=1, matrix=1, full_range=False, chroma_location="left")


@dataclass(frozen=True, kw_only=True)
class EncodePlan:
    """How the video stream is written."""

    container: str
    "FFmpeg's name of the muxer"
    encoder: str
    form: PixelFormat
    color: Color
    options: dict[str, str]
    warnings: tuple[str, ...] = ()

    def converts(self, info: VideoInfo) -> bool:
        """Whether pictures change their colour model on the way: images that become an ordinary video."""
        return PIXEL_FORMATS[info.pixel_format].model != self.form.model


def plan_encode(output: Path, info: VideoInfo, encode: Encode) -> EncodePlan:
    """The encoder, pixel format and options for this source and output. Raises `UsageError`."""
    container = CONTAINERS.get(output.suffix.lower())
    if container is None:
        raise UsageError(
            f"the output '{output.name}' ends in '{output.suffix}', which is not written; "
            f"name it {_listed(CONTAINERS)}, or without a suffix for a folder of PNGs"
        )
    with av.open(io.BytesIO(), "w", format=container) as probe:
        holds = probe.supported_codecs - ({"ffv1"} if container == "mp4" else set())
    source, warnings = _source_format(info, encode)
    if encode.codec is None:
        encoder, form = _default_encoder(info, source, holds)
    else:
        encoder, form = _asked_encoder(encode.codec, output, source, holds)
    if (info.width_px % 2 or info.height_px % 2) and encoder in ("libx264", "libx265") and form.step_x > 1:
        raise UsageError(
            f"{encoder} cannot hold {form.name} of {info.width_px}x{info.height_px}, an odd size; "
            "type --codec ffv1 and name the output .mkv"
        )
    stored_width = info.height_px if info.rotation_deg % 180 else info.width_px
    options = _options(encoder, encode, stored_width, info.width_px * info.height_px > LARGE_PX)
    color = BT709 if warnings else info.color
    if info.pixel_format.startswith("yuvj"):  # the range is in the format's name, which the encoder is not given
        color = replace(color, full_range=True)
    return EncodePlan(container=container, encoder=encoder, form=form, color=color, options=options, warnings=warnings)


def same_samples(form: PixelFormat, names: Iterable[str]) -> PixelFormat | None:
    """The first of those formats that holds the same samples, if in another order; its own name comes first."""
    names = list(names)
    if form.name in names and not form.name.startswith("yuvj"):
        return form
    for name in names:
        other = PIXEL_FORMATS.get(name)
        if other and not name.startswith("yuvj") and _kind(other) == _kind(form):
            return other
    return None


def _kind(form: PixelFormat) -> tuple[object, ...]:
    return form.model, form.bit_depth, form.step_x, form.step_y, form.has_alpha


def _source_format(info: VideoInfo, encode: Encode) -> tuple[PixelFormat, tuple[str, ...]]:
    """What the encoder is to hold: the source's own samples, or for images, unless lossless, what players play."""
    form = PIXEL_FORMATS[info.pixel_format]
    if not info.image_paths or encode.lossless or encode.codec not in (None, "h264", "hevc", "h265"):
        return form, ()
    is_even = info.width_px % 2 == 0 and info.height_px % 2 == 0
    name = ("yuv420p" if is_even else "yuv444p") + ("10le" if form.bit_depth > 8 else "")
    lost = ", without their alpha" if form.has_alpha else ""
    kept = PIXEL_FORMATS[name]
    text = f"the images were converted from {form.name} to {name} (BT.709) as players expect{lost}"
    return kept, (f"{text}; --lossless keeps them exact",)


def _formats(encoder: str) -> list[str]:
    return [form.name for form in av.Codec(encoder, "w").video_formats or []]


def _default_encoder(info: VideoInfo, source: PixelFormat, holds: set[str]) -> tuple[str, PixelFormat]:
    is_plain = source.bit_depth == 8 and (source.step_x, source.step_y) == (2, 2)
    wanted = [FAMILIES[info.codec]] if info.codec in FAMILIES else []
    for encoder in [*wanted, *(["libx264"] if is_plain else []), "libx265", "libx264", "libx264rgb", "ffv1"]:
        if encoder in holds and (form := same_samples(source, _formats(encoder))):
            return encoder, form
    raise UsageError(_no_encoder(f"no usual codec holds {source.name} here", source))


def _asked_encoder(codec: str, output: Path, source: PixelFormat, holds: set[str]) -> tuple[str, PixelFormat]:
    encoder = FAMILIES.get(codec, codec)
    try:
        found = av.Codec(encoder, "w")
    except (av.codec.codec.UnknownCodecError, ValueError):
        found = None
    if found is None or found.type != "video":
        raise UsageError(f"there is no video encoder '{codec}' here; type --codec h264, hevc or ffv1")
    if encoder not in holds:
        raise UsageError(f"a {output.suffix} file cannot hold {codec}; name the output .mkv or choose another --codec")
    form = same_samples(source, _formats(encoder))
    if form is None and codec == "h264" and (form := same_samples(source, _formats("libx264rgb"))):
        encoder = "libx264rgb"
    if form is None:
        raise UsageError(_no_encoder(f"{codec} cannot hold {source.name}", source))
    return encoder, form


def _no_encoder(problem: str, source: PixelFormat) -> str:
    for codec, where in (("h264", ""), ("hevc", ""), ("libx264rgb", ""), ("ffv1", " and name the output .mkv")):
        if same_samples(source, _formats(FAMILIES.get(codec, codec))):
            return f"{problem}; type --codec {codec}{where}"
    return f"{problem}; convert the source to a common pixel format first"


def _options(encoder: str, encode: Encode, width_px: int, is_large: bool) -> dict[str, str]:
    known = {option.name for option in av.Codec(encoder, "w").create().supported_options.private}
    # frame_duration: packets last as long as their frames, where FFmpeg would say one over the average rate
    options: dict[str, str] = {"flags": "+bitexact+frame_duration"}
    if encode.preset is not None:
        if "preset" not in known:
            raise UsageError(f"{encoder} has no presets; leave out --preset")
        if encoder.startswith(("libx264", "libx265")) and encode.preset not in PRESETS:
            raise UsageError(f"{encoder} has no preset '{encode.preset}'; choose one of {_listed(PRESETS)}")
        options["preset"] = encode.preset
    if encode.crf is not None and "crf" not in known:
        raise UsageError(f"{encoder} has no --crf; leave it out")
    if encode.crf is not None and encode.crf > 51 and encoder in ("libx264", "libx264rgb", "libx265"):
        raise UsageError(f"--crf is {encode.crf:g}, but {encoder}'s scale ends at 51; 16 is visually lossless")
    if encode.lossless:
        lossless = {
            "libx264": {"qp": "0"},
            "libx264rgb": {"qp": "0"},
            "libx265": {"x265-params": "lossless=1"},
            "ffv1": {},
        }
        if encoder not in lossless:
            raise UsageError(f"--lossless is not known for {encoder}; type --codec h264, hevc or ffv1")
        options |= lossless[encoder]
    elif "crf" in known:
        options["crf"] = f"{encode.crf if encode.crf is not None else CRF_DEFAULT:g}"
    is_x264 = encoder in ("libx264", "libx264rgb")
    params = [f"rc-lookahead={_LARGE_LOOKAHEAD}"] if is_large else []
    if is_x264 and width_px % _SAFE_MULTIPLE_PX and cv2.checkHardwareSupport(_AVX_512F):
        params.append("asm=AVX2")
    if is_x264 and params:
        options["x264-params"] = ":".join(params)
    if encoder == "libx265":
        params += ["log-level=none", f"frame-threads={ENCODER_THREADS}"]
        options["x265-params"] = ":".join(filter(None, [options.get("x265-params"), *params]))
    return options


def available_encoders() -> dict[str, bool]:
    """The encoders that the families' names stand for, and whether this FFmpeg has them."""
    return {encoder: encoder in av.codecs_available for encoder in dict.fromkeys(FAMILIES.values())}


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}"
