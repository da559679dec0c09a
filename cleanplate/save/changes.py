"""A sentence for each thing that a plan makes of the source's pictures and nobody asked for."""

from __future__ import annotations

from pathlib import Path

from cleanplate.base.types import VideoInfo
from cleanplate.save.holds import open_source
from cleanplate.save.plan import EncodePlan, canonical

_NAMING_CODECS = ("h264", "hevc", "av1", "mpeg2video", "prores")
_NAMING_CONTAINERS = ("mp4", "mov", "matroska", "webm", "mxf")
_RANGED_CODECS = ("h264", "hevc", "av1", "vp9")
_ALWAYS_601 = ("mjpeg", "vp8")
_SAME_SHAPE = 0.01
"by which pixel shapes may differ: Matroska and GIF round them to whole pixels of the picture"
_UNSAID = 2
"H.273's number for a thing that is not said"


def changed_codec(plan: EncodePlan, info: VideoInfo) -> tuple[str, ...]:
    """The sentence that names a codec nobody asked for."""
    found = canonical(plan.encoder).replace("wrapped_avframe", "rawvideo")
    if info.image_paths or found == info.codec:
        return ()
    text = f"the source's codec {info.codec} is not written here as {plan.source.name} in a {plan.suffix} file"
    return (f"{text}, so the result is {found}; --codec chooses another",)


def changed_samples(plan: EncodePlan) -> tuple[str, ...]:
    """A sentence for each thing beside the encoder's own loss that happens to the samples."""
    source, form = plan.source, plan.form
    if plan.makes_palette:
        alpha = "; what is half see-through became all or nothing" if source.has_alpha and source.name != "bgra" else ""
        return (f"pictures of more than 256 colours were converted to that many, as a GIF holds no more{alpha}",)
    found = []
    if source.model == form.model and source.bit_depth > form.bit_depth:
        found.append(
            f"samples were rounded from {source.bit_depth} to {form.bit_depth} bits, as {plan.encoder} takes no more; "
            "--codec ffv1 and an output named .mkv keep them"
        )
    if form.has_alpha and plan.spec.alpha_is_lossy and plan.options.get("lossless") != "1":
        found.append(
            f"{plan.encoder} compresses alpha as it does colour, so it is not exactly the source's; "
            "--codec ffv1 and an output named .mkv keep it"
        )
    return tuple(found)


def lost_names(plan: EncodePlan, info: VideoInfo) -> tuple[str, ...]:
    """A sentence if players are going to take the numbers of the result for other colours than the source's."""
    color, codec = plan.color, canonical(plan.encoder)
    is_same_file = codec == info.codec and plan.container in info.container.split(",")
    if plan.form.model == "rgb" or plan.makes_palette or is_same_file:
        return ()
    if codec in _ALWAYS_601:
        is_so = color.matrix in (_UNSAID, 5, 6) and (codec != "mjpeg" or color.full_range is True)
        span = " with full range" if codec == "mjpeg" else ""
        text = f"{codec} is always read as BT.601{span}, which the source is not: colours will look different"
        return () if is_so else (text,)
    is_named = {color.primaries, color.transfer, color.matrix} - {_UNSAID} and codec not in _NAMING_CODECS
    is_wide = color.full_range is True and codec not in _RANGED_CODECS
    if plan.container in _NAMING_CONTAINERS or not (is_named or is_wide):
        return ()
    return (
        f"{codec} in a {plan.suffix} file has no place for the names and range of the source's colours, so players "
        "guess them",
    )


def lost_aspect(info: VideoInfo, written: Path, plan: EncodePlan) -> tuple[str, ...]:
    """A sentence if the finished file says another shape of pixels; FFmpeg writes it for some only."""
    if info.pixel_aspect == 1:
        return ()
    with open_source(written) as result:
        found = result.streams.video[0].sample_aspect_ratio or 1
    if abs(found / info.pixel_aspect - 1) < _SAME_SHAPE:
        return ()
    return (
        f"the source's pixels are {info.pixel_aspect} times as wide as high, and {plan.encoder} in a {plan.suffix} "
        f"file says {found}: players will stretch the picture; an .mp4 or .mov file, or --codec h264, keeps its shape",
    )
