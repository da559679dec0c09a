"""Videos that are cut short, damaged, or tell times and sizes wrongly: judged by the whole file, read with PyAV."""

from __future__ import annotations

import json
import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from media import Recipe, facts, render

import cleanplate
from cleanplate.apps.cli.main import main
from cleanplate.base.errors import MaskError, MediaError
from cleanplate.bench.containers import elements
from cleanplate.decode import packets
from cleanplate.decode.reader import open_video
from cleanplate.decode.times import mend

FRAMES = 24
STEP = 512
PTS = range(0, FRAMES * STEP, STEP)
MILLISECONDS = Fraction(1, 1000)


def steady(codec: str = "libx264", **more) -> Recipe:
    return Recipe(codec=codec, pts=PTS, **more)


def in_milliseconds(codec: str, **more) -> Recipe:
    """The same for Matroska: 25 frames a second; FFV1 in key frames only."""
    if codec == "ffv1":
        more["options"] = {"g": "1"}
    return Recipe(codec=codec, pts=range(0, FRAMES * 40, 40), time_base=MILLISECONDS, last_duration=40, **more)


def planes(path: Path) -> dict[int, np.ndarray]:
    """Luma of every frame by pts, read with PyAV."""
    found = {}
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            rows = np.frombuffer(frame.planes[0], np.uint8).reshape(frame.height, -1)
            found[frame.pts] = rows[:, : frame.width].copy()
    return found


def read(path: Path) -> tuple[list[tuple[int, int]], list[np.ndarray], list[str]]:
    """(pts, duration) and luma of every frame, and what was said."""
    with open_video(path) as video:
        frames = list(video)
        warnings = list(video.warnings)
        given = {pts for pts, _ in video.timestamps()}
    times = [(frame.pts, frame.duration) for frame in frames]
    assert {pts for pts, _ in times} <= given  # the masks are made for these
    return times, [frame.native.arrays[0] for frame in frames], warnings


def packet_places(path: Path) -> list[tuple[int, int]]:
    """Where each packet of the video lies in the file, in stored order."""
    data, at, found = path.read_bytes(), 0, []
    with av.open(str(path)) as file:
        for packet in file.demux(video=0):
            if packet.size:
                at = data.index(bytes(packet), at)
                found.append((at, at + packet.size))
    return found


def overwrite(path: Path, start: int, new: bytes) -> Path:
    data = bytearray(path.read_bytes())
    data[start : start + len(new)] = new
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """The file up to that share of the bytes between its first packet and its last."""
    places = packet_places(path)
    first, last = places[0][0], places[-1][1]
    short = path.with_name(f"cut{path.suffix}")
    short.write_bytes(path.read_bytes()[: first + int((last - first) * share)])
    return short


def numbers_in(sentences: list[str]) -> list[int]:
    return [int(word) for sentence in sentences for word in sentence.split() if word.isdigit()]


# Cut short


@pytest.mark.parametrize(
    ("name", "codec"), [("in.mp4", "libx264"), ("in.mkv", "libx264"), ("in.mkv", "ffv1"), ("in.avi", "mpeg4")]
)
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_what_is_left_of_a_cut_file_is_kept_and_the_rest_is_counted(tmp_path, name, codec, share):
    muxer = {"movflags": "faststart"} if name.endswith("mp4") else {}
    recipe = steady(codec, muxer=muxer) if name.endswith("mp4") else in_milliseconds(codec)
    if name.endswith("avi"):
        recipe = Recipe(codec=codec, pts=range(FRAMES), time_base=Fraction(1, 25), last_duration=1)
    source = render(tmp_path / name, recipe)
    whole, short = planes(source), cut(source, share)
    with av.open(str(source)) as file:
        packets = sum(packet.size > 0 for packet in file.demux(video=0))
    assert packets == FRAMES
    ends = [stop for _, stop in packet_places(source)]
    cut_inside = sum(stop <= short.stat().st_size for stop in ends)
    times, pictures, warnings = read(short)
    assert 0 < len(times) < FRAMES
    exact = sum(np.array_equal(picture, whole[pts]) for (pts, _), picture in zip(times, pictures, strict=True))
    assert exact >= cut_inside - 3  # the packet that was cut through, and those that need it, may look otherwise
    lost = FRAMES - len(times)
    numbers = numbers_in(warnings)
    said = [n for n in numbers if n != FRAMES]
    assert "is cut short" in warnings[0]
    assert FRAMES in numbers or name.endswith("avi")  # AVI counts ticks, and the muxer leaves some empty
    assert abs(sum(said) - lost) <= (2 if name.endswith("avi") else 0), warnings
    assert times[-1][1] <= 3 * STEP  # the last picture does not stay for as long as the file was to last


def test_a_cut_file_comes_out_with_its_frames_and_its_sound(tmp_path):
    recipe = steady(audio=["aac"], muxer={"movflags": "faststart", "max_interleave_delta": "0"})
    source = render(tmp_path / "in.mp4", recipe)
    short = cut(source, 0.7)
    kept = len(read(short)[0])
    output = tmp_path / "out.mp4"
    report = cleanplate.remove(short, output=output, box=(10, 10, 20, 20), engine="opencv-telea")
    found = facts(output)
    assert report.frames == kept == len(found.samples) < FRAMES
    assert found.times[-1][1] == kept * Fraction(1, 25)
    assert sum(numbers_in(report.warnings)) == FRAMES + FRAMES - kept
    whole, sound = facts(source).packets[1], found.packets[1]
    assert 0 < len(sound) < len(whole)
    assert [packet[2] for packet in sound[:-1]] == [packet[2] for packet in whole[: len(sound) - 1]]
    assert report.warnings == json.loads(output.with_name("out.mp4.json").read_text())["warnings"]


def test_a_whole_file_is_not_called_cut(tmp_path):
    for number, (name, recipe) in enumerate(
        [
            ("in.mp4", steady(audio=["aac"])),
            ("in.mp4", Recipe(pts=range(-3 * 512, 9 * 512, 512))),  # an edit list hides the first three
            ("in.mkv", in_milliseconds("ffv1", audio=["flac"])),
            ("in.avi", Recipe(codec="mpeg4", pts=range(FRAMES), time_base=Fraction(1, 25), last_duration=1)),
            ("in.ts", Recipe(time_base=Fraction(1, 90000), pts=range(0, 36000, 3600), last_duration=3600)),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert read(render(folder / name, recipe))[2] == []


# Damaged in the middle


@pytest.mark.parametrize("codec", ["mjpeg", "ffv1"])
def test_a_packet_that_cannot_be_decoded_leaves_a_gap(tmp_path, codec):
    source = render(tmp_path / "in.mkv", in_milliseconds(codec, pix_fmt="yuvj420p" if codec == "mjpeg" else "yuv420p"))
    whole = planes(source)
    start, stop = packet_places(source)[9]
    overwrite(source, start, b"\xff" * (stop - start))
    times, pictures, warnings = read(source)
    assert [pts for pts, _ in times] == [pts for pts in whole if pts != 9 * 40]
    assert times[8] == (8 * 40, 80)
    assert all(np.array_equal(picture, whole[pts]) for (pts, _), picture in zip(times, pictures, strict=True))
    assert len(warnings) == 1
    assert "1 frame of" in warnings[0]
    assert "could not be decoded" in warnings[0]


def test_masks_stay_with_their_frames_when_one_is_lost(tmp_path):
    """The hole moves on by 2 px a frame: one frame off, and the wrong place would be painted."""
    source = render(tmp_path / "in.mkv", in_milliseconds("ffv1"))
    before = planes(source)
    start, stop = packet_places(source)[9]
    overwrite(source, start, b"\xff" * (stop - start))
    mask = tmp_path / "mask.mkv"
    with av.open(str(mask), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
        for n in range(FRAMES):
            picture = np.zeros((48, 64), np.uint8)
            picture[20:24, 4 + 2 * n : 8 + 2 * n] = 255
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        out.mux(stream.encode(None))
    output = tmp_path / "out.mkv"
    report = cleanplate.remove(
        source, output=output, mask=mask, engine="opencv-telea", grow_px=0, codec="ffv1", verify=True
    )
    after = planes(output)
    assert list(after) == [pts for pts in before if pts != 9 * 40]
    assert report.frames == FRAMES - 1
    for pts, picture in after.items():
        columns = np.flatnonzero((picture != before[pts]).any(axis=0))
        left = 4 + 2 * (pts // 40)
        assert len(columns)
        assert left <= columns[0]
        assert columns[-1] < left + 4


def test_a_damaged_stream_decodes_the_same_each_time_and_says_so(tmp_path):
    source = render(tmp_path / "in.mp4", steady(size=(192, 128), options={"preset": "medium", "qp": "20"}))
    random = np.random.default_rng(3)
    for start, stop in packet_places(source)[4:12:2]:
        for at in random.integers(start + 24, max(stop, start + 25), 3):
            overwrite(source, int(at), b"\x5a")
    runs = [read(source) for _ in range(5)]
    assert all(times == runs[0][0] and said == runs[0][2] for times, _, said in runs)
    for _, pictures, _ in runs:
        assert all(np.array_equal(one, other) for one, other in zip(pictures, runs[0][1], strict=True))
    assert any("damaged" in warning for warning in runs[0][2])


def test_nothing_decodable_is_one_sentence(tmp_path):
    source = render(tmp_path / "in.mkv", in_milliseconds("ffv1"))
    for start, stop in packet_places(source):
        overwrite(source, start, b"\xff" * (stop - start))
    with pytest.raises(MediaError, match=r"no picture of .* can be decoded"):
        open_video(source)
    zeros = tmp_path / "zeros.mp4"
    zeros.write_bytes(bytes(100_000))
    with pytest.raises(MediaError, match="cannot be read as a video"):
        open_video(zeros)


def test_a_damaged_beginning_is_left_out(tmp_path):
    source = render(tmp_path / "in.mkv", in_milliseconds("ffv1"))
    whole = planes(source)
    for start, stop in packet_places(source)[:3]:
        overwrite(source, start, b"\xff" * (stop - start))
    times, pictures, warnings = read(source)
    assert [pts for pts, _ in times] == list(whole)[3:]
    assert np.array_equal(pictures[0], whole[120])
    assert "3 frames of" in warnings[0]


def test_sound_with_falling_times_loses_those_packets_only(tmp_path):
    source = render(tmp_path / "in.mkv", in_milliseconds("ffv1", audio=["flac"]))
    data, sound = source.read_bytes(), facts(source).packets[1]
    with av.open(str(source)) as file:
        seventh = [bytes(packet) for packet in file.demux(audio=0) if packet.size][6]
    at = data.index(seventh) - 3
    (now,) = struct.unpack(">h", data[at : at + 2])
    overwrite(source, at, struct.pack(">h", now - 300))
    report = cleanplate.remove(source, output=tmp_path / "out.mp4", box=(4, 4, 9, 9), engine="opencv-telea")
    kept = facts(tmp_path / "out.mp4").packets[1]
    assert [packet[2] for packet in kept] == [packet[2] for packet in [*sound[:6], *sound[7:]]]
    assert any("damaged packets of stream 1 (audio) were left out: 1" in warning for warning in report.warnings)


def test_tags_in_another_alphabet_do_not_keep_a_file_from_being_read(tmp_path):
    source = render(tmp_path / "in.mkv", in_milliseconds("ffv1", tags={"COMMENT": "cafeteria"}))
    overwrite(source, source.read_bytes().index(b"cafeteria"), "café".encode("latin-1"))
    report = cleanplate.remove(source, output=tmp_path / "out.mkv", box=(4, 4, 9, 9), engine="opencv-telea")
    assert report.frames == FRAMES
    assert facts(tmp_path / "out.mkv").tags["COMMENT"] == "caf\ufffdteria"


@pytest.mark.parametrize("change", ["size", "pixel format"])
def test_a_change_in_mid_stream_is_one_sentence_and_no_output(tmp_path, capsys, change):
    first = render(tmp_path / "a.h264", Recipe())
    other = Recipe(size=(96, 64)) if change == "size" else Recipe(pix_fmt="yuv422p")
    source = tmp_path / "in.h264"
    source.write_bytes(first.read_bytes() + render(tmp_path / "b.h264", other).read_bytes())
    output = tmp_path / "out.mp4"
    with pytest.raises(SystemExit) as stopped:
        main(["remove", str(source), "--box", "4,4,9,9", "--engine", "opencv-telea", "-o", str(output)])
    said = capsys.readouterr().err.strip()
    assert stopped.value.code == 1
    assert said.count("\n") == 0
    assert "frame 12 of" in said
    assert "split the file where it changes" in said
    assert not output.exists()


def test_warnings_are_on_the_screen_and_the_exit_code_is_0(tmp_path, capsys):
    source = render(tmp_path / "in.mkv", in_milliseconds("ffv1"))
    with pytest.raises(SystemExit) as stopped:
        main(["remove", str(cut(source, 0.5)), "--box", "4,4,9,9", "-o", str(tmp_path / "out.mkv")])
    assert stopped.value.code == 0
    assert f"of its {FRAMES} frames are missing" in capsys.readouterr().err


def test_a_mask_video_of_an_unknown_codec_is_one_sentence(tmp_path):
    source = render(tmp_path / "in.mkv", in_milliseconds("ffv1"))
    mask = tmp_path / "mask.mkv"
    mask.write_bytes(source.read_bytes().replace(b"V_FFV1", b"V_NONE"))
    with pytest.raises(MaskError, match="no video stream of at most"):
        cleanplate.remove(source, output=tmp_path / "out.mkv", mask=mask)


# Wrong numbers


@pytest.mark.parametrize("value", [0, 1, 7, 10**6, 2**32 - 1])
@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_a_wrong_length_in_the_header_changes_nothing(tmp_path, suffix, value):
    if suffix == ".mp4":
        source = render(tmp_path / "in.mp4", steady())
        data = source.read_bytes()
        truth = read(source)[:1]
        for name, at in ((b"mvhd", 20), (b"mdhd", 20)):  # of version 0: the length stands 20 bytes behind the name
            overwrite(source, data.index(name) + at, struct.pack(">I", value))
    elif suffix == ".avi":
        recipe = Recipe(codec="mpeg4", pts=range(FRAMES), time_base=Fraction(1, 25), last_duration=1)
        source = render(tmp_path / "in.avi", recipe)
        data = source.read_bytes()
        truth = read(source)[:1]
        overwrite(source, data.index(b"avih") + 24, struct.pack("<I", value))
        overwrite(source, data.index(b"strh") + 40, struct.pack("<I", value))
    else:
        source = render(tmp_path / "in.mkv", in_milliseconds("ffv1"))
        data = source.read_bytes()
        truth = read(source)[:1]
        overwrite(source, data.index(b"\x44\x89\x88") + 3, struct.pack(">d", value))
    times, _, warnings = read(source)
    assert [pts for pts, _ in times] == [pts for pts, _ in truth[0]]
    assert times[-1][1] <= 2 * truth[0][-1][1]
    assert len(warnings) <= 1


def test_reordered_pictures_in_avi_come_in_order(tmp_path):
    """AVI stores no times of showing; those FFmpeg makes up fall for pictures that were reordered."""
    options = {"preset": "medium", "qp": "20", "b_strategy": "0", "bf": "2"}
    recipe = Recipe(pts=range(FRAMES), time_base=Fraction(1, 25), last_duration=1, options=options)
    source = render(tmp_path / "in.avi", recipe)
    with av.open(str(source)) as file:
        made_up = [frame.pts for frame in file.decode(video=0)]
    assert made_up != sorted(made_up)
    pure = planes(render(tmp_path / "pure.mkv", in_milliseconds("libx264", options=options)))
    times, pictures, warnings = read(source)
    assert [b[0] - a[0] for a, b in pairwise(times)] == [1] * (FRAMES - 1)
    assert all(np.array_equal(a, b) for a, b in zip(pictures, pure.values(), strict=True))
    assert warnings == []


def set_block_times(path: Path, changed: dict[int, int]) -> None:
    """The times of Matroska's blocks: two bytes behind the track's number, counted from the cluster's own time."""
    places, data = packet_places(path), path.read_bytes()
    for index, milliseconds in changed.items():
        at = places[index][0] - 3
        (now,) = struct.unpack(">h", data[at : at + 2])
        overwrite(path, at, struct.pack(">h", now + milliseconds - index * 40))


@pytest.mark.parametrize(
    "changed",
    [{5: 160}, {5: 40}, {5: 0, 12: 10}, {5: 700}, {5: 160, 6: 160}, {23: 100}, {5: 320, 6: 160}, {0: 500}],
)
def test_single_wrong_times_are_worked_out(tmp_path, changed):
    source = render(tmp_path / "in.mkv", in_milliseconds("ffv1"))
    whole = planes(source)
    set_block_times(source, changed)
    times, pictures, warnings = read(source)
    assert [pts for pts, _ in times] == list(whole)
    assert all(np.array_equal(a, b) for a, b in zip(pictures, whole.values(), strict=True))
    assert any("worked out from those of their neighbours" in warning for warning in warnings)


def test_times_that_fall_for_good_are_one_sentence(tmp_path):
    source = render(tmp_path / "in.mkv", in_milliseconds("ffv1"))
    set_block_times(source, {index: (index - 12) * 40 for index in range(12, FRAMES)})
    with open_video(source) as video, pytest.raises(MediaError, match=r"frame 12 .* no later than the frame before"):
        list(video)


@pytest.mark.parametrize(
    ("times", "step", "mended"),
    [
        ([0, 10, 20, 30], 10, [0, 10, 20, 30]),
        ([0, 10, 10, 30], 10, [0, 10, 20, 30]),
        ([None, None, None], 7, [0, 7, 14]),
        ([None, 10, None, 30, None], 10, [0, 10, 20, 30, 40]),
        ([0, 10, 20, 5, 40, 50], 10, [0, 10, 20, 30, 40, 50]),
        ([0, 10, 990, 30, 40, 50], 10, [0, 10, 20, 30, 40, 50]),
        ([0, 1, 1, 2], 1, None),  # no room
        ([0, 10, 20, 30, 0, 10, 20, 30], 10, None),  # two ways
        ([], 10, []),
    ],
)
def test_mended_times(times, step, mended):
    found = mend(times, step)
    assert found == mended


def test_times_before_zero_are_kept(tmp_path):
    recipe = Recipe(
        pts=range(-3 * 3600, 9 * 3600, 3600),
        time_base=Fraction(1, 90000),
        last_duration=3600,
        muxer={"avoid_negative_ts": "disabled"},
    )
    source = render(tmp_path / "in.ts", recipe)
    whole = planes(source)
    assert min(whole) < 0
    times, _, _ = read(source)
    assert [pts for pts, _ in times] == list(whole)
    output = tmp_path / "out.mp4"
    report = cleanplate.remove(source, output=output, box=(4, 4, 9, 9), engine="opencv-telea")
    assert report.frames == 12


# Sizes


@pytest.mark.parametrize(
    ("size", "pts", "suffix"),
    [((16, 16), PTS, ".mp4"), ((64, 48), (0,), ".mp4"), ((161, 97), PTS, ".mkv"), ((16, 16), (0,), ".mkv")],
)
def test_small_odd_and_single_pictures_come_through(tmp_path, size, pts, suffix):
    codec = "ffv1" if size[0] % 2 else "libx264"
    base = MILLISECONDS if suffix == ".mkv" else Fraction(1, 12800)
    pts = [p // 512 * 40 for p in pts] if suffix == ".mkv" else pts
    source = render(tmp_path / f"in{suffix}", Recipe(codec=codec, size=size, pts=pts, time_base=base))
    output = tmp_path / f"out{suffix}"
    report = cleanplate.remove(
        source, output=output, box=(4, 4, 7, 7), engine="opencv-telea", grow_px=1, lossless=True, verify=True
    )
    before, after = planes(source), planes(output)
    assert list(before) == list(after)
    assert report.untouched == "identical"
    for pts_, picture in after.items():
        changed = np.argwhere(picture != before[pts_])
        assert len(changed)
        assert changed.min() >= 2
        assert changed.max() < 10


def test_pictures_of_8192x4320_come_through(tmp_path):
    source = render(
        tmp_path / "in.mp4", Recipe(size=(8192, 4320), pts=(0,), options={"preset": "ultrafast", "qp": "30"})
    )
    output = tmp_path / "out.mp4"
    report = cleanplate.remove(
        source, output=output, box=(8000, 4200, 8020, 4220), engine="opencv-telea", preset="ultrafast"
    )
    assert (report.frames, report.untouched) == (1, "identical")
    with av.open(str(output)) as file:
        assert (file.streams.video[0].width, file.streams.video[0].height) == (8192, 4320)


def test_a_size_in_the_header_is_bounded_before_anything_is_allocated(tmp_path):
    source = render(tmp_path / "in.mkv", in_milliseconds("ffv1"))
    at = source.read_bytes().index(b"\xb0\x81\x40\xba\x81\x30")  # PixelWidth 64, PixelHeight 48
    data = source.read_bytes()
    (tmp_path / "big.mkv").write_bytes(data[:at] + b"\xb0\x82\xff\xff\xba\x82\xff\xff"[:8] + data[at + 6 :])
    with pytest.raises(MediaError, match=r"65535x65535|cannot be read|no picture"):
        open_video(tmp_path / "big.mkv")


def test_a_size_in_the_stream_is_bounded_before_anything_is_allocated(tmp_path, monkeypatch):
    """The decoder itself keeps to the limit, whatever the container's header says."""
    source = render(tmp_path / "in.mkv", in_milliseconds("mjpeg", pix_fmt="yuvj420p"))
    monkeypatch.setattr(packets, "MAX_PIXELS", 64 * 48)
    assert len(read(source)[0]) == FRAMES
    monkeypatch.setattr(packets, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(MediaError, match="no picture"):
        open_video(source)


def test_the_bytes_of_a_container_are_taken_apart_without_gaps(tmp_path):
    for name in ("in.mp4", "in.mkv", "in.avi"):
        recipe = Recipe(codec="mpeg4", pts=range(0, 480, 40), time_base=MILLISECONDS, last_duration=40)
        groups = elements(render(tmp_path / name, recipe).read_bytes())
        assert len(groups) > 3
        for group in groups:
            assert all(a[1] == b[0] for a, b in pairwise(group))


def test_a_time_that_leaps_and_falls_back_leaves_the_frame_before_its_length(tmp_path: Path, monkeypatch):
    """A wrong time far ahead shows only when the next one falls: the frame before it must not stay for hours."""
    source, step = tmp_path / "in.mkv", 512
    render(source, Recipe(codec="ffv1", pts=[n * step for n in range(12)]))
    with open_video(source) as video:
        right = [(frame.pts, frame.duration) for frame in video]
        said = type(video)._time_said

        def leap(self, picture):
            return said(self, picture) + (10**9 if said(self, picture) == right[5][0] else 0)

        monkeypatch.setattr(type(video), "_time_said", leap)
        found = [(frame.pts, frame.duration) for frame in video]
        assert len(found) == 12
        assert all(abs(a[0] - b[0]) <= 1 and abs(a[1] - b[1]) <= 2 for a, b in zip(found, right, strict=True))
        assert any("their times were worked out" in words for words in video.warnings)
