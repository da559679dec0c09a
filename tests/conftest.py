"""Tiny networks with drawn weights, which stand for the published ones wherever only the way is to be tested."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cleanplate.base.weights import WEIGHTS


@pytest.fixture(scope="module")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of such weights under the published names; the networks are made as small while it is there."""
    torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
    from cleanplate.mask import track_deaot
    from cleanplate.mask.nets.deaot import DeAot, Sizes

    folder = tmp_path_factory.mktemp("weights")
    tiny = {"deaot-r50l": (track_deaot, "DeAot", lambda: DeAot(Sizes(stem=4, blocks=(1, 1, 1), d=16)))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_WEIGHTS", str(folder))
        for name, (module, attribute, build) in tiny.items():
            torch.manual_seed(1)
            path = folder / WEIGHTS[name].file
            torch.save({"state_dict": {f"module.{key}": value for key, value in build().state_dict().items()}}, path)
            content = path.read_bytes()
            row = replace(WEIGHTS[name], sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
            patch.setitem(WEIGHTS, name, row)
            patch.setattr(module, attribute, build)
        yield folder
    track_deaot._network.cache_clear()
