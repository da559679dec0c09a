"""The flags that say what to remove, the same for every command that takes masks.

    @marks.marked
    def preview(video: flags.Video, marks: Marks, ...) -> None: ...      # --mask, --box, --click ... come as one

`--object NAME` begins a group: marks behind it, up to the next one, are of the object of that name. The library that
reads the command line does not keep the order of different flags, so `grouped` writes the name into each mark first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from cleanplate.apps.cli import flags
from cleanplate.base.errors import UsageError
from cleanplate.base.options import with_choices
from cleanplate.base.table import load
from cleanplate.mask.segmenter import SEGMENTERS, segmenter_class
from cleanplate.mask.tracker import TRACKERS, tracker_class
from cleanplate.tasks.marks import Marks

_MASKS = "What to remove (several may be given, each with a time like @00:03-00:07)"
_NAME = "What to find by its name, and to follow (needs the extra 'neural')"
_FOLLOW = "What to follow from one frame on (each with a time like @00:03.5; the first frame without)"


def _option(name: str, text: str, panel: str, kind: Any = list[str] | None, shown: Any = None) -> Any:
    return flags.option(name, text, panel, kind, shown, short="-m" if name == "--mask" else None)


_FLAGS: dict[str, Any] = {
    "mask": _option("--mask", "A picture, a folder or a video; white = remove.", _MASKS),
    "box": _option("--box", "x0,y0,x1,y1 in pixels, half-open.", _MASKS),
    "polygon": _option("--polygon", 'Corners like "10,10 90,10 50,60".', _MASKS),
    "invert": _option("--invert", "Masks from files mark what is to stay.", _MASKS, bool),
    "find": _option("--find", "What is found without being pointed at: motion.", _MASKS),
    "with_shadow": _option("--with-shadow", "Shadows and mirror images of all that go too.", _MASKS, bool),
    "words": _option("--words", 'In English, like "the man in the red shirt"; several.', _NAME),
    "exclude_words": _option("--exclude-words", "Of what --words names, what is to stay; several.", _NAME),
    "words_set": _option(
        "--words-set", "NAME=VALUE: model, threshold, every_frames, edge_px or precision; several.", _NAME
    ),
    "click": _option("--click", "x,y@TIME: a point of what is to go.", _FOLLOW),
    "keep_click": _option("--keep-click", "x,y@TIME: a point of what is to stay, beside a click.", _FOLLOW),
    "track": _option("--track", "Follow --mask (one picture, file.png@TIME) and --box too.", _FOLLOW, bool),
    "object": _option("--object", "Name of the object that the flags behind it are about.", _FOLLOW),
    "fix": _option(
        "--fix", "A mended mask of one frame, named by its number; what follows it is tracked again.", _FOLLOW
    ),
    "follow": _option(
        "--follow",
        "START-STOP: follow in that time only; masks of --fix keep the rest.",
        _FOLLOW,
        str | None,
        "the shot",
    ),
    "tracker": _option("--tracker", f"{', '.join(TRACKERS)}.", _FOLLOW, str | None, "flow"),
    "tracker_set": _option("--tracker-set", "An option of the tracker, NAME=VALUE; several.", _FOLLOW),
    "memory_frames": _option(
        "--memory-frames", "Of deaot: frames it remembers for good; 0 = no bound.", _FOLLOW, int | None, "8"
    ),
    "segmenter": _option(
        "--segmenter",
        f"What finds the object at a click or in a box: {', '.join(SEGMENTERS)}.",
        _FOLLOW,
        str | None,
        "grabcut, and sam2 with --words",
    ),
    "segmenter_set": _option("--segmenter-set", "An option of the segmenter, NAME=VALUE; several.", _FOLLOW),
    "candidate": _option(
        "--candidate", "Of sam and sam2: which of the three masks they offer, 1 to 3.", _FOLLOW, int | None, "the best"
    ),
}
_NAMED = ("--click", "--keep-click", "--box", "--mask", "-m")
_OBJECT = "--object"


def _collected(found: dict[str, Any]) -> Marks:
    found.pop("object")  # `grouped` has written it into the others
    segmenter = "sam2" if found["words"] else "grabcut"
    found["tracker_options"] = _options(found, "tracker", "flow", tracker_class, "memory_frames")
    found["segmenter_options"] = _options(found, "segmenter", segmenter, segmenter_class, "candidate")
    if pairs := found.pop("words_set"):
        known = load("cleanplate.mask.find_words:WordOptions", "neural")
        found["word_options"] = flags.parse_options(pairs, known, "--words-set")
    return cast(Marks, {name: value for name, value in found.items() if value})


def _options(
    found: dict[str, Any], owner: str, default: str, class_of: Callable[[str], Any], own_flag: str
) -> dict[str, Any]:
    """Takes the options of the tracker or the segmenter out of the flags."""
    pairs, value = found.pop(f"{owner}_set", None), found.pop(own_flag, None)
    if not pairs and value is None:
        return {}
    known = class_of(found.get(owner) or default).Options
    return with_choices(flags.parse_options(pairs, known, f"--{owner}-set"), **{own_flag: value})


marked = flags.taking("marks", _FLAGS, _collected)
"the command with the flags of all marks in the place of its argument `marks: Marks`"


def grouped(words: Sequence[str]) -> list[str]:
    """The command line with the name of its group in each mark: `--object dog --click 3,4` has `--click dog:3,4`.

    Raises `UsageError` for a name that is none, and for a group without marks.
    """
    found: list[str] = []
    name, marks, is_mark = "", 1, False
    for n, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag == _OBJECT or (n and words[n - 1] == _OBJECT):
            found.append(word)
            new = value if equals and flag == _OBJECT else "" if flag == _OBJECT else word
            if new:
                _check_group(name, marks)
                name, marks = new, 0
            continue
        if is_mark and name:
            word, marks = f"{name}:{word}", marks + 1
        elif equals and flag in _NAMED and name:
            word, marks = f"{flag}={name}:{value}", marks + 1
        is_mark = word in _NAMED
        found.append(word)
    _check_group(name, marks)
    return found


def _check_group(name: str, marks: int) -> None:
    if name and not (name[0].isalpha() and name.replace("-", "_").isidentifier()):
        raise UsageError(f"--object is '{name}', which is no name; use letters, digits, - and _, a letter first")
    if not marks:
        raise UsageError(f"--object {name} has nothing behind it; write its --click, --box or --mask after the name")
