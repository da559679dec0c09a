"""The steps beside the viewer, but for how holes are filled: load, mark, track, preview, run. Each fills its tab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from cleanplate.apps.server.guard import session_of
from cleanplate.apps.ui import said
from cleanplate.apps.ui.studio import Studio
from cleanplate.apps.ui.wiring import Wiring, answer
from cleanplate.mask.segmenter import SEGMENTERS
from cleanplate.mask.tracker import TRACKERS
from cleanplate.tasks.marks import FINDERS

_WAYS = [
    ("Both ways", "both"),
    ("On from here", "forward"),
    ("Back from here", "backward"),
    ("Between marks", "between"),
]
_ENCODE = {"As the source": None, "H.264": "h264", "HEVC": "hevc", "Lossless": "lossless"}


def words(text: str) -> None:
    """A sentence that explains."""
    gr.HTML(said.quiet(text), apply_default_css=False)


def line(name: str) -> gr.HTML:
    """Where it is said how something stands."""
    return gr.HTML(apply_default_css=False, elem_id=name)


def video_step(wiring: Wiring, blocks: gr.Blocks) -> None:
    """Drop a video, choose one or a project of the server's folder, or go on with an own project."""
    workshop = wiring.workshop
    upload = gr.File(label="Drop a video, or click to choose one", type="filepath", height=150)
    videos = gr.Dropdown([], label="Or a video or project from the server's folder", visible=False, interactive=True)
    projects = gr.Dropdown([], label="Or go on with a project", visible=False, interactive=True)
    about = line("about")

    def taken(begin: Callable[[str, Any], Studio], kind: Callable[[str], Any]) -> Callable[..., list[Any]]:
        def take(text: str | None, request: gr.Request) -> list[Any]:
            if not text:
                return [gr.skip(), gr.skip()]
            return answer(lambda: [begin(session_of(request), kind(text)).project.folder.name], [gr.skip()])

        return take

    def begin(request: gr.Request) -> tuple[Any, Any, str]:
        found, choices = workshop.projects(session_of(request)), workshop.choices()
        shown = gr.Dropdown(choices=found, value=None, visible=bool(found))
        return shown, gr.Dropdown(choices=choices, value=None, visible=bool(choices)), found[0][1] if found else ""

    def own(studio: Studio) -> Any:
        choices = workshop.projects(studio.session)
        return gr.Dropdown(choices=choices, value=studio.project.folder.name, visible=len(choices) > 1)

    opened = [wiring.opened, wiring.refusal]
    upload.upload(taken(workshop.from_upload, Path), upload, opened, queue=False)
    videos.select(taken(workshop.from_root, str), videos, opened, queue=False)
    projects.select(taken(workshop.studio, str), projects, opened, queue=False)
    blocks.load(begin, None, [projects, videos, wiring.opened], queue=False)
    wiring.fills(projects, own)
    wiring.shows(about, lambda studio: said.sentence(_about(studio)))


def mark_step(wiring: Wiring, _: gr.Blocks) -> None:
    """What is not done in the picture itself: finders, words, files, what the clicks are understood by."""
    words(
        "Click on what is to go: left adds, right takes away. Or draw a box, or paint. Every object has its colour and "
        "its name above the picture."
    )
    finders = [(spec.summary, name) for name, spec in FINDERS.items()]
    with gr.Row(equal_height=False):
        finder = gr.Dropdown(finders, label="Find by itself", value=next(iter(FINDERS)), scale=3)
        find = gr.Button("Find", scale=1, min_width=80, elem_id="find", elem_classes="cp-end")
    with gr.Row(equal_height=False):
        named = gr.Textbox(label="Find by words", placeholder="the red car", scale=3)
        find_named = gr.Button("Find", scale=1, min_width=80, elem_classes="cp-end")
    upload = gr.UploadButton("Upload a mask (picture or video)", file_count="single", type="filepath", elem_id="mask")
    with gr.Accordion("More", open=False):
        segmenter = gr.Dropdown(
            [(f"{name}: {spec.summary}", name) for name, spec in SEGMENTERS.items()], label="Clicks are understood by"
        )
        fresh = gr.Button("Forget all marks and masks", elem_id="fresh")
    said_of = line("found")
    wiring.on(find.click, lambda studio, _, value: studio.find({"find": [value]}), finder)
    wiring.on(find_named.click, lambda studio, _, value: studio.find({"words": [value]}), named)
    wiring.on(upload.upload, lambda studio, _, value: studio.take_mask(Path(value)), upload)
    wiring.on(segmenter.input, lambda studio, _, value: studio.wishes.keep("segmenter", value), segmenter)
    wiring.on(fresh.click, lambda studio, *_: studio.desk.start_over())
    wiring.fills(segmenter, lambda studio: studio.project.page.get("segmenter", "grabcut"))
    wiring.shows(said_of, lambda studio: said.progress(studio.doing("track"), "Done; the masks are in the picture."))


def track_step(wiring: Wiring, _: gr.Blocks) -> None:
    """Follow what is marked."""
    words(
        "Follow what is marked through its shot. After a fix on a frame, track again: only what follows is done anew."
    )
    way = gr.Radio(_WAYS, value="both", show_label=False, container=False, elem_id="way")
    with gr.Row():
        start = gr.Button("Track", variant="primary", elem_id="track")
        stop = gr.Button("Stop", elem_id="stop-track")
    how = line("track-line")
    with gr.Accordion("More", open=False):
        tracker = gr.Dropdown(
            [(f"{name}: {spec.summary}", name) for name, spec in TRACKERS.items()], label="Followed by"
        )
    wiring.on(start.click, lambda studio, frame, value: studio.track(frame, value), way)
    wiring.on(stop.click, lambda studio, *_: studio.stop("track"))
    wiring.on(tracker.input, lambda studio, _, value: studio.wishes.keep("tracker", value), tracker)
    wiring.fills(tracker, lambda studio: studio.project.page.get("tracker", "flow"))
    wiring.shows(how, lambda studio: said.progress(studio.doing("track"), "") or said.sentences(_how(studio)))


def preview_step(wiring: Wiring, _: gr.Blocks) -> None:
    """Look before the long run."""
    words(
        "Two seconds around the frame shown, small, as a run would make them. Drag the line to compare; play to judge."
    )
    with gr.Row():
        start = gr.Button("Preview here", variant="primary", elem_id="preview")
        stop = gr.Button("Stop")
    how, hints = line("preview-line"), line("hints")
    wiring.on(start.click, lambda studio, frame, _: studio.preview(frame))
    wiring.on(stop.click, lambda studio, *_: studio.stop("preview"))
    wiring.shows(how, lambda studio: said.progress(studio.doing("preview"), studio.summary()))
    wiring.shows(hints, lambda studio: said.hints(studio.hints()))


def run_step(wiring: Wiring, _: gr.Blocks) -> None:
    """The whole video."""
    words("The whole video, at full size. It goes on when this page is closed.")
    with gr.Row():
        start = gr.Button("Run", variant="primary", elem_id="run")
        stop = gr.Button("Cancel", elem_id="cancel")
    how, links = line("run-line"), line("links")
    with gr.Accordion("How it is written", open=False):
        codec = gr.Dropdown(list(_ENCODE), label="Codec", value="As the source")
        verify = gr.Checkbox(label="Decode the result again and compare")
    wiring.on(start.click, lambda studio, *_: studio.run())
    wiring.on(stop.click, lambda studio, *_: studio.stop("run"))
    wiring.on(codec.input, lambda studio, _, value: studio.wishes.set_codec(_ENCODE[value]), codec)
    wiring.on(verify.input, lambda studio, _, value: studio.wishes.set("verify", value), verify)
    wiring.fills(codec, lambda studio: next(name for name, value in _ENCODE.items() if value == studio.wishes.codec))
    wiring.fills(verify, lambda studio: studio.project.settings.get("verify", False))
    wiring.shows(how, lambda studio: said.progress(studio.doing("run"), studio.summary()))
    wiring.shows(
        links, lambda studio: said.links(studio.doing("run").job) if studio.doing("run").state == "done" else ""
    )


def _about(studio: Studio) -> str:
    info = studio.desk.shop.info
    rate = f", {float(info.rate):.5g} frames/s" if info.rate else ""
    name = studio.project.page.get("name", "")
    return f"{name}: {info.width_px}x{info.height_px}{rate}, {len(studio.desk.shop)} frames, {info.codec}"


def _how(studio: Studio) -> list[str]:
    """How each object was followed."""
    names = studio.desk.names()
    return [said.followed(names.get(track.object_id, track.title), track) for track in studio.desk.tracks()]
