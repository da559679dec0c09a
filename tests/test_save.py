"""Writing, judged by demuxing and decoding both files with PyAV, never with the package's own reader."""

from __future__ import annotations

import dataclasses
import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from media import X265, Facts, Recipe, facts, render

from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.settings import Encode
from cleanplate.base.types import Frame
from cleanplate.decode.reader import open_video
from cleanplate.save.writer import VideoWriter, check_output

EXACT = Encode(lossless=True, preset="ultrafast")
QUICK = Encode(preset="ultrafast")
MS = {"time_base": Fraction(1, 1000), "pts": tuple(range(0, 480, 40)), "last_duration": 40}
UNEVEN = (0, 5, 6, 100, 140, 500, 501, 502, 900)
TEXTS = ((0.1, 0.25, "Hello"), (0.3, 0.45, "zwei, drüben"))
CHAPTERS = ((0.0, 0.2, "One"), (0.2, 0.48, "Zwei"))
OWN_TAGS = {"encoder", "major_brand", "minor_version", "compatible_brands", "duration"}


def _recipe(suffix: str, **given: Any) -> Recipe:
    """A recipe whose times the container can hold."""
    return Recipe(**({**MS, **given} if suffix == ".mkv" else given))


def _copy(source: Path, output: Path, encode: Encode = EXACT, rate: Fraction | None = None) -> VideoWriter:
    with open_video(source, rate) as video, VideoWriter(output, video.info, encode) as writer:
        for frame in video:
            writer.write(frame)
    return writer


def _break_off(writer: VideoWriter, frames: list[Frame], error: BaseException) -> None:
    """Write the frames, then fail."""
    with writer:
        for frame in frames:
            writer.write(frame)
        raise error


def _same(source: Path, output: Path, *apart: str) -> tuple[Facts, Facts]:
    """Assert that both files tell the same, apart from some fields and the tags a muxer writes itself."""
    one, two = facts(source), facts(output)
    for field in dataclasses.fields(Facts):
        if field.name == "tags":
            tags = [{n: t for n, t in each.tags.items() if n.lower() not in OWN_TAGS} for each in (one, two)]
            assert tags[0] == tags[1]
        elif field.name not in apart:
            assert getattr(one, field.name) == getattr(two, field.name), field.name
    return one, two


@pytest.mark.parametrize(
    "pix_fmt", [f"yuv{chroma}p{bits}" for chroma in ("420", "422", "444") for bits in ("", "10le")]
)
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_lossless_keeps_every_sample_and_time(tmp_path, codec, suffix, pix_fmt):
    source = render(tmp_path / f"in{suffix}", _recipe(suffix, codec=codec, pix_fmt=pix_fmt, audio=["aac"]))
    output = tmp_path / f"out{suffix}"
    writer = _copy(source, output)
    assert writer.codec_name == codec
    assert writer.warnings == []
    _same(source, output)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p12le", "gray", "gray16le", "bgr0", "gbrp10le", "yuva420p"])
def test_ffv1_keeps_every_sample(tmp_path, pix_fmt):
    source = render(tmp_path / "in.mkv", Recipe(codec="ffv1", pix_fmt=pix_fmt, size=(63, 45), **MS))
    assert _copy(source, tmp_path / "out.mkv", Encode()).codec_name == "ffv1"
    _same(source, tmp_path / "out.mkv")


def test_lossy_is_the_default_and_close(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe())
    _copy(source, tmp_path / "out.mp4", QUICK)
    one, two = _same(source, tmp_path / "out.mp4", "samples")
    assert one.samples != two.samples
    with open_video(source) as a, open_video(tmp_path / "out.mp4") as b:
        errors = [np.subtract(x.native.arrays[0], y.native.arrays[0], dtype=float) for x, y in zip(a, b, strict=True)]
    assert 0 < np.mean(np.square(errors)) < 4


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("start", [0, 1, 707])
def test_uneven_times_and_start_offsets(tmp_path, codec, suffix, start):
    pts = tuple(start + tick for tick in UNEVEN)
    base = Fraction(1, 1000) if suffix == ".mkv" else Fraction(1, 30000)
    recipe = Recipe(codec=codec, pts=pts, time_base=base, last_duration=30, audio=["aac"], audio_start=4800)
    source = render(tmp_path / f"in{suffix}", recipe)
    _copy(source, tmp_path / f"out{suffix}", Encode(lossless=True, preset="medium"))  # medium reorders pictures
    one, two = _same(source, tmp_path / f"out{suffix}", "times")
    assert [pts for pts, _ in one.times] == [pts for pts, _ in two.times] == [tick * base for tick in pts]


@pytest.mark.parametrize("duration", [100, 777])
def test_the_last_duration_is_kept(tmp_path, duration):
    source = render(tmp_path / "in.mp4", Recipe(last_duration=duration))
    _copy(source, tmp_path / "out.mp4")
    _, two = _same(source, tmp_path / "out.mp4")
    assert two.times[-1][1] - two.times[-1][0] == Fraction(duration, 12800)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "ffv1"])
def test_matroska_ends_when_the_last_picture_does(tmp_path, codec):
    source = render(tmp_path / "in.mkv", Recipe(**{**MS, "pts": (0, 40, 80, 100, 400), "last_duration": 300}))
    _copy(source, tmp_path / "out.mkv", Encode(codec=codec))
    with av.open(str(tmp_path / "out.mkv")) as file:
        assert file.duration == 700_000


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_no_player_stops_before_the_last_picture(tmp_path, codec):
    pts = (0, 512, 1024, 1536, 2048, 2560, 3072, 3584, 9000, 15000)
    source = render(tmp_path / "in.mp4", Recipe(pts=pts))
    _copy(source, tmp_path / "out.mp4", Encode(codec=codec, preset="medium"))
    with av.open(str(tmp_path / "out.mp4")) as file:
        video = file.streams.video[0]
        assert video.start_time + video.duration == pts[-1] + 512
        order = [packet.pts for packet in file.demux(video) if packet.size]
    assert order != sorted(order)  # pictures were reordered, else this shows nothing
    assert sorted(order) == list(pts)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_very_short_videos(tmp_path, codec, count):
    source = render(tmp_path / "in.mp4", Recipe(pts=tuple(range(0, count * 512, 512))))
    _copy(source, tmp_path / "out.mp4", Encode(codec=codec, preset="medium"))
    assert facts(tmp_path / "out.mp4").times == facts(source).times


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_and_flip_are_kept_and_undone(tmp_path, rotation, hflip, suffix):
    codec = "libx264" if suffix == ".mp4" else "ffv1"
    size = (64, 48) if suffix == ".mp4" else (63, 45)
    recipe = _recipe(suffix, codec=codec, size=size, rotation=rotation, hflip=hflip)
    source = render(tmp_path / f"in{suffix}", recipe)
    _copy(source, tmp_path / f"out{suffix}", EXACT if suffix == ".mp4" else Encode())
    _same(source, tmp_path / f"out{suffix}")


@pytest.mark.parametrize("codec", ["libx264", "libx265", "ffv1"])
@pytest.mark.parametrize("color", [(2, 2, 2, 0), (1, 1, 1, 1), (9, 16, 9, 1), (1, 13, 6, 2), (2, 2, 6, 0)])
def test_color_is_kept_and_never_invented(tmp_path, codec, color):
    suffix = ".mkv" if codec == "ffv1" else ".mp4"
    source = render(tmp_path / f"in{suffix}", _recipe(suffix, codec=codec, color=color))
    _copy(source, tmp_path / f"out{suffix}", Encode() if codec == "ffv1" else EXACT)
    _same(source, tmp_path / f"out{suffix}")


@pytest.mark.parametrize("chroma", ["left", "center", "topleft", "top", "bottomleft", "bottom"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_chroma_location_is_kept(tmp_path, codec, chroma):
    source = render(tmp_path / "in.mp4", Recipe(codec=codec, chroma=chroma))
    assert facts(source).chroma == chroma
    _copy(source, tmp_path / "out.mp4")
    _same(source, tmp_path / "out.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_hdr10_metadata_is_kept(tmp_path, suffix):
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    params = f"{X265}:hdr10=1:master-display={display}:max-cll=1000,400"
    color = (9, 16, 9, 1)
    recipe = _recipe(suffix, codec="libx265", pix_fmt="yuv420p10le", color=color, options={"x265-params": params})
    source = render(tmp_path / f"in{suffix}", recipe)
    _copy(source, tmp_path / f"out{suffix}")
    one, _ = _same(source, tmp_path / f"out{suffix}")
    assert len(one.signals[0]) == 2
    with open_video(source) as video, VideoWriter(tmp_path / "o.mkv", video.info, Encode(codec="ffv1")) as writer:
        writer.write(next(iter(video)))
    assert any("HDR10" in words for words in writer.warnings)


@pytest.mark.parametrize("first", ["tff", "bff"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_interlaced_stays_interlaced(tmp_path, suffix, first):
    options = {"flags": "+ilme+ildct", "x264-params": f"{first}=1"}
    source = render(tmp_path / f"in{suffix}", _recipe(suffix, options=options))
    _copy(source, tmp_path / f"out{suffix}")
    one, _ = _same(source, tmp_path / f"out{suffix}")
    assert all(one.signals[1])
    orders = []
    for name in ("in", "out"):
        with av.open(str(tmp_path / f"{name}{suffix}")) as file:
            orders.append(file.streams.video[0].codec_context.field_order)
    assert orders[0] == orders[1]
    writer = _copy(source, tmp_path / "o.mp4", Encode(codec="hevc", preset="ultrafast"))
    assert any("interlaced" in words for words in writer.warnings)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_everything_else_is_copied(tmp_path, suffix):
    sounds = {
        ".mp4": ["aac", "libopus", "flac"],
        ".mov": ["aac", "alac"],
        ".mkv": ["aac", "libopus", "flac", "pcm_s16le"],
    }
    recipe = _recipe(
        suffix,
        audio=sounds[suffix],
        audio_start=12345,
        subtitles=TEXTS,
        chapters=CHAPTERS,
        pixel_aspect=Fraction(16, 11),
        tags={"title": "A title", "comment": "Ünïcode"},
        attachment=("font.ttf", "application/x-truetype-font", b"abc" * 50) if suffix == ".mkv" else None,
    )
    source = render(tmp_path / f"in{suffix}", recipe)
    writer = _copy(source, tmp_path / f"out{suffix}")
    assert writer.warnings == []
    one, _ = _same(source, tmp_path / f"out{suffix}")
    assert one.chapters[1][2] == "Zwei"
    assert {kind for kind, *_ in one.streams} >= {"video", "audio", "subtitle"}
    assert all(len(one.packets[index + 1]) >= 11 for index in range(len(sounds[suffix])))


def test_tags_mp4_has_no_place_for_are_kept(tmp_path):
    tags = {"title": "A title", "com.apple.quicktime.make": "Maker", "location": "+48.1000+011.5000/"}
    source = render(tmp_path / "in.mov", Recipe(tags=tags, muxer={"movflags": "use_metadata_tags"}))
    _copy(source, tmp_path / "out.mov")
    _, two = _same(source, tmp_path / "out.mov")
    assert tags.items() <= two.tags.items()


def test_from_mp4_to_matroska(tmp_path):
    recipe = Recipe(subtitles=TEXTS, chapters=CHAPTERS, tags={"title": "t"}, pts=(0, 512, 1001, 1500, 2048))
    source = render(tmp_path / "in.mp4", recipe)
    writer = _copy(source, tmp_path / "out.mkv")
    assert [words for words in ("plain text", "milliseconds") if words in " ".join(writer.warnings)] == [
        "plain text",
        "milliseconds",
    ]
    one, two = facts(source), facts(tmp_path / "out.mkv")
    assert one.samples == two.samples
    assert one.chapters == two.chapters
    assert all(abs(a - b) <= Fraction(1, 2000) for (a, _), (b, _) in zip(one.times, two.times, strict=True))
    with av.open(str(tmp_path / "out.mkv")) as file:
        texts = [(float(p.pts * p.time_base), bytes(p).decode()) for p in file.demux(subtitles=0) if p.size]
    assert texts == [(start, text) for start, _, text in TEXTS]


def test_sound_before_zero_goes_to_matroska_as_its_delay(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe(audio=["aac"]))
    assert _copy(source, tmp_path / "out.mkv").warnings == []
    one, two = facts(source), facts(tmp_path / "out.mkv")
    assert [pts for pts, _ in one.times] == [pts for pts, _ in two.times]
    assert abs(one.packets[1][0][0] - two.packets[1][0][0]) <= Fraction(1, 2000)
    assert [digest for *_, digest in one.packets[1]] == [digest for *_, digest in two.packets[1]]


def test_from_matroska_to_mp4(tmp_path):
    attachment = ("font.ttf", "application/x-truetype-font", b"abc")
    recipe = Recipe(audio=["aac", "libopus"], subtitles=TEXTS, tags={"ODD": "x"}, attachment=attachment, **MS)
    source = render(tmp_path / "in.mkv", recipe)
    writer = _copy(source, tmp_path / "out.mp4")
    assert len(writer.warnings) == 2
    one, two = facts(source), facts(tmp_path / "out.mp4")
    assert (one.samples, one.times) == (two.samples, two.times)
    assert two.tags["ODD"] == "x"
    for index in (1, 2):
        assert [digest for *_, digest in one.packets[index]] == [digest for *_, digest in two.packets[index]]
    with av.open(str(tmp_path / "out.mp4")) as file:
        texts = [bytes(p)[2:].decode() for p in file.demux(subtitles=0) if p.size > 2]
    assert texts == [text for _, _, text in TEXTS]


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "h264"), (".mkv", "h264"), (".mov", "hevc"), (".mkv", "ffv1")])
def test_the_same_frames_make_the_same_bytes(tmp_path, suffix, codec):
    source = render(tmp_path / f"in{suffix}", _recipe(suffix, audio=["aac"]))
    encode = Encode(codec=codec)
    for name in ("a", "b"):
        _copy(source, tmp_path / f"{name}{suffix}", encode)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_hevc_in_mp4_plays_on_apples(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe())
    _copy(source, tmp_path / "out.mp4", Encode(codec="hevc", preset="ultrafast"))
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert file.streams.video[0].codec_context.codec_tag == "hvc1"
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # faststart


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_to_images(tmp_path, channels, dtype):
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in (1, 2, 10):
        shape = (20, 31) if channels == 1 else (20, 31, channels)
        image = np.random.default_rng(number).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
        cv2.imwrite(str(folder / f"img{number}.png"), image)
    assert _copy(folder, output, Encode()).codec_name == "png"
    assert sorted(p.name for p in output.iterdir()) == ["img1.png", "img10.png", "img2.png"]
    for path in folder.iterdir():
        written = cv2.imread(str(output / path.name), cv2.IMREAD_UNCHANGED)
        assert written.dtype == dtype
        assert np.array_equal(written, cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


def test_images_to_video(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    x, y = np.meshgrid(np.arange(64), np.arange(48))
    for number in range(5):
        image = np.dstack([3 * x, 4 * y, 100 + x + number]).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    writer = _copy(folder, tmp_path / "out.mp4", QUICK, Fraction(30000, 1001))
    assert "converted from bgr24 to yuv420p" in writer.warnings[0]
    found = facts(tmp_path / "out.mp4")
    assert (found.pix_fmt, found.color) == ("yuv420p", (1, 1, 1, 1))
    assert [pts for pts, _ in found.times] == [Fraction(1001 * n, 30000) for n in range(5)]
    with av.open(str(tmp_path / "out.mp4")) as file:
        shown = next(file.decode(video=0)).reformat(format="bgr24", src_colorspace="ITU709").to_ndarray()
    assert np.abs(shown.astype(int) - cv2.imread(str(folder / "0.png")).astype(int)).mean() < 4
    exact = _copy(folder, tmp_path / "exact.mkv", Encode(codec="ffv1"))
    assert exact.warnings == []
    with av.open(str(tmp_path / "exact.mkv")) as file:
        shown = next(file.decode(video=0)).reformat(format="bgr24").to_ndarray()
    assert np.array_equal(shown, cv2.imread(str(folder / "0.png")))


def test_video_to_images(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe(pix_fmt="yuv420p10le", rotation=90, audio=["aac"]))
    writer = _copy(source, tmp_path / "out", Encode())
    assert "audio" in writer.warnings[0]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"{index:05d}.png" for index in range(12)]
    image = cv2.imread(str(tmp_path / "out" / names[3]), cv2.IMREAD_UNCHANGED)
    assert (image.shape, image.dtype) == ((64, 48, 3), np.uint16)
    with av.open(str(source)) as file:
        picture = list(file.decode(video=0))[3]
    truth = np.rot90(picture.reformat(format="bgr48le", src_colorspace="ITU601").to_ndarray())  # counter-clockwise
    assert np.abs(image.astype(int) - truth.astype(int)).mean() < 0.02 * 65535


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out"])
def test_a_failed_run_leaves_nothing(tmp_path, name):
    source = render(tmp_path / "in.mp4", Recipe(audio=["aac"]))
    with open_video(source) as video, pytest.raises(KeyboardInterrupt):
        _break_off(VideoWriter(tmp_path / name, video.info, Encode()), list(video), KeyboardInterrupt())
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_an_older_output_stays_until_the_new_one_is_whole(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe())
    output = tmp_path / "out.mp4"
    output.write_bytes(b"older")
    with open_video(source) as video:
        with pytest.raises(RuntimeError, match="stop"):
            _break_off(VideoWriter(output, video.info, QUICK), list(video), RuntimeError("stop"))
        assert output.read_bytes() == b"older"
        with pytest.raises(MediaError, match="no frame"), VideoWriter(output, video.info, QUICK):
            pass
        assert output.read_bytes() == b"older"
    _copy(source, output, QUICK)
    assert facts(output).times == facts(source).times
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


@pytest.mark.parametrize(
    ("name", "encode", "words"),
    [
        ("out.wmv", Encode(), "ends in '.wmv', which is not written"),
        ("no/out.mp4", Encode(), "does not exist; create it first"),
        ("in.mp4", Encode(), "is the input itself"),
        ("link.mp4", Encode(), "is the input itself"),
        ("folder.mp4", Encode(), "is a folder; give a file name"),
        ("full", Encode(), "is not empty"),
        ("out", Encode(codec="h264"), "has no suffix, so it is a folder of PNGs"),
        ("out.mp4", Encode(codec="nonsense"), "there is no video encoder 'nonsense'"),
        ("out.mp4", Encode(codec="aac"), "there is no video encoder 'aac'"),
        ("out.mp4", Encode(codec="ffv1"), "cannot hold ffv1; name the output .mkv"),
        ("out.mov", Encode(codec="ffv1"), "cannot hold ffv1; name the output .mkv"),
        ("out.mp4", Encode(codec="libx264rgb"), "libx264rgb cannot hold yuv420p; type --codec h264"),
        ("out.mp4", Encode(preset="quick"), "no preset 'quick'; choose one of ultrafast"),
        ("out.mkv", Encode(codec="ffv1", preset="fast"), "ffv1 has no presets"),
        ("out.mkv", Encode(codec="ffv1", crf=10), "ffv1 has no --crf"),
        ("out.mp4", Encode(codec="mpeg4", lossless=True), "--lossless is not known for mpeg4"),
    ],
)
def test_what_cannot_be_written_is_refused_early(tmp_path, name, encode, words):
    source = render(tmp_path / "in.mp4", Recipe(pts=(0, 512)))
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").touch()
    (tmp_path / "link.mp4").symlink_to(source)
    before = sorted(tmp_path.rglob("*"))
    with open_video(source) as video, pytest.raises(UsageError, match=words) as caught:
        check_output(tmp_path / name, video.info, encode)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_pixel_format_is_never_changed_silently(tmp_path):
    source = render(tmp_path / "in.mkv", Recipe(codec="ffv1", pix_fmt="yuv444p12le", **MS))
    odd = render(tmp_path / "odd.mkv", Recipe(codec="ffv1", size=(63, 45), **MS))
    with open_video(source) as video:
        with pytest.raises(UsageError, match="h264 cannot hold yuv444p12le; type --codec hevc"):
            check_output(tmp_path / "out.mp4", video.info, Encode(codec="h264"))
        check_output(tmp_path / "out.mp4", video.info, Encode())
    with open_video(odd) as video, pytest.raises(UsageError, match=r"63x45, an odd size; type --codec ffv1"):
        check_output(tmp_path / "out.mp4", video.info, Encode(codec="h264"))


def test_sound_is_never_dropped(tmp_path):
    source = render(tmp_path / "in.mkv", Recipe(audio=["libopus"], **MS))
    words = r"stream 1 \(audio, opus\); name the output .mkv"
    with open_video(source) as video, pytest.raises(UsageError, match=words):
        check_output(tmp_path / "out.mov", video.info, Encode())


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_refused(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe(pts=(0, 512)))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with open_video(source) as video, pytest.raises(UsageError, match="cannot be written to"):
        check_output(closed / "out.mp4", video.info, Encode())


@pytest.mark.parametrize("name", ["dog-720p-aac.mp4", "pancake-426x240-opus.mkv"])
def test_real_files(tmp_path, name):
    root = os.environ.get("CLEANPLATE_CLIPS")
    if not root:
        pytest.skip("CLEANPLATE_CLIPS is not set: no real clips to copy")
    source = Path(root) / "video" / name
    output = tmp_path / f"out{source.suffix}"
    assert _copy(source, output, QUICK).warnings == []
    _same(source, output, "samples")
