"""What a job folder was made for: facts about files, settings and versions, and what is different now."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cleanplate.base.device import device_name
from cleanplate.base.hub import HUB, find_folder
from cleanplate.base.settings import Job
from cleanplate.base.weights import find_file, weight_spec

_LIBRARIES = ("cleanplate", "numpy", "scipy", "numba", "opencv-python-headless", "av", "torch", "transformers")
"whose version can change a byte of the result; not all of them are everywhere"
_SAMPLES, _SAMPLE_BYTES = 16, 1 << 16
"what is read of a file to know it again: a film of 50 GB takes 10 ms"

Facts = dict[str, str]
"name, as a person calls it -> value"


def job_facts(job: Job, options: Any, masks: Facts, networks: Collection[str]) -> Facts:
    """All that decides the result: the input, the masks, every setting, networks with their device, and the versions.

    `options`: the engine's, its defaults included. networks: rows of the tables of weights and of models, of those that
    paint and those that make masks. How many workers paint, and whether the result is verified, change no byte and are
    left out. Raises `UsageError` for a device that is not here, `MissingExtraError` for networks without torch.
    """
    found = {"the input": fingerprint(job.video), **masks}
    found |= {f"the reference '{painted}'": fingerprint(painted.path) for painted in job.references}
    asked = {
        "--engine": job.engine,
        "--grow": job.grow_px,
        "--feather": job.feather_px,
        "--rate": job.rate,
        "--start and --stop": job.within,
        "the device": device_name(job.device) if networks else job.device,
        "--memory": job.memory_bytes,
        "--trust-reference": job.trust_references,
    }
    asked |= {f"--set {name}": value for name, value in dataclasses.asdict(options).items() if name != "threads"}
    asked |= {f"--{name}": value for name, value in dataclasses.asdict(job.encode).items()}
    found |= {name: str(value) for name, value in asked.items()}
    found |= {f"the weights '{name}'": weights_fact(name) for name in networks}
    return found | {f"the version of {name}": _version(name) for name in _LIBRARIES}


def weights_fact(name: str) -> str:
    """What tells the weights of a network from others of its name."""
    if name not in HUB and (checksum := weight_spec(name).sha256) is not None:
        return checksum  # no others are ever loaded
    place = find_folder(name) if name in HUB else find_file(name)
    return "not on this machine" if place is None else fingerprint(place)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def fingerprint(path: Path) -> str:
    """Size, time of change and a hash of samples spread over the file; of all files in order for a folder."""
    if not path.is_dir():
        return _of_file(path, _SAMPLES)
    found = hashlib.blake2b(digest_size=16)
    for part in _files_in(path):
        found.update(f"{part.name} {_of_file(part, 1)}\n".encode())
    return found.hexdigest()


def content_hash(folder: Path) -> str:
    """Hash of the names and the whole content of the files in a folder."""
    found = hashlib.blake2b(digest_size=16)
    for part in _files_in(folder):
        with part.open("rb") as file:
            found.update(f"{part.name} {hashlib.file_digest(file, 'blake2b').hexdigest()}\n".encode())
    return found.hexdigest()


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What changed, in words: settings with both values, files by their name alone."""
    found = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if old != new:
            is_setting = name.startswith(("--", "the version", "the device"))
            found.append(f"{name} (was {old or 'none'}, now {new or 'none'})" if is_setting else name)
    return found


def to_json(facts: Mapping[str, str]) -> str:
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Facts:
    """Raises `ValueError` for what is no table of texts."""
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("not a table of facts")
    return found


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_file())


def _of_file(path: Path, samples: int) -> str:
    facts = path.stat()
    found = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        for n in range(samples):
            file.seek(max(facts.st_size - _SAMPLE_BYTES, 0) * n // max(samples - 1, 1))
            found.update(file.read(_SAMPLE_BYTES))
    return f"{facts.st_size} {facts.st_mtime_ns} {found.hexdigest()}"
