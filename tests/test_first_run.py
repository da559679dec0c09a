"""What a second process compiles is what a fill needs, and it never outlives the warm-up."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from cleanplate.base.types import Clip, Painting
from cleanplate.paint import first_run
from cleanplate.paint.engine import Engine, make_engine
from cleanplate.paint.first_run import warm_up

_SIGNATURES = """
import json, sys
from cleanplate.base.color import _down_kernel, _up_kernel
from cleanplate.paint.blend import _blend
from cleanplate.paint.engine import make_engine
from cleanplate.paint.first_run import compile_last, warm_up
from cleanplate.paint.steady import _filter
depth = int(sys.argv[2])
compile_last(depth) if sys.argv[1] == "last" else warm_up(make_engine("flowfill"), depth)
print(json.dumps([[str(one) for one in kernel.signatures] for kernel in (_blend, _filter)]))
"""


def signatures(kind: str, bit_depth: int) -> Any:
    words = [sys.executable, "-c", _SIGNATURES, kind, str(bit_depth)]
    return json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=300).stdout)


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_it_compiles_what_a_fill_runs(bit_depth: int):
    """A kernel compiled for other types would be compiled once more, and the second process have worked in vain."""
    compiled = signatures("last", bit_depth)
    assert all(len(one) == 1 for one in compiled)
    assert compiled == signatures("fill", bit_depth)


class Slow(Engine):
    """Stands for one whose code takes a while to compile."""

    def fill(self, clip: Clip) -> Painting:
        end = time.monotonic() + 20
        while not Started.all and time.monotonic() < end:
            time.sleep(0.01)
        raise StopIteration


class Started(subprocess.Popen[bytes]):
    all: ClassVar[list[Started]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__([sys.executable, "-c", "import time; time.sleep(600)"], **kwargs)
        Started.all.append(self)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    Started.all.clear()
    monkeypatch.setattr(first_run, "subprocess", SimpleNamespace(Popen=Started, DEVNULL=subprocess.DEVNULL))
    monkeypatch.setattr(first_run, "os", SimpleNamespace(sched_getaffinity=lambda _: {0, 1}))
    monkeypatch.setattr(first_run, "_PATIENCE_S", 0.05)
    return Started.all


def test_a_slow_start_is_shared_and_the_second_process_goes(processes: list[Started]):
    with pytest.raises(StopIteration):  # also where the engine fails
        warm_up(Slow(None), 8)
    assert [process.poll() for process in processes] == [-15]


def test_none_is_started_under_a_low_ceiling_nor_on_one_core(processes: list[Started], monkeypatch: pytest.MonkeyPatch):
    def idle(self: Slow, clip: Clip) -> Any:
        time.sleep(0.3)

    monkeypatch.setattr(Slow, "fill", idle)
    warm_up(Slow(None), 8, memory_bytes=2**29)
    assert not processes
    monkeypatch.setattr(first_run, "os", SimpleNamespace(sched_getaffinity=lambda _: {0}))
    warm_up(Slow(None), 8)
    assert not processes


def test_a_quick_start_needs_none(processes: list[Started], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(first_run, "_PATIENCE_S", 30)
    warm_up(make_engine("opencv-telea"), 8)
    assert not processes
