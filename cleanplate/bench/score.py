"""Measure one video against another: every metric in one report.

    scores = score("result.mp4", "truth.mp4", "mask.png")
    scores["psnr(hole)"].value        # dB
    print(scores.to_markdown())

Videos are gone through once, frame by frame, so memory does not grow with their length.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain, islice, repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import MaskError, MissingExtraError, MissingWeightsError, UsageError
from cleanplate.base.report import Progress, Watch
from cleanplate.base.types import Hole, Image
from cleanplate.base.weights import locate, weight_spec
from cleanplate.bench.metrics.metric import (
    Features,
    Metric,
    MetricSpec,
    Row,
    Setup,
    Where,
    choose,
    make_metric,
)
from cleanplate.bench.metrics.picture import NO_HOLE
from cleanplate.bench.metrics.step import Step, follower
from cleanplate.bench.scores import Scores
from cleanplate.bench.sides import Side, Video, fit
from cleanplate.bench.synth_video import write_clip
from cleanplate.mask.maker import combine
from cleanplate.mask.source import MaskSource

Holes = str | Path | NDArray[np.bool_]


def score(
    result: Video,
    truth: Video | None = None,
    holes: Holes | None = None,
    *,
    source: Video | None = None,
    metrics: str | Sequence[str] | None = None,
    joints: Sequence[int] = (),
    align: bool = False,
    crf: float | None = None,
    watch: Watch | None = None,
) -> Scores:
    """Score a result against the truth, over the whole frame and inside the hole.

    result, truth, source: files, folders of pictures, or arrays (T, H, W, 3) RGB, uint8 or full-scale uint16. holes:
    (T, H, W) bool, True = was painted, or a picture, folder or video of masks. source: the input, whose motion is used
    where there is no truth. metrics: names of METRICS, all for None; what one of them lacks is in its row's note.
    joints: frames of the result that start a new piece, the first is 0. align: resize and shift where sizes and lengths
    differ. crf: score again after x264 at this quality (0-51).

    Raises `UsageError` (also `MaskError`) for what cannot be compared, `MediaError` for files that cannot be read.
    """
    chosen = choose(metrics)
    if truth is None and source is None:
        raise UsageError(
            "there is no truth to compare with; give the clean video, or the input with --source for what can be told "
            "without one"
        )
    check_crf(crf)
    with ExitStack() as stack:
        roles = {"result": result, "input": source, "truth": truth}
        sides = {role: stack.enter_context(Side(video, role)) for role, video in roles.items() if video is not None}
        fitted = fit(list(sides.values()), align=align)
        guide = sides.get("truth") or sides["input"]
        notes = list(fitted.notes)
        setup = Setup(
            has_truth=truth is not None,
            has_holes=holes is not None,
            joints=_joints(joints, sides["result"].skip, fitted.frames),
        )
        painted = _Holes(holes, guide, fitted.frames, notes)
        found = _measure(chosen, setup, sides, painted, fitted.frames, watch, "score")
        after = _Found()
        if crf is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            sides["result"] = stack.enter_context(Side(_encode(sides["result"], folder, crf, fitted.frames), "result"))
            after = _measure(chosen, setup, sides, painted, fitted.frames, watch, "score after encoding")
    return Scores(
        rows=tuple(found.rows),
        frames=fitted.frames,
        holed_frames=found.holed_frames,
        notes=tuple(notes),
        encoded_as=None if crf is None else f"x264 crf {crf:g}",
        encoded=tuple(after.rows),
        features=found.features,
        encoded_features=after.features,
    )


def check_crf(crf: float | None) -> None:
    """Raises `UsageError` for a quality that x264 does not have."""
    if crf is not None and not 0 <= crf <= 51:
        raise UsageError(f"the quality to encode with is {crf:g}; x264 takes 0 (best) to 51")


def _joints(given: Sequence[int], skipped: int, frames: int) -> tuple[int, ...]:
    """The joints as indices of the frames compared. Raises `UsageError` for those at which there are no two of them."""
    if strange := [joint for joint in given if not skipped < joint < skipped + frames]:
        first, last = skipped + 1, skipped + frames - 1
        where = f"joints lie between {first} and {last} (the first frame is 0)" if frames > 1 else "there is one frame"
        raise UsageError(f"at frame {strange[0]} there is no joint of two frames that are compared; {where}")
    return tuple(int(joint) - skipped for joint in given)


class _Holes:
    """The holes (H, W) of a comparison, frame by frame, as often as wanted; None for each where none are known."""

    def __init__(self, given: Holes | None, base: Side, frames: int, notes: list[str]) -> None:
        """Raises `UsageError` (also `MaskError`) for holes that do not fit or cover nothing."""
        self._given, self._base, self._frames, self._notes = given, base, frames, notes
        if isinstance(given, np.ndarray):
            want = (frames, base.height_px, base.width_px)
            if given.shape != want or given.dtype != np.bool_:
                raise UsageError(
                    f"the holes are {given.dtype} {given.shape}; give bool of shape {want}, True = painted"
                )
        if given is not None and not any(hole is not None and hole.any() for hole in self):
            raise UsageError("the mask covers nothing, so there is no hole to score; give the mask that was painted")

    def __iter__(self) -> Iterator[Hole | None]:
        if self._given is None:
            return repeat(None, self._frames)
        if isinstance(self._given, np.ndarray):
            return iter(self._given)
        return islice(self._drawn(Path(self._given)), self._base.skip, self._base.skip + self._frames)

    def _drawn(self, path: Path) -> Iterator[Hole]:
        base = self._base
        try:
            for _, _, labels in combine([MaskSource(path=path)], base.info, base.timestamps, warn=self._warn):
                yield labels != 0
        except MaskError as error:
            if self._notes:  # the videos differ, so that "the video" could be any of them
                error.add_note(f"that is {base}, which the mask has to fit")
            raise

    def _warn(self, sentence: str) -> None:
        if sentence not in self._notes:
            self._notes.append(sentence)


class _Found:
    """What one pass over the frames gave."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.holed_frames = 0
        self.features: dict[str, tuple[Features, Features]] = {}


def _measure(
    chosen: Mapping[str, MetricSpec],
    setup: Setup,
    sides: dict[str, Side],
    holes: _Holes,
    frames: int,
    watch: Watch | None,
    stage: str,
) -> _Found:
    ready: dict[str, Metric] = {}
    missing: dict[str, str] = {}
    found = _Found()
    for name, spec in chosen.items():
        if why := why_not(spec, setup):
            missing[name] = why
        else:
            try:
                ready[name] = make_metric(name, setup)
            except (MissingExtraError, MissingWeightsError) as error:
                missing[name] = str(error)
    for step in _steps(sides, holes):
        for metric in ready.values():
            metric.add(step)
        found.holed_frames += step.area("hole") is not None
        if watch is not None:
            watch(Progress(stage=stage, done=step.index + 1, total=frames))
    for name in chosen:
        if name in missing:
            where: Where = "hole" if chosen[name].needs_hole else "frame"
            found.rows.append(Row(metric=name, where=where, value=None, unit="", better="lower", note=missing[name]))
            continue
        found.rows += ready[name].finish()
        if (features := ready[name].features()) is not None:
            found.features[name] = features
    return found


def why_not(spec: MetricSpec, setup: Setup) -> str | None:
    """Why a metric cannot be had here, as a row's note; None where it can."""
    if spec.needs_truth and not setup.has_truth:
        return "needs the truth"
    if spec.needs_hole and not setup.has_holes:
        return NO_HOLE
    for weights in spec.weights:
        try:
            locate(weights, offline=True)  # a score never downloads by itself
        except (MissingWeightsError, UsageError):
            facts = f"{weight_spec(weights).size()}, {weight_spec(weights).licence}"
            return f"needs weights: {weights} ({facts}); type: cleanplate weights get {weights}"
    return None


def _steps(sides: dict[str, Side], holes: _Holes) -> Iterator[Step]:
    is_deep = any(side.is_deep for side in sides.values())
    motion = follower()
    streams = [iter(side) for side in sides.values()]
    before: Step | None = None
    for index, (hole, *pictures) in enumerate(zip(holes, *streams, strict=False)):
        shown = dict(zip(sides, (_deep(picture) if is_deep else picture for picture in pictures), strict=True))
        truth = shown.get("truth")
        before = Step(
            index=index,
            result=shown["result"],
            truth=truth,
            guide=truth if truth is not None else shown["input"],
            hole=hole,
            before=before,
            motion=motion,
        )
        yield before
        before.before = None  # what is two frames back is free


def _deep(picture: Image) -> Image:
    return picture if picture.dtype == np.uint16 else picture.astype(np.uint16) * np.uint16(257)


def _encode(side: Side, folder: Path, crf: float, frames: int) -> Path:
    """The side's pictures through x264, 4:2:0 where the size is even, 10 bit for deep ones."""
    pictures = islice(side, frames)
    first = next(pictures)
    chroma = "444" if first.shape[0] % 2 or first.shape[1] % 2 else "420"
    path = folder / "encoded.mp4"
    pixel_format = f"yuv{chroma}p10le" if side.is_deep else f"yuv{chroma}p"
    write_clip(path, chain([first], pictures), crf=crf, pixel_format=pixel_format)
    return path
