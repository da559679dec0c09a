"""Hand-overs between threads: order, bounds, and exceptions that come out on the other side."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from cleanplate.base.threads import Call, Sink, is_any_left, leave, prefetch


def test_prefetch_keeps_order_and_never_runs_far_ahead():
    made = []

    def items():
        for n in range(50):
            made.append(n)
            yield n

    got = []
    for n in prefetch(items(), 3, "test"):
        got.append(n)
        assert len(made) - len(got) <= 3 + 2  # the queue, one in hand on each side
    assert got == list(range(50))


def test_prefetch_raises_what_the_source_raised():
    def items():
        yield 1
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        list(prefetch(items(), 2, "test"))


def test_leaving_early_joins_the_thread():
    def forever():
        n = 0
        while True:
            yield (n := n + 1)

    ahead = prefetch(forever(), 2, "cleanplate-early")
    assert next(ahead) == 1
    ahead.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "cleanplate-early"]


def test_sink_consumes_all_in_order():
    got = []
    with Sink(got.append, 2, "test") as sink:
        for n in range(20):
            sink.put(n)
    assert got == list(range(20))


def test_sink_raises_what_the_consumer_raised():
    def consume(_):
        raise OSError("disk full")

    def feed():
        with Sink(consume, 2, "test") as sink:
            for n in range(1000):
                sink.put(n)

    with pytest.raises(OSError, match="disk full"):
        feed()


def test_sink_drops_the_rest_when_an_exception_is_on_its_way():
    leaving, is_busy = threading.Event(), threading.Event()
    got = []

    def consume(item):
        is_busy.set()
        leaving.wait(10)
        time.sleep(0.05)  # by now the sink knows of the exception
        got.append(item)

    def feed():
        with Sink(consume, 8, "test") as sink:
            for n in range(8):
                sink.put(n)
            is_busy.wait(10)
            threading.Timer(0.2, leaving.set).start()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        feed()
    assert got == [0]  # the one in hand; the other seven were dropped
    assert not [thread for thread in threading.enumerate() if thread.name == "test"]


def test_sink_interrupted_while_leaving_still_joins_its_thread():
    """Ctrl-C while the last items are consumed: what they are written to is closed only afterwards."""
    done: list[int] = []
    ended: list[float] = []
    sinks: list[Sink[int]] = []
    is_leaving = threading.Event()

    class Awaited(threading.Event):
        def wait(self, timeout=None):  # called where an interruption is expected; a moment before, none can be caught
            is_leaving.set()
            return super().wait(timeout)

    def consume(item):
        if item == 0:
            assert is_leaving.wait(60)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            until = time.monotonic() + 10
            while not sinks[0]._drop and time.monotonic() < until:  # a busy machine may take its time to interrupt
                time.sleep(0.01)
            time.sleep(0.1)
        done.append(item)
        ended.append(time.monotonic())

    def feed():
        sink = Sink(consume, 8, "test")
        sink._done = Awaited()
        sinks.append(sink)
        with sink:
            for n in range(5):
                sink.put(n)

    with pytest.raises(KeyboardInterrupt):
        feed()
    left = time.monotonic()
    time.sleep(0.7)
    assert done  # the item in hand was finished, and before the sink was left
    assert max(ended) <= left
    assert not [thread for thread in threading.enumerate() if thread.name == "test"]
    assert len(done) < 5


def test_a_call_gives_its_result_or_raises_its_error():
    assert Call(lambda: 7, "test").result() == 7
    with pytest.raises(ZeroDivisionError):
        Call(lambda: 1 // 0, "test").result()
    assert not [thread for thread in threading.enumerate() if thread.name == "test"]


def test_calls_that_take_long_are_left_to_themselves():
    go_on = threading.Event()
    calls = [Call(lambda: go_on.wait(30), "test") for _ in range(3)]
    leave([*calls, Call(lambda: True, "test")])
    assert is_any_left()
    go_on.set()
    assert all(call.result() for call in calls)
    assert not is_any_left()
