"""ProPainter as an engine: the published loop against the same written out, and ours in pieces."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

import cv2

from cleanplate.base.errors import FailedError, UsageError
from cleanplate.base.types import Clip
from cleanplate.bench.parity.drawn import drawn
from cleanplate.motion.nets import flow_completion
from cleanplate.motion.nets.flow_completion import RecurrentFlowCompletion
from cleanplate.motion.nets.raft import CorrelationPyramid, Raft
from cleanplate.paint import neural, propainter_published
from cleanplate.paint.nets import sparse_transformer
from cleanplate.paint.nets.dual_propagation import propagate_images
from cleanplate.paint.nets.layers import FusionFeedForward
from cleanplate.paint.nets.propainter import InpaintGenerator
from cleanplate.paint.propainter import ProPainter, ProPainterOptions
from cleanplate.paint.propainter_published import paint_published, references
from cleanplate.paint.propainter_stages import Lengths, Networks, complete, pieces, propagate


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks(drawn(Raft()), drawn(RecurrentFlowCompletion()), drawn(InpaintGenerator(depth=1)))


@pytest.fixture
def engine(networks, monkeypatch):
    """Makes an engine with drawn weights."""
    monkeypatch.setattr(Networks, "load", classmethod(lambda cls, *_: networks))
    monkeypatch.setattr(propainter_published, "ITERATIONS", 1)

    def make(**options) -> ProPainter:
        return ProPainter(ProPainterOptions(**{"iterations": 1, **options}))

    return make


def clip(count: int = 7, height: int = 48, width: int = 64, **more) -> Clip:
    y, x = np.mgrid[:height, :width]
    shades = [np.stack([128 + 90 * np.sin((x + 2 * t) / (4 + c) + y / 7) for c in range(3)], -1) for t in range(count)]
    holes = np.zeros((count, height, width), bool)
    for t in range(count):
        holes[t, height // 3 : height // 2, width // 4 + 2 * t : width // 2 + t] = True
    return Clip(images=np.where(holes[..., None], 0, np.rint(shades)).astype(np.uint8), holes=holes, **more)


def published_at_length(networks: Networks, images: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """The fact sheet line by line, for clips of up to 80 frames whose sizes are multiples of 8."""
    frames = torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2) / 255 * 2 - 1
    masks = torch.from_numpy(holes.astype(np.float32))[:, None]
    padded = torch.nn.functional.pad(frames, (0, 128 - frames.shape[3], 0, 128 - frames.shape[2]), mode="replicate")
    with torch.inference_mode():
        flows = [networks.raft(*pair, 2)[1] for pair in ((padded[:-1], padded[1:]), (padded[1:], padded[:-1]))]
        flows = [flow[:, :, : frames.shape[2], : frames.shape[3]] for flow in flows]
        forward, backward = networks.completion.complete(*flows, masks)
        filled, left = propagate_images(frames * (1 - masks), masks, forward, backward)
        frames = frames * (1 - masks) + filled * masks
        painted: list[np.ndarray | None] = [None] * len(frames)
        for f in range(0, len(frames), 5):
            neighbours = [t for t in range(f - 5, f + 6) if 0 <= t < len(frames)]
            shown = neighbours + [t for t in range(0, len(frames), 10) if t not in neighbours]
            joints = neighbours[:-1]
            out = networks.generator(frames[shown], masks[shown], left[shown], forward[joints], backward[joints])
            levels = ((out + 1) / 2 * 255).permute(0, 2, 3, 1).numpy().astype(np.uint8)
            for t, level in zip(neighbours, levels, strict=True):
                whole = level * holes[t][..., None] + images[t] * ~holes[t][..., None]
                old = painted[t]
                painted[t] = (
                    whole if old is None else (old * np.float32(0.5) + whole * np.float32(0.5)).astype(np.uint8)
                )
    return np.stack(painted)


def test_the_published_loop(networks, monkeypatch):
    monkeypatch.setattr(propainter_published, "ITERATIONS", 2)
    shown = clip(count=12, height=40, width=48)
    with torch.inference_mode():
        found = paint_published(networks, shown.images, shown.holes)
    truth = published_at_length(networks, shown.images, shown.holes)
    off = np.abs(found.astype(int) - truth)
    assert off.max() <= 1  # a difference of 1e-6 may lie on both sides of what is cut off
    assert np.mean(off > 0) < 1e-3
    assert np.array_equal(found[~shown.holes], shown.images[~shown.holes])
    assert found[shown.holes].std() > 5


def test_the_published_loop_cuts_sizes_to_multiples_of_8(networks, monkeypatch):
    monkeypatch.setattr(propainter_published, "ITERATIONS", 1)
    shown = clip(count=2, height=51, width=70)
    with torch.inference_mode():
        found = paint_published(networks, shown.images, shown.holes)
    small = np.stack([cv2.resize(image, (64, 48), interpolation=cv2.INTER_LINEAR) for image in shown.images])
    holes = (
        np.stack([cv2.resize(h.astype(np.uint8), (64, 48), interpolation=cv2.INTER_NEAREST) for h in shown.holes]) > 0
    )
    with torch.inference_mode():
        truth = [cv2.resize(image, (70, 51)) for image in paint_published(networks, small, holes)]
    assert np.array_equal(found, truth)


@pytest.mark.parametrize(
    ("middle", "length", "expected"),
    [
        (0, 12, [10]),
        (10, 31, [0, 20, 30]),
        (15, 80, [0, 30, 40, 50, 60, 70]),
        (0, 81, [10, 20, 30]),
        (50, 200, [10, 20, 30, 40, 60, 70, 80]),
        (45, 200, [5, 15, 25, 35, 55, 65, 75]),
        (195, 200, [155, 165, 175, 185]),
    ],
)
def test_references_of_the_published_loop(middle, length, expected):
    local = range(max(middle - 5, 0), min(middle + 6, length))
    assert references(middle, local, length) == expected


def test_pieces():
    assert list(pieces(7, 80, 5)) == [(0, 7, 0, 7)]
    assert list(pieces(85, 40, 5)) == [(0, 40, 0, 45), (40, 80, 35, 85), (80, 85, 75, 85)]
    assert list(pieces(0, 80, 5)) == []


def by(length: int) -> Lengths:
    return Lengths(completed=length, completion_context=5, propagated=length, propagation_context=10)


def test_stages_in_pieces_are_stages_on_the_whole_clip_while_one_piece_is_enough(networks):
    random = torch.Generator().manual_seed(3)
    flows = torch.randn(5, 2, 16, 24, generator=random), torch.randn(5, 2, 16, 24, generator=random)
    pictures, masks = torch.randn(6, 3, 16, 24, generator=random), torch.zeros(6, 1, 16, 24)
    masks[:, :, 4:9, 5:15] = 1
    with torch.inference_mode():
        whole = networks.completion.complete(*flows, masks)
        for one, other in zip(complete(networks.completion, *flows, masks, by(5)), whole, strict=True):
            assert torch.equal(one, other)
        for one, other in zip(complete(networks.completion, *flows, masks, by(2)), whole, strict=True):
            assert torch.allclose(one, other, atol=1e-5)  # the context of 5 reaches everywhere here
        for one, other in zip(
            propagate(pictures, masks, *whole, by(2)), propagate_images(pictures, masks, *whole), strict=True
        ):
            assert torch.equal(one, other)


def test_our_pieces_are_near_the_published_loop(engine):
    """With holes that hide no motion both see the same, and differ by what the published loop cuts off."""
    shown = clip(count=6)
    ours = engine().fill(shown)
    by_the_book = engine(procedure="published").fill(shown)
    inside = shown.holes
    off = np.abs(ours.images[inside].astype(int) - by_the_book.images[inside])
    assert off.mean() < 12
    assert ours.images[inside].std() > 5


def test_half_precision_is_compared_with_float32(engine, networks, monkeypatch):
    half = Networks(networks.raft, networks.completion, copy.deepcopy(networks.generator).bfloat16())
    monkeypatch.setattr(
        Networks, "load", classmethod(lambda cls, _, precision, __: {"fp32": networks, "bf16": half}[precision])
    )
    shown = clip(count=3)
    near = engine(precision="bf16")
    off = np.abs(near.fill(shown).images.astype(int) - engine().fill(shown).images)
    assert 0 < off[shown.holes].mean() < 3
    assert any("bf16 is" in note for note in near.notes)
    monkeypatch.setattr(neural, "AGREEMENT", 1e-9)
    with pytest.raises(FailedError, match="give --set precision=fp32"):
        engine(precision="bf16").fill(shown)


def test_the_published_loop_says_that_it_is_exact(engine):
    shown = clip(count=2)
    half = engine(procedure="published", precision="fp16")
    assert np.array_equal(half.fill(shown).images, engine(procedure="published").fill(shown).images)
    assert any("precision is fp32, not fp16" in note for note in half.notes)


def scarce(work, asks_for_more):
    """`work`, which runs out of memory where it is asked for more, and how often it did."""
    failed = []

    def tried(*given, **named):
        if asks_for_more(*given, **named):
            failed.append(True)
            raise torch.OutOfMemoryError("none left")
        return work(*given, **named)

    return tried, failed


@pytest.mark.parametrize(
    ("shown", "where", "name", "asks_for_more"),
    [
        ({}, CorrelationPyramid, "_levels", lambda _, points: points.shape[1] > 64),
        ({"count": 13}, flow_completion.Pseudo3d, "forward", lambda _, flows: flows.shape[1] > 10),
        ({}, FusionFeedForward, "forward", lambda _, tokens, size: len(tokens) > 1),
        ({"width": 340}, sparse_transformer, "_attention", lambda query, *_: query.ndim == 4 and query.shape[1] > 1),
    ],
    ids=["comparison of pictures", "completion of flow", "feed-forward layers", "attention"],
)
def test_where_memory_does_not_suffice_the_work_is_divided(engine, monkeypatch, shown, where, name, asks_for_more):
    given = clip(**{"count": 3, **shown})
    whole = engine().fill(given).images
    tried, failed = scarce(getattr(where, name), asks_for_more)
    monkeypatch.setattr(where, name, tried)
    divided = engine().fill(given).images
    assert failed
    assert np.abs(divided.astype(int) - whole).max() <= 1


def test_where_no_division_helps_it_is_said(engine, monkeypatch):
    monkeypatch.setattr(Raft, "refine", scarce(Raft.refine, lambda *_: True)[0])
    with pytest.raises(FailedError, match=r"a crop of 64x48 ran out of memory on cpu.*largest_mpx=0\.01"):
        engine(largest_mpx=0.01).fill(clip(count=2))


def test_motion_that_the_piece_before_has_found_is_not_found_again(engine, monkeypatch):
    whole = clip(count=24)
    refine, asked = Raft.refine, []

    def counting(*given):
        asked.append(True)
        return refine(*given)

    monkeypatch.setattr(Raft, "refine", counting)

    def piece(first: int, stop: int, core: tuple[int, int]) -> Clip:
        return Clip(images=whole.images[first:stop], holes=whole.holes[first:stop], start=first, core=core)

    one, two = piece(0, 14, (0, 10)), piece(4, 24, (4, 16))
    painter = engine()
    painter.fill(one)
    assert len(asked) == 2 * 13
    found = painter.fill(two).images
    assert len(asked) == 2 * 23  # each pair of the 24 frames once, both ways
    assert np.array_equal(found, engine().fill(two).images)


def test_deep_pictures_are_painted_deep(engine):
    shown = clip(count=3)
    deep = Clip(images=shown.images.astype(np.uint16) * 257, holes=shown.holes)
    for procedure in ("pieces", "published"):
        flat = engine(procedure=procedure).fill(shown).images[shown.holes]
        found = engine(procedure=procedure).fill(deep).images[shown.holes]
        assert found.dtype == np.uint16
        assert np.abs(found / 257.0 - flat).max() < 1
    assert (engine().fill(deep).images[shown.holes] % 257 != 0).any()


def test_large_crops_are_painted_smaller(engine):
    shown = clip(count=2, height=120, width=200)
    small = engine(largest_mpx=0.01)
    found = small.fill(shown)
    assert any("200x120 were painted at 129x77" in note for note in small.notes)
    assert np.array_equal(found.images[~shown.holes], shown.images[~shown.holes])
    assert found.images[shown.holes].std() > 5


@pytest.mark.parametrize(
    "options", [{"procedure": "paper"}, {"iterations": 0}, {"largest_mpx": 0}, {"precision": "int8"}]
)
def test_what_cannot_be_asked(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        ProPainterOptions(**options)
