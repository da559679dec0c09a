"""Frames that a person painted: what they show in the rest of the shot, judged against the clean plate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from far_shot import Shot, break_off, rgb

import cleanplate
from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.settings import PaintedFrame

FRAMES, AT = 40, 10
TIME = "0:00.4"


def paint(path: Path, picture: np.ndarray, see_through: np.ndarray | None = None) -> str:
    stored = picture[..., ::-1]
    if see_through is not None:
        stored = np.dstack([stored, np.where(see_through, 0, 255).astype(np.uint8)])
    assert cv2.imwrite(str(path), stored)
    return f"{path}@{TIME}"


@pytest.fixture(scope="module")
def nudge(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """A still logo before a camera that never shows a part of what is behind it."""
    return Shot(tmp_path_factory.mktemp("nudge"), "logo-nudge", FRAMES, 192, 108)


@pytest.fixture(scope="module")
def truth(nudge: Shot, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A frame painted as it truly looks."""
    return paint(tmp_path_factory.mktemp("truth") / "frame.png", nudge.plate[AT])


@pytest.fixture(scope="module")
def alone(nudge: Shot, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    """The result without any, and where each sample came from (128 seen, 255 invented)."""
    folder = tmp_path_factory.mktemp("alone")
    nudge.remove(folder / "out.mkv", origin_map=folder / "origin.mkv")
    return folder / "out.mkv", [frame[..., 0] for frame in rgb(folder / "origin.mkv")]


def rms(shot: Shot, output: Path, where: list[np.ndarray]) -> float:
    """Error in levels against the clean plate, over the marked samples of all frames."""
    errors = [(a[m].astype(float) - b[m]) ** 2 for a, b, m in zip(rgb(output), shot.plate, where, strict=True)]
    return float(np.sqrt(np.concatenate(errors).mean()))


def test_one_painted_frame_fills_what_is_never_seen_in_the_whole_shot(nudge: Shot, truth: str, alone, tmp_path: Path):
    never = [(origin > 200) & hole for origin, hole in zip(alone[1], nudge.holes, strict=True)]
    report = nudge.remove(tmp_path / "out.mkv", reference=truth)
    before, after = nudge.db(alone[0]), nudge.db(tmp_path / "out.mkv")
    print(f"{before.mean():.1f} dB without, {after.mean():.1f} with it, least {after.min():.1f}")
    assert after.mean() > before.mean() + 15
    assert after.min() > 32
    # as like the plate of each frame as the picture itself, whose noise is another frame's
    assert rms(nudge, tmp_path / "out.mkv", never) < 1.5 * rms(nudge, nudge.video, [~hole for hole in nudge.holes]) + 4
    assert report.invented_share > 0.5  # by the person who painted
    assert report.untouched == "identical"


@pytest.mark.parametrize("is_trusted", [False, True])
def test_what_is_seen_stays_unless_the_frame_is_trusted(nudge: Shot, alone, tmp_path: Path, is_trusted: bool):
    wrong = nudge.plate[AT].copy()
    wrong[nudge.holes[AT]] = 255 - wrong[nudge.holes[AT]]
    reference = paint(tmp_path / "wrong.png", wrong)
    report = nudge.remove(tmp_path / "out.mkv", reference=[reference], trust_reference=is_trusted)
    inner = [cv2.erode((origin == 128).astype(np.uint8), np.ones((5, 5))) > 0 for origin in alone[1]]
    change = rms(nudge, tmp_path / "out.mkv", inner) - rms(nudge, alone[0], inner)
    assert sum(mark.sum() for mark in inner) > 1000
    assert change > 30 if is_trusted else abs(change) < 1
    assert (report.seen_share < 0.05) == is_trusted


def test_what_is_see_through_is_not_painted(nudge: Shot, alone, tmp_path: Path):
    left = np.zeros(nudge.holes[AT].shape, bool)
    left[:, : int(np.nonzero(nudge.holes[AT].any(0))[0].mean())] = True
    reference = paint(tmp_path / "half.png", nudge.plate[AT], left)
    nudge.remove(tmp_path / "out.mkv", reference=reference)
    never = (alone[1][AT] > 200) & nudge.holes[AT]
    frames = [np.zeros_like(never)] * len(nudge.holes)
    errors = []
    for side in (left, ~left):
        inner = cv2.erode((never & side).astype(np.uint8), np.ones((5, 5))) > 0
        errors.append(rms(nudge, tmp_path / "out.mkv", [inner if t == AT else none for t, none in enumerate(frames)]))
    assert errors[0] > 2 * errors[1]


def test_two_frames_give_way_to_each_other(nudge: Shot, tmp_path: Path):
    """Two that disagree: each is shown at its own time, and nothing jumps on the way from one to the other."""
    references = []
    for n, (time, change) in enumerate(((0, 40), (39, -40))):
        picture = nudge.plate[time].astype(int)
        picture[nudge.holes[time]] += change
        path = tmp_path / f"{n}.png"
        cv2.imwrite(str(path), np.clip(picture, 0, 255).astype(np.uint8)[..., ::-1])
        references.append(f"{path}@{time / 25}")
    nudge.remove(tmp_path / "out.mkv", reference=references, trust_reference=True)
    light = []
    for image, plate, hole in zip(rgb(tmp_path / "out.mkv"), nudge.plate, nudge.holes, strict=True):
        inner = cv2.erode(hole.astype(np.uint8), np.ones((15, 15))) > 0
        light.append(float((image[inner].astype(float) - plate[inner]).mean()))
    assert light[0] > light[-1] + 20
    assert np.abs(np.diff(light)).max() < 0.25 * (light[0] - light[-1])


def test_what_is_painted_follows_the_light(tmp_path: Path):
    """The exposure swings by 18 %; a frame from the middle is taken everywhere."""
    shot = Shot(tmp_path, "exposure", FRAMES, 192, 108)
    light = [plate.mean() for plate in shot.plate]
    assert np.ptp(light) > 15  # levels
    shot.remove(tmp_path / "out.mkv", reference=paint(tmp_path / "frame.png", shot.plate[AT]), trust_reference=True)
    off = [
        (image[hole].astype(float) - plate[hole]).mean()
        for image, plate, hole in zip(rgb(tmp_path / "out.mkv"), shot.plate, shot.holes, strict=True)
        if hole.sum() > 300  # he walks in from the side
    ]
    print(f"light swings by {np.ptp(light):.0f} levels, the fill is off by {np.abs(off).max():.1f} at most")
    assert np.abs(off).max() < 3


def test_fields_get_the_fields_of_painted_frames(nudge: Shot, tmp_path: Path):
    from interlaced import hole_db, luma_of, weave_rows, write_interlaced

    plates = np.stack(nudge.plate)
    shown = np.stack(rgb(nudge.video))
    for name, pictures in (("in", shown), ("plate", plates)):
        write_interlaced(tmp_path / f"{name}.mp4", weave_rows(pictures, "tff"), "tff")
    holes = weave_rows(np.stack(nudge.holes).astype(np.uint8), "tff").astype(bool)
    woven = weave_rows(plates, "tff")
    (tmp_path / "masks").mkdir()
    for index, hole in enumerate(holes):
        cv2.imwrite(str(tmp_path / "masks" / f"{index:04d}.png"), hole.astype(np.uint8) * 255)
    reference = paint(tmp_path / "frame.png", woven[AT])
    found = []
    for n, more in enumerate(({}, {"reference": reference})):
        report = cleanplate.remove(
            tmp_path / "in.mp4", mask=tmp_path / "masks", output=tmp_path / f"{n}.mp4", lossless=True,
            preset="ultrafast", **more,
        )  # fmt: skip
        assert report.by_field
        found.append(hole_db(tmp_path / f"{n}.mp4", luma_of(tmp_path / "plate.mp4"), holes))
    print(f"{found[0]:.1f} dB without, {found[1]:.1f} with it")
    assert found[1] > found[0] + 8


def test_it_belongs_to_the_job(nudge: Shot, truth: str, tmp_path: Path, monkeypatch):
    """A run that goes on has to be given the same painted frames."""
    long = Shot(tmp_path, "logo-nudge", 140, 96, 54)
    frame = paint(tmp_path / "frame.png", long.plate[AT])
    break_off(lambda: long.remove(tmp_path / "out.mkv", reference=frame), 3, monkeypatch)
    with pytest.raises(UsageError, match="reference"):
        long.remove(tmp_path / "out.mkv")
    with pytest.raises(UsageError, match=r"--trust-reference \(was False, now True\)"):
        long.remove(tmp_path / "out.mkv", reference=frame, trust_reference=True)
    assert long.remove(tmp_path / "out.mkv", reference=frame).pieces_taken_over > 0
    long.remove(tmp_path / "again.mkv", reference=frame, workers=2)
    assert (tmp_path / "out.mkv").read_bytes() == (tmp_path / "again.mkv").read_bytes()


def test_bad_ones_are_refused_before_any_work(nudge: Shot, truth: str, tmp_path: Path):
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), np.zeros((50, 60, 3), np.uint8))
    (tmp_path / "text.png").write_text("no picture")
    picture = truth.rpartition("@")[0]
    for reference, kind, sentence in (
        (picture, UsageError, "which frame"),
        (f"{picture}@soon", UsageError, "not a time"),
        (f"{picture}@00:02", UsageError, "outside the video, whose last frame begins at 1.560 s"),
        (f"{tmp_path / 'none.png'}@0", UsageError, "no file"),
        (f"{small}@0", UsageError, "is 60x50, but the video is 192x108"),
        (f"{tmp_path / 'text.png'}@0", MediaError, "cannot be read"),
        ([truth, f"{picture}@0.41"], UsageError, "two --reference"),
    ):
        with pytest.raises(kind, match=sentence):
            nudge.remove(tmp_path / "out.mkv", reference=reference)
    with pytest.raises(UsageError, match="none is given"):
        nudge.remove(tmp_path / "out.mkv", trust_reference=True)
    with pytest.raises(UsageError, match="makes no use"):
        nudge.remove(tmp_path / "out.mkv", reference=truth, engine="smooth")
    assert not list(tmp_path.glob("*out.mkv*"))


def test_times_are_those_that_are_typed():
    assert PaintedFrame.parse("a@b.png@1:02.5") == PaintedFrame(path=Path("a@b.png"), time_s=Fraction(125, 2))
    assert str(PaintedFrame.parse("a.png@00:03.5")) == "a.png@3.5"
