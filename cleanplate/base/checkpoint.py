"""Published checkpoints, read as what they are: files from strangers.

Only tensors and plain containers are made from a file; nothing in it is run. What a training loop wraps around the
tensors is taken off, and they are loaded strictly: a name too few, too many or of another shape is an error that says
which.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from cleanplate.base.errors import FailedError
from cleanplate.base.extras import require
from cleanplate.base.weights import locate

Network = TypeVar("Network", bound=torch.nn.Module)

_WRAPPERS = ("state_dict", "model_state_dict", "model", "netG", "generator", "params_ema", "params")
"keys under which training loops keep the tensors"
_PREFIXES = ("module.", "netG.", "generator.")
"what wrappers of a network put before every name"


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a `.pth`, `.pt` or `.safetensors` file by name, on the CPU, without their wrappers.

    Raises `FailedError` for a file that is damaged, holds anything but tensors in plain containers, or is TorchScript;
    `MissingExtraError` for safetensors where that package is not installed.
    """
    load = require("safetensors.torch", "neural").load_file if path.suffix == ".safetensors" else _load_pickle
    try:
        content = load(path)
    except FailedError:
        raise
    except Exception as error:
        # A hostile or damaged file makes the readers below raise whatever they run into: changing single bytes of good
        # files gave nine kinds of exceptions.
        raise FailedError(f"'{path}' cannot be read as a checkpoint; fetch it again from its publisher") from error
    return _unwrap(content, path)


def _load_pickle(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        _check_archive(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise FailedError(
            f"'{path}' is damaged or holds more than weights, so it was not read; fetch it again from its publisher"
        ) from error


def _check_archive(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.filename.endswith("constants.pkl") for entry in entries):
        raise FailedError(f"'{path}' is TorchScript, which is a program; give the checkpoint of weights instead")
    # PyTorch stores without compressing; a small file that unfolds to more than its size is made to fill the memory.
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise FailedError(f"'{path}' is compressed, as no checkpoint is; fetch it again from its publisher")


def _unwrap(content: Any, path: Path) -> dict[str, torch.Tensor]:
    for _ in range(4):  # wrappers inside wrappers, but not without end
        inner = next((content[name] for name in _WRAPPERS if isinstance(content, Mapping) and name in content), None)
        if not isinstance(inner, Mapping):
            break
        content = inner
    if not isinstance(content, Mapping) or not content:
        raise FailedError(f"'{path}' holds no weights by name; give a checkpoint (a state_dict)")
    found = {str(name): value for name, value in content.items()}
    for name, value in found.items():
        if not isinstance(value, torch.Tensor):
            raise FailedError(f"'{path}' holds '{name}', which is no tensor; give a checkpoint of weights alone")
        if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
            raise FailedError(f"'{path}' holds '{name}' in a form without plain numbers; give a checkpoint of weights")
    while prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in found)), None):
        found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def load_network(
    network: Network, name: str, device: str, *, rename: Callable[[str], str] = str, unused: Collection[str] = ()
) -> Network:
    """The network with the weights of that row of the table, ready to be used and not to be trained.

    rename, unused, and what is raised: see `load_strictly`, `read_checkpoint` and `locate`.
    """
    load_strictly(network, read_checkpoint(locate(name)), name=name, rename=rename, unused=unused)
    return network.eval().requires_grad_(False).to(device)


def load_strictly(
    module: torch.nn.Module,
    tensors: Mapping[str, torch.Tensor],
    *,
    name: str,
    rename: Callable[[str], str] = str,
    unused: Collection[str] = (),
) -> None:
    """Put the tensors into the module, every one in its place.

    rename: the published name -> the module's own. unused: beginnings of published names that the module does not have.
    Raises `FailedError`, calling the weights `name`, for names missing or left over and for other shapes.
    """
    given = {rename(key): value for key, value in tensors.items() if not any(key.startswith(u) for u in unused)}
    wanted = module.state_dict()
    # Counters of batch normalisation came with PyTorch 0.4.1; older checkpoints lack them and nothing reads them.
    missing = [key for key in wanted if key not in given and not key.endswith("num_batches_tracked")]
    extra = [key for key in given if key not in wanted]
    wrong = [
        f"{key} {tuple(given[key].shape)} for {tuple(wanted[key].shape)}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    problems = ((missing, "lack"), (extra, "have unknown"), (wrong, "have in another shape"))
    for keys, what in problems:
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            raise FailedError(
                f"these are not the weights '{name}': they {what} {', '.join(keys[:3])}{more}; fetch them again"
            )
    module.load_state_dict(given, strict=False)
