"""What SAM and SAM 2 have in common here: how they are loaded, and how pictures and masks are made fit for them.

Pictures are prepared by our own code, as the published processors do (those of SAM 2 need torchvision): SAM looks at a
square whose rest, below or to the right of the picture, is empty; SAM 2 at a picture that is stretched to a square.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cleanplate.base.errors import FailedError
from cleanplate.base.extras import require
from cleanplate.base.hub import HUB, find_folder, is_offline, missing_model
from cleanplate.base.types import Hole, Image

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"of RGB values, 0-1"
SURE = 10.0
"logit of a sample that a given mask has, and minus that of one it has not"


@lru_cache(maxsize=2)
def load_model(architecture: str, name: str, device: str) -> Any:
    """The network of that class of transformers, with the weights of that row of `HUB`, ready to run.

    Raises `MissingExtraError` without transformers, `MissingWeightsError` if the weights are not here and cannot be
    fetched, `FailedError` if they are of another network.
    """
    transformers = require("transformers", "neural")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    folder = find_folder(name)
    if folder is None and is_offline():
        raise missing_model(name, "downloads are switched off")
    found = getattr(transformers, architecture)
    try:
        network, report = found.from_pretrained(
            folder or HUB[name].repository,
            local_files_only=folder is not None,
            use_safetensors=True,
            output_loading_info=True,
        )
    except Exception as error:
        # Damaged or strange files make the libraries below raise whatever they run into.
        if folder is None:
            raise missing_model(name, "the hub it is published on cannot be reached") from error
        raise FailedError(f"'{folder}' cannot be read as the model '{name}'; fetch its files again") from error
    if absent := sorted(report["missing_keys"]):
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise FailedError(
            f"these are not the weights of '{name}': they lack {', '.join(absent[:3])}{more}; fetch its files again"
        )
    return network.eval().to(device)


def as_pixels(image: Image, size: tuple[int, int], edge_px: int) -> Tensor:
    """The picture (1, 3, edge_px, edge_px) at `size` (h, w), normalised; 0 where it does not reach."""
    values = torch.from_numpy(image.astype(np.float32) / np.iinfo(image.dtype).max).permute(2, 0, 1)[None]
    small = resized(values, size)
    normal = (small - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    return F.pad(normal, (0, edge_px - size[1], 0, edge_px - size[0]))


def as_mask(hole: Hole, size: tuple[int, int], edge_px: int) -> Tensor:
    """The mask (1, 1, edge_px, edge_px) at `size` (h, w), as logits."""
    share = resized(torch.from_numpy(hole.astype(np.float32))[None, None], size)
    return F.pad(SURE * (2 * share - 1), (0, edge_px - size[1], 0, edge_px - size[0]), value=-SURE)


def resized(values: Tensor, size: tuple[int, ...]) -> Tensor:
    """(N, C, H, W) to another H, W; what gets smaller is averaged."""
    return F.interpolate(values, size=size, mode="bilinear", align_corners=False, antialias=True)
