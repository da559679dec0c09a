"""The step that says how holes are filled: engine, style, growth, painted frames; the engine's options are folded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from cleanplate.apps.ui import said
from cleanplate.apps.ui.controls import Knob, control, knobs
from cleanplate.apps.ui.studio import Studio
from cleanplate.apps.ui.wiring import Wiring, refusal_of
from cleanplate.base.errors import CleanplateError
from cleanplate.base.settings import Job
from cleanplate.paint.engine import ENGINES, engine_class
from cleanplate.paint.flowfill import FlowFillOptions
from cleanplate.paint.inventor import INVENTORS


def fill_step(wiring: Wiring, _: gr.Blocks) -> None:
    """Fills its tab."""
    engine = gr.Dropdown(
        [(f"{name}: {spec.summary}", name) for name, spec in ENGINES.items()], label="Engine", elem_id="engine"
    )
    style = gr.Dropdown(
        [(f"{name}: {spec.summary}", name) for name, spec in INVENTORS.items()],
        label="What no frame shows is filled by",
        elem_id="style",
    )
    with gr.Row():
        grow = gr.Number(label="Grow (pixels)", precision=0, minimum=0, maximum=512, min_width=90, elem_id="grow")
        feather = gr.Number(label="Feather (pixels)", precision=0, minimum=0, maximum=512, min_width=90)
    shadow = gr.Checkbox(label="Shadows and mirror images go too", elem_id="shadow")
    with gr.Accordion("A painted frame", open=False):
        gr.HTML(
            said.quiet(
                "Paint over what is to go on the frame shown, here; or save it, paint in another program, and bring it "
                "back. What it shows then is taken in all frames of its shot where none shows what is there."
            )
            + said.overpaint(),
            apply_default_css=False,
        )
        painted = gr.UploadButton("Bring back the frame shown, painted", type="filepath", elem_id="reference")
        trust = gr.Checkbox(label="Take it everywhere in the hole")
        forget = gr.Button("Forget painted frames")
        given = gr.HTML(apply_default_css=False, elem_id="references")
    with gr.Accordion("All options of the engine", open=False, elem_id="options"):
        _options(wiring, engine)
    wiring.on(engine.input, lambda studio, _, value: studio.wishes.set_engine(value), engine)
    for component, name in ((grow, "grow_px"), (feather, "feather_px"), (trust, "trust_reference")):
        wiring.on(component.input, partial(_set, name), component)
    wiring.on(style.input, lambda studio, _, value: studio.wishes.set_style(value), style)
    wiring.on(shadow.input, lambda studio, _, value: studio.wishes.mark("with_shadow", value), shadow)
    wiring.on(painted.upload, lambda studio, frame, value: studio.wishes.add_reference(frame, Path(value)), painted)
    wiring.on(forget.click, lambda studio, *_: studio.wishes.forget_references())
    wiring.shows(given, lambda studio: said.sentences(studio.wishes.references()))
    wiring.fills(engine, lambda studio: studio.wishes.engine)
    wiring.fills(style, lambda studio: studio.project.settings.get("invent", FlowFillOptions.invent))
    wiring.fills(grow, lambda studio: studio.project.settings.get("grow_px", Job.grow_px))
    wiring.fills(feather, lambda studio: studio.project.settings.get("feather_px", Job.feather_px))
    wiring.fills(trust, lambda studio: studio.project.settings.get("trust_reference", False))
    wiring.fills(shadow, lambda studio: studio.project.marks.get("with_shadow", False))


def _options(wiring: Wiring, engine: gr.Dropdown) -> None:
    """A control for each of its options, made anew when another engine is chosen."""

    @gr.render(inputs=[wiring.opened, engine], queue=False)  # type: ignore[untyped-decorator]  # Gradio gives it no types
    def controls(name: str, chosen: str | None, request: gr.Request) -> None:
        if not name or not chosen:
            return
        try:
            found = knobs(engine_class(chosen).Options)
            given: dict[str, Any] = wiring.studio(name, request).project.settings.get("options", {})
        except CleanplateError as error:
            gr.HTML(said.sentence(str(error), is_error=True), apply_default_css=False)
            return
        if not found:
            gr.HTML(said.quiet("It has none."), apply_default_css=False)
        for knob in found:
            if knob.name == "invent":  # stands above
                continue
            component = control(knob, given.get(knob.name, knob.default))
            event = component.blur if isinstance(component, gr.Number | gr.Textbox) else component.input
            event(_setter(wiring, knob), [wiring.opened, component], wiring.refusal, queue=False)


def _set(name: str, studio: Studio, _: int, value: Any) -> None:
    studio.wishes.set(name, value)


def _setter(wiring: Wiring, knob: Knob) -> Callable[..., Any]:
    def set_option(name: str, value: Any, request: gr.Request) -> Any:
        return refusal_of(lambda: wiring.studio(name, request).wishes.set_option(knob.name, value, knob.default))

    return set_option
