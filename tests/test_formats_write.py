"""Writing in many codecs and containers: times, alpha, HDR, the same bytes each time, what is refused and when."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from media import X265, Recipe, render

from cleanplate.base.errors import UsageError
from cleanplate.base.settings import Encode
from cleanplate.bench.formats.cases import Case
from cleanplate.bench.formats.clip import render as render_case
from cleanplate.decode.reader import open_video
from cleanplate.save.palette import with_palette
from cleanplate.save.writer import VideoWriter, check_output
from cleanplate.tasks.remove import remove

MS = Fraction(1, 1000)
UNEVEN = (0, 33, 66, 100, 340, 341, 700)


def _copy(source: Path, output: Path, encode: Encode | None = None) -> VideoWriter:
    with open_video(source) as video, VideoWriter(output, video.info, encode or Encode()) as writer:
        for frame in video:
            writer.write(frame)
    return writer


def _times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        return [frame.pts * stream.time_base for frame in file.decode(stream)]


def _refused(source: Path, output: Path, encode: Encode, words: str) -> None:
    before = sorted(output.parent.iterdir())
    with open_video(source) as video, pytest.raises(UsageError, match=words) as caught:
        check_output(output, video.info, encode)
    assert "\n" not in str(caught.value)
    assert sorted(output.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        *[(".mkv", codec) for codec in ("mpeg2", "mpeg4", "mjpeg", "vp9", "av1", "vp8", "h264", "ffv1")],
        *[(".webm", "vp9"), (".webm", "av1"), (".mp4", "mpeg4"), (".mp4", "av1"), (".mp4", "vp9"), (".mov", "mjpeg")],
    ],
)
@pytest.mark.parametrize("start", [0, 707])
def test_uneven_times_are_kept(tmp_path, suffix, codec, start):
    pts = tuple(start + tick for tick in UNEVEN)
    source = render(tmp_path / "in.mkv", Recipe(pts=pts, time_base=MS, last_duration=40))
    _copy(source, tmp_path / f"out{suffix}", Encode(codec=codec))
    assert _times(tmp_path / f"out{suffix}") == [tick * MS for tick in pts]


def test_times_of_transport_streams_keep_their_distances(tmp_path):
    pts = tuple(3000 * n for n in (0, 1, 2, 3, 5, 9, 10))
    source = render(tmp_path / "in.mp4", Recipe(pts=pts, time_base=Fraction(1, 90000), last_duration=3000))
    for codec in ("h264", "mpeg2"):
        _copy(source, tmp_path / "out.ts", Encode(codec=codec))
        found = _times(tmp_path / "out.ts")
        assert [time - found[0] for time in found] == [Fraction(tick, 90000) for tick in pts]


def test_avi_keeps_gaps_of_whole_pictures_and_refuses_others(tmp_path):
    pts = tuple(40 * n for n in (0, 1, 2, 3, 6, 7, 9))
    source = render(tmp_path / "in.mkv", Recipe(pts=pts, time_base=MS, last_duration=40))
    for codec in ("h264", "ffv1", "mpeg4"):
        _copy(source, tmp_path / "out.avi", Encode(codec=codec))
        with open_video(tmp_path / "out.avi") as video:
            times = [pts * video.info.time_base for pts, _ in video.timestamps()]
        step = times[1] - times[0]
        assert [time / step for time in times] == [0, 1, 2, 3, 6, 7, 9]
    fast = render(tmp_path / "fast.mkv", Recipe(pts=UNEVEN, time_base=MS, last_duration=40))
    _refused(fast, tmp_path / "out2.avi", Encode(), r"faster than a \.avi file can tell")
    _refused(source, tmp_path / "out.y4m", Encode(), r"evenly, and a \.y4m file holds one every 1/\d")
    _refused(source, tmp_path / "out.mxf", Encode(), r"evenly, and a \.mxf file holds one every 1/\d")


def test_gifs_count_in_hundredths(tmp_path):
    source = render(tmp_path / "in.mkv", Recipe(pts=(0, 33, 66, 100, 340), time_base=MS, last_duration=40))
    writer = _copy(source, tmp_path / "out.gif")
    assert _times(tmp_path / "out.gif") == [Fraction(n, 100) for n in (0, 3, 7, 10, 34)]
    assert "a .gif file counts time in 1/100 s: the times of frames were rounded" in writer.warnings
    fast = render(tmp_path / "fast.mkv", Recipe(pts=UNEVEN, time_base=MS, last_duration=40))
    _refused(fast, tmp_path / "fast.gif", Encode(), r"faster than a \.gif file can tell \(100 a second\)")


BYTES = [
    *[("vp9", ".webm"), ("vp8", ".webm"), ("av1", ".mp4"), ("mpeg2", ".ts"), ("mpeg2", ".mpg"), ("mpeg4", ".avi")],
    *[("mjpeg", ".mov"), ("utvideo", ".avi"), (None, ".gif"), (None, ".y4m"), ("h264", ".mxf"), ("h264", ".avi")],
]


@pytest.mark.parametrize(("codec", "suffix"), BYTES)
def test_the_same_frames_make_the_same_bytes(tmp_path, codec, suffix):
    source = render(tmp_path / "in.mp4", Recipe(size=(256, 144)))
    for name in ("a", "b"):
        _copy(source, tmp_path / f"{name}{suffix}", Encode(codec=codec))
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("encoder", ["prores_ks", "dnxhd"])
def test_the_same_frames_make_the_same_mezzanines(tmp_path, encoder):
    profile = {"profile": "dnxhr_hqx"} if encoder == "dnxhd" else {"profile": "lt"}
    case = Case(encoder=encoder, pixel_format="yuv422p10le", suffix=".mov", options=profile)
    source = render_case(tmp_path / "in.mov", case)
    for name in ("a", "b"):
        _copy(source, tmp_path / f"{name}.mov")
    assert (tmp_path / "a.mov").read_bytes() == (tmp_path / "b.mov").read_bytes()
    profiles = []
    for name in ("in", "a"):
        with av.open(str(tmp_path / f"{name}.mov")) as file:
            profiles.append(file.streams.video[0].profile)
    assert profiles == [{"prores_ks": "LT", "dnxhd": "DNXHR HQX"}[encoder]] * 2


@pytest.mark.parametrize("codec", ["hevc", "h264", "ffv1", "vp9", "utvideo"])
def test_lossless_is_exact(tmp_path, codec):
    suffix = ".avi" if codec == "utvideo" else ".mkv"
    source = render(tmp_path / "in.mp4", Recipe())
    _copy(source, tmp_path / f"out{suffix}", Encode(codec=codec, lossless=True))
    hashes = []
    for path in (source, tmp_path / f"out{suffix}"):
        with av.open(str(path)) as file:
            hashes.append([frame.to_ndarray().tobytes() for frame in file.decode(video=0)])
    assert hashes[0] == hashes[1]


def test_lossless_chooses_a_codec_that_can(tmp_path):
    source = render_case(
        tmp_path / "in.mov", Case(encoder="prores_ks", pixel_format="yuv422p10le", suffix=".mov", frames=2)
    )
    writer = _copy(source, tmp_path / "out.mov", Encode(lossless=True))
    assert writer.codec_name == "libx265"
    assert "the result is hevc" in writer.warnings[0]


ALPHA = [("ffv1", "bgra", ".mkv"), ("ffv1", "yuva444p10le", ".mkv"), ("qtrle", "argb", ".mov"), ("png", "rgba", ".mov")]
ALPHA += [("utvideo", "gbrap", ".avi"), ("prores_ks", "yuva444p10le", ".mov"), ("apng", "rgba", ".apng")]


@pytest.mark.parametrize(("encoder", "form", "suffix"), ALPHA)
def test_alpha_is_exact(tmp_path, encoder, form, suffix):
    case = Case(encoder=encoder, pixel_format=form, suffix=suffix, size=(64, 48))
    _copy(render_case(tmp_path / f"in{suffix}", case), tmp_path / f"out{suffix}")
    planes = []
    for name in ("in", "out"):
        with av.open(str(tmp_path / f"{name}{suffix}")) as file:
            planes.append([_alpha(frame) for frame in file.decode(video=0)])
    assert np.array_equal(*planes)
    assert np.ptp(planes[0]) > 50


def _alpha(frame: av.VideoFrame) -> np.ndarray:
    """(H, W) of a frame, by FFmpeg's own filter."""
    graph = av.filter.Graph()
    start = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
    )
    graph.link_nodes(start, graph.add("alphaextract"), graph.add("buffersink")).configure()
    graph.push(frame)
    return graph.pull().to_ndarray()


def test_alpha_is_never_dropped(tmp_path):
    case = Case(encoder="prores_ks", pixel_format="yuva444p10le", suffix=".mov", size=(64, 48), frames=2)
    source = render_case(tmp_path / "in.mov", case)
    for name, codec in (("out.mp4", None), ("out.avi", "h264"), ("out.webm", "vp9"), ("out.mp4", "hevc")):
        _refused(source, tmp_path / name, Encode(codec=codec), r"holds? yuva444p12le; type --codec")
    writer = _copy(source, tmp_path / "out.mov")
    assert any("rounded from 12 to 10 bits" in words for words in writer.warnings)
    vp9 = Case(encoder="libvpx-vp9", pixel_format="yuva420p", suffix=".webm", options={"auto-alt-ref": "0"}, frames=2)
    writer = _copy(render_case(tmp_path / "in.webm", vp9), tmp_path / "out.webm")
    assert any("compresses alpha" in words for words in writer.warnings)


def test_hdr10_goes_to_av1_and_back(tmp_path):
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    params = f"{X265}:hdr10=1:master-display={display}:max-cll=1000,400"
    recipe = Recipe(
        codec="libx265", pix_fmt="yuv420p10le", color=(9, 16, 9, 1), size=(64, 64), options={"x265-params": params}
    )
    source = render(tmp_path / "in.mp4", recipe)
    assert _copy(source, tmp_path / "av1.webm", Encode(codec="av1")).warnings[1:] == []
    _copy(tmp_path / "av1.webm", tmp_path / "hevc.mp4", Encode(codec="hevc"))
    _copy(source, tmp_path / "avc.mkv", Encode(codec="h264"))
    truth = _light(source)
    assert truth[1] == (1000, 400)
    for name in ("av1.webm", "hevc.mp4", "avc.mkv"):
        found = _light(tmp_path / name)
        assert found[0] == pytest.approx(truth[0], abs=3e-5), name
        assert found[1] == truth[1]
    writer = _copy(source, tmp_path / "vp9.mkv", Encode(codec="ffv1"))
    assert any("HDR10 metadata, which was left out; --codec hevc" in words for words in writer.warnings)


def _light(path: Path) -> tuple[list[float], tuple[int, ...]]:
    with av.open(str(path)) as file:
        side = next(file.decode(video=0)).side_data
        numbers = np.frombuffer(side.get("MASTERING_DISPLAY_METADATA"), np.int32)[:20].reshape(10, 2)
        return [n / d for n, d in numbers], tuple(np.frombuffer(side.get("CONTENT_LIGHT_LEVEL"), np.uint32)[:2])


def test_dolby_vision_in_the_header_is_named_as_lost(tmp_path):
    """A record of profile 8.1 put into the sample entry of an HEVC MP4, as ISO/IEC 14496-12 nests boxes."""
    source = render(tmp_path / "in.mp4", Recipe(codec="libx265", pix_fmt="yuv420p10le"))
    data = source.read_bytes()
    assert data.index(b"mdat") < data.index(b"moov")  # so that no offset of a sample changes
    payload = bytes([1, 0, 8 << 1 | 0, 6 << 3 | 0b101, 1 << 4]) + bytes(19)
    box = (8 + len(payload)).to_bytes(4, "big") + b"dvvC" + payload
    at = data.index(b"hvc1", data.index(b"stsd"))
    end = at - 4 + int.from_bytes(data[at - 4 : at], "big")
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1"):
        place = data.index(name, data.index(b"moov")) if name != b"hvc1" else at
        size = int.from_bytes(data[place - 4 : place], "big") + len(box)
        data = data[: place - 4] + size.to_bytes(4, "big") + data[place:]
    source.write_bytes(data[:end] + box + data[end:])
    writer = _copy(source, tmp_path / "out.mp4", Encode(preset="ultrafast"))
    assert any("Dolby Vision metadata was left out" in words for words in writer.warnings)
    plain = render(tmp_path / "plain.mp4", Recipe(codec="libx265", pix_fmt="yuv420p10le"))
    assert _copy(plain, tmp_path / "out2.mp4", Encode(preset="ultrafast")).warnings == []


@pytest.mark.parametrize(
    ("name", "encode", "words"),
    [
        ("out.webm", Encode(codec="h264"), r"a \.webm file cannot hold h264; name the output \.mkv"),
        ("out.ts", Encode(codec="vp9"), r"a \.ts file cannot hold vp9; name the output \.mkv"),
        ("out.gif", Encode(codec="h264"), r"a \.gif file cannot hold h264"),
        ("out.mov", Encode(codec="prores", crf=10), "prores_ks has no --crf|prores cannot hold yuv420p"),
        ("out.mkv", Encode(codec="mpeg2", crf=10), "mpeg2video has no --crf; leave it out"),
        ("out.mkv", Encode(codec="mpeg2", preset="fast"), "mpeg2video has no presets; leave out --preset"),
        ("out.webm", Encode(codec="vp9", preset="fast"), "libvpx-vp9 has no presets"),
        ("out.mp4", Encode(codec="av1", preset="fast"), "libsvtav1 has no preset 'fast'; choose one of 0, 1"),
        ("out.mp4", Encode(codec="h264", crf=60), "libx264's scale ends at 51; 16 is visually lossless"),
        ("out.mkv", Encode(codec="mpeg4", lossless=True), "--lossless is not known for mpeg4"),
        ("out.avi", Encode(codec="dvvideo"), "the encoder dvvideo refuses 64x48 yuv420p at 25 frames a second"),
        ("out.webm", Encode(codec="h264", crf=60), "a .webm file cannot hold h264"),
        ("out.mp4", Encode(crf=60), "libx264's scale ends at 51"),
        ("out.mxf", Encode(codec="mpeg2", lossless=True), "--lossless is not known for mpeg2video"),
    ],
)
def test_what_cannot_be_written_is_refused_before_any_work(tmp_path, name, encode, words):
    source = render(tmp_path / "in.mp4", Recipe(pts=(0, 512, 1024)))
    _refused(source, tmp_path / name, encode, words)


def test_refusals_come_before_painting(tmp_path, monkeypatch):
    def paint(*_: Any, **__: Any) -> None:
        raise AssertionError("painting began")

    monkeypatch.setattr("cleanplate.tasks.remove.run", paint)
    monkeypatch.setattr("cleanplate.tasks.remove.mask_pass", paint)
    source = render(tmp_path / "in.mp4", Recipe(pts=(0, 512, 1024)))
    with pytest.raises(UsageError, match="the encoder dvvideo refuses"):
        remove(source, output=tmp_path / "out.avi", box=(10, 10, 20, 20), codec="dvvideo")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_crf_and_preset_reach_the_encoder(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe(size=(256, 144)))
    for codec, suffix in (("vp9", ".webm"), ("av1", ".mp4"), ("vp8", ".webm")):
        sizes = []
        for crf in (None, 5, 50):
            _copy(source, tmp_path / f"{codec}-{crf}{suffix}", Encode(codec=codec, crf=crf))
            sizes.append((tmp_path / f"{codec}-{crf}{suffix}").stat().st_size)
        assert sizes[2] < sizes[0] < sizes[1], codec
    _copy(source, tmp_path / "slow.mp4", Encode(codec="av1", preset="12"))
    assert (tmp_path / "slow.mp4").read_bytes() != (tmp_path / "av1-None.mp4").read_bytes()


@pytest.mark.parametrize("colours", [2, 200, 256])
def test_few_colours_make_an_exact_palette(colours):
    random = np.random.default_rng(0)
    table = random.integers(0, 256, (colours, 4), np.uint8)
    table[:, 3] = 255
    table[0] = 0  # see-through
    rgba = table[random.integers(0, colours, (40, 60))]
    assert np.array_equal(with_palette(rgba).reformat(format="rgba").to_ndarray(), rgba)


def test_many_colours_make_a_near_palette():
    y, x = np.mgrid[:48, :64]
    rgba = np.dstack([4 * x, 5 * y, 2 * x + 2 * y, np.full_like(x, 255)]).astype(np.uint8)
    near = with_palette(rgba).reformat(format="rgba").to_ndarray()
    assert 0 < np.abs(near.astype(int) - rgba).mean() < 8
    few = rgba // 64 * 64 | np.array([0, 0, 0, 255], np.uint8)
    few[:6, :50, 0] = np.arange(300).reshape(6, 50) % 256  # a small part has more than fit
    few[:6, :50, 1] = np.arange(300).reshape(6, 50) // 2
    kept = with_palette(few).reformat(format="rgba").to_ndarray()
    assert np.array_equal(kept[6:], few[6:])


def test_fields_are_kept_or_named(tmp_path):
    source = render_case(
        tmp_path / "in.ts",
        replace(
            Case(encoder="mpeg2video", pixel_format="yuv420p", suffix=".ts", size=(128, 96)),
            fields="bff",
            options={"flags": "+ilme+ildct"},
        ),
    )
    for name, codec in (("out.ts", None), ("out.mkv", None), ("out.mp4", "h264"), ("out.avi", "mpeg4")):
        writer = _copy(source, tmp_path / name, Encode(codec=codec))
        assert not [words for words in writer.warnings if "interlaced" in words]
        with open_video(tmp_path / name) as video:
            assert video.info.field_order == "bb", name
    for name, codec in (("out.webm", "vp9"), ("o.mp4", "hevc"), ("o.mkv", "av1"), ("o.avi", "utvideo")):
        writer = _copy(source, tmp_path / name, Encode(codec=codec))
        assert [words for words in writer.warnings if "interlaced" in words], name


@pytest.mark.parametrize("suffix", [".avi", ".ts", ".mxf", ".gif", ".y4m", ".apng", ".mpg"])
def test_turned_pictures_go_where_the_turn_can_be_said(tmp_path, suffix):
    source = render(tmp_path / "in.mp4", Recipe(rotation=90, pts=(0, 512)))
    _refused(source, tmp_path / f"out{suffix}", Encode(), rf"turned or mirrored, which a \{suffix} file cannot say")
    _copy(source, tmp_path / "out.webm")
    with av.open(str(tmp_path / "out.webm")) as file:
        frame = next(file.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (64, 48, 90)


@pytest.mark.parametrize(
    ("name", "codec", "is_kept"),
    [
        *[("out.mp4", "av1", True), ("out.mov", "mjpeg", True), ("out.avi", "mpeg4", True), ("out.ts", None, True)],
        *[("out.mkv", "ffv1", False), ("out.webm", "vp9", False), ("out.y4m", None, False), ("out.ts", "mpeg2", False)],
    ],
)
def test_the_shape_of_pixels_is_kept_or_named(tmp_path, name, codec, is_kept):
    source = render(tmp_path / "in.mp4", Recipe(pixel_aspect=Fraction(16, 11)))
    writer = _copy(source, tmp_path / name, Encode(codec=codec))
    with av.open(str(tmp_path / name)) as file:
        found = file.streams.video[0].sample_aspect_ratio
    assert (found == Fraction(16, 11)) == is_kept
    assert any("16/11 times as wide as high" in words for words in writer.warnings) != is_kept


@pytest.mark.parametrize("suffix", [".webm", ".avi", ".ts", ".mpg", ".gif", ".y4m", ".apng", ".mxf"])
def test_images_become_each_kind_of_file(tmp_path, suffix):
    folder = tmp_path / "in"
    folder.mkdir()
    y, x = np.mgrid[:48, :64]
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), np.dstack([3 * x, 4 * y, 50 + x + 20 * number]).astype(np.uint8))
    _copy(folder, tmp_path / f"out{suffix}")
    truth = cv2.imread(str(folder / "2.png"))
    with av.open(str(tmp_path / f"out{suffix}")) as file:
        frames = list(file.decode(video=0))
    space = "ITU709" if "yuv" in frames[2].format.name else None
    shown = frames[2].reformat(format="bgr24", src_colorspace=space).to_ndarray()
    assert len(frames) == 4
    assert np.abs(shown.astype(int) - truth).mean() < 6


def test_prores_pictures_name_their_colours_themselves(tmp_path):
    """Whoever reads the pictures without the container, as in MXF, finds them too."""
    case = Case(encoder="prores_ks", pixel_format="yuv422p10le", suffix=".mov", color=(9, 18, 9, 1), frames=2)
    _copy(render_case(tmp_path / "in.mov", case), tmp_path / "out.mov")
    with av.open(str(tmp_path / "out.mov")) as file:
        frame = next(file.decode(video=0))
    assert (int(frame.color_primaries), int(frame.color_trc)) == (9, 18)
