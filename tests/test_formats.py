"""One file of each kind through the whole program, judged by demuxing and decoding source and result with PyAV."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cleanplate.bench.formats.__main__ import main
from cleanplate.bench.formats.cases import CASES, CROSSINGS, Case
from cleanplate.bench.formats.clip import render
from cleanplate.bench.formats.judge import judge
from cleanplate.bench.formats.look import look, psnr_db


def _case(name: str) -> Case:
    return next(case for case in (*CASES, *CROSSINGS) if case.name == name)


# Lossy codecs, written again by the same one.
KEPT = [
    *("libx264-yuv420p10le-mp4", "libx264-gray-mp4", "libx264-yuv420p-avi", "libx264-yuv420p-m2ts"),
    *("libx264rgb-bgr24-mkv", "libx265-gbrp10le-mp4", "libx265-yuv422p12le-mp4", "libx265-gray12le-mp4"),
    *("libvpx-yuv420p-webm", "libvpx-yuva420p-webm", "libvpx-vp9-yuv444p-webm", "libvpx-vp9-yuva420p-mkv"),
    *("libsvtav1-yuv420p-mp4", "libsvtav1-yuv420p10le-webm"),
    *("prores_ks-yuv422p10le-mov", "prores_ks-yuva444p10le-mov", "prores_ks-yuv422p10le-mxf"),
    *("dnxhd-yuv422p-dnxhr_hq-mov", "dnxhd-yuv422p10le-dnxhr_hqx-mxf", "dnxhd-gbrp10le-dnxhr_444-mov"),
    *("mpeg2video-yuv420p-ts", "mpeg2video-yuv420p-mpg", "mpeg2video-yuv422p-mxf", "mpeg1video-yuv420p-mpg"),
    *("mpeg4-yuv420p-avi", "msmpeg4-yuv420p-avi", "mjpeg-yuvj420p-avi", "mjpeg-yuvj444p-mov"),
    *("dvvideo-yuv420p-bottom_field_first-avi", "cfhd-gbrap12le-mov"),
]
# Codecs that lose nothing: the result holds the source's own samples.
IDENTICAL = [
    *("rawvideo-yuv420p-avi", "rawvideo-uyvy422-mov", "wrapped_avframe-yuv444p12le-y4m", "v210-yuv422p10le-mov"),
    *("v410-yuv444p10le-mov", "r210-gbrp10le-mov", "ffv1-gbrp12le-mkv", "ffv1-yuva444p10le-mkv", "ffv1-yuv411p-mkv"),
    *("huffyuv-bgra-avi", "ffvhuff-yuv420p10le-avi", "utvideo-gbrap-avi", "magicyuv-yuva444p-avi"),
    *("qtrle-argb-mov", "png-rgba64be-mov", "png-ya8-mov", "png-gray16be-mov", "jpegls-gray-avi", "apng-rgba-apng"),
]
FIELDS = [
    *("libx264-yuv420p-top_field_first-mp4", "mpeg2video-yuv420p-bottom_field_first-ts"),
    *("mpeg4-yuv420p-bottom_field_first-avi", "prores_ks-yuv422p10le-bottom_field_first-mxf"),
    *("ffv1-yuv420p-bottom_field_first-avi", "dnxhd-yuv422p-bottom_field_first-mxf"),
]
LIGHT = ["libx265-yuv420p10le-HDR10-mp4", "libsvtav1-yuv420p10le-HDR10-webm", "libx265-yuv420p10le-HLG-mkv"]


@pytest.mark.parametrize("name", [*KEPT, *IDENTICAL, *FIELDS, *LIGHT])
def test_kept(tmp_path, name):
    verdict = judge(_case(name), tmp_path)
    assert verdict.outcome == "kept", verdict
    assert ("identical" in verdict.facts) or name not in IDENTICAL
    assert not [text for text in verdict.warnings if "so the result is" in text or "converted" in text]


@pytest.mark.parametrize(
    ("name", "found", "words"),
    [
        ("rawvideo-pal8-avi", "pal8 -> bgr24, same colours", "stored as pal8 and were converted to bgr24"),
        ("png-monob-mov", "monob -> gray, same colours", "stored as monob and were converted to gray"),
        ("qtrle-rgb555be-mov", "rgb555le -> rgb24, same colours", "were converted to rgb24"),
        ("snow-yuv420p-avi", "codec snow -> h264", "codec snow is not written here"),
        ("libx264-yuv420p-mp4-webm", "codec h264 -> vp9", "so the result is vp9; --codec chooses another"),
        ("libx264-yuv420p-mp4-y4m", "h264 -> rawvideo", "names and range of the source's colours"),
        ("libx264-yuv420p-mp4-gif", "h264 -> gif", "256 colours"),
        ("libx264-yuv420p-mp4-avi-mjpeg", "h264 -> mjpeg", "always read as BT.601"),
        ("gif-rgb8-gif-mp4", "gif -> h264", "converted from bgr0 to yuv420p"),
        ("mpeg2video-yuv420p-top_field_first-ts-webm", "fields tff -> none", "--codec h264 in an .mp4"),
        ("libx265-yuv420p10le-HDR10-mp4-webm", "codec hevc -> av1", "so the result is av1"),
    ],
)
def test_converted_and_told(tmp_path, name, found, words):
    verdict = judge(_case(name), tmp_path)
    assert verdict.outcome == "converted", verdict
    assert found in verdict.facts
    assert words in " ".join(verdict.warnings)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("libx264-yuv420p-mp4-apng", "no usual codec of a .apng file holds yuv420p; type --codec h264 and name the"),
        ("libx264-yuv420p-mp4-mov-prores", "prores cannot hold yuv420p; type --codec h264"),
        ("prores_ks-yuva444p10le-mov-mp4", "no usual codec of a .mp4 file holds yuva444p12le; type --codec"),
        ("prores_ks-yuva444p10le-mov-mp4-h264", "h264 cannot hold yuva444p12le; type --codec"),
        ("libsvtav1-yuv420p10le-webm-vp9", "vp9 cannot hold yuv420p10le; type --codec av1"),
    ],
)
def test_refused_in_one_sentence(tmp_path, name, words):
    verdict = judge(_case(name), tmp_path)
    assert verdict.outcome == "refused", verdict
    assert verdict.facts.startswith(words)
    assert "\n" not in verdict.facts
    assert not [path for path in tmp_path.iterdir() if path.stem != "in"]


def test_the_judge_sees_what_differs(tmp_path):
    """Other samples, other times, another order of fields: each is no longer what it was."""
    one = _case("ffv1-yuv420p-bottom_field_first-mkv")
    source = look(render(tmp_path / "a.mkv", one))
    assert source.fields == "bff"
    assert look(render(tmp_path / "b.mkv", replace(one, fields="tff"))).fields == "tff"
    slow = look(render(tmp_path / "c.mkv", replace(one, rate=one.rate / 2)))
    assert slow.times[1] == 2 * source.times[1]
    other = look(render(tmp_path / "d.mkv", replace(one, pixel_format="yuv422p")))
    assert other.samples != source.samples
    assert psnr_db(source, other) < 60


def test_the_page_is_made(tmp_path, capsys):
    assert main(["--only", "jpegls", "--output", str(tmp_path / "formats.md")]) == 0
    assert "| jpegls | gray | .avi | kept | identical" in (tmp_path / "formats.md").read_text()
