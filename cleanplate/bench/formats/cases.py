"""The kinds of files that are tried: codec x container x pixel format, each written by FFmpeg's own encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

_SIZE = (256, 144)
_DV_PAL = (720, 576)
_HD = (1920, 1080)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One source file, and what it is to become."""

    encoder: str
    pixel_format: str
    suffix: str
    "of the source; the output's too, unless `output` says another"
    output: str | None = None
    codec: str | None = None
    "--codec"
    size: tuple[int, int] = _SIZE
    frames: int = 8
    rate: Fraction = Fraction(25)
    fields: str | None = None
    "tff or bff"
    color: tuple[int, int, int, int] = (1, 1, 1, 1)
    "primaries, transfer, matrix, range"
    options: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def name(self) -> str:
        """For folders and test ids."""
        parts = (self.encoder, self.pixel_format, self.note, self.suffix, self.output or "", self.codec or "")
        return "-".join(part.strip(".").replace(" ", "_") for part in parts if part)


def _each(encoder: str, pixel_formats: str, suffixes: str, options: Mapping[str, str] | None = None) -> list[Case]:
    return [
        Case(encoder=encoder, pixel_format=form, suffix=suffix, options=options or {})
        for suffix in suffixes.split()
        for form in pixel_formats.split()
    ]


_X264, _X265 = {"preset": "ultrafast"}, {"preset": "ultrafast", "x265-params": "log-level=none"}
_ALPHA = {"auto-alt-ref": "0"}
_HDR = replace(
    Case(encoder="libx265", pixel_format="yuv420p10le", suffix=".mp4"),
    note="HDR10",
    color=(9, 16, 9, 1),
    options={
        "preset": "ultrafast",
        "x265-params": "log-level=none:hdr10=1:max-cll=1000,400:"
        "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)",
    },
)
_HDR_AV1 = replace(
    _HDR,
    encoder="libsvtav1",
    options={
        "preset": "10",
        "svtav1-params": "content-light=1000,400:mastering-display="
        "G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000.0,0.005)",
    },
)


def _dnx(profile: str, form: str, suffixes: str) -> list[Case]:
    return [replace(case, note=profile) for case in _each("dnxhd", form, suffixes, {"profile": profile})]


def _fields(encoder: str, form: str, suffix: str, first: str = "tff", **options: str) -> Case:
    size, frames = (_HD, 2) if encoder == "dnxhd" else (_DV_PAL, 4) if encoder == "dvvideo" else (_SIZE, 8)
    return Case(
        encoder=encoder,
        pixel_format=form,
        suffix=suffix,
        fields=first,
        size=size,
        frames=frames,
        options={"flags": "+ilme+ildct", **options},
        note="top field first" if first == "tff" else "bottom field first",
    )


CASES: tuple[Case, ...] = (
    *_each("libx264", "yuv420p yuv422p yuv444p yuv420p10le gray", ".mp4", _X264),
    *_each("libx264", "yuv420p", ".mov .mkv .avi .ts .m2ts .mxf", _X264),
    *_each("libx264rgb", "bgr24", ".mp4 .mkv", _X264),
    *_each("libx265", "yuv420p yuv420p10le yuv422p12le yuv444p12le gbrp gbrp10le gray12le", ".mp4", _X265),
    *_each("libx265", "yuv420p10le", ".mov .mkv .ts", _X265),
    *_each("libvpx", "yuv420p yuva420p", ".webm", _ALPHA),
    *_each("libvpx-vp9", "yuv420p yuv422p yuv444p gbrp", ".webm"),
    *_each("libvpx-vp9", "yuva420p", ".webm .mkv", _ALPHA),
    *_each("libvpx-vp9", "yuv420p", ".mp4 .mkv"),
    *_each("libsvtav1", "yuv420p yuv420p10le", ".mp4 .webm", {"preset": "10"}),
    *_each("libsvtav1", "yuv420p10le", ".mkv", {"preset": "10"}),
    *_each("prores_ks", "yuv422p10le yuv444p10le yuva444p10le", ".mov"),
    *_each("prores_ks", "yuv422p10le", ".mkv .mxf"),
    *_dnx("dnxhr_hq", "yuv422p", ".mov .mxf"),
    *_dnx("dnxhr_hqx", "yuv422p10le", ".mov .mxf"),
    *_dnx("dnxhr_444", "yuv444p10le gbrp10le", ".mov"),
    Case(encoder="dnxhd", pixel_format="yuv422p", suffix=".mov", size=_HD, frames=2, options={"b": "120M"}),
    Case(encoder="dnxhd", pixel_format="yuv422p10le", suffix=".mxf", size=_HD, frames=2, options={"b": "185M"}),
    *_each("mpeg2video", "yuv420p", ".ts .m2ts .mpg .vob .mkv .mp4 .avi"),
    *_each("mpeg2video", "yuv422p", ".mov .mxf"),
    *_each("mpeg1video", "yuv420p", ".mpg"),
    *_each("mpeg4", "yuv420p", ".avi .mp4 .mkv"),
    *_each("msmpeg4", "yuv420p", ".avi"),
    *_each("mjpeg", "yuvj420p yuvj422p yuvj444p", ".avi .mov"),
    *_each("mjpeg", "yuvj420p", ".mkv"),
    Case(encoder="dvvideo", pixel_format="yuv420p", suffix=".avi", size=_DV_PAL, frames=4),
    *_each("rawvideo", "yuv420p gray bgr24 pal8", ".avi"),
    *_each("rawvideo", "uyvy422 rgb24", ".mov"),
    *_each("wrapped_avframe", "yuv420p yuv422p yuv444p gray yuv420p10le yuv444p12le", ".y4m"),
    *_each("ffv1", "yuv420p yuv444p12le gray gray16le gbrp12le bgr0 bgra yuva420p yuva444p10le yuv411p", ".mkv"),
    *_each("ffv1", "yuv422p10le", ".avi"),
    *_each("huffyuv", "yuv422p rgb24 bgra", ".avi"),
    *_each("ffvhuff", "yuv420p10le", ".avi"),
    *_each("utvideo", "yuv420p yuv422p gbrp gbrap", ".avi"),
    *_each("magicyuv", "gbrp yuva444p", ".avi"),
    *_each("qtrle", "rgb24 argb gray rgb555be", ".mov"),
    *_each("png", "rgb24 rgba rgb48be rgba64be gray gray16be ya8 monob", ".mov"),
    *_each("v210", "yuv422p10le", ".mov .avi"),
    *_each("v410", "yuv444p10le", ".mov"),
    *_each("r210", "gbrp10le", ".mov"),
    *_each("cfhd", "yuv422p10le gbrp12le gbrap12le", ".mov"),
    *_each("jpegls", "gray", ".avi"),
    *_each("gif", "rgb8", ".gif"),
    *_each("apng", "rgb24 rgba", ".apng"),
    *_each("snow", "yuv420p", ".avi"),
    *_each("jpeg2000", "rgb24", ".mov"),
    *(_fields("libx264", "yuv420p", ".mp4", first, **{"x264-params": f"{first}=1"}) for first in ("tff", "bff")),
    *(_fields("mpeg2video", "yuv420p", ".ts", first) for first in ("tff", "bff")),
    _fields("mpeg2video", "yuv422p", ".mxf"),
    _fields("mpeg4", "yuv420p", ".avi", "bff"),
    *(_fields("prores_ks", "yuv422p10le", suffix, "bff") for suffix in (".mov", ".mxf")),
    *(_fields("dnxhd", "yuv422p", suffix, "bff", b="120M") for suffix in (".mov", ".mxf")),
    *(_fields("dvvideo", "yuv420p", suffix, "bff") for suffix in (".avi", ".mov")),
    *(_fields("ffv1", "yuv420p", suffix, "bff") for suffix in (".mkv", ".avi")),
    _HDR,
    replace(_HDR, suffix=".mkv"),
    _HDR_AV1,
    replace(_HDR_AV1, suffix=".webm"),
    replace(_HDR, suffix=".mkv", note="HLG", color=(9, 18, 9, 1), options=_X265),
)

_MP4 = Case(encoder="libx264", pixel_format="yuv420p", suffix=".mp4", options=_X264)
_ALPHA_MOV = Case(encoder="prores_ks", pixel_format="yuva444p10le", suffix=".mov")
_DEEP_VP9 = Case(encoder="libsvtav1", pixel_format="yuv420p10le", suffix=".webm", options={"preset": "10"})

# From one kind of file to another.
CROSSINGS: tuple[Case, ...] = (
    *(
        replace(_MP4, output=suffix)
        for suffix in (".webm", ".avi", ".ts", ".m2ts", ".mpg", ".y4m", ".gif", ".apng", ".mxf", ".mov", ".mkv")
    ),
    *(
        replace(_MP4, output=output, codec=codec)
        for output, codec in (
            (".mkv", "ffv1"),
            (".mp4", "av1"),
            (".webm", "vp8"),
            (".mov", "prores"),
            (".mov", "dnxhd"),
            (".ts", "mpeg2"),
            (".avi", "mjpeg"),
            (".avi", "utvideo"),
            (".mov", "png"),
        )
    ),
    *(replace(_ALPHA_MOV, output=output) for output in (".mp4", ".mkv", ".webm", ".gif")),
    replace(_ALPHA_MOV, output=".mp4", codec="h264"),
    *(replace(_DEEP_VP9, output=output) for output in (".mp4", ".avi")),
    replace(_DEEP_VP9, codec="vp9"),
    *(Case(encoder="gif", pixel_format="rgb8", suffix=".gif", output=output) for output in (".mp4", ".webm", ".apng")),
    replace(_fields("mpeg2video", "yuv420p", ".ts"), output=".mp4"),
    replace(_fields("mpeg2video", "yuv420p", ".ts"), output=".webm"),
    replace(_fields("mpeg2video", "yuv420p", ".ts"), output=".mov", codec="prores"),
    replace(_fields("mpeg2video", "yuv420p", ".ts"), output=".mp4", codec="hevc"),
    *(replace(_HDR, output=output) for output in (".webm", ".mov")),
    replace(_HDR, output=".mov", codec="prores"),
    replace(_MP4, rate=Fraction(30000, 1001), output=".mxf", note="29.97"),
)
