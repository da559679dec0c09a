"""What the finished file does not hold of the source's tags, marks and chapters: found by opening both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.stream import Disposition

from cleanplate.save.holds import is_cover, open_source, words_for
from cleanplate.save.tags import OLD_CODES, file_tags, stream_tags

_MUXERS_OWN = {"handler_name", "vendor_id", "filename", "mimetype", "software"}
"names of a container's inner parts, not worth a word where another container has no such part"
_NOTHING = {"", "und"}


def lost_facts(source: InputContainer, written: Path, places: Mapping[int, int]) -> list[str]:
    """A sentence for each stream, and for the file, of what was left out.

    `places`: number of each stream in the source -> in the written file.
    """
    sentences: list[str] = []
    whole = file_tags(source)
    advice = "" if written.suffix == ".mkv" else "; name the output .mkv to keep more"

    def left_out(whose: str, what: Iterable[str]) -> None:
        if what := list(what):
            sentences.append(
                f"a {written.suffix} file has no place for this of {whose}, which was left out: "
                f"{', '.join(what)}{advice}"
            )

    with open_source(written) as result:
        # A muxer leaves out a stream without a single packet, as damaged files have them, and the rest move up.
        is_whole = len(result.streams) > max(places.values())
        if not is_whole:
            sentences.append(
                f"the source names {len(source.streams)} streams, but some hold nothing; "
                f"{len(result.streams)} were written"
            )
        for index, place in sorted(places.items()) if is_whole else ():
            before, after = source.streams[index], result.streams[place]
            if is_cover(before):
                continue
            tags = {name: text for name, text in stream_tags(before.metadata).items() if text not in whole.values()}
            marks = before.disposition & ~after.disposition
            if index == next(stream.index for stream in source.streams if stream.type == before.type):
                marks &= ~Disposition.default  # without the mark, players take the first of a kind
            left_out(words_for(before), [*_missing(tags, after.metadata, result.metadata), *_marks(marks)])
        count = len(source.chapters()) - len(result.chapters())
        everywhere = (result.metadata, *(stream.metadata for stream in result.streams))
        left_out("the whole file", [*_missing(whole, *everywhere), *([f"{count} chapters"] if count > 0 else [])])
    return sentences


def _missing(wanted: Mapping[str, str], *found: Mapping[str, str]) -> list[str]:
    """The names of tags whose text is nowhere: containers may give a tag another name, or write its text anew."""
    texts = {_plain(text) for tags in found for text in tags.values()}
    return [
        f"{name} ({text[:40]})"
        for name, text in wanted.items()
        if name.lower() not in _MUXERS_OWN and _plain(text) not in texts | _NOTHING
    ]


def _plain(text: str) -> str:
    """Without what is written in more than one way: case, the fractions of a creation time, codes of languages."""
    text = text.strip().lower().split(".000")[0]
    return OLD_CODES.get(text, text)


def _marks(lost: Any) -> list[str]:
    return [each.name.replace("_", " ") for each in Disposition if each & lost and each.name]
