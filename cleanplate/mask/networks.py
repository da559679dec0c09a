"""The networks that the masks of a source are made with: they, and the device they run on, decide what comes out."""

from __future__ import annotations

from collections.abc import Iterable

from cleanplate.base.device import choose_device
from cleanplate.base.options import fill_options
from cleanplate.base.table import load
from cleanplate.mask.maker import MAKERS
from cleanplate.mask.segmenter import segmenter_options, segmenter_spec
from cleanplate.mask.source import MaskSource
from cleanplate.mask.tracker import tracker_options, tracker_spec
from cleanplate.motion.estimator import flow_networks


def networks_of(source: MaskSource) -> frozenset[str]:
    """Rows of the tables of weights and of models that find, cut out or follow what the source marks.

    Raises `UsageError` for options that there are not, `MissingExtraError` for networks whose extra is not installed.
    """
    if not (source.hints or source.words):
        return frozenset()
    tracker = tracker_options(source.tracker, source.tracker_options)
    found = tracker_spec(source.tracker).networks(tracker) | flow_networks(tracker)
    if source.words or any(hint.path is None for hint in source.hints):
        segmenter = segmenter_options(source.segmenter, source.segmenter_options)
        found |= segmenter_spec(source.segmenter).networks(segmenter)
    if source.words:
        options = load("cleanplate.mask.find_words:WordOptions", MAKERS["words"].extra)
        found |= MAKERS["words"].networks(fill_options(options, source.word_options, "--words"))
    return found


def chosen_devices(sources: Iterable[MaskSource]) -> tuple[str, ...]:
    """A sentence on each device that was chosen for networks, where none was named."""
    chosen = (choose_device(source.device)[1] for source in sources if networks_of(source))
    return tuple(dict.fromkeys(sentence for sentence in chosen if sentence is not None))
