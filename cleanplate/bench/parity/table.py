"""The networks that have stored outputs of the published code, by what the names of those files begin with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.table import load
from cleanplate.bench.parity.recipe import Weights

Arrays = Mapping[str, NDArray[Any]]
Run = Callable[[Weights, Arrays], Arrays]
"the network's weights and the stored inputs -> its outputs, under the names they are stored by"

TOLERANCES = {"outputs": 1e-4, "features": 3e-4, "labels": 1e-3}


@dataclass(frozen=True, kw_only=True)
class Network:
    """One row: how a network is run, and how each of its stored outputs is judged. Their names may be patterns."""

    where: str
    "module:function, a `Run`, imported when used"
    outputs: tuple[str, ...]
    "judged by the largest difference: at most 1e-4"
    features: tuple[str, ...] = ()
    "large values within the network, judged against the largest of them: at most 3e-4 of it"
    labels: tuple[str, ...] = ()
    "classes, judged by the share of pixels that differ: at most 1e-3, for ties fall either way"

    def kind_of(self, name: str) -> str | None:
        """Which of the three an array of that name is, as a key of `TOLERANCES`; None = an input."""
        for kind in TOLERANCES:
            if any(fnmatchcase(name, pattern) for pattern in getattr(self, kind)):
                return kind
        return None

    def run(self, weights: Weights, inputs: Arrays) -> Arrays:
        """The network's outputs. Raises `MissingExtraError` where torch is not installed."""
        run: Run = load(self.where, "neural")
        return run(weights, inputs)


NETWORKS: dict[str, Network] = {
    "deaot": Network(
        where="cleanplate.bench.parity.deaot:run",
        outputs=("enc_*", "id_embedding_ref", "lstt_*", "short_*", "[ab]_logits4x_*"),
        labels=("[ab]_label_*",),
    ),
    "e2fgvi_hq": Network(
        where="cleanplate.bench.parity.e2fgvi_hq:run", outputs=("output", "flow_forward", "flow_backward")
    ),
    "raft": Network(where="cleanplate.bench.parity.raft:run", outputs=("flow", "flow_low")),
    "recurrent_flow_completion": Network(
        where="cleanplate.bench.parity.recurrent_flow_completion:run",
        outputs=("completed_forward", "completed_backward"),
    ),
    "propainter": Network(
        where="cleanplate.bench.parity.propainter:run", outputs=("propagated", "updated_masks", "output")
    ),
}


def network_of(path: Path) -> Network:
    """The row whose name the file's name begins with. Raises `UsageError` naming those there are."""
    fitting = [name for name in NETWORKS if path.stem == name or path.stem.startswith(f"{name}_")]
    if not fitting:
        raise UsageError(f"'{path.name}' begins with no network's name; the networks are {', '.join(NETWORKS)}")
    return NETWORKS[max(fitting, key=len)]
