"""DeAOT over the frames of a stored clip, once for each gap of its long-term memory that the file names.

The stored labels are fed back where there are some: our own would differ where two classes tie, and the difference
would grow.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cleanplate.base.errors import FailedError
from cleanplate.bench.parity.recipe import Weights
from cleanplate.bench.parity.table import Arrays
from cleanplate.mask.nets.deaot import DEVIATION, MEAN, MOST_OBJECTS, DeAot, Features, resized
from cleanplate.mask.nets.deaot_loop import Ten
from cleanplate.mask.nets.propagation import to_map

_SETTINGS = ("a", "b")
"each with its own gap; what both have in common is stored of the first"


def run(weights: Weights, inputs: Arrays) -> Arrays:
    """Every output whose name is among the inputs, or begins one that ends in its channels: `enc_4x_ch0_16`."""
    network = weights.load(DeAot())
    objects = int(inputs["obj_num"])
    if objects > MOST_OBJECTS:
        raise FailedError(f"{weights.name} has {objects} objects; a stored clip may have {MOST_OBJECTS}")
    images = torch.from_numpy(inputs["frames_u8"].astype(np.float32) / 255)  # (T, 3, H, W)
    images = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    found: dict[str, Tensor] = {}
    with torch.inference_mode():
        frames = [network.encode(image[None]) for image in images]
        found |= dict(zip(("enc_4x", "enc_8x", "enc_16x", "enc_projected"), frames[0], strict=True))
        for setting in reversed([one for one in _SETTINGS if f"long_term_mem_gap_{one}" in inputs]):
            found |= _loop(network, frames, inputs, setting, objects)
    return {name: array for name in inputs if (array := _named(found, name)) is not None}


def _loop(network: DeAot, frames: list[Features], inputs: Arrays, setting: str, objects: int) -> dict[str, Tensor]:
    """What the layers, the memories and the decoder make of each frame."""
    ten = Ten(network, gap=int(inputs[f"long_term_mem_gap_{setting}"]))
    labels = _labels(inputs["reference_mask"])
    referred = ten.refer(frames[0], labels, objects)
    found = {"id_embedding_ref": network.embed(labels)[:, None], "lstt_ref": referred.outputs[-1][:, None]}
    found |= {f"lstt_ref_layer{n}": output[:, None] for n, output in enumerate(referred.outputs[:-1])}
    for index, features in enumerate(frames[1:], 1):
        seen, logits = ten.look(features)
        name = f"{setting}_label_frame{index}"
        label = resized(logits, inputs["frames_u8"].shape[2:]).argmax(1, keepdim=True)
        ten.update(_labels(inputs[name]) if name in inputs else label[0, 0])
        found |= {
            name: label,
            f"{setting}_logits4x_frame{index}": logits,
            f"lstt_frame{index}": seen.outputs[-1][:, None],
        }
        for n, (key, value) in enumerate(ten.short_term):
            looks, identity = to_map(value, features.grid).chunk(2, dim=1)
            kept = {"K": to_map(key, features.grid), "V": looks, "IDV": identity}
            found |= {f"short_{part}_layer{n}_after{index}": one for part, one in kept.items()}
    return found


def _labels(stored: NDArray[Any]) -> Tensor:
    """(1, 1, H, W) -> (H, W) int64."""
    return torch.from_numpy(stored[0, 0].astype(np.int64))


def _named(found: dict[str, Tensor], name: str) -> NDArray[Any] | None:
    parts = re.fullmatch(r"(.+)_ch(\d+)_(\d+)", name)
    if parts and parts[1] in found:
        return found[parts[1]][:, int(parts[2]) : int(parts[3])].numpy()
    return found[name].numpy() if name in found else None
