"""Files of stored inputs and outputs, and the weights they were made with, which any program can make again.

`keys` in the file is JSON: each name of the published state_dict with its shape and kind. A weight is drawn from the
standard normal distribution by a generator seeded with the CRC-32 of its name, and scaled by its kind:

    matrix   gain * n / sqrt(product of shape[1:])
    scale    1 + 0.05 n              bias   0.02 n
    mean     0.05 n                  var    1 + 0.1 |n|
    keep     a constant of the network itself, which it has to bring
    stored   the file's own array `w/NAME`

`gain` is a number in the file, 1 if absent. Files of several networks name them `PREFIX:name`, with a `gain_PREFIX`
each; the prefix does not count for the seed.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import FailedError

if TYPE_CHECKING:
    import torch

    _Module = TypeVar("_Module", bound=torch.nn.Module)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weights of one network, or of several under `PREFIX:`."""

    name: str
    "the file's, for messages"
    arrays: Mapping[str, NDArray[np.float32]]
    kept: Mapping[str, tuple[int, ...]]
    "constants that the network itself brings: their shapes"

    def part(self, prefix: str) -> Weights:
        """Those of one network of several: the names that begin with `PREFIX:`, without it."""
        start = f"{prefix}:"
        return Weights(
            name=f"{self.name} {prefix}",
            arrays={k.removeprefix(start): v for k, v in self.arrays.items() if k.startswith(start)},
            kept={k.removeprefix(start): v for k, v in self.kept.items() if k.startswith(start)},
        )

    def load(self, module: _Module, *, rename: Callable[[str], str] = str, unused: Collection[str] = ()) -> _Module:
        """The module in evaluation mode with these weights, every published name in its place.

        rename, unused: as in `load_strictly`. Raises `FailedError` for names and shapes that do not fit.
        """
        import torch

        from cleanplate.base.checkpoint import load_strictly

        own = module.state_dict()
        given = {name: torch.from_numpy(array) for name, array in self.arrays.items()}
        for name, shape in self.kept.items():  # the network's own value, in the published shape: another one is told
            mine = own.get(rename(name))
            given[name] = mine if mine is not None and mine.shape == shape else torch.zeros(shape)
        load_strictly(module, given, name=self.name, rename=rename, unused=unused)
        return module.eval()


def read(path: Path) -> tuple[Weights, dict[str, NDArray[Any]]]:
    """A file's weights, and its inputs and outputs by name.

    Raises `FailedError` if it is not such a file, `OSError` if there is none.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        keys = json.loads(arrays.pop("keys").tobytes())
        weights = _make(path.stem, keys, arrays)
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise FailedError(f"'{path}' cannot be read as a file of stored inputs and outputs: {error}") from error
    is_weight = ("w/", "gain")
    return weights, {name: array for name, array in arrays.items() if not name.startswith(is_weight)}


def _make(name: str, keys: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Weights:
    made, kept = {}, {}
    for key, facts in keys.items():
        shape, kind = tuple(facts["shape"]), facts["kind"]
        if kind == "keep":
            kept[key] = shape
        elif kind == "stored":
            made[key] = np.ascontiguousarray(arrays[f"w/{key}"], np.float32)
        else:
            made[key] = _draw(key, shape, kind, arrays)
    return Weights(name=name, arrays=made, kept=kept)


def _draw(key: str, shape: tuple[int, ...], kind: str, arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    prefix, _, own = key.rpartition(":")
    n = np.random.default_rng(zlib.crc32(own.encode())).standard_normal(shape).astype(np.float32)
    if kind == "matrix":
        gain = arrays.get(f"gain_{prefix}", arrays.get("gain", np.float32(1)))
        strong = round(float(gain), 4) * n.astype(np.float64)
        return (strong / math.sqrt(math.prod(shape[1:]))).astype(np.float32)
    one, tenth, twentieth, fiftieth = (np.float32(value) for value in (1, 0.1, 0.05, 0.02))
    scaled = {
        "scale": lambda: one + twentieth * n,
        "bias": lambda: fiftieth * n,
        "mean": lambda: twentieth * n,
        "var": lambda: one + tenth * np.abs(n),
    }
    if kind not in scaled:
        raise ValueError(f"'{key}' is of the unknown kind '{kind}'")
    return scaled[kind]()
