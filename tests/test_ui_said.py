"""What the page says in words, without a browser."""

from __future__ import annotations

from dataclasses import replace

from cleanplate.apps.ui import said
from cleanplate.apps.ui.doing import Doing
from cleanplate.base.tracks import Lost, Track


def test_a_lost_object_is_told_by_its_name_on_the_page():
    lost = tuple(Lost(first=n, stop=n + 2, start_s=n / 25, stop_s=(n + 2) / 25) for n in (3, 8, 20, 30))
    seen = Track(object_id=2, name="", tracker="flow", marked=(), confidence=(1.0, 0.8, None, 0.0), lost=())
    assert said.followed("small ball", seen) == "small ball: found in 2 frames."
    told = said.followed("small ball", replace(seen, lost=lost[:1]))
    assert told.startswith("small ball: found in 2 frames; lost in 3 to 4. ")
    assert "object 2" not in told
    assert "--" not in told
    assert "lost in 3 to 4, 8 to 9, 20 to 21 and 1 more." in said.followed("x", replace(seen, lost=lost))


def test_progress_tells_what_is_counted_and_which_time_is_left():
    doing = Doing(kind="run", state="running", stage="fill", done=3, total=8, frames_per_s=2.0, left_s=2.5)
    assert "painting · 3 of 8 frames · 2.0 frames/s · 2 s left of this stage" in said.progress(doing)
    assert "inventing · 3 of 8 shots · 2 s left of this stage" in said.progress(replace(doing, stage="invent"))
    assert "<p>getting ready</p>" in said.progress(replace(doing, stage="prepare"))
