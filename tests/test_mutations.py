"""200 damaged files through `remove`, in one process that is watched: see `cleanplate.bench.mutate`."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from random import Random

import pytest
from media import Recipe, render

from cleanplate.bench import mutate, watched
from cleanplate.bench.mutate import SEEDS, hunt, judge, make_seeds
from cleanplate.bench.watched import Worker


@pytest.mark.parametrize("part", range(4))  # in parts, so that they can be spread over processes
def test_damaged_files_do_no_harm(tmp_path, part):
    codes = []
    for number, code, fault in hunt(50, part, tmp_path):
        assert fault is None, f"file {number} of part {part}: {fault}"
        codes.append(code)
    assert codes.count(0) > 10  # not so much damage that nothing but the opening is tried
    assert codes.count(1) > 5


def test_damage_is_the_same_each_time_and_of_every_kind(tmp_path):
    originals = [path.read_bytes() for path in make_seeds(tmp_path)]
    kinds = set()
    for number in range(120):
        data = originals[number % len(originals)]
        one, other = mutate.mutate(data, Random(number)), mutate.mutate(data, Random(number))
        assert one == other
        kinds |= set(one[1].split("+"))
    assert len(originals) == len(SEEDS)
    assert kinds == {"flip", "cut", "blank", "drop", "double", "swap", "count"}


class _Acting(Worker):
    """Does what a test wants instead of running the program."""

    def __init__(self, act, code: int | None, said: str) -> None:
        self._act, self._code, self._said = act, code, said

    def run(self, words):
        self._act(Path(words[1]), Path(words[words.index("-o") + 1]))
        return self._code, self._said, 0


def _nothing(source: Path, output: Path) -> None:
    return


def _write_output(source: Path, output: Path, frames: int = 12) -> None:
    render(output, Recipe())
    output.with_name(output.name + ".json").write_text(f'{{"frames": {frames}}}')


@pytest.mark.parametrize(
    ("act", "code", "said", "kind"),
    [
        (_write_output, 0, "", ""),
        (_nothing, 1, "error: no", ""),
        (_nothing, None, "died with -11", "crash"),
        (_nothing, None, "hung for 20 s", "hang"),
        (_nothing, 3, "", "code"),
        (_nothing, 1, "Traceback (most recent call last)", "traceback"),
        (_nothing, 1, "error: this is a fault in cleanplate: KeyError", "traceback"),
        (_nothing, 1, "", "traceback"),  # it said nothing
        (lambda source, output: source.write_bytes(b"x"), 1, "error: no", "input"),
        (lambda source, output: source.unlink(), 1, "error: no", "input"),
        (lambda source, output: source.with_name(".part").touch(), 1, "error: no", "leftover"),
        (_write_output, 1, "error: no", "leftover"),
        (lambda source, output: _write_output(source, output, 13), 0, "", "output"),
    ],
)
def test_faults_are_seen(tmp_path, act, code, said, kind):
    source = tmp_path / "in.mp4"
    source.write_bytes(b"data")
    assert judge(_Acting(act, code, said), source, ".mp4")[0] == kind


@pytest.fixture
def blocked(tmp_path) -> list[str]:
    """A command that never ends: it reads its mask from a pipe that nobody writes to."""
    source = render(tmp_path / "in.mp4", Recipe())
    pipe = tmp_path / "mask.png"
    os.mkfifo(pipe)
    return ["remove", str(source), "--mask", str(pipe), "-o", str(tmp_path / "out.mp4")]


def test_a_process_that_hangs_or_dies_is_replaced(tmp_path, blocked, monkeypatch):
    with Worker(tmp_path) as worker:
        code, said, peak = worker.run(["engines"])
        assert (code, said) == (0, "")
        assert peak > 2**20
        assert worker.run(["remove"])[0] == 2
        monkeypatch.setattr(watched, "TIME_LIMIT_S", 2)
        code, said, _ = worker.run(blocked)
        assert code is None
        assert said.startswith("hung")
        monkeypatch.setattr(watched, "TIME_LIMIT_S", 60)

        def crash() -> None:
            while worker.pid is None:
                time.sleep(0.05)
            time.sleep(1)
            os.kill(worker.pid, signal.SIGSEGV)

        threading.Thread(target=crash, daemon=True).start()
        code, said, _ = worker.run(blocked)
        assert code is None
        assert said.startswith(f"died with {-signal.SIGSEGV}")
        assert worker.run(["engines"])[0] == 0
