"""The segmenters `sam` and `sam2` with tiny drawn weights: what the network is given, and what it answers."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra 'neural')")

from cleanplate.base.errors import FailedError, MaskError, MissingWeightsError, UsageError
from cleanplate.base.types import Prompt
from cleanplate.mask import pretrained, segment_sam
from cleanplate.mask.segmenter import make_segmenter

HEIGHT, WIDTH = 60, 100
POINT = Prompt(index=0, points_xy=((30, 20), (90, 50)), point_is_in=(True, False))
NAMES = ["sam", "sam2"]


@pytest.fixture(autouse=True)
def hub(tiny_hub: Path) -> Path:
    return tiny_hub


@pytest.fixture
def image() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([2 * x, 4 * y, 128 + 60 * np.sin(x / 5) * np.cos(y / 7)], -1).astype(np.uint8)


class Spy:
    """A network that keeps what it was given, and answers three masks: left, top, and all but the left rim."""

    def __init__(self, network) -> None:
        self.prompt_encoder = network.prompt_encoder
        self.scores = torch.tensor([[[0.2, 0.9, 0.5]]])
        self.given: dict = {}

    def __call__(self, **given):
        self.given = given
        masks = torch.full((3, 32, 32), -1.0)
        masks[0, :, :8], masks[1, :8], masks[2, :, 1:] = 1, 1, 1
        return transformers.models.sam.modeling_sam.SamImageSegmentationOutput(
            iou_scores=self.scores, pred_masks=masks[None, None]
        )


def spied(name: str, monkeypatch: pytest.MonkeyPatch, **options) -> tuple:
    load = pretrained.load_model
    spy = Spy(load({"sam": "SamModel", "sam2": "Sam2Model"}[name], *_model(name), "cpu"))
    monkeypatch.setattr(segment_sam, "load_model", lambda *_: spy)
    return make_segmenter(name, options), spy


def _model(name: str) -> tuple[str]:
    return ("sam-vit-base" if name == "sam" else "sam2.1-hiera-small",)


def test_pixels_are_those_of_the_published_processor(image: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    square = {"height": 128, "width": 128}
    published = SamImageProcessorPil(size={"longest_edge": 128}, pad_size=square)(image, return_tensors="np")
    segmenter, spy = spied("sam", monkeypatch)
    segmenter.segment(image, POINT)
    expected, found = published["pixel_values"][0], spy.given["pixel_values"][0].numpy()
    assert found.shape == expected.shape == (3, 128, 128)
    # theirs are rounded to levels of 255, after the columns and after the rows
    np.testing.assert_allclose(found, expected, atol=1.1 / 255 / 0.224)
    assert not found[:, 77:].any()  # 100x60 becomes 128x77, the rest is empty


@pytest.mark.parametrize("name", NAMES)
def test_deep_pictures_are_the_same(name: str, image: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    segmenter, spy = spied(name, monkeypatch)
    segmenter.segment(image, POINT)
    shallow = spy.given["pixel_values"]
    segmenter.segment(image.astype(np.uint16) * 257, POINT)
    torch.testing.assert_close(spy.given["pixel_values"], shallow)


@pytest.mark.parametrize(("name", "size"), [("sam", (128, 77)), ("sam2", (128, 128))])
def test_marks_are_scaled_as_the_picture(name: str, size, image: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    segmenter, spy = spied(name, monkeypatch)
    x, y = size[0] / WIDTH, size[1] / HEIGHT
    segmenter.segment(
        image, Prompt(index=0, points_xy=POINT.points_xy, point_is_in=(True, False), box_xyxy=(10, 5, 60, 40))
    )
    np.testing.assert_allclose(spy.given["input_points"], [[[[30 * x, 20 * y], [90 * x, 50 * y]]]], rtol=1e-6)
    assert spy.given["input_labels"].tolist() == [[[1, 0]]]
    np.testing.assert_allclose(spy.given["input_boxes"], [[[10 * x, 5 * y, 60 * x, 40 * y]]], rtol=1e-6)
    assert "input_masks" not in spy.given
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[:30, 25:75] = True
    segmenter.segment(image, Prompt(index=0, hole=hole))
    np.testing.assert_allclose(spy.given["input_boxes"], [[[25 * x, 0, 75 * x, 30 * y]]], rtol=1e-6)
    mask = spy.given["input_masks"][0, 0].numpy()
    assert mask.shape == (32, 32)
    assert mask[:8, 10:22].min() > 9.99  # the mask's inside, at the quarter of the square
    assert mask[:, :6].max() < -9.99
    assert mask[17:].max() < -9.99


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("candidate", [0, 1, 2, 3])
def test_the_best_candidate_or_the_chosen_one(name: str, candidate: int, image, monkeypatch: pytest.MonkeyPatch):
    segmenter, _ = spied(name, monkeypatch, candidate=candidate)
    hole = segmenter.segment(image, POINT)
    assert hole.shape == (HEIGHT, WIDTH)
    assert hole.dtype == np.bool_
    edge = 15 if name == "sam2" else 25  # a quarter of the square, in rows of the picture
    if candidate == 1:  # a quarter of the square is a quarter of the picture, whose width fills it
        assert hole[:, :24].all()
        assert not hole[:, 26:].any()
    elif candidate == 3:
        assert hole[:, 5:].all()
        assert not hole[:, 0].any()
    else:  # the second has the highest score
        assert hole[: edge - 1].all()
        assert not hole[edge + 1 :].any()


@pytest.mark.parametrize("name", NAMES)
def test_a_real_network_answers_the_same_twice(name: str, image: np.ndarray):
    found = [make_segmenter(name, {"candidate": n}).segment(image, POINT) for n in (1, 1, 2)]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    box = make_segmenter(name, {"candidate": 1}).segment(image, Prompt(index=0, box_xyxy=(2, 3, 50, 40)))
    assert not np.array_equal(box, found[0])
    corrected = make_segmenter(name, {"candidate": 1}).segment(
        image, Prompt(index=0, points_xy=((40, 30),), point_is_in=(True,), hole=found[0])
    )
    assert corrected.shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize("name", NAMES)
def test_several_boxes_at_once_are_as_each_alone(name: str, image: np.ndarray):
    segmenter = make_segmenter(name, {"candidate": 2})
    boxes = [(2, 3, 50, 40), (30, 10, 99, 60), (60, 5, 80, 20)]
    together = segmenter.in_boxes(image, boxes)
    assert len({hole.tobytes() for hole in together if hole is not None}) > 1
    for box, hole in zip(boxes, together, strict=True):
        alone = segmenter.segment(image, Prompt(index=0, box_xyxy=box))
        assert hole is not None
        assert np.mean(hole == alone) > 0.999
    assert segmenter.in_boxes(image, []) == []


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_near(name: str, image: np.ndarray):
    whole, half = (
        make_segmenter(name, {"candidate": 1, "precision": one}).segment(image, POINT) for one in ("fp32", "bf16")
    )
    assert 0.9 < np.mean(whole == half) < 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 200), (129, 64)])
def test_odd_sizes(name: str, height: int, width: int, monkeypatch: pytest.MonkeyPatch):
    segmenter, _ = spied(name, monkeypatch, candidate=3)
    hole = segmenter.segment(
        np.zeros((height, width, 3), np.uint8), Prompt(index=0, points_xy=((0, 0),), point_is_in=(True,))
    )
    assert hole.shape == (height, width)


def test_nothing_found_is_said(image: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    segmenter, spy = spied("sam2", monkeypatch)
    spy.scores = torch.tensor([[[0.9, 0.1, 0.1]]])
    monkeypatch.setattr(
        Spy,
        "__call__",
        lambda self, **_: transformers.models.sam.modeling_sam.SamImageSegmentationOutput(
            iou_scores=self.scores, pred_masks=torch.full((1, 1, 3, 32, 32), -1.0)
        ),
    )
    with pytest.raises(MaskError, match="finds no object there"):
        segmenter.segment(image, POINT)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("sam", {"model": "sam2-hiera-tiny"}, "choose one of sam-vit-base, sam-vit-large, sam-vit-huge"),
        ("sam2", {"model": "sam-vit-base"}, "choose one of sam2-hiera-tiny, .*sam2.1-hiera-large"),
        ("sam", {"model": "sam-vit-tiny"}, "there is no model 'sam-vit-tiny'"),
        ("sam", {"candidate": 4}, "candidate is 4"),
        ("sam2", {"precision": "half"}, "precision is half"),
    ],
)
def test_options_that_cannot_be(name: str, options: dict, said: str):
    with pytest.raises(UsageError, match=said):
        make_segmenter(name, options)


def test_models_that_are_not_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    with pytest.raises(
        MissingWeightsError, match=r"config.json and model.safetensors of facebook/sam-vit-huge .* put them into"
    ):
        make_segmenter("sam", {"model": "sam-vit-huge"})


UNREACHED = r"cannot be reached; fetch .* of facebook/sam2-hiera-large"


def test_a_hub_that_breaks_off(monkeypatch: pytest.MonkeyPatch):
    def unreachable(*_, local_files_only, **__):
        assert not local_files_only
        raise OSError("We couldn't connect")

    monkeypatch.delenv("CLEANPLATE_OFFLINE", raising=False)
    monkeypatch.setattr(pretrained, "_answers", lambda: True)
    monkeypatch.setattr(transformers.Sam2Model, "from_pretrained", unreachable)
    with pytest.raises(MissingWeightsError, match=UNREACHED):
        make_segmenter("sam2", {"model": "sam2-hiera-large"})


def test_a_hub_that_cannot_be_reached_is_not_asked_for_files(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with suppress(OSError):  # the test is over
                while True:
                    connection = listener.accept()[0]
                    asked.append(connection.recv(1000))
                    connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        monkeypatch.delenv("CLEANPLATE_OFFLINE", raising=False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(MissingWeightsError, match=UNREACHED):
            make_segmenter("sam2", {"model": "sam2-hiera-large"})
        listener.shutdown(socket.SHUT_RDWR)
    assert asked[0].startswith(b"HEAD / ")
    assert not any(b"sam2-hiera-large" in request for request in asked)
    assert capfd.readouterr() == ("", "")  # nothing but the sentence is to be read


def test_folders_of_another_model(hub: Path):
    try:
        shutil.copytree(hub / "sam-vit-base", hub / "sam2-hiera-tiny")
        with pytest.raises(FailedError, match=r"'sam2-hiera-tiny'"):
            make_segmenter("sam2", {"model": "sam2-hiera-tiny"})
        shutil.copytree(hub / "sam-vit-base", hub / "sam-vit-large")
        config = json.loads((hub / "sam-vit-large" / "config.json").read_text())
        config["vision_config"]["num_hidden_layers"] = 3
        (hub / "sam-vit-large" / "config.json").write_text(json.dumps(config))
        with pytest.raises(FailedError, match=r"they lack vision_encoder.layers.2.\S+, vision_\S+, vision_\S+ and"):
            make_segmenter("sam", {"model": "sam-vit-large"})
        shutil.copytree(hub / "sam-vit-base", hub / "sam-vit-huge")
        (hub / "sam-vit-huge" / "model.safetensors").write_bytes(b"nothing of the kind")
        with pytest.raises(FailedError, match="cannot be read"):
            make_segmenter("sam", {"model": "sam-vit-huge"})
    finally:
        for name in ("sam2-hiera-tiny", "sam-vit-large", "sam-vit-huge"):
            shutil.rmtree(hub / name, ignore_errors=True)
