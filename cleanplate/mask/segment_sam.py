"""Segmenters `sam` (Kirillov et al., "Segment Anything", 2023) and `sam2` (Ravi et al., "SAM 2", 2024).

Both give three candidates for what a prompt may mean, of which the one that the network itself scores best is taken.
SAM looks at a square whose rest, below or to the right of the picture, is empty; SAM 2 at a picture that is stretched
to a square.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cleanplate.base.arrays import bounding_box
from cleanplate.base.device import choose_device
from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.hub import SAM, SAM2, ModelOptions
from cleanplate.base.precision import in_precision
from cleanplate.base.types import Box, Hole, Image, Prompt
from cleanplate.mask.pretrained import as_square, load_model, resized
from cleanplate.mask.segmenter import Segmenter

CANDIDATES = 3
_SURE = 10.0
"logit of a sample that a given mask has, and minus that of one it has not"


@dataclass(frozen=True, kw_only=True)
class SamOptions(ModelOptions):
    """The knobs of SAM."""

    model: str = "sam-vit-base"
    "which of the published sizes: sam-vit-base, sam-vit-large or sam-vit-huge"
    candidate: int = 0
    "1-3 = this one of the three masks it offers, 0 = the one it thinks best"
    releases: ClassVar[tuple[str, ...]] = SAM

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.candidate <= CANDIDATES:
            raise UsageError(f"candidate is {self.candidate}, but must lie between 1 and {CANDIDATES}, or be 0 (best)")


@dataclass(frozen=True, kw_only=True)
class Sam2Options(SamOptions):
    """The knobs of SAM 2."""

    model: str = "sam2.1-hiera-small"
    "which of the published sizes: sam2- or sam2.1-hiera-tiny, -small, -base-plus or -large"
    releases = SAM2


class _Sam(Segmenter):
    """What both have in common: one run of the network, whose inputs are at the scale of its square."""

    Options = SamOptions
    architecture: ClassVar[str]

    def __init__(self, options: Any, device: str = "cpu") -> None:
        super().__init__(options, choose_device(device)[0])
        self._network = load_model(self.architecture, options.model, self.device)
        self._edge_px = int(self._network.prompt_encoder.input_image_size)

    def find(self, image: Image, prompt: Prompt, near: Sequence[Image]) -> Hole:  # noqa: ARG002 - one frame tells it enough
        """See `Segmenter.find`."""
        (hole,) = self._holes(image, self._marks(prompt, _shape(image)))
        if not hole.any():
            raise MaskError(
                "the network finds no object there; click in its middle, draw a box around it, or try another candidate"
            )
        return hole

    def in_boxes(self, image: Image, boxes_xyxy: Sequence[Box]) -> list[Hole | None]:
        """See `Segmenter.in_boxes`. The network looks at the picture once."""
        if not boxes_xyxy:
            return []
        boxes = torch.tensor(boxes_xyxy).view(-1, 2, 2) * self._scale(_shape(image))
        return [hole if hole.any() else None for hole in self._holes(image, {"input_boxes": boxes.view(1, -1, 4)})]

    @torch.inference_mode()
    def _holes(self, image: Image, marks: dict[str, Tensor]) -> list[Hole]:
        """What each of the marks means, (H, W) bool."""
        shape = _shape(image)
        inputs = {"pixel_values": as_square(image, self._fitted(shape, self._edge_px), self._edge_px), **marks}
        with in_precision(self.options.precision, self.device):
            given = {name: value.to(self.device) for name, value in inputs.items()}
            found = self._network(**given, multimask_output=True)
        holes: list[Hole] = []
        for logits, scores in zip(found.pred_masks[0].float(), found.iou_scores[0], strict=True):  # (3, h, w), (3,)
            place = self.options.candidate - 1 if self.options.candidate else int(scores.argmax())
            holes.append((self._at_full_size(logits[None, place : place + 1], shape)[0, 0] > 0).cpu().numpy())
        return holes

    def _scale(self, shape: tuple[int, int]) -> Tensor:
        """What x and y in px of the picture are multiplied with for those of the square."""
        size = self._fitted(shape, self._edge_px)
        return torch.tensor([size[1] / shape[1], size[0] / shape[0]])

    def _marks(self, prompt: Prompt, shape: tuple[int, int]) -> dict[str, Tensor]:
        """The prompt in px of the square. A mask that comes alone brings its box with it."""
        scale = self._scale(shape)
        marks: dict[str, Tensor] = {}
        if prompt.points_xy:
            marks["input_points"] = (torch.tensor(prompt.points_xy) * scale)[None, None]
            marks["input_labels"] = torch.tensor(prompt.point_is_in, dtype=torch.int64)[None, None]
        box = prompt.box_xyxy
        if prompt.hole is not None and prompt.hole.any():
            edge_px = self._network.prompt_encoder.image_embedding_size[0] * 4
            marks["input_masks"] = _as_mask(prompt.hole, self._fitted(shape, edge_px), edge_px)
            box = box if box or prompt.points_xy else bounding_box(prompt.hole)
        if box is not None:
            marks["input_boxes"] = (torch.tensor(box).view(2, 2) * scale).view(1, 1, 4)
        return marks

    @abstractmethod
    def _fitted(self, shape: tuple[int, int], edge_px: int) -> tuple[int, int]:
        """The size (h, w) that a picture has within the square."""

    @abstractmethod
    def _at_full_size(self, logits: Tensor, shape: tuple[int, int]) -> Tensor:
        """Logits (1, 1, H, W) of the picture from those of the square."""


class Sam(_Sam):
    """SAM: the picture keeps its shape, and fills the square from the top left."""

    architecture = "SamModel"

    def _fitted(self, shape: tuple[int, int], edge_px: int) -> tuple[int, int]:
        scale = edge_px / max(shape)
        return max(int(shape[0] * scale + 0.5), 1), max(int(shape[1] * scale + 0.5), 1)

    def _at_full_size(self, logits: Tensor, shape: tuple[int, int]) -> Tensor:
        h, w = self._fitted(shape, self._edge_px)
        whole = F.interpolate(logits, size=(self._edge_px, self._edge_px), mode="bilinear", align_corners=False)
        return F.interpolate(whole[:, :, :h, :w], size=shape, mode="bilinear", align_corners=False)


class Sam2(_Sam):
    """SAM 2 and 2.1: the picture is stretched to the square."""

    Options = Sam2Options
    architecture = "Sam2Model"

    def _fitted(self, shape: tuple[int, int], edge_px: int) -> tuple[int, int]:  # noqa: ARG002 - whatever its shape
        return edge_px, edge_px

    def _at_full_size(self, logits: Tensor, shape: tuple[int, int]) -> Tensor:
        return F.interpolate(logits, size=shape, mode="bilinear", align_corners=False)


def _shape(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


def _as_mask(hole: Hole, size: tuple[int, int], edge_px: int) -> Tensor:
    """The mask (1, 1, edge_px, edge_px) at `size` (h, w), as logits."""
    share = resized(torch.from_numpy(hole.astype(np.float32))[None, None], size)
    return F.pad(_SURE * (2 * share - 1), (0, edge_px - size[1], 0, edge_px - size[0]), value=-_SURE)
