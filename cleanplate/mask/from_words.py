"""What goes by a name, found, masked and followed through the video: `Maker` of `--words`.

In the first reading of the video (`follower`) the network is asked on the first frame of each shot, on every so many
after it, and on the last; a segmenter turns its boxes into masks. When the shot ends, what was found is tracked forward
from where it was found first. On each frame that was asked about, what lies where nothing is followed is new: it is
followed from there, and backward to where it came in. What has drifted away from what was found there is set right.

Things that are to stay are followed as well, and lie on top of the others: samples of theirs are no holes.
"""

from __future__ import annotations

from contextlib import closing
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import FailedError
from cleanplate.base.options import fill_options
from cleanplate.base.tracks import Marked, Track, not_looked_for
from cleanplate.base.types import Frame, Labels, Prompt
from cleanplate.mask.find_words import Named, WordFinder, WordOptions
from cleanplate.mask.follower import Follower, made_small
from cleanplate.mask.maker import Scene
from cleanplate.mask.segmenter import make_segmenter
from cleanplate.mask.sight import gray_of
from cleanplate.mask.source import MaskSource
from cleanplate.mask.tracker import Tracked, with_coming
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.warp import warp

_SAME = 0.5  # of the smaller one: what is followed and what is found are one thing
_DRIFTED = 0.5  # intersection over union of the two from which on what is followed stays as it is
_FREE = 0.5  # of a mask: with less, the rest of it belongs to something surer
_MOST_GONE = 8  # things that a tracker may know and that are out of sight: it takes time for each


class WordsMaker(Follower):
    """See the module. Raises `UsageError` for words that say nothing, and what its networks raise."""

    def __init__(self, source: MaskSource, ids: range, scene: Scene) -> None:
        super().__init__(source, ids, scene)
        self._options: WordOptions = fill_options(WordOptions, source.word_options, "--words")
        self._finder = WordFinder(source.words, source.exclude_words, self._options, source.device)
        self._segmenter = make_segmenter(source.segmenter, source.segmenter_options, source.device)
        self._names: dict[int, Named] = {}
        "each number's thing, as it was found first"
        self._marked: dict[int, list[Marked]] = {}
        self._looks: dict[int, list[Named]] = {}
        "of the shot at hand: what was found, by frame; its masks are in `_given`, the first with label 1"
        self._asked_frames = 0
        self._last: Frame | None = None

    def _see(self, frame: Frame, first: int) -> None:
        if frame.native is not None:
            self._last = frame
            if frame.index - max(self._looks, default=first - self._options.every_frames) >= self._options.every_frames:
                self._look(frame)

    def _look(self, frame: Frame) -> None:
        """Ask the network about a frame, and the segmenter about each thing it finds."""
        image, found = frame.image, []
        labels = np.zeros_like(self._picture(frame.index)[..., 0])
        named = self._finder.find(image)
        for one, hole in zip(named, self._segmenter.in_boxes(image, [one.box_xyxy for one in named]), strict=True):
            if hole is None:
                continue
            small = made_small(hole, labels.shape)
            free = small & (labels == 0)
            if free.sum() >= _FREE * small.sum():
                found.append(one)
                if len(found) > len(self.ids):
                    raise self._too_many()
                labels[free] = len(found)
        self._looks[frame.index] = found
        self._given.put(frame.index, labels)
        self._asked_frames += 1

    def _end_shot(self, first: int, stop: int) -> None:
        if self._last is not None and self._last.index not in self._looks:
            self._look(self._last)
        held = [n for n, found in self._looks.items() if found]
        came = self._forward(min(held), stop) if held else {}
        for frame, numbers in sorted(came.items()):
            for is_excluded in (False, True):
                kind = [number for number in numbers if self._names[number].is_excluded == is_excluded]
                if kind and frame > first:
                    self._backward(range(frame, first - 1, -1), kind)
        self._looks.clear()
        self._last = None

    def _forward(self, first: int, stop: int) -> dict[int, list[int]]:
        """Track from frame `first` on. Returns the numbers of what came, by the frame on which it was found first."""
        tracker, known = self._tracker(), set[int]()
        came: dict[int, list[int]] = {}
        before, labels = self._picture(first), np.zeros(self._picture(first).shape[:2], np.uint8)
        pictures = ((n, self._picture(n)) for n in range(first, stop))
        for n, picture, coming in with_coming(pictures, tracker.look_ahead_frames):
            prompts: list[Prompt] = []
            if self._looks.get(n):
                labels = _carried(labels, before, picture)
                prompts, came[n] = self._compared(n, labels, known)
                seen = set(np.unique(labels).tolist()) - {0}
                if came[n] and len(known - seen) > _MOST_GONE:
                    tracker, known = self._tracker(), set()
                    told = {prompt.object_id for prompt in prompts}
                    prompts += [_prompt(n, number, labels, number) for number in sorted(seen - told)]
                known |= {prompt.object_id for prompt in prompts}
            tracked = tracker.step(picture, prompts, coming)
            before, labels = picture, tracked.labels
            self._found.put(n, labels)
            self._note(n, tracked)
            self._tell_tracked()
        return came

    def _backward(self, frames: range, numbers: list[int]) -> None:
        """Track what came on the first of these frames back to where nothing of it is left but what is known already.

        What is to stay lies on top of what is known, else it lies below.
        """
        found = self._found.get(frames[0])
        if found is None:
            return
        prompts = [_prompt(frames[0], number, found, number) for number in numbers]
        staying = self._staying()
        is_staying = numbers[0] in staying
        with closing(self._follow(frames, prompts)) as answers:
            for n, tracked in answers:
                if n == frames[0]:
                    continue
                before = self._found.get(n)
                labels = np.zeros_like(tracked.labels) if before is None else before
                mine = tracked.labels > 0
                free = mine & ~np.isin(labels, staying) if is_staying else mine & (labels == 0)
                if 2 * free.sum() <= mine.sum():
                    return
                self._found.put(n, np.where(free, tracked.labels, labels))
                self._note(n, tracked)
                self._tell_tracked()

    def _compared(self, n: int, labels: Labels, known: set[int]) -> tuple[list[Prompt], list[int]]:
        """What a tracker has to be told on frame n, where `labels` (h, w) are expected, and the numbers of the new."""
        found, given = self._looks[n], self._given.get(n)
        assert given is not None  # `_look` has put it there
        both = np.bincount(given.ravel().astype(np.intp) * 256 + labels.ravel(), minlength=(len(found) + 1) * 256)
        both = both.reshape(-1, 256)
        sizes = np.minimum(both.sum(1)[:, None], both.sum(0)[None])
        union = both.sum(1)[:, None] + both.sum(0)[None] - both
        pairs = np.argwhere((both > 0) & (both >= _SAME * sizes))
        prompts, new = list[Prompt](), list[int]()
        number_of, is_over = dict[int, int](), set[int]()
        for k, number in sorted(pairs.tolist(), key=lambda pair: -both[tuple(pair)] / union[tuple(pair)]):
            if not k or not number:
                continue
            one, other = found[k - 1], self._names[number]
            if other.is_excluded and not one.is_excluded:
                is_over.add(k)  # it stays, whatever else it is called here
            elif one.is_excluded == other.is_excluded and k not in number_of and number not in number_of.values():
                number_of[k] = number
                if both[k, number] < _DRIFTED * union[k, number]:
                    prompts.append(self._told(n, k, number, one, given))
        for k, one in enumerate(found, start=1):
            if k not in number_of and k not in is_over:
                new.append(self._new(one, known | set(new)))
                prompts.append(self._told(n, k, new[-1], one, given))
        return prompts, new

    def _told(self, n: int, k: int, number: int, one: Named, given: Labels) -> Prompt:
        said = Marked(frame=n, said=f"words {one.phrase} ({one.score:.2f})")
        self._marked.setdefault(number, []).append(said)
        return _prompt(n, number, given, k)

    def _new(self, one: Named, known: set[int]) -> int:
        """A number for a new thing: one that was never used, or that of a thing which is no longer followed."""
        unused = (n for n in self.ids if n not in self._names)
        left = (n for n, other in self._names.items() if n not in known and other.is_excluded == one.is_excluded)
        number = next(chain(unused, left), None)
        if number is None:
            raise self._too_many()
        self._names[number] = one
        self._confidence.setdefault(number, not_looked_for(len(self.scene.timestamps)))
        return number

    def _too_many(self) -> FailedError:
        return FailedError(
            f"more things go by '{self.source}' at a time than the {len(self.ids)} that can be told apart; use words "
            "that name less, or ask for a higher score with --words-set threshold=0.5"
        )

    def _picture(self, n: int) -> NDArray[np.uint8]:
        """The small picture of a frame at or after one that was asked about."""
        picture = self._pictures.get(n)
        assert picture is not None
        return picture

    def _note(self, n: int, tracked: Tracked) -> None:
        """Who is out of sight was not looked for: what was found may come and go."""
        for number in set(np.unique(tracked.labels).tolist()) - {0}:
            self._confidence[number][n] = tracked.confidence[number]

    def _staying(self) -> list[int]:
        return [number for number, one in self._names.items() if one.is_excluded]

    def _warn(self) -> None:
        """Which of the phrases nothing goes by, if anything goes by others."""
        named = {one.phrase for one in self._names.values()}
        if named:
            for phrase in self.source.words:
                if phrase not in named:
                    self.scene.warn(f"nothing was found that goes by '{phrase}'")

    def step(self, frame: Frame) -> Labels:
        small = self._found.get(frame.index)
        if small is None or not small.any():
            return self._nothing
        labels = self._enlarged(small, frame)
        labels[np.isin(labels, self._staying())] = 0
        labels.flags.writeable = False
        return labels

    def tracks(self) -> tuple[Track, ...]:
        return tuple(
            self._track(number, one.phrase, tuple(self._marked[number]))
            for number, one in sorted(self._names.items())
            if not one.is_excluded
        )

    @property
    def why_empty(self) -> str:
        if self._finder.likest >= self._options.threshold:
            return "what was found is also what is to stay, or the segmenter finds no border around it"
        return (
            f"nothing was found in the {self._asked_frames} frames that were looked at; the best score was "
            f"{self._finder.likest:.2f} where {self._options.threshold:g} is asked for: say it otherwise, in English, "
            "or ask for less with --words-set threshold=0.25"
        )


def _carried(labels: Labels, before: NDArray[np.uint8], picture: NDArray[np.uint8]) -> Labels:
    """Labels (h, w) of the picture before where they should be in this one, along the flow."""
    moved = np.zeros_like(labels)
    if labels.any():
        back = DisFlow().pair(gray_of(picture), gray_of(before))
        for number in set(np.unique(labels).tolist()) - {0}:
            moved[warp((labels == number).astype(np.float32), back)[0] > 0.5] = number
    return moved


def _prompt(n: int, number: int, labels: Labels, label: int) -> Prompt:
    return Prompt(index=n, object_id=number, hole=labels == label)
