"""How visible joints are: across the hole's border within a frame, and across the joint of two pieces in time.

A jump alone says little, since pictures have edges and things move: it is given over the same jump in the truth.
"""

from __future__ import annotations

import cv2
import numpy as np

from cleanplate.base.measure import border_jumps, jump_ratio
from cleanplate.base.words import counted
from cleanplate.bench.metrics.metric import Curve, Metric, Row, Setup, with_value
from cleanplate.bench.metrics.step import ESTIMATOR, Step

WINDOW_PX = 7


class BorderSeam(Metric):
    """`base.measure.seam`: mean jump between neighbours inside and outside the hole, over the truth's."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        note = "jump across the hole's border over the truth's, all border pairs of all frames together"
        self._curve = Curve(metric="seam", where="hole", unit="ratio", better="near one", note=note)
        self._jumps = np.zeros(2)

    def add(self, step: Step) -> None:
        assert step.truth is not None
        jumps, pairs = np.zeros(2), 0
        if step.hole is not None:
            jumps, pairs = border_jumps((step.result, step.truth), step.hole)
        self._jumps += jumps
        self._curve.add(jump_ratio(*jumps) if pairs else None)

    def finish(self) -> list[Row]:
        row = self._curve.row("no hole has a border")
        return [row if row.value is None else with_value(row, jump_ratio(*self._jumps))]


class JointSeam(Metric):
    """The change from the frame before inside the hole, along the truth's motion, over the truth's own change.

    Changes are averaged over windows of 7 px first, so that noise, of which every frame has its own, does not hide a
    step of brightness. Where the joints of the pieces are known, their frames are pooled; else the worst frame counts.
    """

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        note = f"change of {WINDOW_PX} px means from the frame before over the truth's; {ESTIMATOR}; "
        self._curve = Curve(metric="joint", where="hole", unit="ratio", better="near one", note=note)
        self._at_joints = np.zeros(2)

    def add(self, step: Step) -> None:
        assert step.truth is not None
        seen = None
        if step.followed is not None and (hole := step.area("hole")) is not None:
            seen = step.followed.is_seen & hole
        if seen is None or not seen.any():
            self._curve.add(None)
            return
        assert step.result_before is not None
        assert step.guide_before is not None
        window = (WINDOW_PX, WINDOW_PX)
        weight = cv2.blur(seen.astype(np.float32), window)[seen]
        jumps = []
        for here, before in ((step.result, step.result_before), (step.truth, step.guide_before)):
            change = np.where(seen[..., None], here - before, np.float32(0))
            jumps.append(float(np.abs(cv2.blur(change, window)[seen] / weight[:, None]).mean(dtype=np.float64)))
        self._curve.add(jump_ratio(*jumps))
        if step.index in self.setup.joints:
            self._at_joints += jumps

    def finish(self) -> list[Row]:
        row = self._curve.row("no hole lasts two frames")
        if row.value is None:
            return [row]
        if joints := [t for t in self.setup.joints if row.per_frame[t] is not None]:
            note = f"{row.note}at {counted(len(joints), 'known joint')}"
            return [with_value(row, jump_ratio(*self._at_joints), note, len(joints))]
        worst = max((value, -t) for t, value in enumerate(row.per_frame) if value is not None)
        why = "no joint given has a hole" if self.setup.joints else "joints not known"
        return [with_value(row, worst[0], f"{row.note}{why}: the largest; in frame {-worst[1]}", 1)]
