"""Bounded, named hand-overs between threads. An exception on one side is raised again on the other."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
_END = object()
_PATIENCE_S = 1.0
"how long work that is not wanted any more is waited for: a person who pressed Ctrl-C sits there"
_DEAF_S = 0.5
"the longest single wait: a Ctrl-C that comes in the moment before a wait begins is heard only when it ends"
_left: list[threading.Thread] = []
"threads at work that nobody waits for"


def prefetch(items: Iterable[T], length: int, name: str) -> Generator[T]:
    """The same items, made ahead in a thread of that name: at most `length` wait at a time.

    The thread is joined when the iteration ends. Close the generator (`contextlib.closing`) where it may end early:
    an exception's traceback would keep it, and its thread, alive.
    """
    waiting: queue.Queue[object] = queue.Queue(length)
    stop = threading.Event()

    def put(item: object) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    done = threading.Event()

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:
            put(_Raised(error))
        finally:
            done.set()

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]  # neither marker
    finally:
        stop.set()
        _wait_for(done, thread)


def _until(done: threading.Event) -> None:
    while not done.wait(_DEAF_S):
        pass


def _wait_for(done: threading.Event, thread: threading.Thread, hurry: Callable[[], None] | None = None) -> None:
    """Join a thread that sets `done` as it ends, also if Ctrl-C interrupts the wait: `hurry` is called then.

    Before Python 3.13 an interrupted `Thread.join` takes a running thread for a stopped one ever after (an effect of
    bpo-45274), so the event is what is waited for.
    """
    try:
        _until(done)
    except BaseException:
        if hurry is not None:
            hurry()
        _until(done)
        raise
    finally:
        if done.is_set():
            thread.join()


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class Sink(Generic[T]):
    """Hands items to `consume` in a thread of that name, in order; `put` waits while `length` are waiting.

    As a context manager: leaving waits until all are consumed, or drops the rest when an exception is on its way.
    What `consume` raises is raised again by the next `put` or on leaving.
    """

    def __init__(self, consume: Callable[[T], None], length: int, name: str) -> None:
        self._consume = consume
        self._waiting: queue.Queue[object] = queue.Queue(length)
        self._error: BaseException | None = None
        self._drop = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def _work(self) -> None:
        try:
            while (item := self._waiting.get()) is not _END:
                if self._error is None and not self._drop:
                    try:
                        self._consume(item)  # type: ignore[arg-type]  # not the end
                    except BaseException as error:
                        self._error = error
        finally:
            self._done.set()

    def put(self, item: T) -> None:
        if self._error is not None:
            raise self._error
        self._waiting.put(item)

    def _drop_rest(self) -> None:
        self._drop = True

    def _end(self) -> None:
        self._waiting.put(_END)
        _wait_for(self._done, self._thread, self._drop_rest)

    def __enter__(self) -> Sink[T]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._drop = kind is not None
            self._end()
        except BaseException:  # Ctrl-C while waiting: what the thread works with may go only after the thread
            self._drop_rest()
            self._end()
            raise
        if self._error is not None and kind is None:
            raise self._error


class Call(Generic[T]):
    """Work on its way in a thread of that name."""

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self._done = threading.Event()
        self._result: T | _Raised | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._result = work()
        except BaseException as error:
            self._result = _Raised(error)
        finally:
            self._done.set()

    def result(self) -> T:
        """What the work gave, when it is done. Raises what it raised."""
        _until(self._done)  # Ctrl-C gets through, also while the work sits in a library's loop
        self._thread.join()
        if isinstance(self._result, _Raised):
            raise self._result.error
        return self._result  # type: ignore[return-value]  # set before `_done`


def leave(calls: Iterable[Call[T]]) -> None:
    """Their results are not wanted any more. No thread can be stopped: one that goes on for long is left to itself."""
    until = time.monotonic() + _PATIENCE_S
    for call in calls:
        if call._done.wait(max(until - time.monotonic(), 0)):
            call._thread.join()
        else:
            _left.append(call._thread)


def is_any_left() -> bool:
    """Whether a thread is still at work that nobody waits for: Python would not end before it, at its worst minutes."""
    return any(thread.is_alive() for thread in _left)
