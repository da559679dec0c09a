"""A run that is killed again and again, at random moments, has to end in the same bytes as one left alone.

    python -m cleanplate.bench.kills [KILLS] [SEED]

Each kill is a SIGKILL, which no program can soften; the same command follows.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip


@dataclass(frozen=True, kw_only=True)
class Killed:
    """What became of a job that was killed so often."""

    kills: int
    commands: int
    "how often the command was typed until every kill was done and the job had ended"
    finished: list[bytes]
    "the output of each time the job ended; more than one where it ended before all kills were done"
    most_pieces: int
    "finished pieces seen in the job folder at a kill, at most"


def kill_and_go_on(words: Sequence[str], output: Path, *, kills: int, seed: int, longest_s: float) -> Killed:
    """Run `python -m cleanplate WORDS` until it has ended by itself after `kills` SIGKILLs at random times."""
    chance = random.Random(seed)
    finished: list[bytes] = []
    done = commands = most_pieces = 0
    while done < kills or not finished:
        commands += 1
        command = subprocess.Popen([sys.executable, "-m", "cleanplate", *words])
        try:
            command.wait(chance.uniform(0, longest_s) if done < kills else None)
        except subprocess.TimeoutExpired:
            command.kill()
            command.wait()
            done += 1
            job = output.with_name(f".{output.name}.job")
            most_pieces = max(most_pieces, len(list(job.glob("*[0-9]-[0-9]*"))))
            continue
        if command.returncode:
            raise RuntimeError(f"the command that followed kill {done} failed with {command.returncode}")
        finished.append(output.read_bytes())
    return Killed(kills=done, commands=commands, finished=finished, most_pieces=most_pieces)


def write_job(folder: Path, frames: int) -> list[str]:
    """A clip with a logo in the folder. Returns the command's words but for the output."""
    # 256 px wide: at such widths x264 gives the same bytes each time (see save/encode.py).
    scene = render("logo-pan", width_px=256, height_px=144, frames=60)
    there_and_back = [*range(60), *range(58, 0, -1)]
    write_clip(folder / "in.mp4", (scene.images[there_and_back[n % 118]] for n in range(frames)))
    return ["remove", str(folder / "in.mp4"), "--box", "180,10,236,40", "--preset", "veryfast", "--quiet", "-o"]


def kill_one_job(kills: int, seed: int) -> tuple[Killed, bool]:
    """One job, killed so often at random moments, and whether it ended each time in the bytes of one left alone."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        words = write_job(folder, frames=600)
        alone, output = folder / "alone.mp4", folder / "out.mp4"
        for _ in range(2):  # the first one compiles
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "cleanplate", *words, str(alone)], check=True)
        longest = (time.perf_counter() - start) / 2  # so that most kills meet one and the same job
        found = kill_and_go_on([*words, str(output)], output, kills=kills, seed=seed, longest_s=longest)
        return found, all(result == alone.read_bytes() for result in found.finished)


def words_for(found: Killed, is_same: bool) -> str:
    """What happened, in one line."""
    return (
        f"{found.kills} kills, {found.commands} commands, up to {found.most_pieces} pieces kept, "
        f"{len(found.finished)} times to the end: " + ("same bytes as undisturbed" if is_same else "OTHER BYTES")
    )


def main(kills: int, seed: int) -> None:
    """Print whether `kills` kills at random moments of one job changed its result; exit 1 if they did."""
    found, is_same = kill_one_job(kills, seed)
    print(words_for(found, is_same))
    sys.exit(not is_same)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*numbers, *(20, 1)[len(numbers) :])
