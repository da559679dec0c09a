"""Time, memory of a process tree and the fit of exponents, judged by programs and laws made up for the purpose."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cleanplate.base.errors import FailedError, UsageError
from cleanplate.bench.speed.cases import EXTENTS, plan_cases
from cleanplate.bench.speed.fit import fit_power

psutil = pytest.importorskip("psutil", reason="needs the extra [bench]")

from cleanplate.bench.speed.measure import run_measured

MIB = 1024**2
# What one small interpreter holds: 10 MiB, in each process of a tree.
HOLD = "import time; held = bytearray({mib} * 2**20); held[::4096] = b'x' * len(held[::4096]); time.sleep({seconds})"


def held(mib: int, seconds: float = 0.6, before: str = "") -> list[str]:
    """A program that holds so much for a while."""
    return [sys.executable, "-c", before + HOLD.format(mib=mib, seconds=seconds)]


def started(words: list[str]) -> str:
    return f"import subprocess; child = subprocess.Popen({words!r})\n"


@pytest.mark.parametrize("exponent", [-0.5, 0.0, 1.0, 1.7])
def test_a_fit_finds_the_exponent_under_noise(exponent: float):
    rng = np.random.default_rng(0)
    x = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    noise = rng.normal(0, 0.03, 6)
    fit = fit_power(x, (3 * np.array(x) ** exponent * np.exp(noise)).tolist())
    assert fit.exponent == pytest.approx(exponent, abs=0.03)
    assert fit.factor == pytest.approx(3, rel=0.06)
    assert 0.005 < fit.residual < 0.05
    assert fit.last == pytest.approx(exponent + (noise[-1] - noise[-2]) / np.log(2), abs=1e-9)


def test_a_fit_is_exact_for_a_law_and_shows_a_fixed_cost():
    assert fit_power([4, 1, 2], [32, 2, 8]).exponent == pytest.approx(2)  # in any order
    assert fit_power([4, 1, 2], [32, 2, 8]).residual == pytest.approx(0, abs=1e-12)
    fixed = fit_power([1, 10, 100], [11, 20, 110])  # 10 + x: no power law
    assert fixed.exponent < fixed.last < 1
    assert fixed.residual > 0.1


@pytest.mark.parametrize(("x", "y"), [([1], [1]), ([2, 2], [1, 3]), ([1, 2], [1]), ([1, 2], [0, 1]), ([-1, 2], [1, 1])])
def test_a_fit_refuses_what_has_none(x: list[float], y: list[float]):
    with pytest.raises(UsageError):
        fit_power(x, y)


def test_peak_of_one_process():
    ran = run_measured(held(200, 0.1, before="print('said')\n"))
    assert 200 * MIB < ran.peak_bytes < 230 * MIB
    assert ran.output == "said\n"


def test_peak_counts_a_child():
    ran = run_measured([sys.executable, "-c", started(held(200)) + "child.wait()"])
    assert 200 * MIB < ran.peak_bytes < 240 * MIB


def test_peak_adds_up_a_tree_of_three_generations():
    child = held(100, 0.7, before=started(held(150, 0.5)))
    ran = run_measured([sys.executable, "-c", started(child) + "child.wait()"])
    assert 250 * MIB < ran.peak_bytes < 310 * MIB


def test_a_peak_between_two_looks_counts():
    # Held for an instant only, then given back: the sum of what is held at the looks would miss it.
    code = (
        "held = bytearray(200 * 2**20); held[::4096] = b'x' * len(held[::4096]); del held; import time; time.sleep(0.5)"
    )
    ran = run_measured([sys.executable, "-c", code], interval_seconds=0.4)
    assert ran.peak_bytes > 200 * MIB


def test_children_one_after_the_other_do_not_add_up():
    both = started(held(100, 0.3)) + "child.wait()\n" + started(held(100, 0.3)) + "child.wait()"
    assert run_measured([sys.executable, "-c", both]).peak_bytes < 160 * MIB


def test_what_fails_is_told_with_its_last_line():
    with pytest.raises(FailedError, match=r"ended with code 3: the disk is made of cheese$"):
        run_measured(
            [
                sys.executable,
                "-c",
                "import sys; print('x'); sys.stderr.write('a\\nthe disk is made of cheese\\n\\n'); sys.exit(3)",
            ]
        )
    with pytest.raises(FailedError, match=r"killed by signal 9 \(SIGKILL\)"):
        run_measured([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    with pytest.raises(FailedError, match="could not be started"):
        run_measured(["/nowhere/at/all"])


def test_what_a_program_leaves_running_is_ended(tmp_path: Path):
    name = tmp_path / "pid"
    code = started(held(1, 60)) + f"open({str(name)!r}, 'w').write(str(child.pid)); import time; time.sleep(0.3)"
    start = time.monotonic()
    run_measured([sys.executable, "-c", code])
    assert time.monotonic() - start < 30  # s: it did not wait for the child
    assert not is_running(int(name.read_text()))


def test_control_c_ends_the_whole_tree(tmp_path: Path):
    name = tmp_path / "pids"
    child = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"]
    parent = (
        started(child)
        + f"""
import os, time, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
open({str(name)!r} + '.part', 'w').write(f'{{os.getpid()}} {{child.pid}}')
os.rename({str(name)!r} + '.part', {str(name)!r})
time.sleep(60)
"""
    )
    code = f"""
        import sys
        from cleanplate.bench.speed.measure import run_measured
        run_measured([sys.executable, "-c", {parent!r}])
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stderr=subprocess.PIPE) as bench:
        for _ in range(200):
            if name.exists():
                break
            time.sleep(0.05)
        pids = [int(pid) for pid in name.read_text().split()]
        bench.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in bench.communicate(timeout=20)[1]
    assert not any(is_running(pid) for pid in pids)


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_watching_ends_with_the_program():
    run_measured([sys.executable, "-c", ""])
    assert not [thread for thread in threading.enumerate() if thread.name == "process tree"]


@pytest.mark.parametrize("extent", EXTENTS)
def test_each_sweep_varies_one_thing_around_the_base(extent: str):
    plan = plan_cases(extent)
    varied = {"size": "height_px", "share": "share", "length": "frames"}
    for sweep, field in varied.items():
        cases = getattr(plan, sweep)
        assert plan.base in cases
        values = [getattr(case, field) for case in cases]
        assert values == sorted(set(values))
        for other in set(varied.values()) - {field}:
            assert {getattr(case, other) for case in cases} == {getattr(plan.base, other)}
    assert len(plan.cases) == len(plan.size) + len(plan.share) + len(plan.length) - 2


def test_the_full_extent_goes_as_far_as_promised():
    plan = plan_cases("full")
    assert (plan.size[0].height_px, plan.size[-1].height_px) == (240, 2160)
    assert (plan.share[0].share, plan.share[-1].share) == (0.005, 0.25)
    assert plan.length[-1].frames == 16 * plan.length[0].frames
    assert {case.height_px: case.width_px for case in plan.size}[1080] == 1920


def test_given_values_move_the_base_to_the_nearest():
    plan = plan_cases("standard", heights=(64, 400), shares=(0.3,), lengths=(2, 4))
    assert (plan.base.height_px, plan.base.share, plan.base.frames) == (400, 0.3, 96)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"extent": "huge"}, "there is no extent 'huge'; choose one of quick"),
        ({"heights": (31,)}, "heights are 31"),
        ({"heights": ()}, "heights are none"),
        ({"shares": (5,)}, "hole shares are 5"),
        ({"lengths": (0,)}, "lengths are 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(asked: dict, says: str):
    with pytest.raises(UsageError, match=says):
        plan_cases(**{"extent": "quick", **asked})
