"""Video inpainting that looks first and invents last, and proves that nothing outside the hole was touched.

    import cleanplate

    report = cleanplate.remove("in.mp4", mask="mask.png", output="out.mp4")
    print(report.untouched)                               # identical

    painting = cleanplate.fill(images, holes)             # arrays: (T, H, W, 3) RGB and (T, H, W) bool

Importing the package imports no heavy library; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cleanplate.base.errors import (
        CleanplateError,
        FailedError,
        MaskError,
        MediaError,
        MissingExtraError,
        MissingWeightsError,
        ProofError,
        UsageError,
    )
    from cleanplate.base.report import Progress, Report
    from cleanplate.base.settings import Encode, Job
    from cleanplate.base.types import Clip, Painting
    from cleanplate.bench.click import bench_click
    from cleanplate.bench.metrics.metric import METRICS
    from cleanplate.bench.parity.compare import bench_parity
    from cleanplate.bench.quality.run import bench_quality
    from cleanplate.bench.score import score
    from cleanplate.bench.scores import Scores
    from cleanplate.bench.speed.run import bench_speed
    from cleanplate.bench.track.run import bench_track
    from cleanplate.chain import run
    from cleanplate.paint.engine import ENGINES
    from cleanplate.tasks.arrays import fill
    from cleanplate.tasks.compare import compare
    from cleanplate.tasks.masks import make_masks
    from cleanplate.tasks.plan import plan
    from cleanplate.tasks.preview import preview
    from cleanplate.tasks.remove import remove

_WHERE = {
    "CleanplateError": "base.errors",
    "FailedError": "base.errors",
    "MaskError": "base.errors",
    "MediaError": "base.errors",
    "MissingExtraError": "base.errors",
    "MissingWeightsError": "base.errors",
    "ProofError": "base.errors",
    "UsageError": "base.errors",
    "Progress": "base.report",
    "Report": "base.report",
    "Encode": "base.settings",
    "Job": "base.settings",
    "Clip": "base.types",
    "Painting": "base.types",
    "bench_click": "bench.click",
    "METRICS": "bench.metrics.metric",
    "bench_parity": "bench.parity.compare",
    "bench_quality": "bench.quality.run",
    "bench_speed": "bench.speed.run",
    "bench_track": "bench.track.run",
    "score": "bench.score",
    "Scores": "bench.scores",
    "run": "chain",
    "ENGINES": "paint.engine",
    "fill": "tasks.arrays",
    "compare": "tasks.compare",
    "plan": "tasks.plan",
    "preview": "tasks.preview",
    "make_masks": "tasks.masks",
    "remove": "tasks.remove",
}

__all__ = [
    "ENGINES",
    "METRICS",
    "CleanplateError",
    "Clip",
    "Encode",
    "FailedError",
    "Job",
    "MaskError",
    "MediaError",
    "MissingExtraError",
    "MissingWeightsError",
    "Painting",
    "Progress",
    "ProofError",
    "Report",
    "Scores",
    "UsageError",
    "bench_click",
    "bench_parity",
    "bench_quality",
    "bench_speed",
    "bench_track",
    "compare",
    "fill",
    "make_masks",
    "plan",
    "preview",
    "remove",
    "run",
    "score",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'cleanplate' has no attribute '{name}'")
    return getattr(import_module(f"cleanplate.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
