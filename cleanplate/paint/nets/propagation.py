"""Second-order propagation of features along the flow (Chan et al., "BasicVSR++", CVPR 2022), as E2FGVI has it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cleanplate.motion.nets.layers import DeformableAlignment, warp

_BRANCHES = ("backward_", "forward_")


class BidirectionalPropagation(nn.Module):
    """Each frame's features get to know those of all frames after it, then of all frames before it."""

    def __init__(self, channels: int = 128) -> None:
        super().__init__()
        self.deform_align = nn.ModuleDict(
            {name: DeformableAlignment(3 * channels + 4, 2 * channels, channels, reach_px=10.0) for name in _BRANCHES}
        )
        self.backbone = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Conv2d((2 + n) * channels, channels, 3, padding=1),
                    nn.LeakyReLU(0.1),
                    nn.Conv2d(channels, channels, 3, padding=1),
                )
                for n, name in enumerate(_BRANCHES)
            }
        )
        self.fusion = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, features: Tensor, forward_flows: Tensor, backward_flows: Tensor) -> Tensor:
        """Features (T, C, h, w), flows (T - 1, 2, h, w) px from frame t to t + 1 and back -> (T, C, h, w).

        The published weights were trained with flows that do not always belong to the frames they move: step i of a
        branch takes flow i - 1 of the list, whichever end the branch starts from. So it is here.
        """
        alone = [(one,) for one in features.split(1)]  # each (1, C, h, w)
        backward = self._branch("backward_", alone[::-1], forward_flows)[::-1]
        both = list(zip(features.split(1), backward, strict=True))
        forward = self._branch("forward_", both, backward_flows)
        fused = (self.fusion(torch.cat(pair, dim=1)) for pair in zip(backward, forward, strict=True))
        return torch.cat([one + more for one, more in zip(features.split(1), fused, strict=True)])

    def _branch(self, name: str, seen: Sequence[tuple[Tensor, ...]], flows: Tensor) -> list[Tensor]:
        """What a branch makes of each frame, (1, C, h, w), in its order.

        seen: what it is told of each, in that order, the frame's own features first. flows: (T - 1, 2, h, w).
        """
        align, backbone = self.deform_align[name], self.backbone[name]
        nothing = torch.zeros_like(seen[0][0])
        results: list[Tensor] = []
        for i, current in enumerate(seen):
            moved = nothing
            if i:
                last, flow = results[-1], flows[i - 1 : i]
                before, far_flow, far = nothing, torch.zeros_like(flow), nothing
                if i > 1:
                    before = results[-2]
                    far_flow = flow + warp(flows[i - 2 : i - 1], flow)
                    far = warp(before, far_flow)
                flows_seen = torch.cat([flow, far_flow], dim=1).to(last.dtype)
                condition = torch.cat([warp(last, flow), current[0], far, flows_seen], dim=1)
                moved = align(torch.cat([last, before], dim=1), condition, (flow, far_flow))
            results.append(moved + backbone(torch.cat([*current, moved], dim=1)))
        return results
