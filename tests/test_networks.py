"""Which networks a run names as deciding its result."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

import cleanplate
import cleanplate.tasks.remove as removing
from cleanplate.base.weights import WEIGHTS
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.journal.facts import weights_fact
from cleanplate.mask.hints import Hint
from cleanplate.mask.networks import chosen_devices
from cleanplate.mask.networks import networks_of as mask_networks
from cleanplate.mask.source import MaskSource
from cleanplate.paint.engine import ENGINES, engine_options
from cleanplate.paint.inventor import networks_of

CLICK = (Hint.parse_click("3,4"),)
WORDS = {"words": ("dog",)}


@pytest.mark.parametrize(
    ("engine", "given", "expected"),
    [
        ("opencv-telea", {}, set()),
        ("flowfill", {}, set()),
        ("flowfill", {"flow": "raft"}, {"raft"}),
        ("flowfill", {"flow": "raft", "invent": "e2fgvi-hq"}, {"raft", "e2fgvi-hq"}),
        ("e2fgvi-hq", {}, {"e2fgvi-hq"}),
        ("propainter", {}, {"propainter", "propainter-flow", "raft"}),
    ],
)
def test_of_engines(engine: str, given: dict, expected: set[str]):
    assert networks_of(engine, engine_options(engine, given)) == expected


def test_every_engine_can_be_asked():
    for name in ENGINES:
        networks_of(name, engine_options(name, {}))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (MaskSource(path=Path("mask.png")), set()),
        (MaskSource(find="motion"), set()),
        (MaskSource(hints=CLICK), set()),
        (MaskSource(hints=CLICK, tracker="deaot"), {"deaot-r50l"}),
        (MaskSource(hints=CLICK, tracker="flow", tracker_options={"flow": "raft"}), {"raft"}),
        (
            MaskSource(hints=CLICK, tracker="sam2", segmenter="sam", segmenter_options={"model": "sam-vit-huge"}),
            {"sam2.1-hiera-small", "sam-vit-huge"},
        ),
        (MaskSource(hints=(Hint.parse_mask("first.png"),), segmenter="sam"), set()),  # nothing is left to cut out
        (MaskSource(**WORDS), {"grounding-dino-tiny"}),
        (MaskSource(**WORDS, word_options={"model": "grounding-dino-base"}), {"grounding-dino-base"}),
    ],
    ids=lambda value: str(value) if isinstance(value, MaskSource) else "+".join(sorted(value)),
)
def test_of_masks(source: MaskSource, expected: set[str]):
    assert mask_networks(source) == expected
    assert len(chosen_devices([source, source])) == bool(expected)


def test_a_device_that_was_named_needs_no_words():
    assert chosen_devices([MaskSource(**WORDS, device="cpu")]) == ()


def test_weights_are_known_by_their_checksum_or_by_what_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert weights_fact("deaot-r50l") == WEIGHTS["deaot-r50l"].sha256  # here or not: no other file is ever loaded
    model = tmp_path / "sam-vit-base"
    model.mkdir()
    for name, path in (("raft", tmp_path / WEIGHTS["raft"].file), ("sam-vit-base", model / "model.safetensors")):
        found = {weights_fact(name)}
        (model / "config.json").write_text("{}")
        for content in (b"one", b"two"):
            path.write_bytes(content)
            found.add(weights_fact(name))
        assert len(found) == 3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"tracker": "sam2"}, "cpu"),  # the card is for the masks
        ({"tracker": "sam2", "options": {"flow": "raft"}}, "cuda"),
        ({}, "cuda"),  # nothing has a use for it: the engine refuses it
    ],
)
def test_a_card_may_be_for_the_masks_alone(given: dict, expected: str, tmp_path: Path, monkeypatch):
    write_clip(tmp_path / "in.mp4", render("still", width_px=96, height_px=64, frames=2).images)
    ran: list[str] = []
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a card")
    monkeypatch.setattr(removing, "_masks_in", lambda *of: asked.append(of[3]) or [])
    monkeypatch.setattr(removing, "run", lambda job, *_: ran.append(job.device))
    cleanplate.remove(tmp_path / "in.mp4", output=tmp_path / "out.mp4", click=(3, 4), device="cuda", **given)
    assert (asked, ran) == (["cuda"], [expected])
