"""The job folder: what a stopped run leaves, what the next one takes over, and what it does not believe."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import cleanplate
import cleanplate.journal.facts
import cleanplate.journal.folder
from cleanplate.bench.kills import kill_and_go_on, write_job
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.journal.entries import pack, unpack
from cleanplate.journal.folder import JobFolder
from cleanplate.paint.opencv import Telea

FRAMES = 80  # three pieces of 32, 32 and 16 frames


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, a mask, and `alone.mkv`: what an undisturbed run makes of them."""
    folder = tmp_path_factory.mktemp("journal")
    scene = render("logo-pan", width_px=128, height_px=96, frames=20)
    there_and_back = [*range(20), *range(18, 0, -1)]  # no cut where it begins again
    pictures = (scene.images[there_and_back[n % 38]] for n in range(FRAMES))
    write_clip(folder / "in.mkv", pictures, codec="ffv1", crf=None)
    cv2.imwrite(str(folder / "mask.png"), scene.holes[0].astype(np.uint8) * 255)
    remove(folder, folder / "alone.mkv")
    return folder


def remove(place: Path, output: Path, **more):
    given = {"mask": place / "mask.png", "engine": "opencv-telea", "lossless": True, **more}
    return cleanplate.remove(given.pop("video", place / "in.mkv"), output=output, **given)


class Painter:
    """Counts the pieces painted, and fails at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pieces = 0
        self.fails_at: int | None = None
        fill = Telea.fill

        def counting(engine, clip):
            if clip.box_xyxy is None:  # no piece: the small clip that an engine is warmed up on
                return fill(engine, clip)
            self.pieces += 1
            if self.pieces == self.fails_at:
                raise ZeroDivisionError
            return fill(engine, clip)

        monkeypatch.setattr(Telea, "fill", counting)

    def fail_at(self, piece: int) -> None:
        self.pieces, self.fails_at = 0, piece

    def count(self) -> None:
        self.pieces, self.fails_at = 0, None


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Painter:
    return Painter(monkeypatch)


@pytest.fixture
def broken(place: Path, tmp_path: Path, painter: Painter) -> Path:
    """The output of a run that failed at its third piece."""
    painter.fail_at(3)
    with pytest.raises(ZeroDivisionError) as failed:
        remove(place, tmp_path / "out.mkv")
    assert "2 finished pieces kept" in failed.value.__notes__[0]
    assert "--fresh" in failed.value.__notes__[0]
    painter.count()
    return tmp_path / "out.mkv"


def job(output: Path) -> Path:
    return output.with_name(f".{output.name}.job")


def pieces(output: Path) -> list[Path]:
    return sorted(path for path in job(output).iterdir() if path.name[0].isdigit())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_entries_hold_paint_exactly_and_no_damage_goes_unseen(dtype: type):
    rng = np.random.default_rng(3)
    counts = [0, 1, 700]
    top = np.iinfo(dtype).max
    paint = [
        (rng.integers(0, top, (n, 3), endpoint=True, dtype=dtype), rng.integers(0, 3, n, dtype=np.uint8))
        for n in counts
    ]
    entry = pack(paint)
    found = unpack(entry, counts, np.dtype(dtype))
    for (samples, origin), (samples_again, origin_again) in zip(paint, found, strict=True):
        assert samples_again.dtype == dtype
        assert np.array_equal(samples, samples_again)
        assert np.array_equal(origin, origin_again)
    for place in rng.integers(0, len(entry), 200):
        flipped = bytearray(entry)
        flipped[place] ^= 1 << int(rng.integers(8))
        assert unpack(bytes(flipped), counts, np.dtype(dtype)) is None
        assert unpack(entry[:place], counts, np.dtype(dtype)) is None
    other = np.dtype(np.uint8 if dtype == np.uint16 else np.uint16)
    assert unpack(entry, counts, other) is None
    assert unpack(entry, [0, 1, 701], np.dtype(dtype)) is None
    assert unpack(entry, counts[:2], np.dtype(dtype)) is None


def test_smooth_paint_is_packed():
    ramp = np.linspace(0, 255, 30_000).astype(np.uint8).reshape(-1, 3)
    assert len(pack([(ramp, np.ones(len(ramp), np.uint8))])) < 0.3 * ramp.nbytes


def test_the_same_command_goes_on_where_it_stopped(place: Path, broken: Path, painter: Painter):
    assert [path.name for path in pieces(broken)] == ["00000000-00000032", "00000032-00000064"]
    assert not broken.exists()
    report = remove(place, broken)
    assert painter.pieces == 1
    assert report.pieces_taken_over == 2
    assert broken.read_bytes() == (place / "alone.mkv").read_bytes()
    assert not job(broken).exists()


def test_the_mask_pass_is_taken_over_too(place: Path, broken: Path, painter: Painter, monkeypatch: pytest.MonkeyPatch):
    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr("cleanplate.tasks.remove.mask_pass", never)
    remove(place, broken)
    assert broken.read_bytes() == (place / "alone.mkv").read_bytes()


def test_masks_that_were_changed_in_the_job_folder_are_made_again(place: Path, broken: Path):
    (mask,) = (job(broken) / "masks").glob("*.png")
    mask.write_bytes(mask.read_bytes()[:-20])
    remove(place, broken)
    assert broken.read_bytes() == (place / "alone.mkv").read_bytes()


@pytest.mark.parametrize("how", ["cut", "flipped", "another's"])
def test_a_damaged_entry_is_painted_again(how: str, place: Path, broken: Path, painter: Painter):
    first, second = pieces(broken)
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 4
    first.write_bytes({"cut": content[:200], "flipped": content, "another's": second.read_bytes()[:-1]}[how])
    remove(place, broken)
    assert painter.pieces == 2
    assert broken.read_bytes() == (place / "alone.mkv").read_bytes()


def without_torch(name: str) -> str:
    return version("no-such-library" if name == "torch" else name)


def changed(what: str, place: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The arguments of a run in which one thing is different."""
    if what == "the input":
        video = shutil.copy2(place / "in.mkv", elsewhere / "in.mkv")
        content = bytearray(Path(video).read_bytes())
        content[len(content) // 3] ^= 1
        Path(video).write_bytes(content)
        os.utime(video, ns=(0, (place / "in.mkv").stat().st_mtime_ns))
        return {"video": video}
    if what == "mask":
        mask = cv2.imread(str(place / "mask.png"), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(elsewhere / "mask.png"), np.roll(mask, 2, 1))
        return {"mask": elsewhere / "mask.png"}
    if what == "version":
        monkeypatch.setattr(cleanplate.journal.facts, "version", lambda name: "0.0.1")
        return {}
    if what == "torch (was":
        pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
        monkeypatch.setattr(cleanplate.journal.facts, "version", without_torch)
        return {}
    return {
        "--grow": {"grow_px": 5},
        "--engine": {"engine": "opencv-ns"},
        "--set radius_px": {"options": {"radius_px": 2.0}},
        "--lossless": {"lossless": False},
        "--memory": {"memory_bytes": 2**30},
    }[what]


@pytest.mark.parametrize(
    "what",
    ["the input", "mask", "version", "torch (was", "--grow", "--engine", "--set radius_px", "--lossless", "--memory"],
)
def test_what_changed_is_named_and_nothing_is_lost(
    what: str, place: Path, broken: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
):
    elsewhere = tmp_path_factory.mktemp("changed")
    with monkeypatch.context() as patched:
        more = changed(what, place, elsewhere, patched)
        with pytest.raises(cleanplate.UsageError, match="2 finished pieces of a run with other") as refused:
            remove(place, broken, **more)
    assert what in str(refused.value)
    assert "--fresh" in str(refused.value)
    assert len(pieces(broken)) == 2
    remove(place, broken)
    assert broken.read_bytes() == (place / "alone.mkv").read_bytes()


def test_fresh_starts_over(place: Path, broken: Path, painter: Painter):
    report = remove(place, broken, grow_px=5, fresh=True)
    assert (painter.pieces, report.pieces_taken_over) == (3, 0)
    assert not job(broken).exists()


def test_how_many_paint_and_whether_it_is_verified_may_change(place: Path, broken: Path, painter: Painter):
    remove(place, broken, workers=2, verify=True)
    assert painter.pieces == 1
    assert broken.read_bytes() == (place / "alone.mkv").read_bytes()


def test_the_fill_pass_goes_on_too(place: Path, tmp_path: Path, painter: Painter):
    cleanplate.make_masks(place / "in.mkv", mask=place / "mask.png", output=tmp_path / "masks")
    again = cleanplate.Job(
        video=place / "in.mkv",
        masks=tmp_path / "masks",
        output=tmp_path / "out.mkv",
        engine="opencv-telea",
        encode=cleanplate.Encode(lossless=True),
    )
    painter.fail_at(3)
    with pytest.raises(ZeroDivisionError):
        cleanplate.run(again)
    painter.count()
    assert cleanplate.run(again).pieces_taken_over == 2
    assert painter.pieces == 1
    assert (tmp_path / "out.mkv").read_bytes() == (place / "alone.mkv").read_bytes()


def test_the_second_run_on_one_output_is_told(place: Path, tmp_path: Path):
    with JobFolder(tmp_path / "out.mkv"):
        with pytest.raises(cleanplate.UsageError, match="another run is writing"):
            remove(place, tmp_path / "out.mkv", fresh=True)
        assert job(tmp_path / "out.mkv").exists()
    assert not list(tmp_path.iterdir())
    remove(place, tmp_path / "out.mkv")


def test_leftovers_of_a_killed_run_are_removed(place: Path, tmp_path: Path):
    (tmp_path / ".out.mkv.0123abcd.part.mkv").write_bytes(b"half a video")
    remove(place, tmp_path / "out.mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mkv", "out.mkv.json"]


def test_free_space_is_checked_before_any_work(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = SimpleNamespace(free=100_000)
    monkeypatch.setattr(cleanplate.journal.folder.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(cleanplate.MediaError, match=r"needs about \d+ MiB .* but 1 MiB are free"):
        remove(place, tmp_path / "out.mkv")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_what_is_finished(
    place: Path, tmp_path: Path, painter: Painter, monkeypatch: pytest.MonkeyPatch
):
    written, sync = [], os.fsync

    def filling(number: int) -> None:
        name = Path(f"/proc/self/fd/{number}").resolve().name
        written.append(name)
        if name.startswith("00000032"):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(number)

    fill = Telea.fill

    def waiting_fill(engine, clip):
        if clip.start == 64:  # the run might end before it hears of the second piece
            until = time.monotonic() + 30
            while time.monotonic() < until and not any(name.startswith("00000032") for name in written):
                time.sleep(0.01)
            time.sleep(0.2)
        return fill(engine, clip)

    with monkeypatch.context() as patched:
        patched.setattr(cleanplate.journal.folder.os, "fsync", filling)
        patched.setattr(Telea, "fill", waiting_fill)
        with pytest.raises(cleanplate.MediaError, match=r"could not be written: the disk is full") as full:
            remove(place, tmp_path / "out.mkv")
    assert full.value.__notes__[0].startswith("free about ")
    assert "1 finished piece kept" in full.value.__notes__[-1]
    assert [path.name for path in pieces(tmp_path / "out.mkv")] == ["00000000-00000032"]
    painter.count()
    remove(place, tmp_path / "out.mkv")
    assert painter.pieces == 2
    assert (tmp_path / "out.mkv").read_bytes() == (place / "alone.mkv").read_bytes()


def test_a_disk_filled_by_the_result_keeps_the_pieces_too(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from cleanplate.save.video import FileSink

    write = FileSink.write

    def filling(self, frame):
        if frame.index == 70:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, frame)

    monkeypatch.setattr(FileSink, "write", filling)
    with pytest.raises(cleanplate.MediaError, match="No space left") as full:
        remove(place, tmp_path / "out.mkv")
    assert "free about 1 MiB more" in full.value.__notes__
    assert "3 finished pieces kept" in full.value.__notes__[-1]


def test_ctrl_c_drops_the_piece_that_is_being_painted(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A piece that takes minutes is not waited for; what was finished before it is kept."""
    fill, go_on, painted = Telea.fill, threading.Event(), []

    def slow(engine, clip):
        if len(painted) == 2:
            until = time.monotonic() + 30
            while time.monotonic() < until and not (job(tmp_path / "out.mkv") / "00000032-00000064").exists():
                time.sleep(0.01)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            go_on.wait(60)
        if clip.box_xyxy is not None:  # a piece, not the small clip that an engine is warmed up on
            painted.append(clip.start)
        return fill(engine, clip)

    with monkeypatch.context() as patched:
        patched.setattr(Telea, "fill", slow)
        with pytest.raises(KeyboardInterrupt) as stopped:
            remove(place, tmp_path / "out.mkv")
    assert len(painted) == 2  # the third is still at it
    assert "2 finished pieces kept" in stopped.value.__notes__[0]
    assert not list(tmp_path.glob(".out.mkv.*.part*"))
    go_on.set()
    remove(place, tmp_path / "out.mkv")
    assert (tmp_path / "out.mkv").read_bytes() == (place / "alone.mkv").read_bytes()


def test_three_kills_change_no_byte(tmp_path: Path):
    words = write_job(tmp_path, frames=150)
    alone, output = tmp_path / "alone.mp4", tmp_path / "out.mp4"
    kill_and_go_on([*words, str(alone)], alone, kills=0, seed=0, longest_s=0)
    found = kill_and_go_on([*words, str(output)], output, kills=3, seed=4, longest_s=3)
    assert found.kills == 3
    assert all(result == alone.read_bytes() for result in found.finished)
    assert not job(output).exists()
    assert not list(tmp_path.glob(".*"))
