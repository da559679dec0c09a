"""The tracker `deaot`: DeAOT (R50-DeAOT-L), ten objects in each of its loops, its long-term memory bounded.

The published loop keeps every fifth frame for good. Here what is kept beyond `memory_frames` goes, the frames whose
masks were given last of all; without a bound the loop is the published one. Measured in docs/tracking-deaot.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from cleanplate.base.checkpoint import load_network
from cleanplate.base.device import choose_device
from cleanplate.base.errors import UsageError
from cleanplate.base.precision import MixedOptions, in_precision
from cleanplate.base.types import Image, Labels, Prompt
from cleanplate.mask.nets.deaot import DEVIATION, MEAN, MOST_OBJECTS, STRIDE_PX, DeAot, Features, resized
from cleanplate.mask.nets.deaot_loop import PUBLISHED_GAP, Ten, labels_of_ten, merged
from cleanplate.mask.tracker import Tracked, Tracker, mean_over, with_holes

WEIGHTS = "deaot-r50l"


@dataclass(frozen=True, kw_only=True)
class DeAotOptions(MixedOptions):
    """The knobs of DeAOT."""

    memory_frames: int = 8
    "frames in its long-term memory, for each ten objects; 0 = no bound, as published"
    gap_frames: int = PUBLISHED_GAP
    "every so many frames one goes into that memory"
    work_edge_px: int = 1040
    "the longer side of the pictures it looks at; larger ones are made smaller"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory_frames < 0:
            raise UsageError(f"memory_frames is {self.memory_frames}, but must be at least 1, or 0 for no bound")
        if self.gap_frames < 1:
            raise UsageError(f"gap_frames is {self.gap_frames}, but must be at least 1")
        if not 64 <= self.work_edge_px <= 8192:
            raise UsageError(f"work_edge_px is {self.work_edge_px}, but must lie between 64 and 8192 pixels")


class DeAotTracker(Tracker):
    """See the module. The confidence is the mean probability of an object's samples."""

    Options = DeAotOptions
    work_px = 854 * 480  # what it was trained and is measured at

    def __init__(self, options: DeAotOptions, device: str = "cpu") -> None:
        super().__init__(options, choose_device(device)[0])
        self._network = _network(self.device)
        self._tens: list[Ten] = []
        self._ids: list[int] = []
        "object ids by their place in the tens"

    @torch.inference_mode()
    def step(self, image: Image, prompts: Sequence[Prompt] = (), coming: Sequence[Image] = ()) -> Tracked:  # noqa: ARG002 - causal
        """See `Tracker.step`."""
        if not self._tens and not prompts:
            return Tracked(labels=with_holes(np.zeros(image.shape[:2], np.uint8), ()), confidence={})
        with in_precision(self.options.precision, self.device):
            labels, shares = self._track(image, prompts)
        for prompt in prompts:
            shares[labels == prompt.object_id] = 1
        return Tracked(labels=labels, confidence=mean_over(labels, shares, self._ids))

    def _track(self, image: Image, prompts: Sequence[Prompt]) -> tuple[Labels, NDArray[np.float32]]:
        """Labels (H, W), and the probability of each."""
        labels = np.zeros(image.shape[:2], np.uint8)
        small = _prepared(image, self.options.work_edge_px)
        features = self._network.encode(torch.from_numpy(small).to(self.device))
        shares = np.ones(labels.shape, np.float32)
        if self._tens:
            labels, shares = self._look(features, labels.shape)
        labels = with_holes(labels, prompts)
        self._remember(features, labels, {prompt.object_id for prompt in prompts}, small.shape[2:])
        return labels, shares

    def _look(self, features: Features, size: tuple[int, ...]) -> tuple[Labels, NDArray[np.float32]]:
        """Labels (H, W), and the probability of each."""
        logits = merged([resized(ten.look(features)[1].float(), size) for ten in self._tens])
        share, place = torch.softmax(logits, dim=1)[0].max(0)
        return np.array([0, *self._ids], np.uint8)[place.cpu().numpy()], share.cpu().numpy()

    def _remember(self, features: Features, labels: Labels, given: set[int], size: tuple[int, ...]) -> None:
        """Tell each ten what was found; one with an object that was given now takes the frame as one to go by."""
        self._ids += sorted(given - set(self._ids))
        places = np.zeros(256, np.int64)
        places[self._ids] = np.arange(1, len(self._ids) + 1)
        small = torch.from_numpy(places[cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)]).to(
            self.device
        )
        for n in range(-(-len(self._ids) // MOST_OBJECTS)):
            own = self._ids[n * MOST_OBJECTS : (n + 1) * MOST_OBJECTS]
            if n == len(self._tens):
                self._tens.append(Ten(self._network, self.options.gap_frames, self.options.memory_frames or None))
            if given.isdisjoint(own):
                self._tens[n].update(labels_of_ten(small, n))
            else:
                self._tens[n].refer(features, labels_of_ten(small, n), len(own))


@lru_cache(maxsize=1)
def _network(device: str) -> DeAot:
    return load_network(DeAot(), WEIGHTS, device)


def _prepared(image: Image, edge_px: int) -> NDArray[np.float32]:
    """The picture (1, 3, h, w) as the network has been trained: sides of 16 k + 1, normalised."""
    height, width = image.shape[:2]
    scale = min(edge_px / max(height, width), 1)
    h, w = (max(round((side * scale - 1) / STRIDE_PX), 1) * STRIDE_PX + 1 for side in (height, width))
    values = image.astype(np.float32) * np.float32(1 / np.iinfo(image.dtype).max)
    if (h, w) != (height, width):
        values = np.asarray(cv2.resize(values, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)
    normal = (values - np.asarray(MEAN)) / np.asarray(DEVIATION)
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None], np.float32)
