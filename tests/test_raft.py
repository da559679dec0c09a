"""RAFT as an estimator: sizes, pairs, where the weights come from. That the network is the published one: parity."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from test_track_bench import ours

from cleanplate import remove
from cleanplate.base.errors import FailedError, MissingWeightsError, UsageError
from cleanplate.base.types import Clip, Prompt
from cleanplate.bench.parity.drawn import drawn, store
from cleanplate.bench.track.run import bench_track
from cleanplate.mask.tracker import make_tracker, track
from cleanplate.motion import raft
from cleanplate.motion.estimator import make_estimator
from cleanplate.motion.nets.raft import CorrelationPyramid, Raft, upsample_convex
from cleanplate.paint.engine import make_engine


@pytest.fixture(scope="module")
def network():
    return drawn(Raft())


@pytest.fixture
def known_weights(tmp_path, monkeypatch):
    """The folder that CLEANPLATE_WEIGHTS names, with drawn weights of RAFT."""
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    path = store(tmp_path, "raft")
    raft.load_raft.cache_clear()
    yield path
    raft.load_raft.cache_clear()


def pictures(count: int, height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(5)
    return random.integers(0, 256, (count, height, width, 3)).astype(np.uint8)


def test_a_size_that_no_network_takes_is_filled_up_and_cut_again(known_weights, network):
    images = pictures(2, 133, 150)
    found = make_estimator("raft", iterations=2).between(images, (1,), (0,))
    assert found.xy.shape == (1, 133, 150, 2)
    padded = np.pad(images, ((0, 0), (0, 3), (0, 2), (0, 0)), mode="edge")
    first, second = torch.from_numpy(padded.astype(np.float32) / 255 * 2 - 1).permute(0, 3, 1, 2)[:, None]
    with torch.inference_mode():
        _, truth = network(second, first, 2)
    np.testing.assert_allclose(found.xy[0], truth[0, :, :133, :150].permute(1, 2, 0), atol=1e-5)
    assert np.abs(found.xy).max() > 1e-3


@pytest.mark.parametrize(("height", "width"), [(1, 1), (9, 200), (64, 40)])
def test_small_pictures(known_weights, height, width):
    found = make_estimator("raft", iterations=1).between(pictures(2, height, width), (0, 1), (1, 0))
    assert found.xy.shape == (2, height, width, 2)
    assert np.isfinite(found.xy).all()


def test_gray_deep_and_colour_pictures_are_seen_alike(known_weights):
    estimator = make_estimator("raft", iterations=1)
    gray = pictures(2, 128, 128)[..., 0]
    truth = estimator.between(gray, (0,), (1,))
    for same in (np.repeat(gray[..., None], 3, 3), gray.astype(np.uint16) * 257):
        np.testing.assert_allclose(estimator.between(same, (0,), (1,)).xy, truth.xy, atol=1e-5)
    with pytest.raises(ValueError, match="1 sources but 2 targets"):
        estimator.between(gray, (0,), (1, 0))


def test_points_that_look_alike_are_found_where_they_went():
    """The pyramid against a search by hand, in the order of the published checkpoint: x slowly, y fast."""
    random = torch.Generator().manual_seed(1)
    features = torch.randn(1, 256, 16, 16, generator=random)
    moved = features.roll((2, -3), (2, 3))  # what was at (x, y) is now at (x - 3, y + 2)
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    found = CorrelationPyramid(features, moved).look_up(torch.stack([columns, rows])[None])
    alike = found[0, :81, 5:11, 5:11].argmax(0)
    assert (alike // 9 - 4 == -3).all()
    assert (alike % 9 - 4 == 2).all()
    halved = torch.nn.functional.avg_pool2d(moved, 2)
    product = (features[0, :, 8, 6] * halved[0, :, 4, 3]).sum() / 16
    assert found[0, 81 + 40, 8, 6] == pytest.approx(float(product), abs=1e-4)  # level 1, no shift, at (8, 6) / 2
    assert found[0, 0, 0, 0] == 0  # beyond the picture


def test_upsampling_takes_the_neighbour_that_it_is_told_to():
    flow = torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(1))
    weights = torch.full((1, 9, 8, 8, 3, 4), -100.0)
    weights[:, 4] = 0
    weights[:, 4, 7, 2] = -100
    weights[:, 5, 7, 2] = 0  # of row 7, column 2 in each block of 8x8: the neighbour to the right
    fine = upsample_convex(flow, weights.flatten(1, 3))
    assert fine.shape == (1, 2, 24, 32)
    assert torch.allclose(fine[0, :, 8 * 1 + 3, 8 * 2 + 2], 8 * flow[0, :, 1, 2])
    assert torch.allclose(fine[0, :, 8 * 1 + 7, 8 * 2 + 2], 8 * flow[0, :, 1, 3])
    assert fine[0, :, 7, 26].abs().max() < 1e-30  # zeros beyond the edge


def test_the_shortcut_is_normalised_by_the_name_that_is_loaded_last():
    network = drawn(Raft())
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state["cnet.layer2.0.norm3.weight"] += 1
    network.load_state_dict(state)
    assert torch.equal(network.cnet.layer2[0].norm3.weight, state["cnet.layer2.0.downsample.1.weight"])


def clip() -> Clip:
    y, x = np.mgrid[:64, :96]
    images = np.stack(
        [np.stack([128 + 90 * np.sin((x + 3 * t) / (4 + c) + y / 7) for c in range(3)], -1) for t in range(3)]
    )
    holes = np.zeros(images.shape[:3], bool)
    holes[:, 20:36, 40:60] = True
    images = np.where(holes[..., None], 0, np.rint(images)).astype(np.uint8)
    return Clip(images=images, holes=holes)


def test_flowfill_by_raft(known_weights):
    engine = make_engine("flowfill", {"flow": "raft", "iterations": 1, "quality": "fast"})
    first, again = (
        engine.fill(clip()),
        make_engine("flowfill", {"flow": "raft", "iterations": 1, "quality": "fast"}).fill(clip()),
    )
    assert np.array_equal(first.images, again.images)
    by_dis = make_engine("flowfill", {"quality": "fast"}).fill(clip())
    assert not np.array_equal(first.images, by_dis.images)


@pytest.mark.parametrize("name", ["flow", "warp"])
def test_trackers_by_raft(known_weights, name):
    shown = clip()
    prompt = Prompt(index=0, hole=shown.holes[0])
    tracker = make_tracker(name, {"flow": "raft", "iterations": 1})
    found = [tracked.labels for _, tracked in track(tracker, enumerate(shown.images), [prompt])]
    assert len(found) == 3
    assert np.array_equal(found[0] == 1, shown.holes[0])


def test_what_cannot_be_asked(known_weights, monkeypatch):
    with pytest.raises(UsageError, match=r"no flow estimator 'craft'; choose one of dis, raft"):
        make_engine("flowfill", {"flow": "craft"})
    with pytest.raises(UsageError, match="iterations is 0"):
        make_tracker("warp", {"flow": "raft", "iterations": 0})
    known_weights.unlink()
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    with pytest.raises(MissingWeightsError, match="weights 'raft'"):
        make_engine("flowfill", {"flow": "raft"})


def test_weights_that_are_not_raft_s(known_weights):
    torch.save({"state_dict": {"module.fnet.conv1.weight": torch.zeros(64, 3, 7, 7)}}, known_weights)
    raft.load_raft.cache_clear()
    with pytest.raises(FailedError, match=r"they lack fnet.conv1.bias, .* and 1[0-9][0-9] more"):
        make_estimator("raft")


def test_the_bench_of_trackers_takes_options(known_weights, tmp_path):
    data, out = ours(tmp_path / "data"), tmp_path / "out"
    asked = {"output": out, "trackers": ("warp",), "workers": 1}
    report = bench_track(data, **asked, options={"warp": {"flow": "raft", "iterations": 1}})
    assert report.trackers["warp"]["options"] == {"flow": "raft", "iterations": 1}
    assert bench_track(data, **asked, options={"warp": {"flow": "raft", "iterations": 1}}).reused == 1
    assert bench_track(data, **asked).reused == 0  # another flow is another result
    with pytest.raises(UsageError, match="options were given for 'flow', which is not among the trackers warp"):
        bench_track(data, **asked, options={"flow": {}})
    with pytest.raises(UsageError, match="tracker 'warp' has no option 'flows'"):
        bench_track(data, **asked, options={"warp": {"flows": "raft"}})


def test_a_job_chooses_its_estimator(tmp_path):
    with pytest.raises(UsageError, match="no flow estimator 'magic'; choose one of dis, raft"):
        remove("in.mp4", box=(0, 0, 8, 8), output=tmp_path / "out.mp4", flow="magic")
