"""What accidents do: a job that is killed again and again, and thousands of damaged files."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from cleanplate.base.report import Progress, Watch
from cleanplate.bench.kills import kill_one_job, words_for
from cleanplate.bench.mutate import hunt
from cleanplate.bench.speed.material import SEED

KILLS = 20
DAMAGED_FILES = 5000


def accidents(watch: Watch, *, kills: int = KILLS, files: int = DAMAGED_FILES) -> str:
    """Both, in words and with every fault named."""
    watch(Progress(stage="kills", done=0, total=1))
    killed, is_same = kill_one_job(kills, SEED)
    watch(Progress(stage="kills", done=1, total=1))
    codes: Counter[int | None] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, code, fault in hunt(files, SEED, Path(folder)):
            codes[code] += 1
            if fault:
                faults.append(f"- file {number} ({fault.seed}, {fault.damage}): {fault.kind}, {fault.detail}")
            watch(Progress(stage="damaged files", done=number + 1, total=files))
    ends = ", ".join(f"{codes[code]} with exit code {code}" for code in (0, 1, 2))
    return "\n".join(
        [
            f"A job killed with SIGKILL at random moments, each time followed by the same command: "
            f"{words_for(killed, is_same)}.",
            "",
            f"Damaged files (bits flipped, cut, blanked, boxes dropped, doubled, swapped, counts falsified): {files}; "
            f"{ends}; {len(faults)} faults (crash, hang over 20 s, traceback, changed input, leftover, wrong output)"
            + (":" if faults else "."),
            *faults,
        ]
    )
