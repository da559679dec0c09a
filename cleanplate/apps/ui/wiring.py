"""How the steps of a tab hang together: which project is open, what a button does, what is shown of how things stand.

    wiring = Wiring(workshop)
    wiring.on(button.click, lambda studio, frame, value: studio.preview(frame))
    wiring.shows(line, lambda studio: said.progress(studio.doing("preview")))
    wiring.fills(number, lambda studio: studio.project.settings.get("grow_px", 4))
    wiring.close()                      # once all steps are there

The browser knows where the playhead is; it is asked with each click. What is under way is asked after now and then.

No event goes through Gradio's queue: that answers in a stream, loses what is asked for while the stream is closing, and
never asks again. What is refused is an answer too, which the viewer shows: Gradio shows errors of its queue alone.

What is asked for at the same time is answered in any order. So acts and marks wait for those before them, one look is
under way at a time, and of changes that come quickly the last one counts.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from cleanplate.apps.server.guard import session_of
from cleanplate.apps.ui.studio import Studio
from cleanplate.apps.ui.workshop import Workshop
from cleanplate.base.errors import CleanplateError, UsageError

Act = Callable[[Studio, int, Any], Any]
"what an event does: to the project, at the frame that is shown, with a component's value"

_ACT = "async (_, value) => [await (await window.cleanplateReady).act(), value]"
_ACTED = "async () => { (await window.cleanplateReady).acted(); }"
_LOOK = "() => { document.querySelector('#look').click(); }"
_OPEN = "async (name) => { (await window.cleanplateReady).open(name); }"
_SAY = "async (refusal) => { if (refusal) (await window.cleanplateReady).note(refusal.text); }"
_LOOK_S = 0.6
"how often what is under way is asked after"


class Wiring:
    """See the module."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.opened = gr.Textbox(visible=False)
        "the id of the project that is open; empty = none"
        self.refusal = gr.JSON(visible=False)
        "what the viewer is to say of what was asked last; an output of every event that may be refused"
        self._where = gr.JSON(visible=False)
        self._nothing = gr.JSON(visible=False)
        self._pulse = gr.Textbox(visible=False)  # changes when the viewer has to look anew
        self._told = gr.Button(elem_id="look", elem_classes="cp-hidden")  # pressed by the viewer, and by `_LOOK`
        self._timer = gr.Timer(_LOOK_S, active=False)
        self._acts: list[tuple[Any, Act, Any]] = []
        self._shown: list[tuple[Any, Callable[[Studio], Any]]] = []
        self._filled: list[tuple[Any, Callable[[Studio], Any]]] = []

    def on(self, event: Any, act: Act, value: Any = None) -> None:
        """An event, like `button.click`, does that; `value`: the component whose value it is given."""
        self._acts.append((event, act, self._nothing if value is None else value))

    def shows(self, component: Any, say: Callable[[Studio], Any]) -> None:
        """The component always has what `say` says of the project."""
        self._shown.append((component, say))

    def fills(self, component: Any, say: Callable[[Studio], Any]) -> None:
        """The component gets that value when a project is opened."""
        self._filled.append((component, say))

    def studio(self, name: str, request: gr.Request) -> Studio:
        """The open project. Raises `UsageError` where the session has none of that id."""
        return self.workshop.studio(session_of(request), name)

    def close(self) -> None:
        """Connect everything."""
        shown = [*(component for component, _ in self._shown), self._pulse, self._timer, self.refusal]
        filled = [*(component for component, _ in self._filled), self.refusal]
        for event, act, value in self._acts:
            mode: Any = "always_last" if event.event_name == "input" else "once"
            given = [self._where, value]
            done = event(self._doing(act), given, self.refusal, js=_ACT, queue=False, trigger_mode=mode)
            done.then(None, None, None, js=_ACTED)
        for event in (self._timer.tick, self.opened.change):
            event(None, None, None, js=_LOOK)
        self._told.click(
            self._look, self.opened, shown, show_progress="hidden", queue=False, trigger_mode="always_last"
        )
        self._pulse.change(None, self.opened, None, js=_OPEN)
        self.opened.change(None, self.opened, None, js=_OPEN)
        self.opened.change(self._fill, self.opened, filled, show_progress="hidden", queue=False)
        self.refusal.change(None, self.refusal, None, js=_SAY)

    def _doing(self, act: Act) -> Callable[..., Any]:
        def do(where: dict[str, Any], value: Any, request: gr.Request) -> Any:
            def ask() -> None:
                if not where["project"]:
                    raise UsageError("Choose a video first.")
                act(self.studio(where["project"], request), int(where["frame"]), value)

            return refusal_of(ask)

        return do

    def _look(self, name: str, request: gr.Request) -> list[Any]:
        def look() -> list[Any]:
            studio = self.studio(name, request)
            is_going = [studio.doing(kind).is_going for kind in ("track", "preview", "run")]
            said = [say(studio) for _, say in self._shown]
            return [*said, str(studio.changes()["versions"]), gr.Timer(active=any(is_going))]

        asleep = [gr.skip()] * (len(self._shown) + 1) + [gr.Timer(active=False)]
        return answer(look, asleep) if name else [*asleep, gr.skip()]

    def _fill(self, name: str, request: gr.Request) -> list[Any]:
        def fill() -> list[Any]:
            studio = self.studio(name, request)
            return [say(studio) for _, say in self._filled]

        as_it_is = [gr.skip()] * len(self._filled)
        return answer(fill, as_it_is) if name else [*as_it_is, gr.skip()]


def answer(ask: Callable[[], Sequence[Any]], instead: Sequence[Any]) -> list[Any]:
    """What an event gives back: the values asked for, or those instead, and then the refusal."""
    values = list(instead)

    def take() -> None:
        values[:] = ask()

    refusal = refusal_of(take)
    return [*values, refusal]


def refusal_of(act: Callable[[], Any]) -> Any:
    """Do it; what the viewer is to say of it, if it was refused."""
    try:
        act()
    except CleanplateError as error:
        text = str(error)
    except Exception as error:
        traceback.print_exc()
        text = f"this is a fault in cleanplate: {error!r}"
    else:
        return gr.skip()
    return {"text": text, "at_ns": time.time_ns()}  # said again when it is refused again
