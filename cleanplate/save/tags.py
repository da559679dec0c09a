"""Tags of a file and of its streams, and what a muxer is told so that they and the times come out exactly."""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm

from av.container import InputContainer

from cleanplate.base.types import VideoInfo

# What a muxer writes about its own file: copied, it would describe the wrong one.
_OWN_TAGS = {"encoder", "duration", "alpha_mode"}
_MP4_BRANDS = {"major_brand", "minor_version", "compatible_brands"}
_STATISTICS = ("bps", "number_of_", "_statistics")
# What names an MXF file itself and the program that wrote it (SMPTE ST 377-1), by FFmpeg's names.
_MXF_OWN = (
    *("product_", "application_", "toolkit_", "company_name", "generation_uid", "uid", "modification_date"),
    *("material_package_", "file_package_", "operational_pattern_ul", "reel_umid", "track_name", "data_type"),
)
# Tags an MP4 file has a place for. With any other, all are written as QuickTime keys, which lose none.
_MP4_TAGS = {
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping"),
    *("lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "track", "disc", "timecode"),
    *("creation_time", "language"),
}
# ISO 639-2 has two codes for these; QuickTime knows languages by number, and FFmpeg the numbers by these codes.
OLD_CODES = {
    **{"deu": "ger", "nld": "dut", "swe": "sve", "zho": "chi", "ell": "gre", "isl": "ice", "mkd": "mac", "sqi": "alb"},
    **{"fas": "per", "hye": "arm", "eus": "baq", "cym": "wel", "slk": "slo", "ces": "cze", "fra": "fre", "ron": "rum"},
}
_QUICKTIME_CODES = {"deu", "nld", "swe", "zho", "ell", "isl", "mkd", "sqi"}


def muxer_options(container: str, info: VideoInfo, source: InputContainer | None) -> dict[str, str]:
    """Settings of the output container that keep times and tags exact and its bytes the same at each run."""
    options = {"fflags": "+bitexact"}
    if container not in ("mp4", "mov"):
        return options
    flags = "+faststart"
    if source is not None and set(file_tags(source)) - _MP4_TAGS:
        flags += "+use_metadata_tags"
    ticks = [info.time_base.denominator]
    # Edit lists, which hold start offsets, count in the movie's own clock: 1/1000 s unless it is given.
    clock = 1
    for each in [*ticks, *(s.time_base.denominator for s in source.streams if s.time_base)] if source else ticks:
        clock = lcm(clock, each) if lcm(clock, each) < 2**31 else clock
    return options | {"movflags": flags, "video_track_timescale": str(ticks[0]), "movie_timescale": str(clock)}


def file_tags(source: InputContainer) -> dict[str, str]:
    """The tags of the whole file worth copying: not those a muxer writes by itself."""
    own = _OWN_TAGS | (_MP4_BRANDS if "mp4" in source.format.name else set())
    mxf = _MXF_OWN if source.format.name == "mxf" else ()
    return {n: t for n, t in source.metadata.items() if n.lower() not in own and not n.lower().startswith(mxf)}


def stream_tags(tags: Mapping[str, str], container: str = "") -> dict[str, str]:
    """The tags of a stream without those that measure the old stream's bytes, as `container` takes them.

    FFmpeg reads a track's title from an MP4 as `name`, and writes it there from `title`.
    """
    measured = (*_STATISTICS, "file_package_umid", "reel_umid")
    found = {n: t for n, t in tags.items() if n.lower() not in _OWN_TAGS and not n.lower().startswith(measured)}
    if "name" in found and "title" not in found:
        found["title"] = found.pop("name")
    if container == "mov" and found.get("language") in _QUICKTIME_CODES:
        found["language"] = OLD_CODES[found["language"]]
    return found
