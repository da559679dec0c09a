"""The tracker that does nothing: each mask stays where it was given. What others are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cleanplate.base.types import Image, Labels, Prompt
from cleanplate.mask.tracker import CANNOT_TELL, Tracked, Tracker, with_holes


class Hold(Tracker):
    """See the module."""

    def __init__(self, options: Any, device: str = "cpu") -> None:
        super().__init__(options, device)
        self._labels: Labels | None = None
        self._ids: set[int] = set()

    def step(self, image: Image, prompts: Sequence[Prompt] = (), coming: Sequence[Image] = ()) -> Tracked:  # noqa: ARG002 - looks at nothing
        """See `Tracker.step`."""
        if self._labels is None or prompts:
            self._labels = with_holes(
                np.zeros(image.shape[:2], np.uint8) if self._labels is None else self._labels, prompts
            )
        self._ids |= {prompt.object_id for prompt in prompts}
        marked = {prompt.object_id for prompt in prompts}
        seen = np.bincount(self._labels.ravel(), minlength=256) > 0
        confidence = {one: (1.0 if one in marked else CANNOT_TELL) if seen[one] else 0.0 for one in sorted(self._ids)}
        return Tracked(labels=self._labels, confidence=confidence)
