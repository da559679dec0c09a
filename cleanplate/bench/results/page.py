"""The page as text: sections between markers, so that one can be measured again while the others stay as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

TITLES = {
    "targets": "Targets",
    "presets": "Qualities of the default engine",
    "quality": "Quality",
    "track": "Tracking",
    "speed": "Speed and memory",
    "accidents": "Accidents",
    "pictures": "Pictures",
}
"sections in the order of the page"

_HEAD = """\
# Results

Measured by `scripts/bench`, which writes this page; `scripts/bench speed` measures one section again. What each
figure means and how it is measured: [evaluation.md](evaluation.md). Times are given as ratios within one run on one
machine. Pictures are of rendered scenes, whose truth is known; real clips give numbers only.
"""


def read_sections(page: str) -> dict[str, str]:
    """The sections of a page by name, as they are between their markers; those it does not know are left out."""
    found = re.findall(r"<!-- begin (\w+) -->\n(.*?)\n<!-- end \1 -->", page, flags=re.DOTALL)
    return {name: body for name, body in found if name in TITLES}


def write_page(sections: Mapping[str, str]) -> str:
    """The whole page; a section that was never measured says how to."""
    parts = [_HEAD]
    for name, title in TITLES.items():
        body = sections.get(name, f"Not measured yet: `scripts/bench {name}`.")
        parts.append(f"## {title}\n\n<!-- begin {name} -->\n{body}\n<!-- end {name} -->\n")
    return "\n".join(parts)


def stamp(command: str, facts: Mapping[str, Any]) -> str:
    """A line about when, where and with what a section was measured."""
    machine = facts["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    memory = f"{facts['memory_bytes'] / 1024**3:.0f} GiB"
    return (
        f"Measured {facts['date'][:10]} on {machine['cpu']}, {machine['cores']} cores, {memory}, {machine['system']}, "
        f"Python {machine['python']}; {versions}; seed {facts['seed']}; `{command}`."
    )


def demoted(markdown: str, *, drop: Sequence[str] = ()) -> str:
    """A page of its own as a part of another: headings two levels down; what is under the headings `drop` left out."""
    kept: list[str] = []
    dropped_level = 0
    for line in markdown.splitlines():
        if (heading := re.fullmatch(r"(#+) (.*)", line)) is not None:
            level = len(heading[1])
            if not dropped_level or level <= dropped_level:
                dropped_level = level if heading[2] in drop else 0
            line = f"##{line}"
        if not dropped_level:
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
