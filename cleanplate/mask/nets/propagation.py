"""Gated propagation (Yang and Yang, NeurIPS 2022): what is known of other frames, carried to this one by attention.

Two branches go side by side: what a place looks like (visual) and which object it belongs to (identity). Attention is
found from looks alone and moves both. Tokens are places of a map of (h, w) in row-major order, N = h w of them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Grid = tuple[int, int]  # h, w of the map

WINDOW_RADIUS = 7  # short-term attention sees 15x15 places
_MOST_WEIGHTS = 1 << 22
"attention weights found at once: 16 MB of float32"


class Memory(NamedTuple):
    """What a layer knows of one frame, or of several joined."""

    key: Tensor  # (M, d/2)
    value: Tensor  # (M, 4d): looks, then identity


class Own(NamedTuple):
    """What a layer finds of the frame at hand. With the identities embedded it becomes a `Memory`."""

    key: Tensor  # (N, d/2), the query as well
    value: Tensor  # (N, 2d)
    identity: Tensor | None  # (N, d); the first layer has none


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax attention (N, C): query (N, K) to keys (M, K) with values (M, C), in parts of bounded size."""
    rows = max(1, _MOST_WEIGHTS // len(key))
    scaled = query * query.shape[1] ** -0.5
    return torch.cat([torch.softmax(part @ key.T, dim=1) @ value for part in torch.split(scaled, rows)])


class DepthwiseConv(nn.Module):
    """5x5, every channel on its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        return to_tokens(self.conv(to_map(tokens, grid)))


class GatedAttention(nn.Module):
    """What attention found (N, 4d), gated, spread over neighbours and projected to (N, 2d)."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.dw_conv = DepthwiseConv(4 * d)
        self.projection = nn.Linear(4 * d, 2 * d)

    def finish(self, found: Tensor, gate: Tensor, grid: Grid) -> Tensor:
        projected: Tensor = self.projection(self.dw_conv(found * gate, grid))
        return projected


class LongTermAttention(GatedAttention):
    """To every place of every frame in memory."""

    def forward(self, query: Tensor, memory: Memory, gate: Tensor, grid: Grid) -> Tensor:
        return self.finish(attend(query, memory.key, memory.value), gate, grid)


class ShortTermAttention(GatedAttention):
    """To the frame before, within a window around each place; the offset in it has a weight that the query decides."""

    def __init__(self, d: int) -> None:
        super().__init__(d)
        self.relative_emb_k = nn.Conv2d(d // 2, (2 * WINDOW_RADIUS + 1) ** 2, 1)

    def forward(self, query: Tensor, memory: Memory, gate: Tensor, grid: Grid) -> Tensor:
        return self.finish(self._attend(query, memory, grid), gate, grid)

    def _attend(self, query: Tensor, memory: Memory, grid: Grid) -> Tensor:
        """Row by row: all places of the rows within reach, those of columns out of reach switched off.

        That is more sums than the window needs, but in two matrix products; windows cut out of the values would be 225
        times their size.
        """
        (h, w), r = grid, WINDOW_RADIUS
        side = 2 * r + 1
        bias = to_tokens(self.relative_emb_k(to_map(query, grid))).view(h, w, side, side)  # of the unscaled query
        columns = torch.arange(w, device=query.device)
        offset = columns[None, :] - columns[:, None] + r  # (w, w): the key's column in the query's window
        is_out = (offset < 0) | (offset >= side)
        offset = offset.clamp(0, side - 1)
        scaled = (query * query.shape[1] ** -0.5).view(h, w, -1)
        key, value = memory.key.view(h, w, -1), memory.value.view(h, w, -1)
        found = []
        for y in range(h):
            top, bottom = max(y - r, 0), min(y + r + 1, h)
            rows = bottom - top
            logits = (scaled[y] @ key[top:bottom].flatten(0, 1).T).view(w, rows, w)
            near = bias[y, :, top - y + r : bottom - y + r]  # (w, rows, side)
            logits = logits + near.gather(2, offset[:, None].expand(w, rows, w))
            weights = torch.softmax(logits.masked_fill(is_out[:, None], -torch.inf).flatten(1), dim=1)
            found.append(weights @ value[top:bottom].flatten(0, 1))
        return torch.cat(found)


class SelfAttention(GatedAttention):
    """To every place of the same frame; looks and identity together decide where to look."""

    def __init__(self, d: int) -> None:
        super().__init__(d)
        self.linear_QK = nn.Linear(2 * d, d // 2)
        self.linear_V1, self.linear_V2 = nn.Linear(d, 2 * d), nn.Linear(d, 2 * d)
        self.linear_U1, self.linear_U2 = nn.Linear(d, 2 * d), nn.Linear(d, 2 * d)

    def forward(self, visual: Tensor, identity: Tensor, grid: Grid) -> Tensor:
        query = self.linear_QK(torch.cat([visual, identity], dim=1))
        value = F.silu(torch.cat([self.linear_V1(visual), self.linear_V2(identity)], dim=1))
        gate = F.silu(torch.cat([self.linear_U1(visual), self.linear_U2(identity)], dim=1))
        return self.finish(attend(query, query, value), gate, grid)


class PropagationLayer(nn.Module):
    """Long-term, short-term and self attention, added to both branches. The first layer has no identity to go on."""

    def __init__(self, d: int, is_first: bool) -> None:
        super().__init__()
        self.d = d
        self.norm1 = nn.LayerNorm(d)
        self.linear_QV = nn.Linear(d, d // 2 + 2 * d)
        self.linear_U = nn.Linear(d, 2 * d)
        if not is_first:
            self.id_norm1 = nn.LayerNorm(d)
            self.linear_ID_U = nn.Linear(d, 2 * d)
        self.linear_ID_V = nn.Linear(d if is_first else 2 * d, 2 * d)
        self.long_term_attn, self.short_term_attn = LongTermAttention(d), ShortTermAttention(d)
        self.norm2, self.id_norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.self_attn = SelfAttention(d)

    def observe(self, visual: Tensor, identity: Tensor | None) -> tuple[Own, Tensor]:
        """What the frame itself says, and the gate (N, 4d), from both branches (N, d)."""
        seen = self.norm1(visual)
        key_value = self.linear_QV(seen)
        key, value = key_value[:, : self.d // 2], key_value[:, self.d // 2 :]
        gate = F.silu(self.linear_U(seen))
        known = None if identity is None else self.id_norm1(identity)
        gate_id = torch.ones_like(gate) if known is None else F.silu(self.linear_ID_U(known))
        return Own(key, F.silu(value), known), torch.cat([gate, gate_id], dim=1)

    def remember(self, own: Own, embedded: Tensor) -> Memory:
        """What is kept of a frame whose identities are known: `embedded` (N, d)."""
        known = embedded if own.identity is None else torch.cat([own.identity, embedded], dim=1)
        return Memory(own.key, torch.cat([own.value, F.silu(self.linear_ID_V(known))], dim=1))

    def propagate(
        self,
        visual: Tensor,
        identity: Tensor | None,
        own: Own,
        gate: Tensor,
        long_term: Memory,
        short_term: Memory,
        grid: Grid,
    ) -> tuple[Tensor, Tensor]:
        """Both branches (N, d) with what the long-term and the short-term memory add, and then the frame itself."""
        found = self.long_term_attn(own.key, long_term, gate, grid)
        found = found + self.short_term_attn(own.key, short_term, gate, grid)
        visual, identity = self._add(visual, identity, found)
        return self._add(visual, identity, self.self_attn(self.norm2(visual), self.id_norm2(identity), grid))

    def _add(self, visual: Tensor, identity: Tensor | None, found: Tensor) -> tuple[Tensor, Tensor]:
        to_visual, to_identity = found[:, : self.d], found[:, self.d :]
        return visual + to_visual, to_identity if identity is None else identity + to_identity


def to_map(tokens: Tensor, grid: Grid) -> Tensor:
    """(1, C, h, w) of tokens (N, C)."""
    return tokens.T.reshape(1, -1, *grid)


def to_tokens(features: Tensor) -> Tensor:
    """(N, C) of a map (1, C, h, w)."""
    return features.flatten(2)[0].T
