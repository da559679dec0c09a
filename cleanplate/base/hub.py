"""Networks that are handed out as folders of a few files on a public hub, and where such a folder may lie here.

`find_folder("sam2.1-hiera-tiny")` looks for a folder of that name where `CLEANPLATE_WEIGHTS` points, then in the cache.
What is not here is fetched by the library that runs the network, which checks what it receives.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cleanplate.base.errors import MissingWeightsError, UsageError
from cleanplate.base.precision import MixedOptions
from cleanplate.base.table import choose
from cleanplate.base.weights import cache_folder, folders

SAM, SAM2, GROUNDING_DINO = ("sam-",), ("sam2-", "sam2.1-"), ("grounding-dino-",)
"what names of models begin with, by what they are"


@dataclass(frozen=True, kw_only=True)
class HubSpec:
    """One row of the table."""

    repository: str
    megabytes: int
    summary: str
    files: tuple[str, ...] = ("config.json", "model.safetensors")
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
        for release in (one.removesuffix("-") for one in SAM2)
        for size, megabytes in (("tiny", 156), ("small", 184), ("base-plus", 323), ("large", 898))
    },
    **{
        f"grounding-dino-{size}": HubSpec(
            repository=f"IDEA-Research/grounding-dino-{size}",
            megabytes=megabytes,
            summary=f"Grounding DINO, {size}: finds what words name",
            files=("config.json", "model.safetensors", "tokenizer.json"),
        )
        for size, megabytes in (("tiny", 690), ("base", 933))
    },
}


def models_of(releases: tuple[str, ...]) -> tuple[str, ...]:
    """The table's rows whose names begin with one of these."""
    return tuple(name for name in HUB if name.startswith(releases))


def hub_spec(name: str) -> HubSpec:
    """The table's row of that name. Raises `UsageError` naming those there are."""
    return choose(HUB, name, "model")


def check_release(name: str, releases: tuple[str, ...]) -> None:
    """Raise `UsageError` for a model that is not in the table, or whose name begins with none of these."""
    hub_spec(name)
    if name not in models_of(releases):
        raise UsageError(f"the model '{name}' does not fit here; choose one of {', '.join(models_of(releases))}")


@dataclass(frozen=True, kw_only=True)
class ModelOptions(MixedOptions):
    """The knobs of everything that runs one of these models."""

    model: str
    releases: ClassVar[tuple[str, ...]]
    "what the names of those that fit begin with"

    def __post_init__(self) -> None:
        check_release(self.model, self.releases)
        super().__post_init__()


def find_folder(name: str) -> Path | None:
    """The folder of a model on this machine that holds all its files, or None."""
    places, files = [folder / name for folder in folders()], HUB[name].files
    return next((place for place in places if all((place / file).is_file() for file in files)), None)


def missing_model(name: str, why: str) -> MissingWeightsError:
    """The sentence for a model that is not here and cannot be fetched."""
    spec = HUB[name]
    return MissingWeightsError(
        f"the model '{name}' ({spec.megabytes} MB, {spec.licence}) is not on this machine and {why}; fetch "
        f"{' and '.join(spec.files)} of {spec.repository} by other means and put them into {cache_folder() / name}, or "
        f"into a folder '{name}' where CLEANPLATE_WEIGHTS points"
    )
