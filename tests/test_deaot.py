"""DeAOT: its parts beside plain ways to the same, its stored outputs, and its loop over frames."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from cleanplate.base.errors import FailedError, MissingWeightsError, UsageError
from cleanplate.base.types import Prompt
from cleanplate.base.weights import WEIGHTS
from cleanplate.bench.parity.compare import bench_parity
from cleanplate.mask import track_deaot
from cleanplate.mask.nets import propagation
from cleanplate.mask.nets.deaot import DEVIATION, MEAN, DeAot, Sizes, resized
from cleanplate.mask.nets.deaot_loop import Ten, labels_of_ten, merged
from cleanplate.mask.nets.propagation import Memory, ShortTermAttention, attend
from cleanplate.mask.tracker import make_tracker, track

TINY = Sizes(stem=4, blocks=(1, 1, 1), d=16)
HEIGHT, WIDTH = 49, 65


@pytest.fixture
def network() -> DeAot:
    torch.manual_seed(0)
    net = DeAot(TINY).eval()
    with torch.no_grad():  # so strong that objects move and masks change
        for name, value in net.named_parameters():
            if value.ndim > 1:
                value.mul_(3 if "relative" in name else 1.5)
    return net


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def clip(count: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """(T, H, W, 3) uint8: noise that moves on."""
    noise = np.random.default_rng(3).integers(0, 256, (height, width + 3 * count, 3), dtype=np.uint8)
    return np.stack([noise[:, 3 * t : 3 * t + width] for t in range(count)])


def grid_of(ids: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Labels (H, W) uint8 of so many upright stripes, with background on the right."""
    return np.tile(np.minimum(np.arange(width) * (ids + 1) // width + 1, ids + 1) % (ids + 1), (height, 1)).astype(
        np.uint8
    )


def prepared(image: np.ndarray) -> torch.Tensor:
    values = (image.astype(np.float32) / 255 - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    return torch.from_numpy(values.transpose(2, 0, 1)[None].copy())


def test_the_published_outputs():
    folder = os.environ.get("CLEANPLATE_PARITY")
    if not folder:
        pytest.skip("CLEANPLATE_PARITY names no folder of stored outputs")
    found = bench_parity([Path(folder) / "deaot_r50l_129x193.npz"])
    assert len(found) == 21
    assert all(one.is_good for one in found), [one for one in found if not one.is_good]


@pytest.mark.parametrize(("h", "w"), [(18, 21), (1, 30), (5, 3)])
def test_windowed_attention_by_hand(h: int, w: int):
    torch.manual_seed(1)
    attention = ShortTermAttention(8)
    query, key, value = torch.randn(h * w, 4), torch.randn(h * w, 4), torch.randn(h * w, 32)
    found = attention._attend(query, Memory(key, value), (h, w)).numpy()
    weight = attention.relative_emb_k.weight[:, :, 0, 0].numpy()
    bias = attention.relative_emb_k.bias.numpy()
    for y, x in {(0, 0), (h // 2, w // 2), (h - 1, w - 1), (h // 3, w - 2)}:
        q = query[y * w + x].numpy()
        logits, values = [], []
        for dy in range(-7, 8):
            for dx in range(-7, 8):
                if 0 <= y + dy < h and 0 <= x + dx < w:
                    there, n = (y + dy) * w + x + dx, (dy + 7) * 15 + dx + 7
                    logits.append(q @ key[there].numpy() / 2 + weight[n] @ q + bias[n])
                    values.append(value[there].numpy())
        shares = np.exp(logits - np.max(logits))
        np.testing.assert_allclose(found[y * w + x], shares / shares.sum() @ np.array(values), atol=2e-6)


def test_attention_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch):
    query, key, value = torch.randn(50, 4), torch.randn(70, 4), torch.randn(70, 6)
    whole = attend(query, key, value)
    monkeypatch.setattr(propagation, "_MOST_WEIGHTS", 7 * 70)
    torch.testing.assert_close(attend(query, key, value), whole)
    torch.testing.assert_close(whole, torch.nn.functional.scaled_dot_product_attention(query, key, value))


def test_the_order_in_long_term_memory_does_not_matter(network: DeAot):
    frames = [network.encode(prepared(image)) for image in clip(4)]
    labels = torch.from_numpy(grid_of(3).astype(np.int64))
    ten = Ten(network, gap=1)
    ten.refer(frames[0], labels, 3)
    for features in frames[1:3]:
        ten.look(features)
        ten.update(labels)
    _, expected = ten.look(frames[3])
    ten.long_term = tuple(Memory(m.key.flip(0), m.value.flip(0)) for m in ten.long_term)
    torch.testing.assert_close(ten.look(frames[3])[1], expected, atol=1e-4, rtol=1e-4)
    assert expected.shape[1] == 4


def test_every_gap_th_frame_is_kept(network: DeAot):
    ten = Ten(network, gap=3)
    frames = [network.encode(prepared(image)) for image in clip(8)]
    labels = torch.from_numpy(grid_of(2).astype(np.int64))
    ten.refer(frames[0], labels, 2)
    held = []
    for features in frames[1:]:
        ten.look(features)
        ten.update(labels)
        held.append(len(ten.long_term[0].key) // len(ten.short_term[0].key))
    assert held == [1, 1, 2, 2, 2, 3, 3]


def test_a_full_memory_drops_the_oldest_that_was_not_given(network: DeAot):
    frames = [network.encode(prepared(image)) for image in clip(6)]
    labels = torch.from_numpy(grid_of(2).astype(np.int64))
    ten, kept = Ten(network, gap=1, most_frames=3), {}
    for n, features in enumerate(frames):
        if n in (0, 2):
            ten.refer(features, labels, 2)
        else:
            ten.look(features)
            ten.update(labels)
        kept[n] = ten.short_term[0].key
    tokens = len(kept[0])
    assert [next(n for n in kept if torch.equal(kept[n], part)) for part in ten.long_term[0].key.split(tokens)] == [
        0,
        2,
        5,
    ]


def test_several_tens_are_brought_together():
    logits = [torch.randn(1, 11, 2, 3), torch.randn(1, 3, 2, 3) * 20]
    found = merged(logits)[0].numpy()
    one, two = (np.exp(x[0].double().numpy()) / np.exp(x[0].double().numpy()).sum(0) for x in logits)
    shares = np.clip(np.concatenate([(one[:1] * two[:1]), one[1:], two[1:]]), 1e-5, 1 - 1e-5)
    np.testing.assert_allclose(found, np.log(shares / (1 - shares)), atol=2e-2)  # near 1 float32 has few digits
    assert merged(logits[:1]) is logits[0]
    labels = torch.arange(24)
    assert labels_of_ten(labels, 0).tolist() == [*range(11)] + [0] * 13
    assert labels_of_ten(labels, 2).tolist() == [0] * 21 + [1, 2, 3]


def by_hand(network: DeAot, images: np.ndarray, first: np.ndarray, gap: int) -> list[np.ndarray]:
    """The published loop, for pictures of the network's own size."""
    tens = [Ten(network, gap) for _ in range(-(-int(first.max()) // 10))]
    labels, found = torch.from_numpy(first.astype(np.int64)), [first]
    for t, image in enumerate(images):
        features = network.encode(prepared(image))
        if t:
            labels = merged([resized(ten.look(features)[1], first.shape) for ten in tens])[0].argmax(0)
            found.append(labels.numpy().astype(np.uint8))
        for n, ten in enumerate(tens):
            if t:
                ten.update(labels_of_ten(labels, n))
            else:
                ten.refer(features, labels_of_ten(labels, n), min(int(first.max()) - 10 * n, 10))
    return found


@pytest.mark.parametrize("ids", [3, 23])
def test_without_a_bound_it_is_the_published_loop(ids: int, network: DeAot, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(track_deaot, "_network", lambda device: network)
    images, first = clip(7), grid_of(ids)
    prompts = [Prompt(index=0, object_id=7 * n, hole=first == n) for n in range(1, ids + 1)]
    tracker = make_tracker("deaot", {"memory_frames": 0, "gap_frames": 2})
    found = [tracked.labels for _, tracked in track(tracker, enumerate(images), prompts)]
    expected = by_hand(network, images, first, gap=2)
    assert len(np.unique(expected[-1])) > 2  # the drawn weights do find several objects
    assert np.array_equal(np.stack(found), 7 * np.stack(expected))


def test_what_it_keeps_is_bounded(tiny_weights: Path):
    images, first = clip(30), grid_of(12)
    prompts = [Prompt(index=t, object_id=n, hole=first == n) for t in (0, 9) for n in range(1, 13)]
    tracker = make_tracker("deaot", {"memory_frames": 3, "gap_frames": 1})
    for _ in track(tracker, enumerate(images), prompts):
        held = [len(ten.long_term[0].key) / len(ten.short_term[0].key) for ten in tracker._tens]
        assert len(held) == 2
        assert max(held) <= 3


def test_half_precision_is_near(network: DeAot, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(track_deaot, "_network", lambda device: network)
    images, first = clip(5), grid_of(12)
    prompts = [Prompt(index=0, object_id=n, hole=first == n) for n in range(1, 13)]
    whole, half = (
        list(track(make_tracker("deaot", {"precision": one}), enumerate(images), prompts)) for one in ("fp32", "bf16")
    )
    assert np.mean(whole[1][1].labels == half[1][1].labels) > 0.9
    assert whole[1][1].confidence != half[1][1].confidence


def test_large_pictures_are_made_smaller_and_labels_are_not(tiny_weights: Path):
    images, first = clip(2, 100, 212), grid_of(2, 100, 212)
    small = track_deaot._prepared(images[0], 106)
    assert small.shape == (1, 3, 49, 113)  # half of 100x212, the nearest sides of 16 k + 1
    prompts = [Prompt(index=0, object_id=n, hole=first == n) for n in (1, 2)]
    found = list(track(make_tracker("deaot", {"work_edge_px": 106}), enumerate(images), prompts))
    assert found[1][1].labels.shape == (100, 212)


@pytest.mark.parametrize(
    "options", [{"memory_frames": -1}, {"gap_frames": 0}, {"work_edge_px": 10}, {"precision": "int8"}]
)
def test_options_that_cannot_be(options: dict[str, int]):
    with pytest.raises(UsageError, match=next(iter(options))):
        make_tracker("deaot", options)


def test_weights_that_are_others(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(track_deaot, "DeAot", lambda: DeAot(Sizes(stem=8, blocks=(1, 1, 2), d=16)))
    track_deaot._network.cache_clear()
    with pytest.raises(FailedError, match=r"lack encoder.layer3.1.\S+, encoder.layer3.1.\S+, encoder.layer3.1.\S+ and"):
        make_tracker("deaot")
    path = tiny_weights / WEIGHTS["deaot-r50l"].file
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1] + b"x")
        with pytest.raises(MissingWeightsError, match="sha256"):
            make_tracker("deaot")
    finally:
        path.write_bytes(content)
    track_deaot._network.cache_clear()
