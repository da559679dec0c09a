"""The resumable runner of the benches, with real worker processes."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cleanplate.base.errors import FailedError, MaskError, UsageError
from cleanplate.bench.store import Unit, file_of, fingerprint, load, made_by, save
from cleanplate.bench.work import run_all


def unit(name: str, task=None, cost: int = 1, **identity) -> Unit:
    return Unit(name=("t", name), identity=identity, task=task, cost=cost)


def measure(task: dict) -> dict:
    """What the workers do: leaves a trace of each call, then whatever the task says."""
    if "trace" in task:
        with Path(task["trace"]).open("a") as file:
            file.write(f"{task['n']}\n")
    if "sleep" in task:
        time.sleep(task["sleep"])
    if "error" in task:
        raise task["error"]
    if "kill" in task:
        os.kill(os.getpid(), signal.SIGKILL)
    return {
        "n": task["n"],
        "pid": os.getpid(),
        "third": 1 / 3,
        "inf": math.inf,
        "threads": os.environ["OMP_NUM_THREADS"],
    }


def calls(trace: Path) -> list[int]:
    return sorted(int(line) for line in trace.read_text().split()) if trace.exists() else []


def test_all_units_are_done_by_workers_and_reused(tmp_path):
    trace = tmp_path / "trace"
    units = [unit(str(n), {"n": n, "trace": str(trace)}, cost=n + 1) for n in range(5)]
    seen = []
    done = run_all(units, measure, store=tmp_path / "s", stage="x", workers=2, watch=seen.append)
    assert [result["n"] for result in done.results.values()] == [0, 1, 2, 3, 4]
    assert not done.failed
    assert done.reused == 0
    pids = {result["pid"] for result in done.results.values()}
    assert os.getpid() not in pids
    assert len(pids) <= 2
    first = done.results[("t", "0")]
    assert first["third"] == 1 / 3
    assert first["inf"] == math.inf
    assert first["threads"] == "1"
    assert seen[0].done == 0
    assert seen[-1].done == seen[-1].total == 15
    assert {step.stage for step in seen} == {"x"}
    again = run_all(units, measure, store=tmp_path / "s", stage="x", watch=seen.append)
    assert again.results == done.results
    assert again.reused == 5
    assert seen[-1].done == 15
    assert calls(trace) == [0, 1, 2, 3, 4]
    run_all(units[:2], measure, store=tmp_path / "s", stage="x", workers=1, fresh=True)
    assert calls(trace) == [0, 0, 1, 1, 2, 3, 4]


def test_the_longest_starts_first(tmp_path):
    trace = tmp_path / "trace"
    units = [unit(str(n), {"n": n, "trace": str(trace)}, cost=n + 1) for n in range(3)]
    run_all(units, measure, store=tmp_path / "s", stage="x", workers=1)
    assert trace.read_text().split() == ["2", "1", "0"]


def test_errors_are_sentences_and_spoil_nothing_else(tmp_path):
    units = [
        unit("good", {"n": 0}),
        unit("ours", {"error": MaskError("the mask is upside down")}),
        unit("bug", {"error": KeyError("x")}),
        unit("dies", {"kill": True}),
        unit("also-good", {"n": 1}),
    ]
    done = run_all(units, measure, store=tmp_path, stage="x", workers=1)
    assert set(done.results) == {("t", "good"), ("t", "also-good")}
    assert done.failed[("t", "ours")] == "the mask is upside down"
    assert "unexpected KeyError in test_bench_work.py" in done.failed[("t", "bug")]
    assert "killed by signal 9" in done.failed[("t", "dies")]
    assert "--workers 1" in done.failed[("t", "dies")]
    # what failed is tried again, what worked is not
    assert run_all(units[:3], measure, store=tmp_path, stage="x", workers=1).reused == 1


def test_a_result_that_json_cannot_hold_is_a_failure(tmp_path):
    done = run_all([unit("a", {"n": {1, 2}})], measure, store=tmp_path, stage="x", workers=1)
    assert "unexpected TypeError" in done.failed[("t", "a")]


@pytest.mark.parametrize("harm", ["cut", "changed", "foreign", "other", "text", "list"])
def test_damaged_and_foreign_results_are_not_taken(tmp_path, harm):
    one = unit("a", size=3)
    path = file_of(one, tmp_path)
    save(path, one, {"value": 1.5, "list": [1, 2]})
    assert load(path, one) == {"value": 1.5, "list": [1, 2]}
    entry = json.loads(path.read_text())
    if harm == "cut":
        path.write_text(path.read_text()[:-20])
    elif harm == "changed":
        entry["result"]["value"] = 1.6
    elif harm == "foreign":
        entry = {"hello": "world"}
    elif harm == "other":
        entry["identity"] = {"size": 4}
    elif harm == "text":
        path.write_bytes(b"\xff\xfe\x00")
    else:
        entry = [1]
    if harm in ("changed", "foreign", "other", "list"):
        path.write_text(json.dumps(entry))
    assert load(path, one) is None


def test_another_identity_is_another_result(tmp_path):
    trace = tmp_path / "trace"
    one = unit("a", {"n": 1, "trace": str(trace)}, grow_px=4)
    two = replace(one, identity={"grow_px": 5})
    for given in (one, two, one, two):
        run_all([given], measure, store=tmp_path / "s", stage="x", workers=1)
    assert calls(trace) == [1, 1]


def test_fingerprint_sees_every_change(tmp_path):
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file in files:
        file.write_bytes(b"12345")
    first = fingerprint(files)
    assert fingerprint(files) == first
    assert fingerprint(files[::-1]) != first
    files[1].write_bytes(b"123456")
    longer = fingerprint(files)
    assert longer != first
    os.utime(files[1], ns=(1, 1))
    assert fingerprint(files) != longer
    with pytest.raises(FailedError, match="cannot be read"):
        fingerprint([tmp_path / "c.png"])


def test_made_by_names_code_and_versions():
    assert made_by("mask")["code"] != made_by("mask", "motion")["code"]
    assert made_by("paste")["code"] != made_by()["code"]
    with pytest.raises(ValueError, match="no code in 'motoin'"):
        made_by("motoin")
    assert {"cleanplate", "numpy"} <= set(made_by()["versions"])


def test_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="--workers is 0"):
        run_all([], measure, store=tmp_path, stage="x", workers=0)
    with pytest.raises(UsageError, match="one name"):
        run_all([unit("a"), unit("a", x=1)], measure, store=tmp_path, stage="x")
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedError, match="cannot be made"):
        run_all([], measure, store=tmp_path / "file" / "s", stage="x")
    assert run_all([], measure, store=tmp_path, stage="x").results == {}


def test_an_exception_of_watch_ends_the_workers_and_keeps_results(tmp_path):
    def stop(step):
        if step.done:
            raise InterruptedError

    units = [unit("quick", {"n": 0}), *(unit(f"slow{n}", {"n": n, "sleep": 600}) for n in (1, 2))]
    with pytest.raises(InterruptedError):
        run_all(units, measure, store=tmp_path, stage="x", workers=3, watch=stop)
    done = run_all(units[:1], measure, store=tmp_path, stage="x")
    assert done.reused == 1


SCRIPT = """
    import sys, time
    from pathlib import Path
    from cleanplate.bench.store import Unit
    from cleanplate.bench.work import run_all

    def work(task):
        if task:
            print("started", flush=True)
            time.sleep(600)
        return {"ok": 1}

    def run():
        units = [Unit(name=(str(n),), identity={}, task=n, cost=10 - n) for n in range(3)]
        run_all(units, work, store=Path(sys.argv[1]), stage="x", workers=2)

"""

GUARDED = """
if __name__ == "__main__":
    try:
        run()
    except KeyboardInterrupt:
        print("stopped")
"""


def script(tmp_path: Path, ending: str) -> list[str]:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT) + ending)
    return [sys.executable, str(path), str(tmp_path / "store")]


def test_ctrl_c_ends_all_processes_quietly_and_keeps_what_is_done(tmp_path):
    words = script(tmp_path, GUARDED)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    for _ in range(2):  # unit 0 is done by then: two workers cannot be busy with 1 and 2 before
        assert process.stdout.readline().strip() == "started"
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to every process of the group
    out, err = process.communicate(timeout=20)  # a worker left behind would hold the pipe open for 600 s
    assert out.strip() == "stopped"
    assert err == ""
    assert [path.name.startswith("0-") for path in (tmp_path / "store").iterdir()] == [True]


def test_a_script_without_a_main_guard_is_told(tmp_path):
    done = subprocess.run(script(tmp_path, "run()\n"), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "if __name__ == '__main__':" in done.stderr
