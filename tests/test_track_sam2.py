"""The tracker `sam2` beside the library's own loop, and what it keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra 'neural')")

from cleanplate.base.errors import MissingWeightsError, UsageError
from cleanplate.base.types import Prompt
from cleanplate.mask.pretrained import load_model
from cleanplate.mask.tracker import make_tracker, track

MODEL, COUNT, SIDE = "sam2.1-hiera-small", 24, 128


@pytest.fixture(autouse=True)
def hub(tiny_hub: Path) -> Path:
    return tiny_hub


@pytest.fixture
def images() -> np.ndarray:
    """(T, H, W, 3) uint8 of the network's own size: a pattern that moves on."""
    noise = np.random.default_rng(2).integers(0, 256, (SIDE // 8, SIDE // 8 + COUNT, 3), dtype=np.uint8)
    large = np.kron(noise, np.ones((8, 8, 1), np.uint8))
    return np.stack([large[:, 4 * t : 4 * t + SIDE] for t in range(COUNT)])


def hole(left: int, right: int) -> np.ndarray:
    found = np.zeros((SIDE, SIDE), bool)
    found[20:90, left:right] = True
    return found


@torch.inference_mode()
def by_hand(images: np.ndarray, given: dict[int, dict[int, np.ndarray]]) -> list[np.ndarray]:
    """The library's loop, which forgets nothing: logits (objects, h, w) of each frame, first given on frame 0."""
    network = load_model("Sam2VideoModel", MODEL, "cpu")
    session = transformers.Sam2VideoInferenceSession(dtype=torch.float32)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    found = []
    for t, image in enumerate(images):
        for number, mask in given.get(t, {}).items():
            session.add_mask_inputs(session.obj_id_to_idx(number), t, torch.from_numpy(mask)[None, None].float())
            session.obj_with_new_inputs.append(number)
        normal = torch.from_numpy(((image / 255 - mean) / deviation).astype(np.float32)).permute(2, 0, 1)
        answer = network(inference_session=session, frame=normal, frame_idx=t)
        whole = torch.nn.functional.interpolate(answer.pred_masks, size=(SIDE, SIDE), mode="bilinear")
        found.append(whole[:, 0].numpy())
    return found


def test_what_it_forgets_does_not_matter(images: np.ndarray):
    # Longer than the 16 frames whose pointers, and the 7 whose memories, the network looks at.
    given = {0: {3: hole(10, 50), 8: hole(70, 110)}, 9: {8: hole(60, 100)}}
    prompts = [Prompt(index=t, object_id=n, hole=mask) for t, masks in given.items() for n, mask in masks.items()]
    found = [one.labels for _, one in track(make_tracker("sam2"), enumerate(images), prompts)]
    expected = by_hand(images, given)
    ids, seen = np.array([3, 8], np.uint8), 0
    for t in (t for t in range(COUNT) if t not in given):
        labels = np.where(expected[t].max(0) > 0, ids[expected[t].argmax(0)], 0)
        assert np.mean(found[t] != labels) < 1e-3  # logits of almost 0 fall either way
        seen += len(np.unique(labels)) > 1
    assert seen > COUNT / 2  # the drawn weights do find something


def test_what_it_keeps_is_bounded(images: np.ndarray):
    tracker = make_tracker("sam2", {"given_frames": 3})
    mask = hole(20, 70)
    prompts = [Prompt(index=t, object_id=1, hole=mask) for t in (0, 2, 4, 6, 20)]
    sizes = []
    for index, _ in track(tracker, enumerate(np.concatenate([images, images])), prompts):
        session = tracker._session
        kept = session.output_dict_per_obj[0]
        sizes.append(sum(v.nbytes for kind in kept.values() for one in kind.values() for v in one.values()))
        assert len(kept["non_cond_frame_outputs"]) <= 15
        assert sum("maskmem_features" in one for one in kept["non_cond_frame_outputs"].values()) <= 6
        if index == 6:
            assert list(kept["cond_frame_outputs"]) == [0, 4, 6]
    assert list(kept["cond_frame_outputs"]) == [0, 6, 20]
    assert sizes[-1] == sizes[-10]
    assert session.processed_frames is None
    assert len(session.cache._vision_features) == 1


def test_half_precision_is_near(images: np.ndarray):
    prompts = [Prompt(index=0, object_id=1, hole=hole(20, 70))]
    whole, half = (
        [one.labels for _, one in track(make_tracker("sam2", {"precision": p}), enumerate(images[:3]), prompts)]
        for p in ("fp32", "bf16")
    )
    assert 0.8 < np.mean(whole[1] == half[1]) < 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "sam-vit-base"}, "does not fit here; choose one of sam2-hiera-tiny"),
        ({"given_frames": 0}, "given_frames is 0"),
    ],
)
def test_options_that_cannot_be(options: dict, said: str):
    with pytest.raises(UsageError, match=said):
        make_tracker("sam2", options)


def test_models_that_are_not_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    with pytest.raises(MissingWeightsError, match=r"facebook/sam2\.1-hiera-large"):
        make_tracker("sam2", {"model": "sam2.1-hiera-large"})
