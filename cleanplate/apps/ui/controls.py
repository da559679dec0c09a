"""Controls made from the options of engines: a knob for each field, with its unit and what stands under it as help.

for knob in knobs(FlowFillOptions):
    component = control(knob, value)
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from cleanplate.base.precision import PRECISIONS
from cleanplate.motion.estimator import ESTIMATORS
from cleanplate.paint.inventor import INVENTORS
from cleanplate.paint.presets import GRAINS, PRESETS

CHOICES: Mapping[str, Sequence[str]] = {
    "quality": tuple(PRESETS),
    "invent": tuple(INVENTORS),
    "flow": tuple(ESTIMATORS),
    "grain": GRAINS,
    "procedure": ("pieces", "published"),
    "precision": tuple(PRECISIONS),
}
"what fields of that name may be, all that are text"
_UNITS = {"px": "pixels", "frames": "frames", "mpx": "megapixels", "s": "seconds"}


@dataclass(frozen=True, kw_only=True)
class Knob:
    """One field of an options class."""

    name: str
    default: Any
    help: str
    "what the class says under it"

    @property
    def title(self) -> str:
        """Its name in words, with its unit."""
        *words, last = self.name.split("_")
        unit = _UNITS.get(last) if words else None
        text = " ".join(words if unit else [*words, last])
        return text[0].upper() + text[1:] + (f" ({unit})" if unit else "")


def knobs(options: type) -> list[Knob]:
    """Those of a dataclass, in order; fields that share a text under the last of them have none of their own."""
    texts: dict[str, str] = {}
    for owner in reversed(options.__mro__):
        if dataclasses.is_dataclass(owner):
            texts |= _texts_under_fields(owner)
    return [
        Knob(name=field.name, default=field.default, help=texts.get(field.name, ""))
        for field in dataclasses.fields(options)
    ]


def control(knob: Knob, value: Any) -> Any:
    """A component of the kind that its default asks for."""
    info = knob.help[:1].upper() + knob.help[1:] if knob.help else None
    how: dict[str, Any] = {"value": value, "label": knob.title, "info": info, "interactive": True}
    if isinstance(knob.default, bool):
        return gr.Checkbox(**how)
    if knob.name in CHOICES:
        return gr.Dropdown(list(CHOICES[knob.name]), **how)
    if isinstance(knob.default, int):
        return gr.Number(precision=0, **how)
    if isinstance(knob.default, float):
        return gr.Number(step=0.1, **how)
    return gr.Textbox(**how)


def _texts_under_fields(owner: type) -> dict[str, str]:
    definition = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    name = None
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found[name] = " ".join(str(node.value.value).split())
            name = None
        else:
            name = None
    return found
