"""What a tracker is, the table of those there are, and how one is run over a video.

    tracker = make_tracker("warp")
    for index, tracked in track(tracker, enumerate(images), [Prompt(index=0, object_id=1, hole=mask)]):
        tracked.labels, tracked.confidence[1]

A tracker is shown the frames one after the other, in `step`, and says where the objects are that prompts have named.
It keeps what it has learned of them, never the frames, so that its memory does not grow with the video.

Some need to see what comes next: the strip that a moving object uncovers looks right in that direction only. They say
how far (`look_ahead_frames`) and get those frames as an argument of `step`; `track` holds them back. So a tracker has
one method and answers at once, whether it looks ahead or not; a generator or a queue of late answers in each of them
would be the same few lines over and over. Tracking backward is the same with the frames in reverse: the indices say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.hub import SAM2, models_of
from cleanplate.base.options import fill_options
from cleanplate.base.table import Row, choose
from cleanplate.base.types import Image, Labels, Prompt
from cleanplate.mask.sight import WORK_PX
from cleanplate.motion.estimator import ITERATIONS, check_estimator

_Picture = TypeVar("_Picture", bound=Image)

CANNOT_TELL = 0.5
"confidence of a tracker that does not look"


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracked:
    """Where the objects are in one frame."""

    labels: Labels
    "(H, W) uint8: 0 = background, else an object's id; read-only"
    confidence: Mapping[int, float]
    """of each object that any prompt has named until now: 1 = sure, 0.5 = cannot tell, 0 = lost. A lost object has no
    samples; a hidden one that will be known again may be 0 for a while"""


@dataclass(frozen=True)
class NoOptions:
    """For trackers and segmenters without knobs."""


@dataclass(frozen=True, kw_only=True)
class FlowOptions:
    """For trackers that follow dense flow."""

    flow: str = "dis"
    "what finds it: dis, or raft, a network (docs/models/raft.md)"
    iterations: int = ITERATIONS
    "how often raft corrects its flow"

    def __post_init__(self) -> None:
        check_estimator(self.flow, self.iterations)


class Tracker(ABC):
    """Follows objects through the frames of one video."""

    Options: ClassVar[type] = NoOptions
    "a frozen dataclass: every knob, its default and its unit"
    look_ahead_frames: ClassVar[int] = 0
    "frames it wants to see after the one it is asked about"
    work_px: ClassVar[int] = WORK_PX
    "samples of the pictures on which it works best: larger ones are made small before it sees them"

    def __init__(self, options: Any, device: str = "cpu") -> None:
        self.options = options
        self.device = device

    @abstractmethod
    def step(self, image: Image, prompts: Sequence[Prompt] = (), coming: Sequence[Image] = ()) -> Tracked:
        """Where the objects are in the next frame.

        image: (H, W, 3) RGB uint8 or uint16, of one size and type throughout; it is not kept. prompts: those of this
        frame; see `track` for what they mean. coming: the next `look_ahead_frames` frames, fewer only at the end.
        """


TRACKERS: dict[str, Row] = {
    "deaot": Row(
        where="cleanplate.mask.track_deaot:DeAotTracker",
        summary="DeAOT: a network that carries masks by attention to earlier frames; finds again what was hidden",
        extra="neural",
        weights=("deaot-r50l",),
        licence="BSD-3-Clause",
    ),
    "flow": Row(
        where="cleanplate.mask.track_flow:FlowTracker",
        summary="flow, motion against the background, learned looks, and borders on edges; finds again what was hidden",
    ),
    "hold": Row(
        where="cleanplate.mask.track_hold:Hold",
        summary="leaves each mask where it was given: what tracking is measured against",
    ),
    "sam2": Row(
        where="cleanplate.mask.track_sam2:Sam2Tracker",
        summary="SAM 2 and 2.1: a network with a memory of seven frames; sharp borders, each object on its own",
        extra="neural",
        models=models_of(SAM2),
    ),
    "warp": Row(
        where="cleanplate.mask.track_warp:Warp",
        summary="carries the masks along dense flow from frame to frame; drifts, and never finds again what it lost",
    ),
}


def tracker_spec(name: str) -> Row:
    """The table's row of that name. Raises `UsageError` naming those there are."""
    return choose(TRACKERS, name, "tracker")


def tracker_class(name: str) -> type[Tracker]:
    """The class of the table's row. Raises as `make_tracker` does."""
    found: type[Tracker] = tracker_spec(name).load()
    return found


def tracker_options(name: str, given: Mapping[str, Any]) -> Any:
    """A tracker's options, the given ones in place of their defaults. Raises `UsageError` for one it does not have."""
    return fill_options(tracker_class(name).Options, given, f"tracker '{name}'")


def make_tracker(name: str, options: Mapping[str, Any] | None = None, device: str = "cpu") -> Tracker:
    """A tracker ready for its first frame.

    Raises `UsageError` for an unknown tracker or option, `MissingExtraError` or `MissingWeightsError` for what is not
    installed.
    """
    return tracker_class(name)(tracker_options(name, options or {}), device)


def track(
    tracker: Tracker, frames: Iterable[tuple[int, Image]], prompts: Iterable[Prompt]
) -> Generator[tuple[int, Tracked]]:
    """Run a tracker over (index, image) pairs: (index, Tracked) of each, in order, as the frames come in.

    A prompt holds from the frame of its index on. It names a new object, or sets right one that is there; the others
    go on. Its hole is all of the object (of several on one frame: all of them together), and an empty one says that it
    is not to be seen. Before the first prompt all labels are 0. Where holes of different objects overlap the later
    prompt lies on top.

    Holds `look_ahead_frames` frames. Raises `UsageError` or `MaskError` for prompts that the tracker cannot take, that
    do not fit the picture, or whose frame does not come; `UsageError` for frames of several sizes.
    """
    waiting = _by_frame(prompts)
    for index, image, coming in with_coming(_of_one_size(frames), tracker.look_ahead_frames):
        given = waiting.pop(index, [])
        for prompt in given:
            _check_fit(prompt, image)
        yield index, tracker.step(image, given, coming)
    if waiting:
        prompt = waiting[min(waiting)][0]
        raise UsageError(
            f"object {prompt.object_id} was marked on frame {prompt.index}, which the video does not have; "
            "frames count from 0"
        )


def with_coming(
    frames: Iterable[tuple[int, _Picture]], ahead: int
) -> Iterator[tuple[int, _Picture, tuple[_Picture, ...]]]:
    """(index, image, up to `ahead` images after it) of each (index, image)."""
    held: deque[tuple[int, _Picture]] = deque()

    def first() -> tuple[int, _Picture, tuple[_Picture, ...]]:
        return *held.popleft(), tuple(image for _, image in held)

    for one in frames:
        held.append(one)
        if len(held) > ahead:
            yield first()
    while held:
        yield first()


def mean_over(labels: Labels, shares: NDArray[np.float32 | np.bool_], ids: Iterable[int]) -> dict[int, float]:
    """The mean of the shares (H, W), 0-1, over each object's samples: 0 for one that has none."""
    count = np.bincount(labels.ravel(), minlength=256)
    total = np.bincount(labels.ravel(), weights=shares.ravel(), minlength=256)
    return {n: min(float(total[n] / max(count[n], 1)), 1.0) for n in sorted(ids)}


def with_holes(labels: Labels, prompts: Sequence[Prompt]) -> Labels:
    """The labels (H, W) with the objects of these prompts where their holes say, read-only."""
    drawn = labels.copy()
    drawn[np.isin(drawn, [prompt.object_id for prompt in prompts])] = 0
    for prompt in prompts:
        if prompt.hole is not None:
            drawn[prompt.hole] = prompt.object_id
    drawn.flags.writeable = False
    return drawn


def _of_one_size(frames: Iterable[tuple[int, Image]]) -> Iterator[tuple[int, Image]]:
    shape: tuple[int, ...] | None = None
    for index, image in frames:
        shape = shape or image.shape
        if image.shape != shape:
            raise UsageError(
                f"frame {index} is {image.shape[1]}x{image.shape[0]} but those before are {shape[1]}x{shape[0]}; "
                "tracking needs frames of one size"
            )
        yield index, image


def _by_frame(prompts: Iterable[Prompt]) -> dict[int, list[Prompt]]:
    found: dict[int, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        if prompt.hole is None or prompt.points_xy or prompt.box_xyxy is not None:
            raise UsageError(
                f"trackers start from a mask of object {prompt.object_id} and from nothing else; give one, as a "
                "segmenter makes it from clicks or a box"
            )
        if not 1 <= prompt.object_id <= 255:
            raise UsageError(f"an object has the id {prompt.object_id}; ids must lie between 1 and 255")
        found[prompt.index].append(prompt)
    if not found:
        raise UsageError("no object was given to track; mark one on any frame")
    return dict(found)


def _check_fit(prompt: Prompt, image: Image) -> None:
    height, width = image.shape[:2]
    where = f"of object {prompt.object_id} on frame {prompt.index}"
    if prompt.hole is not None and (prompt.hole.shape != (height, width) or prompt.hole.dtype != np.bool_):
        raise MaskError(
            f"the mask {where} is {prompt.hole.dtype} {prompt.hole.shape}, but must be bool ({height}, {width}) "
            "as the picture"
        )
