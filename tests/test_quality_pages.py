"""What people read of a quality bench: the page, the published table, the plots."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cleanplate.bench.metrics.metric import Row
from cleanplate.bench.quality.measure import Cell
from cleanplate.bench.quality.plots import draw_plots
from cleanplate.bench.quality.protocol import HEADLINE, PROTOCOLS
from cleanplate.bench.quality.published import PUBLISHED, TEST_SETS
from cleanplate.bench.quality.report import QualityReport, mean_over

# As the field's own papers have it: model, YouTube-VOS PSNR/SSIM/VFID/E_warp, DAVIS alike, seconds a frame.
FIELD = """
| VINet | 29.20/.9434/.072/.1490 | 28.96/.9411/.199/.1785 | - |
| DFVI | 29.16/.9429/.066/.1509 | 28.81/.9404/.187/.1608 | 2.56 |
| CAP | 31.58/.9607/.071/.1470 | 30.28/.9521/.182/.1533 | 0.40 |
| FGVC | 29.67/.9403/.064/.1022 | 30.80/.9497/.165/.1586 | 2.44 |
| STTN | 32.34/.9655/.053/.0907 | 30.67/.9560/.149/.1449 | 0.12 |
| FuseFormer | 33.29/.9681/.053/.0900 | 32.54/.9700/.138/.1362 | 0.20 |
| E2FGVI | 33.71/.9700/.046/.0864 | 33.01/.9721/.116/.1315 | 0.16 |
| ProPainter | 34.43/.9735/.042 | 34.47/.9776/.098 | 0.083 |
| FFF-VDI | 35.06/.9812 | 35.03/.9834 | - |
"""
CURVES = {
    "good": {"run": 30.0, "walk": 27.0},
    "fair": {"run": 20.0, "walk": 24.0},
    "other": {"run": 22.0, "walk": 26.0},
}


def row(metric, value, where="frame", **change):
    return Row(**{"metric": metric, "where": where, "value": value, "unit": "dB", "better": "higher", **change})


def report(protocol="plain", shown=HEADLINE, **change):
    """Three candidates on two clips of 50 frames, `other` being another program's result."""
    cells = {}
    for name, clips in CURVES.items():
        for clip, level in clips.items():
            wave = tuple(float(level + np.sin(t / 5)) for t in range(50))
            rows = (
                row("psnr", level + 10, note="mean of the frames' values"),
                row("psnr", level, "hole", per_frame=wave, frames=50, note="mean of the frames' values"),
                row("ewarp", 1.25, note="mean of squares; along the motion of the truth: some flow"),
                row("flicker", 2.0, note="mean change; along the motion of the truth: some flow"),
                row("seam", 0.9, "hole", of_truth=1.0, unit="ratio", better="near one", note="jump"),
                row("vfid", None, note="needs weights: i3d, type: fetch"),
            )
            seconds = None if name == "other" else {"good": 0.5, "fair": 0.05}[name]
            cells[name, clip] = Cell(
                frames=50,
                holed_frames=50,
                rows=rows,
                encoded=(),
                wall_seconds=seconds,
                cpu_seconds=seconds,
                cpu="a processor",
            )
    means = {name: mean_over([cells[name, clip] for clip in CURVES[name]], PROTOCOLS[protocol]) for name in CURVES}
    facts = {
        "date": "2026-01-02T03:04:05+00:00",
        "seed": "none",
        "versions": {"cleanplate": "9.9"},
        "machine": {"cpu": "a processor", "cores": 2, "cores_of_machine": 4, "system": "some", "python": "3"},
        "fills_timed_on": ["a processor"],
    }
    made = QualityReport(
        data="sets/small",
        layout="<clip>/frames and <clip>/holes",
        protocol=protocol,
        engines={"good": {"options": {"radius_px": 4}}, "fair": {"options": {}}, "other": {"folder": "theirs"}},
        clips=("run", "walk"),
        cells=cells,
        means=means,
        failed={},
        shown=shown,
        encoded_as=None,
        facts=facts,
    )
    return replace(made, **change)


def table(page, heading):
    """The cells of the first table under a heading."""
    lines = page.split(f"{heading}\n", 1)[1].splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("|"))
    stop = next((n for n in range(start, len(lines)) if not lines[n].startswith("|")), len(lines))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:stop] if "---" not in line]


def test_published_figures_are_the_fields():
    expected = set()
    for line in FIELD.strip().splitlines():
        model, youtube, davis, seconds = (cell.strip() for cell in line.strip("|").split("|"))
        for data, figures in (("YouTube-VOS", youtube), ("DAVIS", davis)):
            known = [*(float(figure) for figure in figures.split("/")), None, None][:4]
            expected.add((model, data, *known, None if seconds == "-" else float(seconds)))
    found = {(p.model, p.data, p.psnr, p.ssim, p.vfid, p.ewarp, p.seconds) for p in PUBLISHED}
    assert found == expected
    assert len(PUBLISHED) == 18
    assert {p.model for p in PUBLISHED if p.is_quoted} == {"ProPainter", "FFF-VDI"}
    assert (TEST_SETS["DAVIS"].clips, TEST_SETS["DAVIS"].frames, TEST_SETS["YouTube-VOS"].clips) == (50, 3455, 508)


def test_published_figures_stand_beside_ours_in_the_papers_protocol_only():
    page = report("papers").to_markdown()
    lines = table(page, "## What the papers say of themselves")
    heads = ["model", "data", "PSNR", "SSIM", "VFID", "ewarp here, x1e-3", "E_warp in the papers", "s/frame"]
    assert lines[0] == heads  # the two are of other scales
    assert [line[0] for line in lines[1:4]] == ["**good**", "**fair**", "**other**"]
    assert lines[1] == ["**good**", "here: small", "", "", "", "1.250", "", "0.010"]
    assert ["E2FGVI", "DAVIS", "33.01", "0.9721", "0.116", "", "0.1315", "0.160"] in lines
    assert ["ProPainter (quoted by others)", "YouTube-VOS", "34.43", "0.9735", "0.042", "", "", "0.083"] in lines
    assert "Masks differ unless they are the same pack" in page
    assert "DAVIS has 50 clips and 3,455 frames" in page
    assert "here 2 clips and 100 frames" in page
    assert "E2FGVI" not in report("plain").to_markdown()


def test_means_and_clips_are_in_their_columns():
    page = report().to_markdown()
    means = {line[0]: line[1:] for line in table(page, "## Mean over all clips")}
    assert means["metric"] == ["good", "fair", "other", "the truth itself", "unit", "better", "mean over"]
    assert means["psnr(hole)"] == ["28.50", "22.00", "24.00", "", "dB", "higher", "clips"]
    assert means["seam(hole)"] == ["0.9000", "0.9000", "0.9000", "1.0000", "ratio", "near one", "clips"]
    assert means["CPU time a frame"] == ["10.0", "1.0", "", "", "ms", "lower", "frames"]
    assert table(page, "### psnr(hole)") == [
        ["clip", "frames", "good", "fair", "other"],
        ["run", "50", "30.00", "20.00", "22.00"],
        ["walk", "50", "27.00", "24.00", "26.00"],
        ["**mean**", "", "28.50", "22.00", "24.00"],
    ]
    assert "### seam(hole)" not in page  # the headline alone
    assert "### seam(hole)" in report(shown=()).to_markdown()
    for said in ("good: radius_px=4", "fair: default options", "other: results of another program in theirs"):
        assert f"- {said}" in page


def test_what_needs_weights_is_said_once_below_the_table():
    page = report().to_markdown()
    assert page.count("needs weights") == 1
    assert "- vfid: needs weights: i3d, type: fetch" in page
    assert "vfid" not in [line[0] for line in table(page, "## Mean over all clips")]


def test_how_motion_was_measured_is_said_once():
    lines = report().to_markdown().split("## How it was measured\n", 1)[1].splitlines()
    assert [line for line in lines if "flow" in line] == ["- ewarp, flicker: along the motion of the truth: some flow"]
    assert "- ewarp: mean of squares" in lines


def read(png):
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image[..., ::-1].astype(int)


def inked(image, color):
    """Columns and rows of samples near a colour."""
    wanted = np.array([int(color[n : n + 2], 16) for n in (1, 3, 5)])
    return np.nonzero((np.abs(image - wanted) < 12).all(axis=-1))[::-1]


def test_curves_of_all_candidates_lie_where_their_values_are():
    drawn = draw_plots(report())
    assert sorted(drawn) == ["frames-run.png", "frames-walk.png", "quality-time.png"]
    image = read(drawn["frames-run.png"])
    assert image.shape == (440, 990, 3)
    heights = {}
    for name, color in (("good", "#0072b2"), ("fair", "#d55e00"), ("other", "#009e73")):
        x, y = inked(image, color)
        assert np.ptp(x) > 700, name  # from the first frame to the last
        heights[name] = np.median(y)
    # Rows count downwards: 30 dB above 22 above 20, at distances that agree.
    assert heights["good"] < heights["other"] < heights["fair"]
    ratio = (heights["fair"] - heights["good"]) / (heights["fair"] - heights["other"])
    assert ratio == pytest.approx(5, abs=1.0)


def test_quality_against_time_has_a_point_an_engine_and_a_line_for_unknown_times():
    image = read(draw_plots(report())["quality-time.png"])
    points = {}
    for name, color in (("good", "#0072b2"), ("fair", "#d55e00"), ("other", "#009e73")):
        x, y = inked(image, color)
        own = x < 650  # the legend is beside
        points[name] = (np.median(x[own]), np.median(y[own]), np.ptp(x[own]))
    assert points["good"][0] > points["fair"][0] + 100  # ten times as slow
    assert points["good"][1] < points["other"][1] < points["fair"][1]
    assert points["other"][2] > 400
    assert points["good"][2] < 20


def test_clips_and_candidates_without_values_are_not_drawn():
    full = report()
    same = row("psnr", np.inf, "hole", per_frame=(np.inf,) * 50, infinite=50)
    cells = {(name, clip): replace(full.cells[name, clip], rows=(same,)) for name, clip in full.cells if clip == "walk"}
    cells |= {key: cell for key, cell in full.cells.items() if key == ("fair", "run")}
    means = {"fair": full.means["fair"]}
    drawn = draw_plots(replace(full, cells=cells, means=means))
    assert len(inked(read(drawn["frames-run.png"]), "#0072b2")[0]) == 0
    assert len(inked(read(drawn["frames-run.png"]), "#d55e00")[0]) > 300
    nothing = replace(full, cells={}, means={"fair": replace(full.means["fair"], rows=(row("vfid", None),))})
    assert draw_plots(nothing) == {}
