"""How good a segmenter's answer is after one click, two, and so on, each where a user would click next.

    print(bench_click("DAVIS", clicks=5).to_markdown())

The first click lies at the point of the object farthest from its border; each further one at the point of the largest
mistake farthest from that one's border, to add or to keep out. This is the usual protocol of interactive segmentation
(Xu et al., "Deep Interactive Object Selection", CVPR 2016).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from cleanplate.base.errors import UsageError
from cleanplate.base.report import Progress, Watch
from cleanplate.base.types import Hole, Image, Prompt
from cleanplate.bench.machine import cpu_name
from cleanplate.bench.metrics.regions import jaccard, objects_in
from cleanplate.bench.pictures import read_frame, read_labels
from cleanplate.bench.scores import markdown_table
from cleanplate.bench.track.data import Clip, find_clips
from cleanplate.mask.segmenter import NEAR_FRAMES, Segmenter, make_segmenter


@dataclass(frozen=True, kw_only=True)
class ClickReport:
    """The facts of one bench."""

    data: str
    "the data set's folder"
    segmenter: str
    clips: dict[str, tuple[float, ...]]
    "by clip: IoU after one click, two, ...; the mean over its objects and frames"
    answers: dict[str, int]
    "by clip: how many objects in how many frames that is"
    cpu_seconds: float
    "of the answer to the first click, on average"
    cpu: str

    @property
    def mean(self) -> tuple[float, ...]:
        """Over clips, each of which weighs the same."""
        return tuple(math.fsum(values) / len(self.clips) for values in zip(*self.clips.values(), strict=True))

    def to_json(self) -> str:
        """Everything."""
        return json.dumps(asdict(self) | {"mean": self.mean}, indent=2, ensure_ascii=False) + "\n"

    def to_markdown(self) -> str:
        """A table of clips, and how it was measured."""
        heads = ["clip", "answers", *(f"{n} click{'s' if n > 1 else ''}" for n in range(1, len(self.mean) + 1))]
        lines = [[name, str(self.answers[name]), *map(_three, values)] for name, values in self.clips.items()]
        lines.append(["**mean**", "", *map(_three, self.mean)])
        return (
            f"# {self.segmenter} on {self.data}\n\nIoU with the truth, each click in the middle of the largest "
            f"mistake.\n\n{markdown_table(heads, lines)}\n\n{self.cpu_seconds * 1000:.0f} ms of processor time for the "
            f"answer to the first click, on {self.cpu}.\n"
        )


def bench_click(
    data: Path | str,
    *,
    segmenter: str = "grabcut",
    clicks: int = 5,
    every: int | None = None,
    watch: Watch | None = None,
) -> ClickReport:
    """IoU of a segmenter's answers on a data set (see `find_clips`), on one thread.

    clicks: how many at most. every: each so many frames are tried; None = the first that shows an object alone.
    Raises `UsageError` for what cannot be asked or labels without objects, `MediaError` for damaged pictures.
    """
    if clicks < 1 or (every is not None and every < 1):
        raise UsageError(f"{clicks} clicks every {every} frames were asked for; both must be at least 1")
    made, dataset = make_segmenter(segmenter), find_clips(Path(data))
    scores: dict[str, list[list[float]]] = {}
    seconds: list[float] = []
    for n, clip in enumerate(dataset.clips):
        scores[clip.name] = []
        for image, near, truth in _objects(clip, every):
            if not seconds:  # what is compiled when first used is not to be timed
                made.segment(image, Prompt(index=0, points_xy=(middle(truth)[0],), point_is_in=(True,)), near)
            scores[clip.name].append(_answers(made, image, near, truth, clicks, seconds))
        if not scores[clip.name]:
            raise UsageError(f"clip '{clip.name}' shows no object in the frames asked for; leave it out or label it")
        if watch is not None:
            watch(Progress(stage="click", done=n + 1, total=len(dataset.clips)))
    return ClickReport(
        data=str(dataset.folder),
        segmenter=segmenter,
        clips={name: tuple(float(value) for value in np.mean(rows, axis=0)) for name, rows in scores.items()},
        answers={name: len(rows) for name, rows in scores.items()},
        cpu_seconds=float(np.mean(seconds)),
        cpu=cpu_name(),
    )


def middle(region: Hole) -> tuple[tuple[float, float], float]:
    """The point (x, y) of a region (H, W) farthest from its border, which the picture's is too, and how far, in px."""
    depth = cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return (float(x), float(y)), float(depth[y, x])


def next_click(found: Hole, truth: Hole) -> tuple[tuple[float, float], bool]:
    """Where the largest mistake is, and whether the object is to have it."""
    (lacking, how_much), (extra, how_much_extra) = middle(truth & ~found), middle(found & ~truth)
    return (lacking, True) if how_much >= how_much_extra else (extra, False)


def _answers(
    segmenter: Segmenter, image: Image, near: list[Image], truth: Hole, clicks: int, seconds: list[float]
) -> list[float]:
    """The IoU after each click; adds what the first answer took to `seconds`."""
    points: list[tuple[float, float]] = []
    is_in: list[bool] = []
    found, scores = np.zeros(truth.shape, np.bool_), []
    for _ in range(clicks):
        if not np.array_equal(found, truth):
            point, belongs = next_click(found, truth)
            points.append(point)
            is_in.append(belongs)
            start = time.process_time()
            found = segmenter.segment(image, Prompt(index=0, points_xy=tuple(points), point_is_in=tuple(is_in)), near)
            if len(points) == 1:
                seconds.append(time.process_time() - start)
        scores.append(jaccard(found, truth))
    return scores


def _objects(clip: Clip, every: int | None) -> Iterator[tuple[Image, list[Image], Hole]]:
    """Each object of the frames asked for: picture, its neighbours, where the object is."""
    tried = [clip.first] if every is None else range(0, len(clip.frames), every)
    for index in tried:
        path = clip.labels[index]
        if path is None:
            continue
        labels = read_labels(path)
        numbers = objects_in(labels)
        away = sorted((step for step in range(-NEAR_FRAMES, NEAR_FRAMES + 1) if step), key=abs)
        near = [read_frame(clip.frames[index + step]) for step in away if 0 <= index + step < len(clip.frames)]
        for number in numbers:
            yield read_frame(clip.frames[index]), near, labels == number


def _three(value: float) -> str:
    return f"{value:.3f}"
