"""Engines that are networks as inventors: shown what is known by now of a frame and of those around it."""

from __future__ import annotations

from threading import Lock
from typing import Any

from numpy.typing import NDArray

from cleanplate.base.types import Clip
from cleanplate.paint.engine import make_engine
from cleanplate.paint.inventor import Inventor

_ONE_AT_A_TIME = Lock()
"memory is reckoned for one network, however many pieces are painted at a time"


class NetworkInventor(Inventor):
    """The engine of the same name, for one frame."""

    def __init__(self, name: str, device: str) -> None:
        super().__init__(name, device)
        self._engine = make_engine(name, device=device)
        self.notes = self._engine.notes

    def paint(self, clip: Clip) -> NDArray[Any]:
        """See `Inventor.paint`."""
        with _ONE_AT_A_TIME:
            image: NDArray[Any] = self._engine.fill(clip).images[0]
        return image
