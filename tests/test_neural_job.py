"""Whole jobs with networks of drawn weights: what is said, and what is kept when memory does not suffice."""

from __future__ import annotations

import gc
import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

import cleanplate
from cleanplate.apps.cli.main import main
from cleanplate.base.errors import FailedError, UsageError
from cleanplate.base.types import Clip
from cleanplate.base.weights import WEIGHTS
from cleanplate.bench.parity.drawn import store
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.paint import e2fgvi
from cleanplate.paint.e2fgvi import E2fgvi
from cleanplate.paint.engine import make_engine

FRAMES = 50


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    store(folder, "e2fgvi-hq")
    return folder


@pytest.fixture(autouse=True)
def _weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(weights))
    e2fgvi._network.cache_clear()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 50 frames, the first and the last two of which have a hole: two pieces."""
    folder = tmp_path_factory.mktemp("job")
    pictures = render("pan", width_px=96, height_px=56, frames=FRAMES).images
    write_clip(folder / "in.mkv", pictures, codec="ffv1", crf=None)
    (folder / "masks").mkdir()
    for n in range(FRAMES):
        mask = np.zeros((56, 96), np.uint8)
        if not 2 <= n < FRAMES - 2:
            mask[20:36, 40:60] = 255
        cv2.imwrite(str(folder / "masks" / f"{n:04d}.png"), mask)
    return folder


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def test_finished_pieces_are_kept_when_memory_does_not_suffice(place: Path, tmp_path: Path, monkeypatch):
    painted, pieces = E2fgvi._in_pieces, []

    def scarce(engine, clip):
        pieces.append(clip.start)
        if len(pieces) == 2:
            raise torch.OutOfMemoryError("none left")
        return painted(engine, clip)

    monkeypatch.setattr(E2fgvi, "_in_pieces", scarce)
    output = tmp_path / "out.mkv"
    with pytest.raises(
        FailedError, match=r"ran out of memory on cpu, however it was divided.*what is finished is kept"
    ):
        cleanplate.remove(place / "in.mkv", mask=place / "masks", output=output, engine="e2fgvi-hq", device="cpu")
    assert not output.exists()
    report = cleanplate.remove(place / "in.mkv", mask=place / "masks", output=output, engine="e2fgvi-hq", device="cpu")
    assert len(pieces) == 3
    assert (report.pieces, report.pieces_taken_over) == (2, 1)


@pytest.mark.parametrize("what", ["the weights 'e2fgvi-hq'", "the device (was cpu, now cuda:0 (a card))"])
def test_other_weights_and_other_cards_go_on_with_nothing(
    what: str, place: Path, tmp_path: Path, weights: Path, monkeypatch
):
    painted, pieces = E2fgvi._in_pieces, []

    def stopping(engine, clip):
        pieces.append(clip.start)
        if len(pieces) == 2:
            raise KeyboardInterrupt
        return painted(engine, clip)

    def remove(device: str) -> cleanplate.Report:
        given = {"mask": place / "masks", "engine": "e2fgvi-hq", "device": device}
        return cleanplate.remove(place / "in.mkv", output=tmp_path / "out.mkv", **given)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(E2fgvi, "_in_pieces", stopping)
    with pytest.raises(KeyboardInterrupt):
        remove("cpu")
    file = weights / WEIGHTS["e2fgvi-hq"].file
    with monkeypatch.context() as changed:
        if what.startswith("the weights"):
            others = tmp_path / "others"
            others.mkdir()
            changed.setenv("CLEANPLATE_WEIGHTS", str(others))
            content = bytearray(file.read_bytes())
            content[-1] ^= 1  # the same size and time
            (others / file.name).write_bytes(content)
            os.utime(others / file.name, ns=(0, file.stat().st_mtime_ns))
        else:
            changed.setattr(torch.cuda, "is_available", lambda: True)
            changed.setattr(torch.cuda, "device_count", lambda: 1)
            changed.setattr(torch.cuda, "get_device_name", lambda _: "a card")
        with pytest.raises(UsageError, match="1 finished piece of a run with other") as no:
            remove("auto")
    assert f"with other settings: {what};" in str(no.value)
    assert remove("auto").pieces_taken_over == 1  # which is the processor, as before


def test_where_there_is_no_compiler_it_is_said(monkeypatch):
    from torch._inductor.exc import InvalidCxxCompiler

    def fails(*_):
        raise InvalidCxxCompiler

    monkeypatch.setattr(E2fgvi, "_in_pieces", fails)
    holes = np.zeros((1, 20, 20), bool)
    holes[:, 5:9, 5:9] = True
    with pytest.raises(FailedError, match=r"cannot compile the network here \(No working C\+\+ compiler.*--compile"):
        make_engine("e2fgvi-hq").fill(Clip(images=np.zeros((1, 20, 20, 3), np.uint8), holes=holes))


def test_what_was_known_of_a_clip_goes_with_it(monkeypatch):
    """At once, not when somebody cleans up: with cycles, memory grew with the length of the video."""
    kept = []
    encoded = E2fgvi._in_pieces

    def watched(engine, clip):
        painted = encoded(engine, clip)
        kept.extend(thing for thing in gc.get_objects() if type(thing).__name__ == "_Frames")
        return painted

    monkeypatch.setattr(E2fgvi, "_in_pieces", watched)
    images = np.zeros((3, 60, 108, 3), np.uint8)
    holes = np.zeros(images.shape[:3], bool)
    holes[:, 20:30, 40:60] = True
    engine = make_engine("e2fgvi-hq")
    gc.collect()
    gc.disable()
    try:
        engine.fill(Clip(images=images, holes=holes))
    finally:
        gc.enable()
    assert kept == []


def test_the_device_is_told_with_the_reason(place: Path, tmp_path: Path, capsys):
    words = ("remove", place / "in.mkv", "--mask", place / "masks", "-o", tmp_path / "out.mkv", "-e", "e2fgvi-hq")
    assert run(*words, "--device", "auto") == 0
    assert "assumed the device is " in said(capsys)
    if not torch.cuda.is_available():
        assert run(*words, "--device", "cuda") == 2


class Trap:
    """A program, as an unpickler would run it."""

    def __reduce__(self) -> object:
        return print, ("the checkpoint ran",)


def lacking(path: Path) -> None:
    tensors = torch.load(path)
    for name in list(tensors)[:5]:
        del tensors[name]
    torch.save(tensors, path)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lacking, "they lack encoder.layers.0.weight, encoder.layers.0.bias, encoder.layers.2.weight and 2 more"),
        (lambda path: path.write_bytes(pickle.dumps(Trap(), protocol=2)), "is damaged or holds more than weights"),
        (lambda path: torch.save({"state_dict": Trap()}, path), "is damaged or holds more than weights"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "E2FGVI-HQ-CVPR22.pth"),
    ],
    ids=["keys missing", "a program", "a program inside", "cut off"],
)
def test_a_bad_checkpoint_costs_one_sentence(spoil, expected, place: Path, tmp_path: Path, monkeypatch, capsys):
    store(tmp_path, "e2fgvi-hq")
    spoil(tmp_path / WEIGHTS["e2fgvi-hq"].file)
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    words = ("remove", place / "in.mkv", "--mask", place / "masks", "-o", tmp_path / "out.mkv")
    for way in (("-e", "e2fgvi-hq"), ("--invent", "e2fgvi-hq")):
        assert run(*words, *way) == 1
        heard = said(capsys)
        assert expected in heard
        assert "the checkpoint ran" not in heard
        assert "Traceback" not in heard
