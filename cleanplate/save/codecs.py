"""The encoders results are written with: what makes each visually lossless, what makes it exact, what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_FINE = {"global_quality": "236"}
"quantiser 2, in FFmpeg's unit of 1/118, of the codecs without a constant-quality mode; goes with the flag qscale"


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """One encoder. `None` and empty fields mean that it does not have that."""

    quality: Mapping[str, str] = field(default_factory=dict)
    "options of a visually lossless result, beside --crf"
    crf: float | None = None
    "visually lossless on its own scale"
    crf_end: float = 63
    lossless: Mapping[str, str] | None = None
    "options with which it gives back every sample; {} = it always does"
    has_fields: bool = False
    "codes interlaced pictures field by field, and says so"
    keeps_times: bool = False
    "takes pictures at any times; the others are given numbers, and the times are put back"
    is_mezzanine: bool = False
    "meant for further work: its decoder tells more bits than its encoder takes, and those are rounded to"
    alpha_is_lossy: bool = False


def _old(*, has_fields: bool = False) -> EncoderSpec:
    return EncoderSpec(quality={**_FINE, "bf": "0"}, has_fields=has_fields)


_EXACT = EncoderSpec(lossless={})

ENCODERS: dict[str, EncoderSpec] = {
    "libx264": EncoderSpec(crf=16, crf_end=51, lossless={"qp": "0"}, has_fields=True, keeps_times=True),
    "libx264rgb": EncoderSpec(crf=16, crf_end=51, lossless={"qp": "0"}, keeps_times=True),
    "libx265": EncoderSpec(crf=16, crf_end=51, lossless={"x265-params": "lossless=1"}, keeps_times=True),
    "ffv1": EncoderSpec(lossless={}, has_fields=True, keeps_times=True),
    "libvpx-vp9": EncoderSpec(
        # Rows in parallel would be faster; whether their bytes are always the same is nowhere promised.
        quality={"b": "0", "deadline": "good", "cpu-used": "2", "row-mt": "0"},
        crf=14,
        lossless={"lossless": "1"},
        alpha_is_lossy=True,
    ),
    # VP8's constant quality needs a rate that is never reached.
    "libvpx": EncoderSpec(quality={"b": "200M", "deadline": "good", "cpu-used": "2"}, crf=6, alpha_is_lossy=True),
    "libsvtav1": EncoderSpec(quality={"preset": "6"}, crf=18),
    "prores_ks": EncoderSpec(quality={"vendor": "apl0", "alpha_bits": "16"}, has_fields=True, is_mezzanine=True),
    "dnxhd": EncoderSpec(has_fields=True, is_mezzanine=True),
    "cfhd": EncoderSpec(quality={"quality": "film3+"}, is_mezzanine=True, alpha_is_lossy=True),
    "mpeg2video": _old(has_fields=True),
    "mpeg4": _old(has_fields=True),
    **dict.fromkeys(("mpeg1video", "msmpeg4", "msmpeg4v2", "wmv1", "wmv2", "flv"), _old()),
    # JPEG is full range, and anything else it may hold it calls unofficial
    "mjpeg": EncoderSpec(quality={**_FINE, "strict": "-1"}),
    "dvvideo": EncoderSpec(has_fields=True),
    "gif": EncoderSpec(),
    **dict.fromkeys(("rawvideo", "wrapped_avframe", "png", "apng", "qtrle", "huffyuv", "ffvhuff"), _EXACT),
    **dict.fromkeys(("utvideo", "magicyuv", "jpegls", "zmbv", "v210", "v308", "v408", "v410", "r210"), _EXACT),
}

# Names of codecs, FFmpeg's or those people type, that are not their encoder's.
FAMILIES = {
    "h264": "libx264",
    "hevc": "libx265",
    "h265": "libx265",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "prores": "prores_ks",
    "mpeg2": "mpeg2video",
    "msmpeg4v3": "msmpeg4",
    "flv1": "flv",
}


def encoder_of(codec: str) -> str:
    """The encoder for a codec's name; a name that is nothing else is taken for an encoder's own."""
    return FAMILIES.get(codec, codec)


def profile_options(encoder: str, profile: str | None, pixel_format: str) -> dict[str, str]:
    """The option that gives the profile of a source of the same family, else the best for this pixel format.

    `profile`: FFmpeg's name for the source's, None for a source of another family.
    """
    if encoder == "prores_ks":  # which chooses well by itself
        names = {"Proxy": "proxy", "LT": "lt", "Standard": "standard", "HQ": "hq", "4444": "4444", "XQ": "4444xq"}
        return {"profile": names[profile]} if profile in names else {}
    if encoder == "dnxhd":
        best = {"yuv422p": "dnxhr_hq", "yuv422p10le": "dnxhr_hqx"}.get(pixel_format, "dnxhr_444")
        return {"profile": profile.lower().replace(" ", "_") if profile else best}
    return {}
