"""Real files damaged on purpose: bits flipped, ends cut off, boxes swapped, counts changed; what does `remove` do?

    python -m cleanplate.bench.mutate 5000 --keep found     # seeded; files that show a fault are kept, exit code 1

The program may refuse a file or save what is left of it. It may not crash, hang, need gigabytes, show a traceback,
change its input, leave temporary files, or write something that is not what its report says.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import av

from cleanplate.bench.containers import elements
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.bench.watched import Worker

MEMORY_LIMIT_BYTES = 3 * 2**29
"1.5 GiB: the clips need a tenth, most of it for the program itself"
# name: encoder, crf, has sound, suffix of the output
SEEDS: dict[str, tuple[str, float | None, bool, str]] = {
    "avc.mp4": ("libx264", 20, True, ".mp4"),
    "hevc.mp4": ("libx265", 20, True, ".mp4"),
    "ffv1.mkv": ("ffv1", None, True, ".mkv"),
    "avc.mkv": ("libx264", 20, True, ".mkv"),
    "mpeg4.avi": ("mpeg4", None, True, ".mkv"),
    "avc.avi": ("libx264", 20, True, ".mp4"),
    "avc.ts": ("libx264", 20, True, ".mp4"),
    "mpeg2.ts": ("mpeg2video", None, True, ".mkv"),
    "vp9.webm": ("libvpx-vp9", 30, False, ".mkv"),
    "avc.mov": ("libx264", 20, True, ".mov"),
}
_FRAMES = 12
_COUNTS = (0, 1, 2, 2**7 - 1, 2**8 - 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What went wrong with one file."""

    number: int
    seed: str
    damage: str
    kind: str
    "crash, hang, traceback, code, input, leftover, memory or output"
    detail: str


def make_seeds(folder: Path) -> list[Path]:
    """The clips that are damaged: small, with a tone where the container takes one."""
    images = render("walker", width_px=96, height_px=64, frames=_FRAMES).images
    for name, (codec, crf, has_sound, _) in SEEDS.items():
        write_clip(folder / name, images, codec=codec, crf=crf, has_sound=has_sound)
    return [folder / name for name in SEEDS]


def mutate(data: bytes, random: Random) -> tuple[bytes, str]:
    """The file with one to three kinds of damage, and what they are."""
    done = []
    for _ in range(random.choice((1, 1, 2, 3))):
        kind = random.choice(("flip", "flip", "cut", "blank", "drop", "double", "swap", "count", "count"))
        data = _DAMAGES[kind](data, random) or data
        done.append(kind)
    return data, "+".join(done)


def _flip(data: bytes, random: Random) -> bytes:
    """Single bits, anywhere or all in one small part."""
    found = bytearray(data)
    start = random.randrange(len(data))
    length = random.choice((len(data) - start, 64, 1024))
    for _ in range(random.choice((1, 3, 10, 40))):
        found[min(start + random.randrange(max(length, 1)), len(data) - 1)] ^= 1 << random.randrange(8)
    return bytes(found)


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(1, len(data))]


def _blank(data: bytes, random: Random) -> bytes:
    """A run of zeros, as after a lost sector."""
    start = random.randrange(len(data))
    stop = min(start + random.choice((16, 188, 512, 4096)), len(data))
    return data[:start] + bytes(stop - start) + data[stop:]


def _siblings(data: bytes, random: Random, least: int) -> list[tuple[int, int]]:
    groups = [group for group in elements(data) if len(group) >= least]
    return sorted(random.sample(random.choice(groups), least)) if groups else []


def _drop(data: bytes, random: Random) -> bytes:
    return b"".join(data[:start] + data[stop:] for start, stop in _siblings(data, random, 1))


def _double(data: bytes, random: Random) -> bytes:
    return b"".join(data[:stop] + data[start:] for start, stop in _siblings(data, random, 1))


def _swap(data: bytes, random: Random) -> bytes:
    pair = _siblings(data, random, 2)
    if not pair:
        return b""
    (a, b), (c, d) = pair
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _count(data: bytes, random: Random) -> bytes:
    """A number in a small element set to one that is easily got wrong."""
    small = [(start, stop) for group in elements(data) for start, stop in group if 3 <= stop - start <= 2048]
    if not small:
        return b""
    start, stop = random.choice(small)
    width = min(random.choice((1, 2, 4, 4, 8)), stop - start)
    at = start + random.randrange((stop - start) // width) * width
    value = random.choice(_COUNTS) & ((1 << 8 * width) - 1)
    return data[:at] + value.to_bytes(width, random.choice(("big", "little"))) + data[at + width :]


_DAMAGES: dict[str, Callable[[bytes, Random], bytes]] = {
    "flip": _flip,
    "cut": _cut,
    "blank": _blank,
    "drop": _drop,
    "double": _double,
    "swap": _swap,
    "count": _count,
}


def judge(worker: Worker, source: Path, suffix: str) -> tuple[str, int | None, str]:
    """Run `remove` on one file in its own folder: (kind of fault or "", exit code, detail)."""
    before = hashlib.sha256(source.read_bytes()).digest()
    output = source.with_name(f"out{suffix}")
    words = ["remove", str(source), "--box", "30,20,60,44", "-o", str(output), "--engine", "opencv-telea"]
    code, said, peak = worker.run(words)
    detail = said.strip()[-2000:]
    if code is None:
        return ("hang" if said.startswith("hung") else "crash"), code, detail
    if code not in (0, 1, 2):
        return "code", code, f"{code}: {detail}"
    if "Traceback" in said or "fault in cleanplate" in said or (code and said.count("error: ") != 1):
        return "traceback", code, detail
    if not source.exists() or hashlib.sha256(source.read_bytes()).digest() != before:
        return "input", code, "the input was changed"
    if peak > MEMORY_LIMIT_BYTES:
        return "memory", code, f"{peak / 2**20:.0f} MiB: {detail}"
    report = output.with_name(output.name + ".json")
    # A run that failed keeps what it has finished, to go on from.
    left = {path.name for path in source.parent.iterdir()} - {source.name, f".{output.name}.job" if code else ""}
    if left != ({output.name, report.name} if code == 0 else set()):
        return "leftover", code, f"{sorted(left)} with exit code {code}: {detail}"
    if code == 0 and (wrong := _wrong_output(output, json.loads(report.read_text())["frames"])):
        return "output", code, wrong
    return "", code, detail


def _wrong_output(output: Path, owed: int) -> str:
    """What the written file shows when read by PyAV alone."""
    try:
        with av.open(str(output)) as container:
            found = sum(1 for _ in container.decode(video=0))
    except av.FFmpegError as error:
        return f"the output cannot be decoded: {error}"
    return "" if found == owed else f"{found} frames in the output, {owed} in the report"


def hunt(
    count: int, seed: int, folder: Path, keep: Path | None = None
) -> Iterator[tuple[int, int | None, Fault | None]]:
    """(number, exit code, fault or None) of each of `count` damaged files, made in `folder` one after the other."""
    seeds = make_seeds(folder)
    with Worker(folder) as worker:
        for number in range(count):
            random = Random(f"{seed} {number}")
            original = seeds[number % len(seeds)]
            data, damage = mutate(original.read_bytes(), random)
            place = folder / "now"
            place.mkdir()
            source = place / original.name
            source.write_bytes(data)
            kind, code, detail = judge(worker, source, SEEDS[original.name][3])
            fault = Fault(number=number, seed=original.name, damage=damage, kind=kind, detail=detail) if kind else None
            if fault and keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{number}-{kind}-{original.name}").write_bytes(data)
            shutil.rmtree(place)
            yield number, code, fault


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m cleanplate.bench.mutate", description=__doc__.splitlines()[0])
    words.add_argument("count", type=int, nargs="?", default=5000, help="files to damage (5000)")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--keep", type=Path, help="folder for the files that show a fault")
    given = words.parse_args()
    codes: Counter[int | None] = Counter()
    faults: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number, code, fault in hunt(given.count, given.seed, Path(folder), given.keep):
            codes[code] += 1
            if fault:
                faults[fault.kind] += 1
                print(f"{number} {fault.seed} {fault.damage}: {fault.kind}\n    {fault.detail}", flush=True)
            if (number + 1) % 500 == 0:
                print(f"{number + 1} files, {sum(faults.values())} faults", flush=True)
    shares = ", ".join(f"{codes[code]} with exit code {code}" for code in (0, 1, 2))
    print(f"{given.count} damaged files: {shares}; faults: {dict(faults) or 'none'}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
