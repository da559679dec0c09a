"""The tab of `remove`: the viewer, and beside it the steps from a video to its clean plate."""

from __future__ import annotations

import gradio as gr

from cleanplate.apps.ui.fill_step import fill_step
from cleanplate.apps.ui.routes import PREFIX, STATIC
from cleanplate.apps.ui.steps import mark_step, preview_step, run_step, track_step, video_step
from cleanplate.apps.ui.wiring import Wiring
from cleanplate.apps.ui.workshop import Workshop

_ON_LOAD = f"""
window.cleanplateReady = import("{PREFIX}/static/viewer.js").then(({{ Viewer }}) => {{
  window.cleanplate = new Viewer(element.querySelector(".cp-viewer"), "{PREFIX}");
  return window.cleanplate;
}});
"""
_STEPS = {
    "Video": video_step,
    "Mark": mark_step,
    "Track": track_step,
    "Preview": preview_step,
    "Fill": fill_step,
    "Run": run_step,
}


def build(blocks: gr.Blocks, workshop: Workshop) -> None:
    """Called inside the tab."""
    wiring = Wiring(workshop)
    with gr.Row(equal_height=False):
        with gr.Column(scale=7, min_width=340):
            template = (STATIC / "viewer.html").read_text(encoding="utf-8")
            gr.HTML("", html_template=template, js_on_load=_ON_LOAD, apply_default_css=False, elem_id="viewer")
        with gr.Column(scale=4, min_width=320), gr.Tabs(elem_id="steps"):
            for title, step in _STEPS.items():
                with gr.Tab(title):
                    step(wiring, blocks)
    wiring.close()
