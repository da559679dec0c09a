"""ProPainter's mask-guided sparse video transformer.

Only windows that a hole touches look around in space and time, and of the frames at every second one; the others look
at themselves.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cleanplate.paint.nets.layers import AT_ONCE, FusionFeedForward

DIM = 512
DEPTH, HEADS = 8, 4
WINDOW = (5, 9)  # tokens, down and across
SHIFT = (3, 5)  # how far beyond its window a query looks
POOL = 4  # tokens each way that become one for those who look from afar


class SparseTransformer(nn.Module):
    """Blocks of which the even ones look at the frames 0, 2, 4 and so on, the odd ones at 1, 3, 5."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.transformer = nn.Sequential(*(SparseBlock() for _ in range(depth)))

    def forward(self, tokens: Tensor, size: tuple[int, int], masks: Tensor, at_once: int = AT_ONCE) -> Tensor:
        """Tokens (T, rows, columns, 512) of features of a size (h, w) to those of the L local frames, which come first.

        masks (L, 1, rows, columns), of the local frames: above 0 where a token holds something of the hole.
        """
        for n, block in enumerate(self.transformer):
            wanted = (
                len(masks) if n == len(self.transformer) - 1 else len(tokens)
            )  # who is not wanted is not asked in the last block
            tokens = block(tokens, size, masks, slice(n % 2, None, 2), wanted, at_once)
        return tokens


class SparseBlock(nn.Module):
    """Attention, then a feed-forward layer, each added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = SparseWindowAttention()
        self.norm1 = nn.LayerNorm(DIM)
        self.norm2 = nn.LayerNorm(DIM)
        self.mlp = FusionFeedForward(DIM)

    def forward(
        self,
        tokens: Tensor,
        size: tuple[int, int],
        masks: Tensor,
        looked_at: slice,
        wanted: int,
        at_once: int = AT_ONCE,
    ) -> Tensor:
        """Tokens (T, rows, columns, 512) to those of the first `wanted` frames; the rest as below."""
        tokens = tokens[:wanted] + self.attention(self.norm1(tokens), masks, looked_at, wanted, at_once)
        return tokens + self.mlp.in_parts(self.norm2(tokens), size, at_once)


class SparseWindowAttention(nn.Module):
    """Attention in windows of 5x9 tokens, the grid filled up with zeros to whole windows."""

    valid_ind_rolled: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(DIM, DIM)
        self.key = nn.Linear(DIM, DIM)
        self.value = nn.Linear(DIM, DIM)
        self.pool_layer = nn.Conv2d(DIM, DIM, POOL, stride=POOL, groups=DIM)
        self.proj = nn.Linear(DIM, DIM)
        self.register_buffer("valid_ind_rolled", _beyond_the_window())

    def forward(self, tokens: Tensor, masks: Tensor, looked_at: slice, wanted: int, at_once: int = AT_ONCE) -> Tensor:
        """Tokens (T, rows, columns, 512) to (wanted, rows, columns, 512).

        masks: as the transformer's. looked_at: the frames that windows which a hole touches look at. at_once: about how
        many numbers the other windows may take at a time.
        """
        rows, columns = tokens.shape[1:3]
        down, right = -rows % WINDOW[0], -columns % WINDOW[1]
        tokens, masks = F.pad(tokens, (0, 0, 0, right, 0, down)), F.pad(masks, (0, right, 0, down))
        height, width = tokens.shape[1:3]
        places = torch.arange(height * width, device=tokens.device).view(height, width)
        own = _windows(places)  # (M, 45): the tokens of each window
        rolled = torch.cat([_windows(places.roll(shift, (0, 1))) for shift in _rolls()], 1)  # (M, 180)
        near = torch.cat([own, rolled[:, self.valid_ind_rolled]], 1)  # (M, 193)
        is_masked = masks.amax((0, 1)).flatten()[own].amax(1) > 0  # (M,)

        flat = tokens.flatten(1, 2)  # (T, HW, 512)
        query, key, value = self.query(flat[:wanted]), self.key(flat), self.value(flat)
        out = torch.empty_like(query)
        step = max(1, at_once // (own.shape[1] * len(tokens) * DIM))
        for plain in own[~is_masked].split(step):
            out[:, plain] = _attention(query[:, plain], key[:wanted, plain], value[:wanted, plain])

        pooled = self.pool_layer(tokens[looked_at].permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)  # (T/2, P, 512)
        far_key, far_value = self.key(pooled), self.value(pooled)
        key, value = key[looked_at], value[looked_at]
        for n in is_masked.nonzero()[:, 0].tolist():  # one by one: each holds keys of many frames
            keys = torch.cat([key[:, near[n]], far_key], 1).flatten(0, 1)  # (T/2 * (193 + P), 512)
            values = torch.cat([value[:, near[n]], far_value], 1).flatten(0, 1)
            found = _attention(query[:, own[n]].flatten(0, 1), keys, values)  # (wanted * 45, 512)
            out[:, own[n]] = found.view(wanted, -1, DIM)
        return self.proj(out.view(wanted, height, width, DIM)[:, :rows, :columns])


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Queries (..., L, 512) answered from keys and values (..., S, 512) by four heads: (..., L, 512)."""
    if not key.shape[-2]:  # the odd blocks have nothing to look at where there is one frame only
        return torch.zeros_like(query)
    heads = (each.unflatten(-1, (HEADS, -1)).transpose(-2, -3) for each in (query, key, value))
    return F.scaled_dot_product_attention(*heads).transpose(-2, -3).flatten(-2)


def _windows(places: Tensor) -> Tensor:
    """A grid (H, W) cut into windows: (M, 45)."""
    height, width = places.shape
    cut = places.view(height // WINDOW[0], WINDOW[0], width // WINDOW[1], WINDOW[1])
    return cut.transpose(1, 2).reshape(-1, WINDOW[0] * WINDOW[1])


def _rolls() -> list[tuple[int, int]]:
    """Up and left, up and right, down and left, down and right: a token of the first comes from below and right."""
    return [(down * SHIFT[0], right * SHIFT[1]) for down in (-1, 1) for right in (-1, 1)]


def _beyond_the_window() -> Tensor:
    """Which of the 4x45 tokens of a window after the rolls it had not before: (148,)."""
    row, column = torch.meshgrid(torch.arange(WINDOW[0]), torch.arange(WINDOW[1]), indexing="ij")
    is_new = []
    for down, right in _rolls():
        from_row, from_column = row - down, column - right
        inside = (from_row >= 0) & (from_row < WINDOW[0]) & (from_column >= 0) & (from_column < WINDOW[1])
        is_new.append(~inside.flatten())
    return torch.cat(is_new).nonzero()[:, 0]
