"""The hole's border and its noise: no more of an edge than the clean plate has there."""

from __future__ import annotations

import pytest

from cleanplate.base.measure import seam
from cleanplate.base.types import Clip
from cleanplate.bench.synth import render
from cleanplate.paint.engine import make_engine


@pytest.mark.parametrize("grain", ["no", "yes"])
@pytest.mark.parametrize("name", ["pan", "zoom", "parallax", "walker", "exposure", "noise", "behind"])
def test_the_border_of_a_hole_is_no_edge(name: str, grain: str):
    scene = render(name, width_px=216, height_px=120, frames=10)
    holes = scene.holes | scene.shadow
    shown = scene.images.copy()
    shown[holes] = 0
    painting = make_engine("flowfill", {"grain": grain}).fill(Clip(images=shown, holes=holes))
    found = seam(painting.images, scene.plate, holes)
    print(f"{name}: {found:.3f}")
    assert 0.85 < found < 1.15
