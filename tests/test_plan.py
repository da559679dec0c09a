"""The grid of pieces: as long as the engine asks for where memory allows, shorter where it does not."""

from __future__ import annotations

from cleanplate.base.plan import plan_grid

GIB = 1024**3


def grid(crop_px: int, budget: int, frame_bytes: int = 3 * 1024**2, margin: int = 30):
    return plan_grid(
        core_frames=96,
        margin_frames=margin,
        crop_px=crop_px,
        crop_bytes_per_px=20,
        frame_bytes=frame_bytes,
        budget_bytes=budget,
    )


def test_small_crops_get_what_the_engine_asks_for():
    found = grid(100_000, 2 * GIB)
    assert (found.core, found.margin, found.joint) == (96, 30, 4)
    assert found.memory_bytes <= 2 * GIB


def test_large_crops_stay_within_the_budget():
    found = grid(600_000, 2 * GIB)
    assert found.memory_bytes <= 2 * GIB
    assert 8 <= found.core < 96
    assert found.margin >= found.core - 1  # the core is given up first, then both in turn


def test_the_shortest_piece_is_returned_where_nothing_fits():
    found = grid(8_000_000, GIB, frame_bytes=25 * 1024**2)
    assert (found.core, found.margin) == (8, 4)
    assert found.memory_bytes > GIB


def test_an_engine_without_margin_has_no_joint():
    found = grid(100_000, 2 * GIB, margin=0)
    assert (found.core, found.margin, found.joint) == (96, 0, 0)


def test_queues_are_bounded_in_bytes():
    assert grid(100_000, 2 * GIB, frame_bytes=3 * 1024**2).queue == 32
    assert grid(100_000, 2 * GIB, frame_bytes=25 * 1024**2).queue == 4
    assert grid(100_000, 2 * GIB, frame_bytes=0).queue == 32
