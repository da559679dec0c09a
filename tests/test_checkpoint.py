"""Checkpoints from strangers: what is read, and what is refused."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from cleanplate.base.checkpoint import load_strictly, read_checkpoint
from cleanplate.base.errors import FailedError


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.bn = torch.nn.BatchNorm2d(4)


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return Small().state_dict()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: w,
        lambda w: {"state_dict": w, "epoch": 3},
        lambda w: {"netG": {f"module.{name}": value for name, value in w.items()}},
        lambda w: {f"generator.{name}": value for name, value in w.items()},
        lambda w: {"generator": w, "discriminator": {}},
        lambda w: {"model": {"state_dict": {f"module.{name}": value for name, value in w.items()}}},
    ],
)
def test_wrappers_are_taken_off(wrap, tmp_path: Path):
    torch.save(wrap(weights()), tmp_path / "a.pth")
    found = read_checkpoint(tmp_path / "a.pth")
    assert found.keys() == weights().keys()
    net = Small()
    load_strictly(net, found, name="small")
    assert torch.equal(net.conv.weight, weights()["conv.weight"])


def test_files_of_old_versions_and_safetensors_are_read(tmp_path: Path):
    torch.save(weights(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(read_checkpoint(tmp_path / "old.pth")["bn.bias"], weights()["bn.bias"])
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed (extra 'neural')")
    safetensors.save_file(weights(), tmp_path / "new.safetensors")
    assert torch.equal(read_checkpoint(tmp_path / "new.safetensors")["conv.weight"], weights()["conv.weight"])
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "new.safetensors").read_bytes()[:100])
    with pytest.raises(FailedError, match=r"cut\.safetensors"):
        read_checkpoint(tmp_path / "cut.safetensors")


class Bomb:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path):
    torch.save({"a": Bomb(tmp_path / "hit")}, tmp_path / "bomb.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"a": Bomb(tmp_path / "hit")}))
    for name in ("bomb.pth", "plain.pth"):
        with pytest.raises(FailedError, match=r"more than weights|cannot be read"):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "hit").exists()


def test_torchscript_is_refused(tmp_path: Path):
    torch.jit.save(torch.jit.trace(torch.nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8)), str(tmp_path / "script.pt"))
    with pytest.raises(FailedError, match="TorchScript"):
        read_checkpoint(tmp_path / "script.pt")


def test_damaged_and_foreign_files_get_a_sentence(tmp_path: Path):
    torch.save(weights(), tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    for name, held in {
        "cut.pth": content[: len(content) // 2],
        "empty.pth": b"",
        "text.pth": b"<html>not found</html>",
        "zeros.pth": bytes(5000),
    }.items():
        (tmp_path / name).write_bytes(held)
        with pytest.raises(FailedError, match=name):
            read_checkpoint(tmp_path / name)
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(FailedError, match="no weights by name"):
        read_checkpoint(tmp_path / "list.pth")
    torch.save({"lr": 0.1}, tmp_path / "number.pth")
    with pytest.raises(FailedError, match="'lr', which is no tensor"):
        read_checkpoint(tmp_path / "number.pth")
    torch.save({"a": torch.zeros(4).to_sparse()}, tmp_path / "sparse.pth")
    with pytest.raises(FailedError, match="'a' in a form without plain numbers"):
        read_checkpoint(tmp_path / "sparse.pth")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("is_zip", [True, False])
def test_bytes_changed_at_random_never_give_anything_but_a_sentence(is_zip: bool, tmp_path: Path):
    torch.save(weights(), tmp_path / "whole.pth", _use_new_zipfile_serialization=is_zip)
    whole = (tmp_path / "whole.pth").read_bytes()
    rng = np.random.default_rng(0)
    said = []
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.choice([1, 5, 30])):
            content[place] = rng.integers(256)
        (tmp_path / "a.pth").write_bytes(content[: rng.integers(len(whole))] if rng.random() < 0.2 else content)
        try:
            load_strictly(Small(), read_checkpoint(tmp_path / "a.pth"), name="small")
        except FailedError as error:
            said.append(str(error))
    assert len(said) > 30
    assert not [sentence for sentence in said if "\n" in sentence]


def test_a_small_file_that_unfolds_is_refused(tmp_path: Path):
    torch.save(weights(), tmp_path / "whole.pth")
    with zipfile.ZipFile(tmp_path / "whole.pth") as whole:
        content = {entry.filename: whole.read(entry) for entry in whole.infolist()}
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb:
        for name, held in content.items():
            bomb.writestr(name, bytes(3_000_000) if "/data/" in name else held)
    with pytest.raises(FailedError, match=r"bomb\.pth' is compressed"):
        read_checkpoint(tmp_path / "bomb.pth")


def test_loading_is_strict_and_names_what_does_not_fit():
    good = weights()
    missing = {name: value for name, value in good.items() if name != "conv.bias"}
    extra = {**good, "fc.weight": torch.zeros(2)}
    wrong = {**good, "conv.weight": torch.zeros(4, 3, 5, 5)}
    for given, sentence in (
        (missing, r"lack conv\.bias"),
        (extra, r"unknown fc\.weight"),
        (wrong, r"\(4, 3, 5, 5\) for \(4, 3, 3, 3\)"),
    ):
        with pytest.raises(FailedError, match=sentence):
            load_strictly(Small(), given, name="small")
    load_strictly(Small(), extra, name="small", unused=("fc.",))
    renamed = {name.replace("conv", "convolution"): value for name, value in good.items()}
    load_strictly(Small(), renamed, name="small", rename=lambda name: name.replace("convolution", "conv"))
    old = {name: value for name, value in good.items() if "num_batches_tracked" not in name}
    load_strictly(Small(), old, name="small")
