"""Networks that are run by way of transformers: how they are loaded, and how pictures are made fit for them.

Pictures are prepared by our own code, as the published processors do, most of which need torchvision.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cleanplate.base.errors import FailedError
from cleanplate.base.extras import require
from cleanplate.base.hub import HUB, find_folder, missing_model
from cleanplate.base.types import Image
from cleanplate.base.weights import is_offline

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"of RGB values, 0-1"
_PATIENCE_S = 5.0
"for the hub to answer"


@lru_cache(maxsize=4)
def load_model(architecture: str, name: str, device: str) -> Any:
    """The network of that class of transformers, with the weights of that row of `HUB`, ready to run.

    Raises `MissingExtraError` without transformers, `MissingWeightsError` if the weights are not here and cannot be
    fetched, `FailedError` if they are of another network.
    """
    transformers = require("transformers", "neural")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with _place_of(name) as folder:
        network, report = getattr(transformers, architecture).from_pretrained(
            folder or HUB[name].repository,
            local_files_only=folder is not None or not _answers(),
            use_safetensors=True,
            output_loading_info=True,
        )
    if absent := sorted(report["missing_keys"]):
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise FailedError(
            f"these are not the weights of '{name}': they lack {', '.join(absent[:3])}{more}; fetch its files again"
        )
    return network.eval().to(device)


@lru_cache(maxsize=4)
def load_tokenizer(name: str) -> Any:
    """What turns words into the numbers that a model knows: a `tokenizers.Tokenizer`. Raises as `load_model` does."""
    transformers, tokenizers = require("transformers", "neural"), require("tokenizers", "neural")
    with _place_of(name) as folder:
        own = None if folder is None else folder / "tokenizer.json"
        path = own or transformers.utils.cached_file(
            HUB[name].repository, "tokenizer.json", local_files_only=not _answers()
        )
        return tokenizers.Tokenizer.from_file(str(path))


@contextmanager
def _place_of(name: str) -> Iterator[Path | None]:
    """The model's folder, or None if the hub has to be asked for it; what goes wrong within becomes one sentence."""
    folder = find_folder(name)
    if folder is None and is_offline():
        raise missing_model(name, "downloads are switched off")
    try:
        yield folder
    except Exception as error:
        # Damaged or strange files make the libraries below raise whatever they run into.
        if folder is None:
            raise missing_model(name, "the hub it is published on cannot be reached") from error
        raise FailedError(f"'{folder}' cannot be read as the model '{name}'; fetch its files again") from error


def _answers() -> bool:
    """Whether the hub does. Else only what its library keeps of earlier times is looked at, for that library would ask
    six times, half a minute long, with a warning each time."""
    hub = require("huggingface_hub", "neural")
    try:
        hub.get_session().head(hub.constants.ENDPOINT, timeout=_PATIENCE_S)
    except Exception:  # the errors of whichever HTTP library it has: all of them mean no
        return False
    return True


def as_square(image: Image, size: tuple[int, int], edge_px: int) -> Tensor:
    """The picture (1, 3, edge_px, edge_px) at `size` (h, w), normalised; 0 where it does not reach."""
    return F.pad(as_pixels(image, size), (0, edge_px - size[1], 0, edge_px - size[0]))


def as_pixels(image: Image, size: tuple[int, int]) -> Tensor:
    """The picture (1, 3, h, w) at `size` (h, w), normalised."""
    values = torch.from_numpy(image.astype(np.float32) / np.iinfo(image.dtype).max).permute(2, 0, 1)[None]
    return (resized(values, size) - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)


def resized(values: Tensor, size: tuple[int, ...]) -> Tensor:
    """(N, C, H, W) to another H, W; what gets smaller is averaged."""
    return F.interpolate(values, size=size, mode="bilinear", align_corners=False, antialias=True)
