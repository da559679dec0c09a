"""The tracker `sam2`: SAM 2 and 2.1 on video (Ravi et al. 2024), frame by frame, with a memory that is bounded.

The library's session keeps every frame, mask and memory it has ever seen, which grows by megabytes a frame. What the
network will never look at again is thrown away after each frame here, so that its answers stay the same; only of the
frames whose masks were given, all of which it would look at, no more than `given_frames` are kept. Measured in
docs/tracking-sam2.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from cleanplate.base.device import choose_device
from cleanplate.base.errors import UsageError
from cleanplate.base.extras import require
from cleanplate.base.hub import SAM2, ModelOptions
from cleanplate.base.precision import in_precision
from cleanplate.base.types import Image, Labels, Prompt
from cleanplate.mask.pretrained import as_square, load_model, resized
from cleanplate.mask.tracker import Tracked, Tracker, mean_over, with_holes


@dataclass(frozen=True, kw_only=True)
class Sam2TrackOptions(ModelOptions):
    """The knobs of SAM 2 on video."""

    model: str = "sam2.1-hiera-small"
    "which of the published sizes: sam2- or sam2.1-hiera-tiny, -small, -base-plus or -large"
    given_frames: int = 4
    "of each object, the frames with a given mask that are remembered: the first and the latest"
    releases = SAM2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.given_frames <= 100:
            raise UsageError(f"given_frames is {self.given_frames}, but must lie between 1 and 100")


class Sam2Tracker(Tracker):
    """See the module. The confidence is the mean probability of an object's samples."""

    Options = Sam2TrackOptions
    work_px = 1024 * 1024

    def __init__(self, options: Sam2TrackOptions, device: str = "cpu") -> None:
        super().__init__(options, choose_device(device)[0])
        self._network = load_model("Sam2VideoModel", options.model, self.device)
        transformers = require("transformers", "neural")
        self._session = transformers.Sam2VideoInferenceSession(
            inference_device=self.device, inference_state_device=self.device, dtype=torch.float32
        )
        self._frame = 0

    @torch.inference_mode()
    def step(self, image: Image, prompts: Sequence[Prompt] = (), coming: Sequence[Image] = ()) -> Tracked:  # noqa: ARG002 - causal
        """See `Tracker.step`."""
        shape, edge_px = image.shape[:2], self._network.image_size
        labels, shares = np.zeros(shape, np.uint8), np.ones(shape, np.float32)
        pixels = as_square(image, (edge_px, edge_px), edge_px).to(self.device)
        if self._session.obj_ids:
            labels, shares = self._draw(self._look(pixels), shape)
        labels = with_holes(labels, prompts)
        if prompts:  # a second time, so that they are remembered; the others are found as before
            for number in dict.fromkeys(prompt.object_id for prompt in prompts):
                self._give(number, labels == number)
                shares[labels == number] = 1
            self._look(pixels)
        self._forget()
        self._frame += 1
        return Tracked(labels=labels, confidence=mean_over(labels, shares, self._session.obj_ids))

    def _look(self, pixels: Any) -> Any:
        """The session's answer for the frame at hand."""
        with in_precision(self.options.precision, self.device):
            return self._network(inference_session=self._session, frame=pixels, frame_idx=self._frame)

    def _give(self, number: int, hole: NDArray[np.bool_]) -> None:
        """An object's mask in the frame at hand, in place of what was found."""
        session, edge_px = self._session, self._network.image_size
        share = resized(torch.from_numpy(hole.astype(np.float32))[None, None], (edge_px, edge_px))
        place = session.obj_id_to_idx(number)
        session.output_dict_per_obj[place]["non_cond_frame_outputs"].pop(self._frame, None)
        session.frames_tracked_per_obj[place].clear()  # else it would count as a frame that was tracked
        session.add_mask_inputs(place, self._frame, (share >= 0.5).float())
        session.obj_with_new_inputs.append(number)

    def _draw(self, found: Any, shape: tuple[int, ...]) -> tuple[Labels, NDArray[np.float32]]:
        """Labels (H, W), and the probability of each: where objects overlap, the surer one is on top."""
        logits = F.interpolate(found.pred_masks.float(), size=shape, mode="bilinear", align_corners=False)[:, 0]
        best, place = logits.max(0)
        ids = torch.tensor(found.object_ids, device=place.device)
        labels = torch.where(best > 0, ids[place], 0).to(torch.uint8)
        return labels.cpu().numpy(), torch.sigmoid(best).cpu().numpy()

    def _forget(self) -> None:
        """Throw away what the network will not look at again."""
        session, config = self._session, self._network.config
        session.processed_frames = None
        for kept in (session.mask_inputs_per_obj, session.frames_tracked_per_obj):
            for frames in kept.values():
                frames.clear()
        for outputs in session.output_dict_per_obj.values():
            given, found = outputs["cond_frame_outputs"], outputs["non_cond_frame_outputs"]
            for frame in list(given)[1 : -self.options.given_frames + 1 or None]:
                del given[frame]
            for frame in [t for t in found if t <= self._frame + 1 - config.max_object_pointers_in_encoder]:
                del found[frame]
            for frame, output in [*given.items(), *found.items()]:
                output.pop("high_res_masks", None)
                output.pop("pred_masks", None)
                if frame not in given and frame <= self._frame + 1 - config.num_maskmem:
                    output.pop("maskmem_features", None)
                    output.pop("maskmem_pos_enc", None)
