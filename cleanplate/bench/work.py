"""Runs many independent units of work on all cores, keeps each result at once, and goes on where it stopped.

    units = [Unit(name=("warp", clip.name), identity={"clip": fingerprint(clip.paths)}, task=clip) for clip in clips]
    done = run_all(units, measure, store=Path("results"), stage="track")
    done.results[("warp", "camel")]  # what measure(task) returned

`work` is a function of a module, called in another process with `unit.task`; what it returns is kept by `store`.
Ctrl-C, or an exception of `watch`, ends the workers at once; what is finished stays.

A script that calls this needs `if __name__ == "__main__":`, as the workers import it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from cleanplate.base.errors import CleanplateError, FailedError, UsageError
from cleanplate.base.report import Progress, Watch
from cleanplate.bench.store import Name, Result, Unit, file_of, load, save

Work = Callable[[Any], Result]

_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
"a worker has one core: these libraries read them when they are loaded"


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What came of all units."""

    results: dict[Name, Result]
    "in the order of the units"
    failed: dict[Name, str]
    "a sentence for each that did not work"
    reused: int
    "results found in the store"


def run_all(
    units: Sequence[Unit],
    work: Work,
    *,
    store: Path,
    stage: str,
    workers: int | None = None,
    fresh: bool = False,
    watch: Watch | None = None,
) -> Finished:
    """The results of `work(unit.task)` for all units, from the folder `store` where they are there already.

    workers: processes, each with one thread; None = one a core. fresh: makes all anew. watch: told of the cost done,
    first with what the store had. Errors of a unit are collected as sentences, not raised.
    Raises `UsageError` for bad arguments, `FailedError` where the store cannot be written or no process be started.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}, but must be at least 1")
    if len({unit.name for unit in units}) < len(units):
        raise UsageError("two units of work have one name; give each clip and each candidate another name")
    files = {unit.name: file_of(unit, store) for unit in units}
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FailedError(f"the folder '{store}' for results cannot be made ({error.strerror})") from error
    todo = [unit for unit in units if fresh or load(files[unit.name], unit) is None]
    total = sum(unit.cost for unit in units)
    done = total - sum(unit.cost for unit in todo)
    watch = watch or _nobody
    watch(Progress(stage=stage, done=done, total=total))
    failed: dict[Name, str] = {}
    with closing(_run(todo, work, files, workers or core_count())) as finished:
        for unit, problem in finished:
            if problem is not None:
                failed[unit.name] = problem
            done += unit.cost
            watch(Progress(stage=stage, done=done, total=total))
    results = {}
    for unit in units:
        if unit.name not in failed:
            if (result := load(files[unit.name], unit)) is not None:
                results[unit.name] = result
            else:
                failed[unit.name] = f"its result '{files[unit.name]}' was changed or removed meanwhile; run it again"
    return Finished(results=results, failed=failed, reused=len(units) - len(todo))


def core_count() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    unit: Unit | None = field(default=None)
    "None = still starting"


def _run(
    todo: Sequence[Unit], work: Work, files: Mapping[Name, Path], count: int
) -> Generator[tuple[Unit, str | None]]:
    """Each unit as it is finished, with a sentence if it did not work."""
    waiting = deque(sorted(todo, key=lambda unit: -unit.cost))
    busy: dict[Connection, _Worker] = {}
    try:
        for _ in range(min(count, len(waiting))):
            _start(busy, work)
        while busy:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]  # `wait` gives back some of what it is given
                try:
                    problem = worker.pipe.recv()
                except (EOFError, ConnectionError):
                    del busy[worker.pipe]
                    problem = _death(worker)
                    if waiting:
                        _start(busy, work)
                if (finished := worker.unit) is not None:
                    worker.unit = None
                    yield finished, problem
                if worker.pipe not in busy:
                    continue
                if waiting:
                    worker.unit = waiting.popleft()
                    with suppress(ConnectionError):  # it died just now, which the next look at its pipe tells
                        worker.pipe.send((worker.unit, files[worker.unit.name]))
                else:
                    del busy[worker.pipe]
                    _end(worker)
    finally:
        for worker in busy.values():
            _end(worker)


def _start(busy: dict[Connection, _Worker], work: Work) -> None:
    context = multiprocessing.get_context("spawn")  # a forked process would share locks with threads it has not got
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    busy[ours] = _Worker(process, ours)
    with _quiet_child():
        process.start()
    theirs.close()  # so that its end is noticed


@contextmanager
def _quiet_child() -> Iterator[None]:
    """A process started in here uses one thread and is left alone by the terminal's Ctrl-C, which is ours to handle."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    can_mask = hasattr(signal, "pthread_sigmask")
    if can_mask:
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if can_mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _end(worker: _Worker) -> None:
    if worker.process.pid is not None:  # it may not have got as far as that
        worker.process.kill()
        worker.process.join()
    worker.pipe.close()


def _death(worker: _Worker) -> str:
    """Why a worker is gone. Raises `FailedError` if it never was there, as the next one would not be either."""
    worker.process.join()
    worker.pipe.close()
    code = worker.process.exitcode or 0
    if worker.unit is None:
        raise FailedError(
            f"a worker process could not be started (exit code {code}); "
            "in a script of your own, make the call under: if __name__ == '__main__':"
        )
    how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return f"its process ended early ({how}), perhaps for want of memory; run it again with --workers 1"


def _serve(pipe: Connection, work: Work) -> None:
    """The life of a worker process: says that it is there, then does what it is sent until nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it cannot be masked, as on Windows
    try:
        pipe.send(None)
        while True:
            unit, path = pipe.recv()
            pipe.send(_do(unit, path, work))
    except (EOFError, ConnectionError):
        return  # the program that started this one is gone


def _do(unit: Unit, path: Path, work: Work) -> str | None:
    try:
        save(path, unit, work(unit.task))
    except CleanplateError as error:
        return str(error)
    except OSError as error:
        return f"'{error.filename or path}' could not be read or written ({error.strerror or error})"
    except Exception as error:  # one clip's trouble is not the others'
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"unexpected {type(error).__name__} in {Path(last.filename).name}, line {last.lineno}: {error}"
    return None


def _nobody(_: Progress) -> None:
    return
