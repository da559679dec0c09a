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
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Literal

import numpy as np

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.extras import require
from cleanplate.base.hub import HUB
from cleanplate.base.options import fill_options
from cleanplate.base.types import Image, Labels, Prompt
from cleanplate.mask.sight import WORK_PX
from cleanplate.motion.estimator import ITERATIONS, check_estimator

PromptKind = Literal["hole", "box", "points", "words"]

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
    """For trackers without knobs."""


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
    prompt_kinds: ClassVar[frozenset[PromptKind]] = frozenset({"hole"})
    "what it can start from; a hole is a must"

    def __init__(self, options: Any, device: str = "cpu") -> None:
        self.options = options
        self.device = device

    @abstractmethod
    def step(self, image: Image, prompts: Sequence[Prompt] = (), coming: Sequence[Image] = ()) -> Tracked:
        """Where the objects are in the next frame.

        image: (H, W, 3) RGB uint8 or uint16, of one size and type throughout; it is not kept. prompts: those of this
        frame; see `track` for what they mean. coming: the next `look_ahead_frames` frames, fewer only at the end.
        """


@dataclass(frozen=True, kw_only=True)
class TrackerSpec:
    """One row of the table."""

    where: str
    "module:class, imported when used"
    summary: str
    extra: str | None = None
    "the pip extra it needs"
    weights: tuple[str, ...] = ()
    "rows of the weights table"
    models: tuple[str, ...] = ()
    "rows of the table of models on the hub, any of which it can use"
    licence: str = "Apache-2.0"
    is_trained: bool = True
    "False exempts the row from the quality part of the contract"


TRACKERS: dict[str, TrackerSpec] = {
    "deaot": TrackerSpec(
        where="cleanplate.mask.track_deaot:DeAotTracker",
        summary="DeAOT: a network that carries masks by attention to earlier frames; finds again what was hidden",
        extra="neural",
        weights=("deaot-r50l",),
        licence="BSD-3-Clause",
    ),
    "flow": TrackerSpec(
        where="cleanplate.mask.track_flow:FlowTracker",
        summary="flow, motion against the background, learned looks, and borders on edges; finds again what was hidden",
    ),
    "hold": TrackerSpec(
        where="cleanplate.mask.track_hold:Hold",
        summary="leaves each mask where it was given: what tracking is measured against",
    ),
    "sam2": TrackerSpec(
        where="cleanplate.mask.track_sam2:Sam2Tracker",
        summary="SAM 2 and 2.1: a network with a memory of seven frames; sharp borders, each object on its own",
        extra="neural",
        models=tuple(name for name in HUB if name.startswith("sam2")),
    ),
    "warp": TrackerSpec(
        where="cleanplate.mask.track_warp:Warp",
        summary="carries the masks along dense flow from frame to frame; drifts, and never finds again what it lost",
    ),
}


def tracker_spec(name: str) -> TrackerSpec:
    """The table's row of that name. Raises `UsageError` naming those there are."""
    if name not in TRACKERS:
        raise UsageError(f"there is no tracker '{name}'; choose one of {', '.join(TRACKERS)}")
    return TRACKERS[name]


def tracker_class(name: str) -> type[Tracker]:
    """The class of the table's row. Raises as `make_tracker` does."""
    spec = tracker_spec(name)
    if spec.extra:
        require("torch", spec.extra)
    module, _, attribute = spec.where.partition(":")
    found: type[Tracker] = getattr(import_module(module), attribute)
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
    waiting = _by_frame(tracker, prompts)
    held: deque[tuple[int, Image]] = deque()
    shape: tuple[int, ...] | None = None

    def answer() -> tuple[int, Tracked]:
        index, image = held.popleft()
        given = waiting.pop(index, [])
        for prompt in given:
            _check_fit(prompt, image)
        return index, tracker.step(image, given, tuple(image for _, image in held))

    for index, image in frames:
        shape = shape or image.shape
        if image.shape != shape:
            raise UsageError(
                f"frame {index} is {image.shape[1]}x{image.shape[0]} but those before are {shape[1]}x{shape[0]}; "
                "tracking needs frames of one size"
            )
        held.append((index, image))
        if len(held) > tracker.look_ahead_frames:
            yield answer()
    while held:
        yield answer()
    if waiting:
        prompt = waiting[min(waiting)][0]
        raise UsageError(
            f"object {prompt.object_id} was marked on frame {prompt.index}, which the video does not have; "
            "frames count from 0"
        )


def with_holes(labels: Labels, prompts: Sequence[Prompt]) -> Labels:
    """The labels (H, W) with the objects of these prompts where their holes say, read-only."""
    drawn = labels.copy()
    drawn[np.isin(drawn, [prompt.object_id for prompt in prompts])] = 0
    for prompt in prompts:
        if prompt.hole is not None:
            drawn[prompt.hole] = prompt.object_id
    drawn.flags.writeable = False
    return drawn


def _by_frame(tracker: Tracker, prompts: Iterable[Prompt]) -> dict[int, list[Prompt]]:
    found: dict[int, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        kinds = _kinds_of(prompt)
        if not kinds or kinds - tracker.prompt_kinds:
            raise UsageError(
                f"object {prompt.object_id} was marked by {' and '.join(sorted(kinds)) or 'nothing'}, but this tracker "
                f"starts from {' or '.join(sorted(tracker.prompt_kinds))}; give a mask of it"
            )
        if not 1 <= prompt.object_id <= 255:
            raise UsageError(f"an object has the id {prompt.object_id}; ids must lie between 1 and 255")
        found[prompt.index].append(prompt)
    if not found:
        raise UsageError("no object was given to track; mark one on any frame")
    return dict(found)


def _kinds_of(prompt: Prompt) -> set[PromptKind]:
    given: dict[PromptKind, bool] = {
        "hole": prompt.hole is not None,
        "box": prompt.box_xyxy is not None,
        "points": bool(prompt.points_xy),
        "words": prompt.words is not None,
    }
    return {kind for kind, is_given in given.items() if is_given}


def _check_fit(prompt: Prompt, image: Image) -> None:
    height, width = image.shape[:2]
    where = f"of object {prompt.object_id} on frame {prompt.index}"
    if prompt.hole is not None and (prompt.hole.shape != (height, width) or prompt.hole.dtype != np.bool_):
        raise MaskError(
            f"the mask {where} is {prompt.hole.dtype} {prompt.hole.shape}, but must be bool ({height}, {width}) "
            "as the picture"
        )
    for x, y in prompt.points_xy:
        if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
            raise UsageError(f"the point {x:g},{y:g} {where} lies outside the picture of {width}x{height}")
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise UsageError(f"the box {x0},{y0},{x1},{y1} {where} does not lie in the picture of {width}x{height}")
