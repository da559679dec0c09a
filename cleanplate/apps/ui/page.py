"""The page: a tab for each task that has one, and the list of jobs.

mount(app, jobs, root=Path("videos"), folder=Path("served"), max_upload_bytes=4 * 1024**3)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI

from cleanplate.apps.jobs.queue import Jobs
from cleanplate.apps.server.guard import session_of
from cleanplate.apps.table import TASKS
from cleanplate.apps.ui import said
from cleanplate.apps.ui.routes import STATIC, make_routes
from cleanplate.apps.ui.workshop import Workshop
from cleanplate.base.errors import UsageError
from cleanplate.base.table import load

_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONO = ["ui-monospace", "monospace"]
_HEAD = """
<header class="cp-head"><h1>cleanplate</h1><p>Look first, invent last.</p>
<button type="button" onclick="document.body.classList.toggle('dark')">Light / dark</button></header>
"""
_LOOK_S = 2.0
"how often the list of jobs is read again, while it is shown"


def mount(app: FastAPI, jobs: Jobs, *, root: Path | None, folder: Path, max_upload_bytes: int) -> None:
    """Put the page on the server. `root`: whose videos may be opened; `folder`: where projects are kept."""
    workshop = Workshop(folder, jobs, root)
    app.include_router(make_routes(workshop))
    theme = gr.themes.Base(
        primary_hue="teal", secondary_hue="teal", neutral_hue="slate", radius_size="sm", font=_FONT, font_mono=_MONO
    )
    gr.mount_gradio_app(
        app,
        build(workshop),
        path="/",
        max_file_size=max_upload_bytes,
        ssr_mode=False,
        theme=theme,
        css_paths=[STATIC / "page.css"],
        footer_links=[],
        run_history=False,
    )


def build(workshop: Workshop) -> gr.Blocks:
    """The page over that workshop."""
    blocks: gr.Blocks
    with gr.Blocks(title="cleanplate", analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(_HEAD, apply_default_css=False)
        with gr.Tabs():
            for name, spec in TASKS.items():
                if spec.tab is not None:
                    with gr.Tab(spec.title, id=name):
                        load(spec.tab)(blocks, workshop)
            with gr.Tab("Jobs", id="jobs") as tab:
                _jobs_tab(tab, workshop)
    return blocks


def _jobs_tab(tab: gr.Tab, workshop: Workshop) -> None:
    """All jobs of the session, whoever sent them: the page or a script."""
    table = gr.HTML(said.jobs([]), apply_default_css=False)
    refused = gr.HTML(apply_default_css=False)
    with gr.Row():
        chosen = gr.Dropdown([], label="Job", scale=3)
        stop = gr.Button("Cancel", scale=1, elem_classes="cp-end")
        forget = gr.Button("Forget, with its files", scale=1, elem_classes="cp-end")
    timer = gr.Timer(_LOOK_S, active=False)

    def read(now: str | None, request: gr.Request) -> tuple[str, Any]:
        session = session_of(request)
        found = workshop.jobs.of(session)
        table = said.jobs([(state, workshop.jobs.last(state.id, session)) for state in found])
        choices = [(f"{state.name}, {state.state}", state.id) for state in found]
        kept = now if now in {value for _, value in choices} else None
        return table, gr.Dropdown(choices=choices, value=kept)

    def doing(act: Callable[[str, str], Any]) -> Callable[..., tuple[str, Any, str]]:
        def do(job: str | None, request: gr.Request) -> tuple[str, Any, str]:
            text = ""
            if job:
                try:
                    act(job, session_of(request))
                except UsageError as error:
                    text = said.sentence(str(error), is_error=True)
            return *read(job, request), text

        return do

    shown = [table, chosen]
    tab.select(read, chosen, shown, queue=False).then(lambda: gr.Timer(active=True), None, timer, queue=False)
    timer.tick(read, chosen, shown, show_progress="hidden", queue=False)
    stop.click(doing(workshop.jobs.cancel), chosen, [*shown, refused], queue=False)
    forget.click(doing(workshop.jobs.delete), chosen, [*shown, refused], queue=False)
