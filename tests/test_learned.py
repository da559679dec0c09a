"""LPIPS, VFID and FVD with deterministic weights, read from files as the real ones are."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from cleanplate.base import weights as weights_module
from cleanplate.base.errors import FailedError, MissingExtraError
from cleanplate.base.weights import WEIGHTS, WeightSpec
from cleanplate.bench.metrics import learned
from cleanplate.bench.metrics.metric import Setup, make_metric
from cleanplate.bench.nets.i3d import I3D, pad_same
from cleanplate.bench.nets.lpips import Heads, Lpips, alexnet, vgg16
from cleanplate.bench.score import score
from cleanplate.bench.synth import Scene, render

CLIP_METRICS = ["vfid", "fvd"]


def drawn(module: torch.nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Weights of that seed: convolutions keep the strength of what passes, heads weigh channels by 0-1."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, value in module.state_dict().items():
        if value.ndim > 1:
            spread = (2.0 / value[0].numel()) ** 0.5
            found[name] = spread * torch.randn(value.shape, generator=generator)
        else:
            found[name] = value.clone()
    return found


def put(place: Path, name: str, tensors: dict[str, torch.Tensor]) -> WeightSpec:
    """The weights' row for a file of these tensors, which now lies in the folder."""
    spec = WEIGHTS[name]
    torch.save(tensors, place / spec.file)
    content = (place / spec.file).read_bytes()
    return replace(spec, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory):
    """A folder of weights under the published names, in place of the published ones."""
    place = tmp_path_factory.mktemp("weights")
    patch = pytest.MonkeyPatch()
    patch.setenv("CLEANPLATE_WEIGHTS", str(place))
    for seed, (long, short, backbone) in enumerate((("alexnet", "alex", alexnet()), ("vgg16", "vgg", vgg16()))):
        features = {**drawn(backbone, seed), "classifier.1.weight": torch.zeros(3)}
        patch.setitem(WEIGHTS, long, put(place, long, features))
        heads = {key: value.abs() for key, value in drawn(Heads(backbone.widths), 10 + seed).items()}
        patch.setitem(WEIGHTS, f"lpips-{short}", put(place, f"lpips-{short}", heads))
    patch.setitem(WEIGHTS, "i3d", put(place, "i3d", drawn(I3D(), 5)))
    # Small pictures for speed.
    patch.setattr(learned.Vfid, "size_px", (210, 196))
    patch.setattr(learned.Fvd, "size_px", (196, 196))
    yield place
    patch.undo()
    learned._lpips_net.cache_clear()
    learned._i3d_net.cache_clear()


@pytest.fixture(scope="module")
def scene() -> Scene:
    return render("pan", width_px=96, height_px=80, frames=16)


def noise(images: NDArray[np.uint8], levels: float) -> NDArray[np.uint8]:
    drawn_noise = np.random.default_rng(0).standard_normal(images.shape)
    return np.clip(np.rint(images + levels * drawn_noise), 0, 255).astype(np.uint8)


def blur(images: NDArray[np.uint8], deviation_px: float) -> NDArray[np.uint8]:
    return gaussian_filter(images, (0, deviation_px, deviation_px, 0))


@pytest.mark.parametrize("name", ["lpips-alex", "lpips-vgg"])
def test_lpips_is_a_distance_that_grows_with_damage(name: str, scene: Scene):
    truth, holes = scene.plate[:2], scene.holes[:2]
    assert score(truth, truth, holes, metrics=[name])[name].value == 0.0
    for damage, steps in ((noise, (2, 8, 30)), (blur, (0.5, 1, 3))):
        rows = [score(damage(truth, step), truth, holes, metrics=[name]) for step in steps]
        for key in (name, f"{name}(hole)"):
            values = [row[key].value for row in rows]
            assert 0 < values[0] < values[1] < values[2], (damage.__name__, key)
    result = noise(truth, 12)
    there, back = (score(*pair, holes, metrics=[name])[name].value for pair in ((result, truth), (truth, result)))
    assert there == pytest.approx(back, rel=1e-5)


def test_lpips_in_the_hole_sees_the_hole(scene: Scene):
    truth = scene.plate[:1]
    holes = np.zeros(truth.shape[:3], bool)
    holes[:, 10:40, 10:40] = True
    inside, outside = truth.copy(), truth.copy()
    inside[:, 15:35, 15:35] = noise(truth, 40)[:, 15:35, 15:35]
    outside[:, 55:75, 70:90] = noise(truth, 40)[:, 55:75, 70:90]
    near, far = (score(one, truth, holes, metrics=["lpips-vgg"]) for one in (inside, outside))
    assert near["lpips-vgg(hole)"].value > 4 * far["lpips-vgg(hole)"].value
    assert near["lpips-vgg(hole)"].value > 2 * near["lpips-vgg"].value


def test_lpips_by_its_formula(folder: Path):
    # Stage by stage in numpy, from the network's features.
    net = learned._lpips_net("alexnet", "lpips-alex", alexnet, *learned._paths("alexnet", "lpips-alex"))
    generator = torch.Generator().manual_seed(3)
    a, b = (torch.rand(1, 3, 70, 90, generator=generator) * 2 - 1 for _ in range(2))
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    with torch.inference_mode():
        found, spread = net(a, b)
        moved = (((one.numpy() - shift[:, None, None]) / scale[:, None, None]).astype(np.float32) for one in (a, b))
        sides = [list(net.backbone(torch.from_numpy(one))) for one in moved]
    want = 0.0
    for k, (one, two) in enumerate(zip(*sides, strict=True)):
        x, y = (side[0].numpy().astype(np.float64) for side in (one, two))
        x, y = (side / (np.sqrt((side**2).sum(axis=0)) + 1e-10) for side in (x, y))
        weight = getattr(net.heads, f"lin{k}")["model"][1].weight[0, :, 0, 0].detach().numpy()
        want += (((x - y) ** 2) * weight[:, None, None]).sum(axis=0).mean()
    assert float(found) == pytest.approx(want, rel=1e-4)
    assert spread.shape == (1, 70, 90)
    assert isinstance(net, Lpips)


@pytest.mark.parametrize("name", CLIP_METRICS)
def test_clip_distances_grow_with_damage(name: str, scene: Scene):
    truth = scene.plate if name == "fvd" else scene.plate[:9]
    rows = [score(one, truth, metrics=[name])[name] for one in (truth, noise(truth, 8), noise(truth, 60))]
    values = [row.value for row in rows]
    assert values[0] == pytest.approx(0, abs=1e-9)
    assert values[0] < values[1] < values[2]
    assert rows[1].frames == len(truth)
    assert "only the means are compared" in rows[1].note
    if name == "vfid":
        swapped = score(truth, noise(truth, 8), metrics=[name])[name].value
        assert swapped == pytest.approx(values[1], rel=1e-5)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch):
    """In place of I3D something quick that tells clips apart: their brightness, and its square."""

    def net(clip: torch.Tensor) -> torch.Tensor:
        mean = clip.mean()
        return torch.cat([mean.view(1, 1), (mean**2).view(1, 1), torch.zeros(1, 398)], dim=1)

    monkeypatch.setattr(learned, "_i3d_net", lambda _: net)


def test_features_are_one_vector_a_clip_or_one_each_16_frames(scene: Scene, cheap: None):
    long = np.concatenate([scene.plate, scene.plate[:9]])
    scores = score(noise(long, 9), long, metrics=CLIP_METRICS)
    assert [side.shape for side in scores.features["vfid"]] == [(1, 400), (1, 400)]
    assert [side.shape for side in scores.features["fvd"]] == [(1, 400), (1, 400)]
    assert scores["vfid"].frames == 25
    assert scores["fvd"].frames == 16  # nine are left over
    short = score(scene.plate[:5], scene.plate[:5], metrics=CLIP_METRICS)
    assert short["fvd"].value is None
    assert "16 frames" in short["fvd"].note
    assert short["vfid"].value == pytest.approx(0, abs=1e-9)


def test_long_clips_go_in_parts_weighted_by_their_length(scene: Scene, cheap: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(learned.Vfid, "frames", 12)
    mixed = score(scene.plate, scene.plate, metrics=["vfid"]).features["vfid"][0][0]
    parts = [score(one, one, metrics=["vfid"]).features["vfid"][0][0] for one in (scene.plate[:12], scene.plate[12:])]
    np.testing.assert_allclose(mixed, (12 * parts[0] + 4 * parts[1]) / 16, rtol=1e-5, atol=1e-6)


def test_i3d_has_the_published_names_and_sizes():
    units = ["Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"]
    for block in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"):
        units += [f"Mixed_{block}.{branch}" for branch in ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")]
    kinds = ("conv3d.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked")
    names = {f"{unit}.{kind}" for unit in units for kind in kinds} | {"logits.conv3d.weight", "logits.conv3d.bias"}
    state = I3D().state_dict()
    assert set(state) == names
    assert state["Conv3d_1a_7x7.conv3d.weight"].shape == (64, 3, 7, 7, 7)
    assert state["Mixed_4f.b2b.conv3d.weight"].shape == (128, 32, 3, 3, 3)
    # 12.3 million for Inception-v1 in three dimensions (12 M in the paper) and 0.41 million for 400 classes.
    assert sum(value.numel() for value in I3D().parameters()) == 12_287_264 + 400 * (1024 + 1)
    # The published file, without the counters: four bytes a number and about 0.1 kB for each name.
    numbers = [value.numel() for name, value in state.items() if not name.endswith("tracked")]
    assert 50 < (50_883_138 - 4 * sum(numbers)) / len(numbers) < 200


def test_i3d_averages_its_logits_over_time_and_space():
    net = I3D().eval()
    net.load_state_dict(drawn(net, 5))
    clip = torch.rand(1, 3, 9, 200, 230, generator=torch.Generator().manual_seed(1))
    seen: list[torch.Tensor] = []
    net.logits.register_forward_hook(lambda _, __, out: seen.append(out))
    with torch.inference_mode():
        found = net(clip)
    # 9 frames halve to 5, 3, 2 and then fill one window of 2; 200 and 230 px become 7 and 8.
    assert seen[0].shape == (1, 400, 1, 1, 2)
    np.testing.assert_allclose(found[0].numpy(), seen[0][0].mean(dim=(1, 2, 3)).numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(7, 3, 2), (8, 3, 2), (9, 7, 2), (10, 7, 2), (5, 1, 1), (6, 3, 1)]
)
def test_same_padding_is_tensorflows(size: int, kernel: int, stride: int):
    # TensorFlow's guide: total = max((ceil(n/s) - 1) s + k - n, 0), half of it (rounded down) before.
    clip = torch.ones(1, 1, size, 4, 4)
    padded = pad_same(clip, (kernel, 1, 1), (stride, 1, 1))[0, 0, :, 0, 0]
    steps = int(np.ceil(size / stride))
    total = max((steps - 1) * stride + kernel - size, 0)
    assert len(padded) == size + total
    assert int(padded.argmax()) == total // 2
    assert (len(padded) - kernel) // stride + 1 == steps


def test_weights_of_another_network_are_refused(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    for name in ("alexnet", "lpips-alex"):
        monkeypatch.setitem(WEIGHTS, name, put(tmp_path, name, drawn(alexnet(), 0)))
    with pytest.raises(FailedError, match=r"lpips-alex.*lack lin0\.model\.1\.weight"):
        score(scene.plate[:1], scene.plate[:1], metrics=["lpips-alex"])


def test_without_torch_a_metric_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "cleanplate.bench.metrics.learned")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"torch.*cleanplate\[neural\]"):
        make_metric("fvd", Setup(has_truth=True, has_holes=False))


def test_missing_weights_are_said_in_the_row(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(weights_module, "cache_folder", lambda: tmp_path)
    scores = score(scene.plate[:2], scene.plate[:2], metrics=["lpips-vgg", "fvd"])
    assert [row.value for row in scores.rows] == [None, None]
    assert "needs weights: vgg16" in scores["lpips-vgg"].note
    assert "cleanplate weights get i3d" in scores["fvd"].note
