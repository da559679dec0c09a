"""From words to masks, on rendered balls whose places are known, with a tiny network that has learned their colours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra 'neural')")

from mask_files import labels_of
from tiny_finder import EVERY, HEIGHT, SMALL, WIDTH, Balls, filmed, store

import cleanplate
from cleanplate.apps.cli.main import main
from cleanplate.base.errors import FailedError, UsageError
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.mask.segment_sam import Sam2
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_format import label_png
from cleanplate.tasks.marks import sources_of

FRAMES = 34
TYPED = f"--words-set edge_px={HEIGHT} --words-set every_frames={EVERY} --segmenter grabcut".split()


@pytest.fixture(scope="module", autouse=True)
def finder(weights_folder: Path) -> None:
    store(weights_folder)


def balls_at(t: int) -> Balls:
    """A red ball that goes to the right; a blue one that comes in from there behind frame 13."""
    return {"red": (30 + 2 * t, 28, 18), "blue": (max(WIDTH + 18 - 3 * (t - 12), 128), 70, 18)}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("words") / "in.mkv"


@pytest.fixture(scope="module")
def truth(video: Path) -> dict[str, np.ndarray]:
    return filmed(video, [balls_at(t) for t in range(FRAMES)])


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def test_what_words_name_is_found_followed_and_caught_when_it_enters_later(video, truth, tmp_path, capsys):
    assert run("mask", video, "--words", "Red.", "--words", "blue", *TYPED, "-o", tmp_path / "m") == 0
    labels = labels_of(tmp_path / "m")
    assert np.unique(labels).tolist() == [0, 1, 2]
    assert min(jaccard(labels[t] == 1, truth["red"][t]) for t in range(FRAMES)) > 0.9
    seen = [t for t in range(FRAMES) if truth["blue"][t].sum() > 150]
    assert min(seen) == 15 < 2 * EVERY  # it is found on frame 20
    assert min(jaccard(labels[t] == 2, truth["blue"][t]) for t in seen) > 0.7
    assert min(jaccard(labels[t] == 2, truth["blue"][t]) for t in range(2 * EVERY, FRAMES)) > 0.95
    assert not (labels[:12] == 2).any()
    red, blue = StoredMasks(tmp_path / "m").tracks
    assert (red.name, blue.name) == ("red", "blue")
    assert blue.marked[0].frame == 2 * EVERY
    assert blue.marked[0].said.startswith("words blue (0.9")
    assert all(red.confidence)
    assert blue.confidence[:12] == (None,) * 12
    assert min(share for share in blue.confidence[seen[0] :] if share is not None) > 0.3
    assert not blue.lost  # what comes and goes is not lost
    assert "'blue': in " in capsys.readouterr().out


def test_what_is_excluded_stays_and_a_phrase_for_nothing_is_told(video, truth, tmp_path):
    marks = {"words": ["ball", "the"], "exclude_words": "blue", **SMALL}
    _, warnings = cleanplate.make_masks(video, output=tmp_path / "m", **marks)
    labels = labels_of(tmp_path / "m")
    assert min(jaccard(labels[t] > 0, truth["red"][t]) for t in range(FRAMES)) > 0.85
    assert not (labels[truth["blue"]] > 0).mean() > 0.02
    assert [track.name for track in StoredMasks(tmp_path / "m").tracks] == ["ball"]
    assert warnings == ["nothing was found that goes by 'the'"]


def test_remove_preview_and_plan_take_words(tmp_path):
    video, engine = tmp_path / "in.mkv", ("-e", "opencv-telea")
    filmed(video, [balls_at(20 + t) for t in range(6)])
    marks = ("--words", "red", "--exclude-words", "blue", *TYPED)
    assert run("remove", video, *marks, *engine, "-o", tmp_path / "out.mkv") == 0
    report = json.loads((tmp_path / "out.mkv.json").read_text())
    assert report["untouched"] == "identical"
    assert report["frames_with_holes"] == 6
    assert report["removed"] == ["red, but not blue"]
    assert run("preview", video, *marks, *engine, "-o", tmp_path / "sheet.png", "--frames", 1) == 0
    assert cleanplate.plan(video, words="red", **SMALL).holed_frames == 6


def test_sam_2_draws_the_masks_unless_another_is_asked_for(video, truth, tiny_hub, tmp_path, monkeypatch):
    options = {"edge_px": HEIGHT, "every_frames": 20}
    (source,) = sources_of({"words": "red", "word_options": options, "tracker": "sam2"})
    assert source.segmenter == "sam2"
    boxes = []
    find = Sam2.in_boxes
    monkeypatch.setattr(
        Sam2, "in_boxes", lambda self, image, given: boxes.append(list(given)) or find(self, image, given)
    )
    filmed(tmp_path / "in.mkv", [{"red": (60 + 2 * t, 40, 18)} for t in range(4)])
    summary, _ = cleanplate.make_masks(
        tmp_path / "in.mkv", output=tmp_path / "m", words="red", word_options=options, tracker="sam2"
    )
    assert len(boxes) == 2  # the first frame and the last, all their boxes at once
    assert np.abs(np.subtract(boxes[0][0], (42, 22, 78, 58))).max() <= 8
    assert {track.tracker for track in summary.tracks} == {"sam2"}  # drawn weights find something in every box


def test_nothing_found_is_said_and_no_video_is_written(tmp_path, capsys):
    filmed(tmp_path / "in.mkv", [{}] * 12)
    assert run("remove", tmp_path / "in.mkv", "--words", "blue ball", *TYPED, "-o", tmp_path / "out.mkv") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "'blue ball': nothing was found in the 3 frames that were looked at; the best score was 0." in said
    assert "where 0.35 is asked for" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
    filmed(tmp_path / "blue.mkv", [{"blue": (70, 40, 18)}] * 3)
    with pytest.raises(FailedError, match="what was found is also what is to stay"):
        cleanplate.make_masks(tmp_path / "blue.mkv", output=tmp_path / "m", words="ball", exclude_words="blue", **SMALL)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--words", ""), '--words "" names nothing; say what is meant in English'),
        (("--words", "...?"), '--words "...?" names nothing'),
        (("--words", "red", "--exclude-words", " "), '--exclude-words " " names nothing'),
        (("--exclude-words", "red"), "--exclude-words says what stays of that which --words names"),
        (("--words", "щит"), 'the network knows English only, and no word of "щит" (it reads: щ ##и ##т)'),
        (("--words", "red", "--words", "猫"), 'no word of "猫" (it reads: [UNK])'),
        (("--words", "red", "--words-set", "threshold=2"), "threshold is 2, but must lie between 0.01 and 0.99"),
        (("--words", "red", "--words-set", "every=2"), "has no option 'every'; it has edge_px"),
        (
            ("--words", "red", "--words-set", "model=sam-vit-base"),
            "choose one of grounding-dino-tiny, grounding-dino-b",
        ),
        (("--words", "red " * 300), "the words are 303 tokens long, but the network reads 256"),
        (("--words", "red", "--words-set", "edge_px=64", "--words-set", "model=grounding-dino-base"), "not on this"),
    ],
)
def test_words_that_cannot_be(typed, said: str, video, truth, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    assert run("mask", video, *typed, "--segmenter", "grabcut", "-o", tmp_path / "m") in (1, 2)
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "m").exists()


def test_a_fix_of_what_was_found_leaves_what_comes_in_later(video, truth, tmp_path):
    cleanplate.make_masks(video, output=tmp_path / "m", find="motion")
    before = labels_of(tmp_path / "m")
    red, blue = (int(np.bincount(before[25][truth[color][25]]).argmax()) for color in ("red", "blue"))
    assert 0 not in (red, blue)
    assert not (before[4] == blue).any()
    mended = before[4].copy()
    mended[:40, :25] = red
    (tmp_path / "000004.png").write_bytes(label_png(mended))
    cleanplate.make_masks(video, output=tmp_path / "new", mask=tmp_path / "m", fix=tmp_path / "000004.png")
    after = labels_of(tmp_path / "new")
    assert np.array_equal(after[4], mended)
    assert not np.array_equal(after[5], before[5])
    assert all(np.array_equal(after[t] == blue, before[t] == blue) for t in range(FRAMES))


def test_ids_of_what_is_found_are_those_of_nothing_else(video, truth, tmp_path):
    hints = {"click": ["one:128,70@1.2", "two:10,90", "three:150,10"]}
    marks = {"box": (0, 0, 8, 8), **hints, "words": ["red"], "find": "motion", **SMALL}
    cleanplate.make_masks(video, output=tmp_path / "m", **marks)
    stored = StoredMasks(tmp_path / "m")
    of = {track.object_id: track.name for track in stored.tracks if track.tracker != "motion"}
    assert of == {2: "one", 3: "two", 4: "three", 5: "red"}  # 1 is the box
    moving = [track.object_id for track in stored.tracks if track.tracker == "motion"]
    assert moving
    assert min(moving) == 5 + (255 - 4) // 2
    assert max(np.unique(labels_of(tmp_path / "m"))) <= 255


def test_ids_that_are_taken(video, truth, tmp_path):
    def painted(number: int) -> Path:
        path = tmp_path / f"{number}.png"
        image = np.zeros((HEIGHT, WIDTH), np.uint8)
        image[-4:, :4] = number
        from PIL import Image

        drawn = Image.fromarray(image, "P")
        drawn.putpalette(np.random.default_rng(0).integers(1, 255, 768).tolist())
        drawn.save(path)
        return path

    with pytest.raises(UsageError, match="the masks given have ids up to 255 of 255, so too few are left"):
        cleanplate.make_masks(video, output=tmp_path / "m", mask=painted(255), words="red", **SMALL)
    cleanplate.make_masks(video, output=tmp_path / "m", mask=painted(254), words="red", **SMALL)
    assert StoredMasks(tmp_path / "m").objects == (254, 255)
    with pytest.raises(FailedError, match="more things go by 'red, blue' at a time than the 1 that can be told apart"):
        cleanplate.make_masks(video, output=tmp_path / "n", mask=painted(254), words=["red", "blue"], **SMALL)


@pytest.mark.parametrize("every", [6, 40])
def test_what_has_drifted_is_set_right(every: int, tmp_path, monkeypatch):
    """`hold` leaves a mask where it was: only what is found anew moves it."""
    truth = filmed(tmp_path / "in.mkv", [{"red": (30 + 2 * t, 40, 18)} for t in range(21)])
    marks = {"words": "red", "tracker": "hold", **SMALL, "word_options": {"edge_px": HEIGHT, "every_frames": every}}
    cleanplate.make_masks(tmp_path / "in.mkv", output=tmp_path / "m", **marks)
    labels = labels_of(tmp_path / "m")
    if every == 6:
        assert np.unique(labels).tolist() == [0, 1]
        assert min(jaccard(labels[t] > 0, truth["red"][t]) for t in (0, 6, 12, 18)) > 0.85
    else:  # too far away to be the same
        assert np.unique(labels).tolist() == [0, 1, 2]
