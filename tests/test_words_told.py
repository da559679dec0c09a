"""From words to masks where the network's place is taken by the truth, as it would have to know more than two balls."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from mask_files import labels_of
from tiny_finder import HEIGHT, SMALL, draw

import cleanplate
from cleanplate.base.types import Box, Frame
from cleanplate.bench.synth_video import write_clip
from cleanplate.mask import from_words, maker
from cleanplate.mask.find_words import Named
from cleanplate.mask.from_words import WordsMaker
from cleanplate.mask.tracker import Tracked, Tracker


def told(monkeypatch: pytest.MonkeyPatch, found: list[list[Box]]) -> list[int]:
    """The finder finds these boxes, a list for each frame. Returns the frames that it is asked about, as they come."""
    asked: list[int] = []
    look = WordsMaker._look

    def watched(self: WordsMaker, frame: Frame) -> None:
        asked.append(frame.index)
        look(self, frame)

    class Told:
        likest = 0.9

        def __init__(self, *_: object) -> None: ...

        def find(self, image: np.ndarray) -> list[Named]:
            return [Named(box_xyxy=box, phrase="ball", score=0.9) for box in found[asked[-1]]]

    monkeypatch.setattr(WordsMaker, "_look", watched)
    monkeypatch.setattr(from_words, "WordFinder", Told)
    return asked


def counted(path: Path, frames: list[list[tuple[int, int]]], seeds: list[int] | None = None) -> list[list[Box]]:
    """A video of many red balls of 7 px, with their boxes."""
    images, boxes = [], []
    for t, balls in enumerate(frames):
        image, _ = draw({}, seeds[t] if seeds else 0)
        for x, y in balls:
            cv2.circle(image, (x, y), 7, (220, 30, 40), -1)
        images.append(image)
        boxes.append([(x - 8, y - 8, x + 9, y + 9) for x, y in balls])
    write_clip(path, np.stack(images), codec="ffv1", crf=None)
    return boxes


def test_each_shot_is_asked_about_first_then_every_so_often_and_last(tmp_path, monkeypatch):
    seeds = [0] * 13 + [5] * 9  # other planes
    asked = told(monkeypatch, counted(tmp_path / "in.mkv", [[(40 + t, 40)] for t in range(22)], seeds))
    cleanplate.make_masks(tmp_path / "in.mkv", output=tmp_path / "m", words="ball", **SMALL)
    assert asked == [0, 10, 12, 13, 21]
    labels = labels_of(tmp_path / "m")
    assert all((labels[t] > 0).sum() > 100 for t in range(22))
    assert np.unique(labels[:13]).tolist() == [0, 1]
    assert np.unique(labels[13:]).tolist() == [0, 2]  # of another shot: another one


class Forgetful(Tracker):
    """Loses everything three frames after it was told of it."""

    def __init__(self) -> None:
        super().__init__(None)
        self.left: dict[int, tuple[int, np.ndarray]] = {}

    def step(self, image, prompts=(), coming=()) -> Tracked:
        self.left = {n: (frames - 1, hole) for n, (frames, hole) in self.left.items()}
        self.left |= {prompt.object_id: (3, prompt.hole) for prompt in prompts}
        labels = np.zeros(image.shape[:2], np.uint8)
        for number, (frames, hole) in self.left.items():
            labels[hole] = number if frames > 0 else 0
        return Tracked(labels=labels, confidence=dict.fromkeys(self.left, 1.0))


def test_who_is_gone_is_forgotten_and_his_number_used_again(tmp_path, monkeypatch):
    """Balls pop up one after the other, each for three frames; there are numbers for 12 of the 40."""
    frames = [[(16 + 24 * (t // 3 % 6), 16 + 30 * (t // 18 % 3))] for t in range(120)]
    told(monkeypatch, counted(tmp_path / "in.mkv", frames))
    trackers: list[Forgetful] = []
    monkeypatch.setattr(WordsMaker, "_tracker", lambda self: trackers.append(Forgetful()) or trackers[-1])
    monkeypatch.setattr(maker, "MOST_OBJECTS", 12)
    options = {"edge_px": HEIGHT, "every_frames": 3}
    cleanplate.make_masks(
        tmp_path / "in.mkv", output=tmp_path / "m", words="ball", segmenter="grabcut", word_options=options
    )
    labels = labels_of(tmp_path / "m")
    assert all(labels[t][y, x] for t, ((x, y),) in enumerate(frames))
    assert np.unique(labels).tolist() == list(range(13))
    assert max(len(tracker.left) for tracker in trackers) == 10  # eight that are gone, one that goes, one that comes
