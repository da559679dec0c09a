"""Runs a network on stored inputs and says how far its outputs are from the stored ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import FailedError
from cleanplate.bench.parity.recipe import read
from cleanplate.bench.parity.table import TOLERANCES, Network, network_of


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One stored output beside ours."""

    file: str
    output: str
    shape: tuple[int, ...]
    largest: float
    "the largest difference; of features in parts of the largest value, of labels the share of pixels that differ"
    tolerance: float
    cpu_seconds: float
    "of the whole run of the network"

    @property
    def is_good(self) -> bool:
        return self.largest <= self.tolerance  # False for NaN


def bench_parity(files: Sequence[Path]) -> list[Difference]:
    """Every stored output of these files beside that of the network which the file's name begins with.

    Raises `UsageError` for a file of no known network, `MissingExtraError` without torch, `FailedError` for a file
    that cannot be read or whose weights do not fit.
    """
    networks = [network_of(path) for path in files]  # all names first: a run takes seconds
    return [difference for path, network in zip(files, networks, strict=True) for difference in _compare(path, network)]


def _compare(path: Path, network: Network) -> list[Difference]:
    weights, arrays = read(path)
    kinds = {name: kind for name in arrays if (kind := network.kind_of(name)) is not None}
    if not kinds:
        known = (*network.outputs, *network.features, *network.labels)
        raise FailedError(f"'{path}' holds no output to compare with; it may hold {', '.join(known)}")
    started = time.process_time()
    try:
        found = network.run(weights, arrays)
    except KeyError as error:
        raise FailedError(f"'{path}' lacks the input {error}") from error
    spent = time.process_time() - started
    if strange := [name for name in kinds if name not in found]:
        raise FailedError(f"'{path}' holds the output '{strange[0]}', which this network does not give")
    return [
        Difference(
            file=path.name,
            output=name,
            shape=arrays[name].shape,
            largest=_largest(name, kind, np.asarray(found[name]), arrays[name]),
            tolerance=TOLERANCES[kind],
            cpu_seconds=spent,
        )
        for name, kind in kinds.items()
    ]


def _largest(name: str, kind: str, found: NDArray[Any], expected: NDArray[Any]) -> float:
    if found.shape != expected.shape:
        raise FailedError(f"the output '{name}' has the shape {found.shape}, but {expected.shape} is stored")
    if kind == "labels":
        return float((found != expected).mean())
    largest = float(np.abs(found.astype(np.float64) - expected).max())
    return largest / float(np.abs(expected).max()) if kind == "features" else largest
