"""What the network is given for a picture and for words, and what is made of its answers: beside the library's own."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra 'neural')")

from tiny_finder import config, tokenizer

from cleanplate.base.errors import FailedError, MissingWeightsError, UsageError
from cleanplate.mask import find_words
from cleanplate.mask.find_words import Named, WordFinder, WordOptions, box_of, fitted, overlap, thinned
from cleanplate.mask.phrases import as_text, cleaned
from cleanplate.mask.pretrained import as_pixels, load_model, load_tokenizer

NAME = "grounding-dino-tiny"
SMALL = WordOptions(edge_px=96, threshold=0.01)


@pytest.fixture(scope="module", autouse=True)
def folder(weights_folder: Path) -> Path:
    """A network as it is drawn."""
    torch.manual_seed(0)
    network = transformers.GroundingDinoForObjectDetection(config())
    with torch.no_grad():  # or likeness is in the hundreds
        network.model.encoder.layers[0].text_enhancer_layer.layer_norm_after.weight *= 0.1
    network.save_pretrained(weights_folder / NAME)
    tokenizer().save(str(weights_folder / NAME / "tokenizer.json"))
    return weights_folder


@pytest.fixture(autouse=True)
def forget():
    yield
    load_model.cache_clear()
    load_tokenizer.cache_clear()


@pytest.fixture
def image() -> np.ndarray:
    y, x = np.mgrid[:60, :100]
    return np.stack([2 * x, 4 * y, 128 + 60 * np.sin(x / 5) * np.cos(y / 7)], -1).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(60, 100), (480, 270), (1080, 1920), (300, 1000), (97, 97)])
def test_pictures_are_as_large_as_the_published_processor_makes_them(height: int, width: int):
    from transformers.image_transforms import get_size_with_aspect_ratio

    published = get_size_with_aspect_ratio((height, width), 800, 1333)
    assert np.abs(np.subtract(fitted(height, width, 800), published)).max() <= 1  # theirs are cut off, not rounded
    assert min(fitted(height, width, 400)) <= 400


def test_pixels_are_those_of_the_published_processor(image: np.ndarray):
    pytest.importorskip("PIL", reason="pillow is not installed: the library's processor needs it")
    from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil

    published = GroundingDinoImageProcessorPil(size={"shortest_edge": 96, "longest_edge": 160})
    expected = published(image, return_tensors="np")["pixel_values"][0]
    found = as_pixels(image, fitted(60, 100, 96))[0].numpy()
    assert found.shape == expected.shape == (3, 96, 160)
    # theirs are rounded to levels of 255, after the columns and after the rows
    np.testing.assert_allclose(found, expected, atol=1.1 / 255 / 0.224)


def test_phrases_become_the_text_that_the_published_processor_makes():
    phrases = cleaned(["The  RED balls.", "a ball?", "the red balls", "blue"], "--words")
    assert phrases == ("the red balls", "a ball", "blue")
    text = as_text(phrases, tokenizer())
    from transformers.models.grounding_dino.processing_grounding_dino import _merge_candidate_labels_text

    published = transformers.BertTokenizer(tokenizer_object=tokenizer())(_merge_candidate_labels_text(list(phrases)))
    assert list(text.tokens) == published["input_ids"] == [101, 10, 11, 13, 15, 1012, 16, 13, 1012, 12, 1012, 102]
    assert text.spans == ((1, 2, 3, 4), (6, 7), (9,))


@pytest.mark.parametrize("words", ["жизнь щит", "к", "猫", "xyz", "ball's"])
def test_words_of_which_nothing_is_known(words: str):
    if words == "ball's":  # a part that is known is enough
        assert as_text([words], tokenizer()).tokens[1] == 13
    else:
        with pytest.raises(UsageError, match=f'knows English only, and no word of "{words}"'):
            as_text([words], tokenizer())


def test_boxes_and_scores_are_those_of_the_published_processor(image: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    from transformers.models.grounding_dino.processing_grounding_dino import GroundingDinoProcessor

    answers = []
    load = find_words.load_model

    monkeypatch.setattr(find_words, "load_model", lambda *names: Spy(load(*names), answers))
    finder = WordFinder(("red ball", "blue"), options=SMALL)
    monkeypatch.setattr(find_words, "thinned", list)  # theirs keeps boxes that lie on each other
    found = finder.find(image)
    processor = SimpleNamespace(batch_decode=lambda ids: [[int(n) for n in one] for one in ids])
    (published,) = GroundingDinoProcessor.post_process_grounded_object_detection(
        processor, answers[0], torch.tensor([finder._text.tokens]), 0.01, 0.01, target_sizes=[(60, 100)]
    )
    assert len(found) == len(published["boxes"]) == 12
    boxes = published["boxes"].numpy().clip(0, [100, 60, 100, 60])
    np.testing.assert_allclose([one.box_xyxy for one in found], boxes, atol=0.51)
    # theirs is the best of all tokens, stops among them
    assert all(one.score <= score + 1e-6 for one, score in zip(found, published["scores"].tolist(), strict=True))
    likeness = answers[0].logits[0].sigmoid()
    for one, row in zip(found, likeness, strict=True):
        by_phrase = {"red ball": max(row[1], row[2]).item(), "blue": row[4].item()}
        assert one.score == pytest.approx(max(by_phrase.values()))
        assert one.phrase == max(by_phrase, key=by_phrase.get)
    assert finder.likest == pytest.approx(max(one.score for one in found))


class Spy:
    """A network whose answers are kept."""

    def __init__(self, network, answers: list) -> None:
        self.network, self.config, self.answers = network, network.config, answers

    def __call__(self, **given):
        self.answers.append(self.network(**given))
        return self.answers[-1]


def test_excluded_phrases_win_and_scores_decide_the_rest(monkeypatch: pytest.MonkeyPatch, image: np.ndarray):
    likeness = torch.full((1, 4, 256), 0.1)  # [CLS] red . ball . blue . [SEP]
    likeness[0, 0, [1, 3]] = torch.tensor([0.9, 0.6])
    likeness[0, 1, [3, 5]] = torch.tensor([0.9, 0.5])  # a blue ball
    likeness[0, 2, 3] = 0.7  # the same as the first, less sure
    likeness[0, 3, 3] = 0.3
    boxes = torch.tensor([[[0.2, 0.5, 0.2, 0.4], [0.7, 0.5, 0.2, 0.4], [0.21, 0.5, 0.2, 0.4], [0.5, 0.1, 0.1, 0.1]]])
    answer = SimpleNamespace(logits=likeness.logit(), pred_boxes=boxes)
    network = SimpleNamespace(config=SimpleNamespace(num_queries=4))
    monkeypatch.setattr(find_words, "load_model", lambda *_: Answering(network, answer))
    found = WordFinder(("red", "ball"), ("blue",), WordOptions(edge_px=96)).find(image)
    assert [(one.phrase, round(one.score, 3), one.is_excluded) for one in found] == [
        ("blue", 0.5, True),
        ("red", 0.9, False),
    ]
    assert found[1].box_xyxy == (10, 18, 30, 42)
    assert len(WordFinder(("red", "ball"), (), WordOptions(edge_px=96, threshold=0.2)).find(image)) == 3


class Answering:
    def __init__(self, network, answer) -> None:
        self.config, self.answer = network.config, answer

    def __call__(self, **given):
        return self.answer


def test_overlaps_and_what_is_left_beside_counting_samples():
    rng = np.random.default_rng(0)

    def drawn(box) -> np.ndarray:
        hole = np.zeros((40, 40), bool)
        hole[box[1] : box[3], box[0] : box[2]] = True
        return hole

    def counted(one: Named, other: Named) -> float:
        a, b = drawn(one.box_xyxy), drawn(other.box_xyxy)
        return float((a & b).sum() / (a | b).sum())

    for _ in range(60):
        found = []
        for score in rng.permutation(30)[:14]:
            x0, y0 = rng.integers(0, 24, 2)
            w, h = rng.integers(3, 16, 2)
            box = (int(x0), int(y0), int(x0 + w), int(y0 + h))
            found.append(Named(box_xyxy=box, phrase="x", score=score / 30, is_excluded=bool(rng.random() < 0.3)))
        for one, other in itertools.combinations(found, 2):
            assert overlap(one.box_xyxy, other.box_xyxy) == pytest.approx(counted(one, other))
        left = sorted(found, key=lambda one: one.score + one.is_excluded, reverse=True)
        expected = []
        while left:  # the best one, and away with all that it covers
            best = left.pop(0)
            expected.append(best)
            left = [o for o in left if counted(best, o) < (0.7 if best.is_excluded == o.is_excluded else 0.5)]
        assert thinned(found) == expected


def test_boxes_are_cut_to_the_picture():
    assert box_of((0.5, 0.5, 1.0, 1.0), 100, 60) == (0, 0, 100, 60)
    assert box_of((0.0, 0.5, 0.2, 0.1), 100, 60) == (0, 27, 10, 33)
    assert box_of((1.2, 0.5, 0.2, 0.1), 100, 60) is None
    assert box_of((0.5, 0.5, 0.001, 0.5), 100, 60) is None


def test_a_real_network_answers_the_same_twice_and_for_deep_pictures(image: np.ndarray):
    finder = WordFinder(("red ball", "blue"), ("the",), SMALL)
    found = finder.find(image)
    assert finder.find(image) == found
    deep = finder.find(image.astype(np.uint16) * 257)
    assert [one.box_xyxy for one in deep] == [one.box_xyxy for one in found]
    half = WordFinder(("red ball", "blue"), ("the",), WordOptions(edge_px=96, threshold=0.01, precision="bf16"))
    half.find(image)
    assert half.likest == pytest.approx(finder.likest, abs=0.1)
    assert half.likest != finder.likest


def test_pictures_that_are_too_little():
    with pytest.raises(UsageError, match=r"a picture of 400x3 is too little to find things in by words, at 160x1"):
        WordFinder(("red",), options=SMALL).find(np.zeros((3, 400, 3), np.uint8))


def test_folders_that_are_not_whole_or_of_another_model(folder: Path, tiny_hub: Path, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    base = folder / "grounding-dino-base"
    options = WordOptions(model="grounding-dino-base", edge_px=96)
    try:
        shutil.copytree(folder / NAME, base)
        (base / "tokenizer.json").unlink()
        said = "config.json and model.safetensors and tokenizer.json of IDEA-Research/grounding-dino-base"
        with pytest.raises(MissingWeightsError, match=said):
            WordFinder(("red",), options=options)
        (base / "tokenizer.json").write_text("{")
        with pytest.raises(FailedError, match="cannot be read as the model 'grounding-dino-base'"):
            WordFinder(("red",), options=options)
        shutil.copy(folder / NAME / "tokenizer.json", base)
        shutil.copy(tiny_hub / "sam-vit-base" / "model.safetensors", base)
        with pytest.raises(FailedError, match=r"they lack \S+, \S+, \S+ and \d+ more"):
            WordFinder(("red",), options=options)
    finally:
        shutil.rmtree(base)


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch):
    def unreachable(*_, **__):
        raise OSError("We couldn't connect")

    monkeypatch.delenv("CLEANPLATE_OFFLINE", raising=False)
    monkeypatch.setattr(transformers.utils, "cached_file", unreachable)
    with pytest.raises(MissingWeightsError, match=r"cannot be reached; fetch .* of IDEA-Research/grounding-dino-base"):
        WordFinder(("red",), options=WordOptions(model="grounding-dino-base"))
