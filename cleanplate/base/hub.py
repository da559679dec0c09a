"""Networks that are handed out as folders of two files on a public hub, and where such a folder may lie here.

`find_folder("sam2.1-hiera-tiny")` looks for a folder of that name where `CLEANPLATE_WEIGHTS` points, then in the cache.
What is not here is fetched by the library that runs the network, which checks what it receives.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cleanplate.base.errors import MissingWeightsError, UsageError
from cleanplate.base.weights import cache_folder

FILES = ("config.json", "model.safetensors")


@dataclass(frozen=True, kw_only=True)
class HubSpec:
    """One row of the table."""

    repository: str
    megabytes: int
    summary: str
    licence: str = "Apache-2.0"
    "SPDX name"


HUB: dict[str, HubSpec] = {
    "sam-vit-base": HubSpec(repository="facebook/sam-vit-base", megabytes=375, summary="SAM, the smallest"),
    "sam-vit-large": HubSpec(repository="facebook/sam-vit-large", megabytes=1250, summary="SAM, middle"),
    "sam-vit-huge": HubSpec(repository="facebook/sam-vit-huge", megabytes=2560, summary="SAM, the largest"),
    **{
        f"{release}-hiera-{size}": HubSpec(
            repository=f"facebook/{release}-hiera-{size}",
            megabytes=megabytes,
            summary=f"SAM {release.removeprefix('sam')}, {size}: pictures and video",
        )
        for release in ("sam2", "sam2.1")
        for size, megabytes in (("tiny", 156), ("small", 184), ("base-plus", 323), ("large", 898))
    },
}


def hub_spec(name: str) -> HubSpec:
    """The table's row of that name. Raises `UsageError` naming those there are."""
    if name not in HUB:
        raise UsageError(f"there is no model '{name}'; choose one of {', '.join(HUB)}")
    return HUB[name]


def check_release(name: str, releases: tuple[str, ...]) -> None:
    """Raise `UsageError` for a model that is not in the table, or whose name begins with none of these."""
    hub_spec(name)
    if not name.startswith(releases):
        fitting = ", ".join(one for one in HUB if one.startswith(releases))
        raise UsageError(f"the model '{name}' does not fit here; choose one of {fitting}")


def find_folder(name: str) -> Path | None:
    """The folder of a model on this machine that holds both files, or None."""
    own = os.environ.get("CLEANPLATE_WEIGHTS")
    places = [Path(own) / name] if own else []
    return next((p for p in (*places, cache_folder() / name) if all((p / file).is_file() for file in FILES)), None)


def is_offline() -> bool:
    """Whether the environment's `CLEANPLATE_OFFLINE` forbids downloads."""
    return os.environ.get("CLEANPLATE_OFFLINE", "") not in ("", "0")


def missing_model(name: str, why: str) -> MissingWeightsError:
    """The sentence for a model that is not here and cannot be fetched."""
    spec = HUB[name]
    return MissingWeightsError(
        f"the model '{name}' ({spec.megabytes} MB, {spec.licence}) is not on this machine and {why}; fetch "
        f"{' and '.join(FILES)} of {spec.repository} by other means and put them into {cache_folder() / name}, or "
        f"into a folder '{name}' where CLEANPLATE_WEIGHTS points"
    )
