"""The parity bench itself, on a network of two layers whose outputs are worked out without torch."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from cleanplate.apps.cli.main import main
from cleanplate.base.errors import FailedError, UsageError
from cleanplate.bench.parity import table
from cleanplate.bench.parity.compare import bench_parity
from cleanplate.bench.parity.recipe import read

KEYS = {
    "lin.weight": {"shape": [3, 4], "kind": "matrix"},
    "lin.bias": {"shape": [3], "kind": "bias"},
    "norm.weight": {"shape": [3], "kind": "scale"},
    "steps": {"shape": [2], "kind": "keep"},
}


class Small(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = torch.nn.Linear(4, 3)
        self.norm = torch.nn.Module()
        self.norm.weight = torch.nn.Parameter(torch.zeros(3))
        self.register_buffer("steps", torch.tensor([1.0, 2.0]))


def run(weights, inputs):
    net = weights.load(Small())
    with torch.inference_mode():
        y = net.lin(torch.from_numpy(inputs["x"])) * net.norm.weight * net.steps.sum()
    return {"y": y.numpy(), "classes": y.numpy().argmax(-1)}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    row = table.Network(where=f"{__name__}:run", outputs=("y",), labels=("classes",))
    monkeypatch.setitem(table.NETWORKS, "small", row)


def normal(name: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)


def stored(path: Path, keys=KEYS, error=0.0, **more) -> Path:
    x = np.arange(20, dtype=np.float32).reshape(5, 4) / 20
    weight, bias = 1.7 * normal("lin.weight", 3, 4) / 2.0, 0.02 * normal("lin.bias", 3)
    y = (x @ weight.T + bias) * (1 + 0.05 * normal("norm.weight", 3)) * 3
    coded = np.frombuffer(json.dumps(keys).encode(), np.uint8)
    np.savez(path, keys=coded, gain=np.float32(1.7), x=x, y=(y + error).astype(np.float32), **more)
    return path


def test_a_network_that_agrees(tmp_path):
    (found,) = bench_parity([stored(tmp_path / "small_5x4.npz")])
    assert found.is_good
    assert found.largest < 1e-6
    assert (found.output, found.shape) == ("y", (5, 3))


def test_a_network_that_does_not(tmp_path, capsys):
    path = stored(tmp_path / "small.npz", error=2e-4, classes=np.full(5, 7))
    far, wrong = bench_parity([path])
    assert not far.is_good
    assert far.largest == pytest.approx(2e-4, rel=0.05)
    assert wrong.largest == 1
    with pytest.raises(SystemExit) as left:
        main(["bench", "parity", str(path)])
    assert left.value.code == 1
    assert "TOO FAR" in capsys.readouterr().out


def test_the_name_decides(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["bench", "parity", str(tmp_path / "smaller_5x4.npz")])
    assert left.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "'smaller_5x4.npz' begins with no network's name; the networks are deaot, e2fgvi_hq" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lin.bias": None}, "lack lin.bias"),
        ({"lin.more": {"shape": [2], "kind": "bias"}}, "have unknown lin.more"),
        ({"norm.weight": {"shape": [4], "kind": "scale"}}, "in another shape norm.weight"),
        ({"steps": {"shape": [3], "kind": "keep"}}, "in another shape steps"),
        ({"lin.bias": {"shape": [3], "kind": "odd"}}, "unknown kind 'odd'"),
    ],
)
def test_names_and_shapes_are_strict(tmp_path, change, said):
    keys = {name: facts for name, facts in {**KEYS, **change}.items() if facts}
    with pytest.raises(FailedError, match=said):
        bench_parity([stored(tmp_path / "small.npz", keys)])


def test_several_networks_in_one_file(tmp_path):
    keys = {f"A:{name}": facts for name, facts in KEYS.items()}
    weights, _ = read(stored(tmp_path / "small.npz", keys, gain_A=np.float32(2.4)))
    part = weights.part("A")
    assert list(part.kept) == ["steps"]
    np.testing.assert_allclose(part.arrays["lin.weight"], 2.4 * normal("lin.weight", 3, 4) / 2, rtol=1e-6)


def test_files_that_are_none(tmp_path):
    (tmp_path / "small.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(FailedError, match="cannot be read"):
        bench_parity([tmp_path / "small.npz"])
    with pytest.raises(UsageError, match="begins with no network"):
        bench_parity([tmp_path / "else.npz"])


@pytest.mark.skipif("CLEANPLATE_PARITY" not in os.environ, reason="CLEANPLATE_PARITY names no folder of stored outputs")
@pytest.mark.parametrize("network", list(table.NETWORKS))
def test_every_network_of_the_table(network):
    files = sorted(Path(os.environ["CLEANPLATE_PARITY"]).glob(f"{network}_*.npz"))
    assert files
    for found in bench_parity(files):
        assert found.is_good, found
