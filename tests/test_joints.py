"""The joints of pieces are no more visible than any other step from frame to frame, judged against the clean plate."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import cleanplate
from cleanplate.bench.synth import Scene, render
from cleanplate.paint.engine import ENGINES

CORE = ENGINES["flowfill"].core_frames
JOINT_FRAMES = 4
FRAMES = 2 * CORE + 20


def steps(pictures: NDArray[np.uint8], scene: Scene) -> NDArray[np.float64]:
    """Mean change inside the hole from each frame to the next, in levels; NaN where neither has one."""
    both = scene.holes[1:] & scene.holes[:-1]
    return np.array(
        [
            np.abs(pictures[t + 1].astype(float) - pictures[t])[both[t]].mean() if both[t].any() else np.nan
            for t in range(len(pictures) - 1)
        ]
    )


@pytest.mark.parametrize("name", ["pan", "exposure", "logo-pan", "dissolve"])
def test_steps_at_joints_are_as_large_as_elsewhere(name: str):
    scene = render(name, frames=FRAMES, width_px=192, height_px=108)
    painting = cleanplate.fill(scene.images, scene.holes)
    ratio = steps(painting.images, scene) / steps(scene.plate, scene)
    at_joints = [t for joint in (CORE, 2 * CORE) for t in range(joint - 1, joint + JOINT_FRAMES)]
    others = np.delete(ratio, at_joints)
    mean, usual = np.nanmean(ratio[at_joints]), np.nanmedian(others)
    print(f"{name}: {mean:.3f} at joints, {usual:.3f} elsewhere")
    assert mean <= 1.05 * usual
    assert np.nanmax(ratio[at_joints]) <= 1.1 * np.nanmax(others)


def test_each_shot_is_painted_from_itself_alone():
    scene = render("cut", frames=60, width_px=192, height_px=108)
    first = scene.cuts[0]
    other = scene.images.copy()
    other[first:] = 255 - other[first:]
    before = cleanplate.fill(scene.images, scene.holes).images[:first]
    assert np.array_equal(before, cleanplate.fill(other, scene.holes).images[:first])
