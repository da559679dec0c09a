"""E2FGVI-HQ as an engine, with drawn weights: its loops, its devices and what happens when memory does not suffice."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from cleanplate.base.device import choose_device, device_name
from cleanplate.base.errors import FailedError, MissingWeightsError, UsageError
from cleanplate.base.types import Clip, Reference
from cleanplate.bench.parity.drawn import drawn, store
from cleanplate.paint import e2fgvi, neural
from cleanplate.paint.engine import make_engine
from cleanplate.paint.nets.e2fgvi_hq import E2fgviHq
from cleanplate.paint.windows import in_pieces

HEIGHT, WIDTH = 50, 100  # filled up to 60 x 108


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("weights")
    store(place, "e2fgvi-hq")
    return place


@pytest.fixture(autouse=True)
def _weights(folder, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(folder))


def clip_of(count: int, *, height: int = HEIGHT, width: int = WIDTH, core=None, references=()) -> Clip:
    random = np.random.default_rng(3)
    still = np.kron(random.integers(0, 256, (height // 5, width // 5 + count, 3)), np.ones((5, 5, 1)))
    images = np.stack([still[:, 2 * t : 2 * t + width] for t in range(count)]).astype(np.uint8)
    holes = np.zeros(images.shape[:3], bool)
    holes[:, height // 3 : 2 * height // 3, width // 3 : width // 2] = True
    images[holes] = 0
    return Clip(images=images, holes=holes, core=core, references=references)


def as_the_authors_do(clip: Clip) -> np.ndarray:
    """The fact sheet's procedure, a plain loop over the whole network."""
    network = drawn(E2fgviHq())
    count = len(clip.images)
    visible = ~clip.holes[..., None]
    masked = torch.from_numpy((clip.images / np.float32(255) * 2 - 1) * visible).float().permute(0, 3, 1, 2)
    rows, columns = -HEIGHT % 60, -WIDTH % 108
    masked = torch.cat([masked, masked.flip(2)], 2)[:, :, : HEIGHT + rows]
    masked = torch.cat([masked, masked.flip(3)], 3)[:, :, :, : WIDTH + columns]
    comps: list[np.ndarray | None] = [None] * count
    for f in range(0, count, 5):
        neighbours = list(range(max(0, f - 5), min(count, f + 6)))
        references = [t for t in range(0, count, 10) if t not in neighbours]
        with torch.inference_mode():
            found, _, _ = network(masked[neighbours + references], len(neighbours))
        found = ((found[:, :, :HEIGHT, :WIDTH] + 1) / 2).permute(0, 2, 3, 1).numpy() * 255
        for t, picture in zip(neighbours, found, strict=False):
            comp = np.where(visible[t], clip.images[t], picture.astype(np.uint8))
            before = comps[t]
            comps[t] = comp if before is None else before.astype(np.float32) * 0.5 + comp.astype(np.float32) * 0.5
    return np.stack([comp.astype(np.uint8) for comp in comps if comp is not None])


def test_the_published_loop():
    clip = clip_of(12)
    painted = make_engine("e2fgvi-hq", {"procedure": "published"}).fill(clip).images
    truth = as_the_authors_do(clip)
    far = np.abs(painted.astype(int) - truth)
    assert far.max() <= 1  # a level cut off on the other side of a whole number
    assert (far > 0).mean() < 1e-3
    assert painted[clip.holes].std() > 5  # a picture, not one gray


def test_pieces_are_the_published_network_where_one_window_suffices():
    clip = clip_of(8)
    painted = make_engine("e2fgvi-hq").fill(clip).images
    truth = as_the_authors_do(clip_of(8))  # its windows at 0 and 5 see six and eight frames
    assert np.abs(painted.astype(int) - truth)[5:].mean() < 3


@pytest.mark.parametrize(("length", "first", "stop"), [(1, 0, 1), (7, 0, 7), (60, 10, 42), (52, 20, 21), (90, 0, 90)])
def test_windows_paint_each_frame_about_once(length, first, stop):
    times = np.zeros(length, int)
    for window in in_pieces(length, first, stop):
        assert window.local[0] <= window.painted[0] <= window.painted[-1] <= window.local[-1]
        assert not set(window.references) & set(window.local)
        assert all(window.weight(t) >= 1 for t in window.painted)
        times[window.painted.start : window.painted.stop] += 1
    assert (times[first:stop] >= 1).all()
    assert times.sum() <= 1.5 * (stop - first)
    assert not times[:first].any()
    assert not times[stop:].any()


def test_where_memory_does_not_suffice_the_work_is_divided(monkeypatch):
    clip = clip_of(4, height=100)  # two rows of windows
    whole = make_engine("e2fgvi-hq").fill(clip).images
    attention, asked = torch.nn.functional.scaled_dot_product_attention, []

    def scarce(query, *others):
        asked.append(query.shape[1])
        if query.shape[1] > 1:
            raise torch.OutOfMemoryError("none left")
        return attention(query, *others)

    monkeypatch.setattr(e2fgvi, "AT_ONCE", 1 << 21)
    monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", scarce)
    divided = make_engine("e2fgvi-hq").fill(clip).images
    assert max(asked) > asked[-1] == 1
    assert np.abs(divided.astype(int) - whole).max() <= 1


def test_half_precision_is_judged_by_the_first_frames(monkeypatch):
    clip = clip_of(3)
    engine = make_engine("e2fgvi-hq", {"precision": "bf16"})
    painted = engine.fill(clip).images
    exact = make_engine("e2fgvi-hq").fill(clip).images
    assert np.abs(painted.astype(int) - exact).mean() < 2
    assert any("bf16 is" in note for note in engine.notes)
    monkeypatch.setattr(neural, "AGREEMENT", 1e-9)
    with pytest.raises(FailedError, match=r"in bf16 this clip comes out .* precision=fp32"):
        make_engine("e2fgvi-hq", {"precision": "bf16"}).fill(clip)


def test_a_large_crop_is_painted_smaller_and_it_is_said():
    clip = clip_of(3, height=110, width=150)
    engine = make_engine("e2fgvi-hq", {"largest_mpx": 0.01})
    painted = engine.fill(clip)
    assert np.array_equal(painted.images[~clip.holes], clip.images[~clip.holes])
    assert engine.notes == ["pieces of 150x110 were painted at 117x86 and enlarged, for the memory that takes"]


def test_frames_from_far_away_are_shown():
    clip = clip_of(3)
    plain = make_engine("e2fgvi-hq").fill(clip).images
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    far = Reference(
        index=99,
        image=image,
        hole=np.zeros((HEIGHT, WIDTH), bool),
        planes=np.tile(np.eye(3), (3, 1, 1)),
        needed=np.array([True] * 3),
    )
    helped = make_engine("e2fgvi-hq").fill(clip_of(3, references=(far,))).images
    assert (helped != plain)[clip.holes].mean() > 0.1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop("module.ss.embedding.bias"), "they lack ss.embedding.bias"),
        (lambda tensors: tensors.update({"module.more": torch.zeros(1)}), "have unknown more"),
        (lambda tensors: tensors.update({"module.sc.embedding.bias": torch.zeros(7)}), "sc.embedding.bias"),
    ],
)
def test_a_checkpoint_of_another_network(folder, tmp_path, monkeypatch, change, said):
    name = "E2FGVI-HQ-CVPR22.pth"
    tensors = torch.load(folder / name)
    change(tensors)
    torch.save(tensors, tmp_path / name)
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    e2fgvi._network.cache_clear()
    with pytest.raises(FailedError, match=said):
        make_engine("e2fgvi-hq")


def test_a_checkpoint_that_is_a_program(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return print, ("the checkpoint ran",)

    (tmp_path / "E2FGVI-HQ-CVPR22.pth").write_bytes(pickle.dumps(Trap(), protocol=2))
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    e2fgvi._network.cache_clear()
    with pytest.raises(FailedError, match=r"E2FGVI-HQ-CVPR22\.pth"):
        make_engine("e2fgvi-hq")


def test_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    e2fgvi._network.cache_clear()
    with pytest.raises(UsageError, match=r"CC-BY-NC-4\.0.*weights get e2fgvi-hq"):
        make_engine("e2fgvi-hq")
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    with pytest.raises(MissingWeightsError, match=r"github\.com/MCG-NKU/E2FGVI"):
        make_engine("e2fgvi-hq")


def test_devices(monkeypatch):
    for asked, said in (("gpu", "give auto"), ("cuda:9", "CUDA devices here are"), ("cuda:x", "give auto")):
        with pytest.raises(UsageError, match=said):
            choose_device(asked)
    with pytest.raises(UsageError, match="'smooth' runs on the processor"):
        make_engine("smooth", device="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a card")
    assert choose_device("auto") == ("cuda:0", "the device is cuda:0 (a card), the first of 2 CUDA devices")
    assert choose_device("cuda:1") == ("cuda:1", None)
    assert choose_device("cpu") == ("cpu", None)
    assert [device_name(asked) for asked in ("auto", "cuda", "cuda:1", "cpu")] == [
        "cuda:0 (a card)", "cuda:0 (a card)", "cuda:1 (a card)", "cpu"
    ]  # fmt: skip
