"""A served page and a real browser for the tests of the page; skips, with the reason, where there is no Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

PATIENCE_MS = 150_000  # a first run compiles, beside other tests
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# What is asked for at [path, asks, most] takes a second longer, the next `most` times: until it is asked, or answered.
SLOW = """([path, asks, most]) => {
    const ask = window.fetch;
    const pause = () => new Promise((go) => setTimeout(go, 1000));
    window.fetch = async (where, how) => {
        if (!String(where).endsWith(path) || most-- <= 0) return ask(where, how);
        if (asks) await pause();
        const answer = await ask(where, how);
        if (!asks) await pause();
        return answer;
    };
    window.swift = ask;
}"""
SWIFT = "() => { window.fetch = window.swift; }"


@contextlib.contextmanager
def served(folder: Path, *words: str) -> Iterator[str]:
    """`cleanplate ui` in a process of its own: its address."""
    command = [sys.executable, "-m", "cleanplate", "ui", "--port", "0", "--no-browser", "--folder", str(folder), *words]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    try:
        assert server.stdout is not None
        said = server.stdout.readline()
        assert "http://" in said, said
        yield said.split("answers at ")[1].split()[0]
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            raise


@contextlib.contextmanager
def browsing() -> Iterator[Any]:
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra 'dev')")
    pytest.importorskip("gradio", reason="gradio is not installed (extra 'ui')")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine (Debian: apt install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """Somebody in front of the page."""

    def __init__(self, browser: Any, address: str, **how: Any) -> None:
        self.context = browser.new_context(viewport=how.pop("viewport", {"width": 1280, "height": 900}), **how)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._look_at)
        self._arrive(lambda: self.page.goto(address, wait_until="domcontentloaded"))

    def reload(self) -> None:
        """As by F5."""
        self._arrive(lambda: self.page.reload(wait_until="domcontentloaded"))

    def _arrive(self, go: Callable[[], Any]) -> None:
        with self.page.expect_response(lambda answer: answer.url.endswith("/run/predict")):  # Gradio listens by then
            go()
        self.page.wait_for_selector(".cp-viewer", state="attached")
        self.page.wait_for_function("window.cleanplate !== undefined")
        self.page.wait_for_timeout(1000)  # on a busy machine its last listeners come after that

    def _look_at(self, request: Any) -> None:
        """Gradio's queue loses what is asked for at a bad moment; the page does without."""
        if "/queue/" in request.url:
            self.faults.append(f"{request.url} was asked for")

    def load(self, video: Path) -> None:
        """Drop a video, and wait for its first frame."""
        self.step("Video")
        self.page.set_input_files("input[type=file]", str(video))
        from playwright.sync_api import TimeoutError as TooLateError

        with contextlib.suppress(TooLateError):  # as a person would: what was dropped too early is dropped again
            self.page.wait_for_selector(".cp-viewer[data-state=open][data-shown]", timeout=PATIENCE_MS / 3)
            return
        self.page.set_input_files("input[type=file]", str(video))
        self.wait_for_frame()

    def wait_for_frame(self) -> None:
        self.page.wait_for_selector(".cp-viewer[data-state=open][data-shown]")

    def step(self, name: str) -> None:
        """Open one of the steps beside the viewer."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    def go(self, frame: int) -> None:
        """To a frame, by its number."""
        field = self.page.locator("[data-frame]")
        field.fill(str(frame))
        field.press("Enter")
        self.page.wait_for_selector(f".cp-viewer[data-shown='{frame}']")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel of the video is on the screen."""
        area = self.page.locator(".cp-stage canvas").bounding_box()
        width, height = self.facts("width"), self.facts("height")
        return area["x"] + (x + 0.5) / width * area["width"], area["y"] + (y + 0.5) / height * area["height"]

    def click(self, x: float, y: float, button: str = "left") -> None:
        """Click on a pixel of the video, and wait until it is understood."""
        with self.marked():
            self.page.mouse.click(*self.at(x, y), button=button)

    def drag(self, *points: tuple[float, float]) -> None:
        """Draw along pixels of the video with the tool in hand."""
        with self.marked():
            self.page.mouse.move(*self.at(*points[0]))
            self.page.mouse.down()
            for point in points[1:]:
                self.page.mouse.move(*self.at(*point))
            self.page.mouse.up()

    @contextlib.contextmanager
    def marked(self) -> Iterator[None]:
        """What happens inside changes the marks; waits until it has."""
        before = self.facts("versions")["mask"]
        yield
        self.wait(f"window.cleanplate.facts.versions.mask > {before}")

    def wait(self, condition: str) -> None:
        self.page.wait_for_function(condition)

    def facts(self, name: str) -> Any:
        """What the viewer knows."""
        return self.page.evaluate(f"window.cleanplate.facts.{name}")

    def picture(self, path: str) -> np.ndarray:
        """A picture that the viewer asks for: (H, W, 3 or 4), RGB(A)."""
        answer = self.page.request.get(self.page.evaluate(f"location.origin + window.cleanplate.api.address('{path}')"))
        assert answer.ok, answer.text()
        found = cv2.imdecode(np.frombuffer(answer.body(), np.uint8), cv2.IMREAD_UNCHANGED)
        return cv2.cvtColor(found, cv2.COLOR_BGRA2RGBA if found.shape[2] == 4 else cv2.COLOR_BGR2RGB)

    def hole(self, frame: int) -> np.ndarray:
        """What is marked on a frame: (H, W) bool."""
        return self.picture(f"overlay/{frame}.png?test")[..., 3] > 0

    def project(self, folder: Path) -> SimpleNamespace:
        """Where the open project lies on the server's disk."""
        (found,) = (folder / "projects").glob(f"*/{self.facts('project')}")
        return SimpleNamespace(folder=found, masks=found / "masks" / "stored")


def middle_of(hole: np.ndarray) -> tuple[int, int]:
    """The point (x, y) of a hole (H, W) that is farthest from its border."""
    depth = cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), hole.shape)
    return int(x), int(y)
