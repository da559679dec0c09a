"""Words that sentences are made of."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """`1 clip`, `3,455 frames`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
