"""Things found by what they are called: Grounding DINO (Liu et al. 2023), boxes for phrases.

finder = WordFinder(("the red car", "dog"), excluded=("the small dog",))
for one in finder.find(image):
    one.box_xyxy, one.phrase, one.score
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor

import torch

from cleanplate.base.arrays import box_area, shared_box
from cleanplate.base.device import choose_device
from cleanplate.base.errors import UsageError
from cleanplate.base.hub import GROUNDING_DINO, ModelOptions
from cleanplate.base.precision import in_precision
from cleanplate.base.types import Box, Image
from cleanplate.mask.phrases import as_text
from cleanplate.mask.pretrained import as_pixels, load_model, load_tokenizer

_LONGEST = 1333 / 800
"of the longer side to the shorter one, as far as it is not made smaller"
_SAME = 0.7
"intersection over union from which two boxes are around the same thing"
_SAME_EXCLUDED = 0.5
_STRIDE_PX = 8
"the network looks for things that far apart, and for a given number of them at least"


@dataclass(frozen=True, kw_only=True)
class WordOptions(ModelOptions):
    """The knobs of finding things by words."""

    model: str = "grounding-dino-tiny"
    "which of the published sizes: grounding-dino-tiny or -base"
    threshold: float = 0.35
    "score, 0-1, from which something is taken for what was named"
    every_frames: int = 24
    "how often it is looked for; on the first and on the last frame of each shot in any case"
    edge_px: int = 800
    "the shorter side of the picture that the network sees; with less it is faster, and misses what is small"
    releases = GROUNDING_DINO

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least, most in (("threshold", 0.01, 0.99), ("every_frames", 1, 10_000), ("edge_px", 64, 2000)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise UsageError(f"{name} is {value:g}, but must lie between {least:g} and {most:g}")


@dataclass(frozen=True, kw_only=True)
class Named:
    """A thing that was found."""

    box_xyxy: Box
    phrase: str
    score: float
    "0-1"
    is_excluded: bool = False
    "it is to stay"


class WordFinder:
    """Looks at one picture at a time; keeps nothing between them but the best score it has seen."""

    def __init__(
        self,
        phrases: Sequence[str],
        excluded: Sequence[str] = (),
        options: WordOptions | None = None,
        device: str = "cpu",
    ) -> None:
        """phrases, excluded: as `phrases.cleaned` gives them.

        Raises `UsageError` for phrases that the network does not understand, and what `load_model` raises.
        """
        self.options = options or WordOptions()
        self.likest = 0.0
        "the best score of any of the phrases until now"
        self._phrases, self._wanted = (*phrases, *excluded), len(phrases)
        self._text = as_text(self._phrases, load_tokenizer(self.options.model))
        self._device = choose_device(device)[0]
        self._network = load_model("GroundingDinoForObjectDetection", self.options.model, self._device)

    @torch.inference_mode()
    def find(self, image: Image) -> list[Named]:
        """Everything in the picture (H, W, 3), uint8 or uint16, that goes by one of the phrases, the surest first.

        What also goes by an excluded phrase, or lies where that is, is excluded. Excluded things come first.
        """
        height, width = image.shape[:2]
        size = fitted(height, width, self.options.edge_px)
        if size[0] * size[1] < self._network.config.num_queries * _STRIDE_PX**2:
            raise UsageError(
                f"a picture of {width}x{height} is too little to find things in by words, at {size[1]}x{size[0]}; ask "
                "for more with --words-set edge_px=800, or mark what is to go by hand"
            )
        tokens = torch.tensor([self._text.tokens], device=self._device)
        with in_precision(self.options.precision, self._device):
            answer = self._network(
                pixel_values=as_pixels(image, size).to(self._device),
                input_ids=tokens,
                token_type_ids=torch.zeros_like(tokens),
                attention_mask=torch.ones_like(tokens),
            )
        likeness = answer.logits[0].float().sigmoid()  # (queries, tokens)
        scores = torch.stack([likeness[:, list(span)].amax(1) for span in self._text.spans], 1)  # (queries, phrases)
        self.likest = max(self.likest, float(scores[:, : self._wanted].max()))
        boxes = answer.pred_boxes[0].float().cpu()  # (queries, 4): middle and size, shares of the picture
        found = [self._named(row, box, width, height) for row, box in zip(scores.tolist(), boxes.tolist(), strict=True)]
        return thinned(one for one in found if one is not None)

    def _named(self, scores: Sequence[float], box: Sequence[float], width: int, height: int) -> Named | None:
        """What one of the network's answers means; None for nothing that was asked for."""
        inside = box_of(box, width, height)
        excluded = max(scores[self._wanted :], default=0.0)
        is_excluded = excluded >= self.options.threshold
        best = excluded if is_excluded else max(scores[: self._wanted])
        if inside is None or best < self.options.threshold:
            return None
        place = scores.index(best, self._wanted if is_excluded else 0)
        return Named(box_xyxy=inside, phrase=self._phrases[place], score=best, is_excluded=is_excluded)


def fitted(height: int, width: int, edge_px: int) -> tuple[int, int]:
    """The size (h, w) at which a picture is looked at: its shorter side is `edge_px`, or less if it is a long one."""
    scale = min(edge_px / min(height, width), edge_px * _LONGEST / max(height, width))
    return max(round(height * scale), 1), max(round(width * scale), 1)


def box_of(shares: Sequence[float], width: int, height: int) -> Box | None:
    """The box of middle x, y and size x, y, shares of the picture, in whole samples of it; None if it is empty."""
    x, y, w, h = shares
    x0, y0 = floor((x - w / 2) * width + 0.5), floor((y - h / 2) * height + 0.5)
    x1, y1 = ceil((x + w / 2) * width - 0.5), ceil((y + h / 2) * height - 0.5)
    return shared_box((x0, y0, x1, y1), (0, 0, width, height)) if x0 < x1 and y0 < y1 else None


def thinned(found: Iterable[Named]) -> list[Named]:
    """Each thing once: excluded ones first, then by score; what lies where a better one is goes."""
    kept: list[Named] = []
    for one in sorted(found, key=lambda one: (not one.is_excluded, -one.score)):
        if all(overlap(one.box_xyxy, other.box_xyxy) < _most_shared(one, other) for other in kept):
            kept.append(one)
    return kept


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    shared = shared_box(one, other)
    both = box_area(shared) if shared else 0
    return both / (box_area(one) + box_area(other) - both)


def _most_shared(one: Named, other: Named) -> float:
    return _SAME if one.is_excluded == other.is_excluded else _SAME_EXCLUDED
