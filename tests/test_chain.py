"""The whole chain on rendered videos: what comes out, what is proven, and what is never looked at."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import cleanplate
import cleanplate.chain
from cleanplate.base.measure import hole_psnr
from cleanplate.base.types import Frame, Planes
from cleanplate.bench.synth import Scene, render
from cleanplate.bench.synth_video import write_clip
from cleanplate.paste import paste

ENGINES = ("flowfill", "opencv-telea")


@pytest.fixture(scope="module")
def scene() -> Scene:
    return render("logo-pan", width_px=192, height_px=112, frames=24)


@pytest.fixture(scope="module")
def source(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chain") / "in.mkv"
    write_clip(path, scene.images, codec="ffv1", crf=None)
    return path


@pytest.fixture(scope="module")
def mask(scene: Scene, source: Path) -> Path:
    path = source.with_name("mask.png")
    cv2.imwrite(str(path), scene.holes[0].astype(np.uint8) * 255)
    return path


def planes_of(path: Path) -> list[list[np.ndarray]]:
    """Every frame's planes, read by PyAV alone."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = []
            for plane in frame.planes:
                samples = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                planes.append(samples[:, : plane.width].copy())
            found.append(planes)
    return found


def rgb_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def far_from(mask: Path, reach_px: int) -> np.ndarray:
    """Luma samples that lie more than `reach_px` rows or columns from the mask: certainly untouched."""
    hole = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE) > 127
    size = 2 * reach_px + 1
    return cv2.dilate(hole.astype(np.uint8), np.ones((size, size), np.uint8)) == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_the_hole_is_filled_and_nothing_else_is_touched(
    engine: str, scene: Scene, source: Path, mask: Path, tmp_path: Path
):
    output = tmp_path / "out.mkv"
    report = cleanplate.remove(source, mask=mask, output=output, engine=engine, lossless=True, verify=True)
    assert report.untouched == "identical"
    assert report.verified == "24 frames decode, all samples identical"
    assert report.frames == report.frames_with_holes == 24
    outside = far_from(mask, 5)
    for before, after in zip(planes_of(source), planes_of(output), strict=True):
        assert np.array_equal(before[0][outside], after[0][outside])
        for chroma in (1, 2):
            # a chroma sample is certainly untouched if all four luma samples of its block are
            still = outside[::2, ::2] & outside[1::2, ::2] & outside[::2, 1::2] & outside[1::2, 1::2]
            assert np.array_equal(before[chroma][still], after[chroma][still])
    untouched = hole_psnr(scene.images, scene.plate, scene.holes, data_range=255)
    assert hole_psnr(rgb_of(output), scene.plate, scene.holes, data_range=255) > untouched + 4  # dB


def test_flowfill_sees_what_telea_invents(source: Path, mask: Path, scene: Scene, tmp_path: Path):
    scores = {}
    for engine in ENGINES:
        output = tmp_path / f"{engine}.mkv"
        report = cleanplate.remove(source, mask=mask, output=output, engine=engine)
        scores[engine] = hole_psnr(rgb_of(output), scene.plate, scene.holes, data_range=255)
        assert report.seen_share + report.invented_share == pytest.approx(1)
        assert (report.seen_share > 0.8) == (engine == "flowfill")
    assert scores["flowfill"] > scores["opencv-telea"] + 6  # dB


@pytest.mark.parametrize("engine", ENGINES)
def test_what_the_mask_hides_never_matters(engine: str, source: Path, mask: Path, scene: Scene, tmp_path: Path):
    """Other hidden samples in the source file, same output: survey, cuts, motion, paint and paste never saw them."""
    scrambled = tmp_path / "scrambled.mkv"
    rng = np.random.default_rng(5)
    hole = scene.holes[0]
    blocks = np.zeros(hole.shape, bool)  # every luma sample whose chroma sample the mask touches
    ys, xs = np.nonzero(hole)
    for dy in (0, 1):
        for dx in (0, 1):
            blocks[ys // 2 * 2 + dy, xs // 2 * 2 + dx] = True
    with av.open(str(source)) as given, av.open(str(scrambled), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        encoder = av.CodecContext.create("ffv1", "w")
        video = given.streams.video[0]
        encoder.width, encoder.height, encoder.pix_fmt = video.width, video.height, "yuv420p"
        encoder.time_base = video.time_base
        for frame in given.decode(video):
            arrays = frame.to_ndarray()  # (H * 3 / 2, W) planar
            height, width = hole.shape
            luma, chroma = arrays[:height], arrays[height:].reshape(2, height // 2, width // 2)
            luma[hole] = rng.integers(0, 256, hole.sum())
            touched = blocks[::2, ::2]
            for plane in chroma:
                plane[touched] = rng.integers(0, 256, touched.sum())
            other = av.VideoFrame.from_ndarray(arrays, format="yuv420p")
            other.pts, other.time_base = frame.pts, frame.time_base
            for packet in encoder.encode(other):
                packet.stream = stream
                out.mux(packet)
        for packet in encoder.encode(None):
            packet.stream = stream
            out.mux(packet)
    assert not all(np.array_equal(a[0], b[0]) for a, b in zip(planes_of(source), planes_of(scrambled), strict=True))
    for name, video in (("a", source), ("b", scrambled)):
        cleanplate.remove(video, mask=mask, output=tmp_path / f"{name}.mkv", engine=engine, grow_px=2, feather_px=2)
    pairs = zip(planes_of(tmp_path / "a.mkv"), planes_of(tmp_path / "b.mkv"), strict=True)
    assert all(np.array_equal(a, b) for one, two in pairs for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(("plane", "name"), [(0, "Y"), (2, "Cr")])
def test_a_sabotaged_paste_is_found_out(
    plane: int, name: str, source: Path, mask: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def bad_paste(frame: Frame, regions, paints) -> Frame:
        done = paste(frame, regions, paints)
        if frame.index != 5:
            return done
        arrays = list(done.native.arrays)
        arrays[plane] = arrays[plane].copy()
        arrays[plane][3, 4] ^= 1
        return replace(done, native=Planes(arrays=tuple(arrays), layout=done.native.layout))

    monkeypatch.setattr(cleanplate.filling, "paste", bad_paste)
    output = tmp_path / "out.mkv"
    with pytest.raises(cleanplate.ProofError, match=f"1 samples changed, the first at frame 5, plane {name}, x 4, y 3"):
        cleanplate.remove(source, mask=mask, output=output, engine="opencv-telea")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv.json"]  # a report, no video
    report = json.loads((tmp_path / "out.mkv.json").read_text())
    assert report["untouched"].startswith("1 samples changed")
    assert report["changed_samples"][0].startswith(f"frame 5, plane {name}, x 4, y 3: ")


def test_verify_finds_a_file_that_does_not_hold_what_was_sent(
    source: Path, mask: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from cleanplate.save.writer import VideoWriter

    write = VideoWriter.write

    def bad_write(self: VideoWriter, frame: Frame) -> None:
        if frame.index == 7:
            arrays = [array.copy() for array in frame.native.arrays]
            arrays[0][0, 0] ^= 1
            frame = replace(frame, native=Planes(arrays=tuple(arrays), layout=frame.native.layout))
        write(self, frame)

    monkeypatch.setattr(VideoWriter, "write", bad_write)
    output = tmp_path / "out.mkv"
    output.write_bytes(b"an older result")
    with pytest.raises(cleanplate.ProofError, match=r"frame 7 of .* decodes to other samples than were encoded"):
        cleanplate.remove(source, mask=mask, output=output, engine="opencv-telea", lossless=True, verify=True)
    assert output.read_bytes() == b"an older result"
    assert "frame 7" in json.loads((tmp_path / "out.mkv.json").read_text())["verified"]
    assert len(list(tmp_path.iterdir())) == 2


def test_frames_without_a_hole_pass_through(source: Path, tmp_path: Path):
    report = cleanplate.remove(
        source, box="20,20,60,50@0.2-0.4", output=tmp_path / "out.mkv", lossless=True, engine="opencv-telea"
    )
    assert (report.frames, report.frames_with_holes) == (24, 5)  # 0.20, 0.24, ... 0.36 s at 25 frames/s
    pairs = list(zip(planes_of(source), planes_of(tmp_path / "out.mkv"), strict=True))
    changed = [any(not np.array_equal(a, b) for a, b in zip(*pair, strict=True)) for pair in pairs]
    assert [n for n, is_changed in enumerate(changed) if is_changed] == [5, 6, 7, 8, 9]


def test_the_same_command_writes_the_same_bytes(source: Path, mask: Path, tmp_path: Path):
    outputs = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for output in outputs:
        cleanplate.remove(source, mask=mask, output=output, preset="ultrafast")
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_the_two_passes_give_what_remove_gives(source: Path, mask: Path, tmp_path: Path):
    whole, parted = tmp_path / "whole.mkv", tmp_path / "parted.mkv"
    cleanplate.remove(source, mask=mask, output=whole, engine="opencv-telea")
    summary, warnings = cleanplate.make_masks(source, mask=mask, output=tmp_path / "masks")
    assert (summary.frame_count, summary.holed_frames, warnings) == (24, 24, [])
    cleanplate.run(cleanplate.Job(video=source, masks=tmp_path / "masks", output=parted, engine="opencv-telea"))
    assert whole.read_bytes() == parted.read_bytes()


def test_a_folder_of_images_becomes_a_folder_of_pngs(scene: Scene, mask: Path, tmp_path: Path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for n, image in enumerate(scene.images[:12]):
        cv2.imwrite(str(folder / f"shot_{n + 1}.png"), image[..., ::-1])
    report = cleanplate.remove(folder, mask=mask, output=tmp_path / "cleaned")
    assert report.frames == 12
    names = sorted(path.name for path in (tmp_path / "cleaned").iterdir() if path.suffix == ".png")
    assert names == sorted(f"shot_{n + 1}.png" for n in range(12))
    outside = far_from(mask, 5)
    for n in range(12):
        result = cv2.imread(str(tmp_path / "cleaned" / f"shot_{n + 1}.png"))[..., ::-1]
        assert np.array_equal(result[outside], scene.images[n][outside])


def test_a_rotated_video_takes_its_mask_as_displayed(tmp_path: Path):
    """A mark is put at a place of the displayed picture; the mask there removes it, in every orientation."""
    scene = render("logo-still", width_px=128, height_px=96, frames=6)
    for turned in (90, 180, 270):
        path = tmp_path / f"in{turned}.mp4"
        images = scene.plate.copy()
        images[:, 20:40, 30:60] = 255  # in stored orientation
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=25, options={"qp": "0"})
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
            stream.set_display_rotation(-turned)
            for image in images:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")))
            out.mux(stream.encode(None))
        marked = np.zeros((96, 128), np.uint8)
        marked[20:40, 30:60] = 255
        mask = tmp_path / f"mask{turned}.png"
        with cleanplate.chain.open_video(path) as video:
            assert video.info.rotation_deg in (90, 180, 270)
            cv2.imwrite(str(mask), np.rot90(marked, -video.info.rotation_deg // 90))
        report = cleanplate.remove(path, mask=mask, output=tmp_path / "out.mp4", lossless=True, engine="opencv-telea")
        assert report.untouched == "identical"
        before, after = planes_of(path), planes_of(tmp_path / "out.mp4")
        still = cv2.dilate(marked, np.ones((11, 11), np.uint8)) == 0
        assert np.array_equal(before[0][0][still], after[0][0][still])
        assert after[0][0][22:38, 32:58].mean() < before[0][0][22:38, 32:58].mean() - 30  # the mark is gone


def test_the_report_tells_the_facts(source: Path, mask: Path, tmp_path: Path):
    output = tmp_path / "out.mkv"
    report = cleanplate.remove(source, mask=mask, output=output, engine="opencv-telea", options={"radius_px": 2.0})
    written = json.loads((tmp_path / "out.mkv.json").read_text())
    assert json.loads(report.to_json()) == written
    assert written["job"]["options"] == {"radius_px": 2.0}
    assert written["frames"] == 24
    assert written["untouched"] == "identical"
    assert written["peak_memory_bytes"] > 50 * 1024**2
    assert {"decode", "mask", "cuts", "paint", "paste", "prove", "save", "total"} <= set(written["seconds"])
    hole = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE) > 127
    assert 24 * hole.sum() < written["hole_samples"] < 24 * (hole.sum() + 12 * (hole.any(0).sum() + hole.any(1).sum()))


def test_an_engine_that_fails_leaves_no_thread_and_no_file(
    source: Path, mask: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The decoder's thread has to end before its file is closed: else the process dies in the decoder."""
    from cleanplate.decode.file import FileReader
    from cleanplate.paint.opencv import Telea

    alive: list[list[str]] = []
    close = FileReader.close

    def spying_close(self: FileReader) -> None:
        alive.append([thread.name for thread in threading.enumerate() if thread.name in ("decode", "save")])
        close(self)

    def broken_fill(self, clip):
        raise ZeroDivisionError

    monkeypatch.setattr(FileReader, "close", spying_close)
    monkeypatch.setattr(Telea, "fill", broken_fill)
    with pytest.raises(ZeroDivisionError):
        cleanplate.remove(source, mask=mask, output=tmp_path / "out.mkv", engine="opencv-telea")
    assert alive
    assert not any(alive)
    assert not list(tmp_path.iterdir())


def test_a_grown_hole_that_swallows_everything_is_refused(source: Path, tmp_path: Path):
    with pytest.raises(cleanplate.MaskError, match="nothing is left to fill from"):
        cleanplate.remove(source, box=(90, 50, 100, 60), output=tmp_path / "out.mkv", grow_px=200)
    assert not list(tmp_path.iterdir())


def test_the_output_may_not_be_a_mask(source: Path, mask: Path, tmp_path: Path):
    moving = tmp_path / "mask.mkv"
    moving.write_bytes(source.read_bytes())
    with pytest.raises(cleanplate.UsageError, match="over the input"):
        cleanplate.remove(source, mask=[mask, moving], output=moving)
    assert moving.read_bytes() == source.read_bytes()


def test_what_compiles_is_told_before_painting(source: Path, mask: Path, tmp_path: Path):
    seen: list[tuple[str, int]] = []
    report = cleanplate.remove(
        source, mask=mask, output=tmp_path / "out.mp4", watch=lambda p: seen.append((p.stage, p.done))
    )
    stages = [stage for stage, _ in seen]
    assert stages.index("mask") < stages.index("prepare") < stages.index("fill")
    assert [done for stage, done in seen if stage == "prepare"] == [0, 1]
    assert report.seconds["prepare"] > 0
