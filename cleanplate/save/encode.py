"""Which encoder and pixel format a result is written with: decided, tried and refused before any work is done."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer

from cleanplate.base.errors import UsageError
from cleanplate.base.pixels import PIXEL_FORMATS, PixelFormat
from cleanplate.base.settings import Encode
from cleanplate.base.types import Color, VideoInfo
from cleanplate.save.changes import changed_codec, changed_samples, lost_names
from cleanplate.save.codecs import ENCODERS, FAMILIES, EncoderSpec, encoder_of
from cleanplate.save.containers import CONTAINERS, Container, check_times, frame_rate
from cleanplate.save.options import ENCODER_THREADS, RANGES, bit_rates, encoder_options, listed
from cleanplate.save.plan import PALETTE, EncodePlan, canonical
from cleanplate.save.priority import keeping_priority

os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 prints its settings to the terminal, and takes this word only here
BT709 = Color(primaries=1, transfer=1, matrix=1, full_range=False, chroma_location="left")
# Where the source's own codec cannot be written: the first of these that the container and the samples fit.
_FALLBACKS = (
    *("libx265", "libx264", "libx264rgb", "ffv1", "libvpx-vp9", "libsvtav1", "mpeg2video", "prores_ks", "utvideo"),
    *("png", "wrapped_avframe", "apng", "gif"),
)
_EXACT_FALLBACKS = ("ffv1", "utvideo")
_PLAYED = (None, "h264", "h265", "hevc", "vp9", "av1", "mpeg2", "mpeg2video", "mpeg4")
"codecs for which images become what players play"
_LEAST_BITS = 10
"a mezzanine codec's samples are never rounded to fewer"


class _EncoderError(UsageError):
    """This encoder does not take the pictures as they are; another may."""


def plan_encode(output: Path, info: VideoInfo, encode: Encode) -> EncodePlan:
    """The encoder, pixel format and options for this source and output; they were tried. Raises `UsageError`."""
    return _planned(output.name, info, encode)


@lru_cache(maxsize=8)  # asked at several doors, and to try an encoder can take half a second
def _planned(name: str, info: VideoInfo, encode: Encode) -> EncodePlan:
    suffix = Path(name).suffix.lower()
    container = CONTAINERS.get(suffix)
    if container is None:
        raise UsageError(
            f"the output '{name}' ends in '{Path(name).suffix}', which is not written; "
            f"name it {listed(CONTAINERS)}, or without a suffix for a folder of PNGs"
        )
    if (info.rotation_deg or info.is_flipped) and not container.holds_turns:
        turning = ", ".join(end for end, kind in CONTAINERS.items() if kind.holds_turns)
        raise UsageError(
            f"the pictures of '{info.path}' are to be shown turned or mirrored, which a {suffix} file cannot say; "
            f"name the output so that it ends in one of {turning}"
        )
    source, warnings = _source_format(info, encode, container)
    if encode.codec is not None:
        encoder, form = _asked_encoder(encode.codec, suffix, source, info)
        return _tried(suffix, info, encode, encoder, form, warnings)
    refusal: _EncoderError | None = None
    for encoder, form in _default_encoders(info, source, container, encode.lossless):
        try:
            return _tried(suffix, info, encode, encoder, form, warnings)
        except _EncoderError as error:
            refusal = refusal or error
    raise refusal or UsageError(_no_encoder(f"no usual codec of a {suffix} file holds {source.name}", source, info))


def _tried(
    suffix: str, info: VideoInfo, encode: Encode, encoder: str, form: PixelFormat, warnings: tuple[str, ...]
) -> EncodePlan:
    """The plan with that encoder, once encoder and muxer have begun with it on trial.

    Raises `_EncoderError` where they do not, `UsageError` for what was asked for and is not there.
    """
    if (info.width_px % 2 or info.height_px % 2) and encoder in ("libx264", "libx265") and form.step_x > 1:
        raise _EncoderError(
            f"{encoder} cannot hold {form.name} of {info.width_px}x{info.height_px}, an odd size; "
            "type --codec ffv1 and name the output .mkv"
        )
    container, rate = CONTAINERS[suffix], frame_rate(info, encoder)
    plan = EncodePlan(
        suffix=suffix,
        encoder=encoder,
        source=PIXEL_FORMATS[info.pixel_format],
        form=form,
        color=info.color,
        rate=rate,
        options=encoder_options(encoder, encode, info, form, container),
    )
    color = BT709 if plan.changes_model else info.color
    if info.pixel_format.startswith("yuvj"):  # the range is in the format's name, which the encoder is not given
        color = replace(color, full_range=True)
    if encode.codec is None and not plan.changes_model:
        warnings += changed_codec(plan, info)
    plan = replace(plan, color=color, warnings=warnings + changed_samples(plan) + lost_names(plan, info))
    reason = None
    for mbit in bit_rates(plan.options, info, rate):
        tried = replace(plan, options=plan.options | {"b": f"{mbit}M"}) if mbit else plan
        reason = _refusal(tried, info)
        if reason is None:
            check_times(suffix, container, info, rate)
            return tried
    given = ", ".join(f"{name} {value}" for name, value in plan.options.items() if name in ("crf", "preset", "profile"))
    raise _EncoderError(
        f"the encoder {encoder} refuses {info.width_px}x{info.height_px} {form.name} at {float(rate):g} frames a "
        f"second in a {suffix} file{f', {given}' if given else ''} ({reason}); "
        "choose another --codec, or --codec ffv1 and an output named .mkv, which takes anything"
    )


def _refusal(plan: EncodePlan, info: VideoInfo) -> str | None:
    """FFmpeg's words if encoder or muxer will not begin; None if they will."""
    turned = info.rotation_deg % 180 == 90
    file = av.open(io.BytesIO(), "w", format=plan.container, container_options=dict(plan.kind.options))
    try:
        stream: Any = file.add_stream(plan.encoder, rate=plan.rate, options=dict(plan.options))
        context = stream.codec_context
        context.width = info.height_px if turned else info.width_px
        context.height = info.width_px if turned else info.height_px
        context.pix_fmt = plan.form.name
        context.thread_count = ENCODER_THREADS
        context.color_range = RANGES[plan.color.full_range]
        with keeping_priority():
            file.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    finally:
        _give_up(file)
    return None


def _give_up(file: OutputContainer) -> None:
    try:
        file.close()
    except (av.FFmpegError, ValueError):  # to some muxers a file without a picture is none
        return


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


def _taken(form: PixelFormat, encoder: str) -> PixelFormat | None:
    """What an encoder takes pictures of that form as: the same samples, or for some codecs fewer bits; None = not."""
    if encoder == "gif":
        return PALETTE
    names = [each.name for each in av.Codec(encoder, "w").video_formats or []]
    if encoder in ("rawvideo", "wrapped_avframe"):  # which take all
        names = [form.name, form.name.replace("yuvj", "yuv")]
    exact = same_samples(form, names)
    if exact or not ENCODERS.get(encoder, EncoderSpec()).is_mezzanine:
        return exact
    return next(
        (
            other
            for other in map(PIXEL_FORMATS.get, names)
            if other and _LEAST_BITS <= other.bit_depth < form.bit_depth and _shape(other) == _shape(form)
        ),
        None,
    )


def _shape(form: PixelFormat) -> tuple[object, ...]:
    return form.model, form.step_x, form.step_y, form.has_alpha


def _source_format(info: VideoInfo, encode: Encode, container: Container) -> tuple[PixelFormat, tuple[str, ...]]:
    """What the encoder is to hold: the source's own samples, or for images, unless lossless, what players play."""
    form = PIXEL_FORMATS[info.pixel_format]
    is_animation = info.codec in ("gif", "apng") and not form.has_alpha
    if not (info.image_paths or is_animation) or encode.lossless or encode.codec not in _PLAYED:
        return form, ()
    if container.muxer in ("gif", "apng"):
        return form, ()
    is_even = info.width_px % 2 == 0 and info.height_px % 2 == 0
    name = ("yuv420p" if is_even else "yuv444p") + ("10le" if form.bit_depth > 8 else "")
    lost = ", without their alpha" if form.has_alpha else ""
    kept = PIXEL_FORMATS[name]
    text = f"the images were converted from {form.name} to {name} (BT.709) as players expect{lost}"
    return kept, (f"{text}; --lossless keeps them exact",)


def _default_encoders(
    info: VideoInfo, source: PixelFormat, container: Container, is_lossless: bool
) -> Iterator[tuple[str, PixelFormat]]:
    """Encoders this container and these samples fit, the source's own first, and how they take the pictures."""
    is_plain = source.bit_depth == 8 and (source.step_x, source.step_y) == (2, 2)
    own = encoder_of(info.codec)
    names = [own, "libx264rgb"] if own == "libx264" else [own] if own in ENCODERS else []
    if source.name == info.pixel_format and ENCODERS.get(own, EncoderSpec()).lossless == {}:
        names += _EXACT_FALLBACKS
    names += ["libx264"] if is_plain else []
    held = container.codecs()
    for encoder in dict.fromkeys([*names, *_FALLBACKS]):
        if encoder in av.codecs_available and canonical(encoder) in held:
            form = _taken(source, encoder)
            if form is not None and (not is_lossless or ENCODERS[encoder].lossless is not None):
                yield encoder, form


def _asked_encoder(codec: str, suffix: str, source: PixelFormat, info: VideoInfo) -> tuple[str, PixelFormat]:
    encoder = encoder_of(codec)
    try:
        found = av.Codec(encoder, "w")
    except (av.codec.codec.UnknownCodecError, ValueError):
        found = None
    if found is None or found.type != "video":
        raise UsageError(f"there is no video encoder '{codec}' here; type --codec h264, hevc or ffv1")
    if found.canonical_name not in CONTAINERS[suffix].codecs():
        raise UsageError(f"a {suffix} file cannot hold {codec}; name the output .mkv or choose another --codec")
    form = _taken(source, encoder)
    if form is None and codec == "h264" and (form := _taken(source, "libx264rgb")):
        encoder = "libx264rgb"
    if form is None:
        raise UsageError(_no_encoder(f"{codec} cannot hold {source.name}", source, info, suffix))
    return encoder, form


def _no_encoder(problem: str, source: PixelFormat, info: VideoInfo, suffix: str | None = None) -> str:
    """The problem and what to type: another codec for a file of this kind, else another kind of file."""
    for kind in ([suffix] if suffix else []) + [".mkv"]:
        first = next(_default_encoders(info, source, CONTAINERS[kind], is_lossless=False), None)
        if first is not None:
            where = "" if kind == suffix else " and name the output .mkv"
            return f"{problem}; type --codec {_typed(first[0])}{where}"
    return f"{problem}; convert the source to a common pixel format first"


def _typed(encoder: str) -> str:
    """The name people type for an encoder."""
    return next((name for name, found in FAMILIES.items() if found == encoder), encoder)


def available_encoders() -> dict[str, bool]:
    """The encoders that the families' names stand for, and whether this FFmpeg has them."""
    return {encoder: encoder in av.codecs_available for encoder in dict.fromkeys([*FAMILIES.values(), "ffv1"])}
