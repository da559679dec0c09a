"""What a person calls the things to find, and which tokens of a network's text belong to which phrase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cleanplate.base.errors import UsageError

MOST_TOKENS = 256
_SEPARATORS = ".?"
"phrases end there: inside of one they count as spaces"


@dataclass(frozen=True, kw_only=True)
class Text:
    """All phrases as one text."""

    tokens: tuple[int, ...]
    spans: tuple[tuple[int, ...], ...]
    "of each phrase, the places of its tokens"


def cleaned(given: Sequence[str], flag: str) -> tuple[str, ...]:
    """Phrases in small letters with single spaces, each once. Raises `UsageError` for one that says nothing."""
    phrases = []
    for one in given:
        phrase = " ".join("".join(" " if letter in _SEPARATORS else letter for letter in one.lower()).split())
        if not any(map(str.isalnum, phrase)):
            raise UsageError(
                f'{flag} "{one}" names nothing; say what is meant in English, like "the man in a red shirt"'
            )
        phrases.append(phrase)
    return tuple(dict.fromkeys(phrases))


def as_text(phrases: Sequence[str], tokenizer: Any) -> Text:
    """The phrases as the network wants them, "a dog. the red car.": all at once, told apart by full stops.

    tokenizer: a `tokenizers.Tokenizer` that knows words of English. Raises `UsageError` for a phrase of which it knows
    no word, and for more than the network can read.
    """
    encoded = tokenizer.encode("".join(f"{phrase}. " for phrase in phrases).rstrip())
    if len(encoded.ids) > MOST_TOKENS:
        raise UsageError(
            f"the words are {len(encoded.ids)} tokens long, but the network reads {MOST_TOKENS} at a time; name less"
        )
    spans, start = [], 0
    for phrase in phrases:
        stop = start + len(phrase)
        places = [n for n, (begin, end) in enumerate(encoded.offsets) if start <= begin < end <= stop]
        _check_known(phrase, [encoded.tokens[n] for n in places], [encoded.word_ids[n] for n in places])
        spans.append(tuple(places))
        start = stop + len(". ")
    return Text(tokens=tuple(encoded.ids), spans=tuple(spans))


def _check_known(phrase: str, tokens: Sequence[str], words: Sequence[int]) -> None:
    """Whether any of its words is one that the tokenizer knows, and not spelled letter by letter."""
    pieces: dict[int, list[str]] = {}
    for token, word in zip(tokens, words, strict=True):
        pieces.setdefault(word, []).append(token.removeprefix("##"))
    if not any(map(_is_known, pieces.values())):
        found = " ".join(tokens) or "nothing"
        raise UsageError(
            f'the network knows English only, and no word of "{phrase}" (it reads: {found}); say it in English'
        )


def _is_known(pieces: Sequence[str]) -> bool:
    """Of a word's pieces: letters of many scripts are in the list, each alone."""
    is_spelled = len(pieces) > 1 and all(len(piece) == 1 for piece in pieces)
    return not is_spelled and "[UNK]" not in pieces and all(piece.isascii() and piece.isalnum() for piece in pieces)
