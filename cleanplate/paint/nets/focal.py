"""Temporal focal transformer: tokens look closely at what is near and coarsely at what is farther away, in all frames.

Li et al., E2FGVI, CVPR 2022, after Yang et al., "Focal self-attention", NeurIPS 2021. A window of 5x9 tokens asks
    - itself,
    - a ring of tokens around it, found by shifting the windows four ways (the grid wraps around at its borders),
    - windows around it, each averaged to one token,
of every frame. Tokens are (T, h, w, dim); h and w are multiples of the window's.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cleanplate.paint.nets.layers import AT_ONCE, FusionFeedForward

WINDOW = (5, 9)
SHIFT = (2, 4)
_PLACES = [(y, x) for y in range(WINDOW[0]) for x in range(WINDOW[1])]


def _ring() -> list[tuple[int, int]]:
    """Places around a window that are asked as well, from its corner. Some come twice and count twice."""
    ring = []
    for down, right in product((SHIFT[0], -SHIFT[0]), (SHIFT[1], -SHIFT[1])):
        shifted = ((y + down, x + right) for y, x in _PLACES)
        ring += [place for place in shifted if place not in _PLACES]
    return ring


@lru_cache(maxsize=8)
def _asked(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Whom each window of a grid of height x width tokens asks: (windows, n) int64 positions, and bool: is it real?

    Positions count the frame's tokens row by row and after them its averaged windows. Windows at the border have fewer
    windows around them, so their lists are filled up with what is not real.
    """
    rows, columns = height // WINDOW[0], width // WINDOW[1]
    lists = []
    for row, column in product(range(rows), range(columns)):
        near = [(row * WINDOW[0] + y) % height * width + (column * WINDOW[1] + x) % width for y, x in _PLACES + _ring()]
        around = product(
            range(max(row - WINDOW[0] // 2, 0), min(row + WINDOW[0] // 2 + 1, rows)),
            range(max(column - WINDOW[1] // 2, 0), min(column + WINDOW[1] // 2 + 1, columns)),
        )
        lists.append(near + [height * width + y * columns + x for y, x in around])
    longest = max(map(len, lists))
    positions = torch.tensor([found + [0] * (longest - len(found)) for found in lists])
    is_real = torch.tensor([[True] * len(found) + [False] * (longest - len(found)) for found in lists])
    return positions, is_real


class FocalAttention(nn.Module):
    """Attention of windows to themselves, their ring and the windows around them."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, pooled: Tensor, wanted: int, at_once: int = AT_ONCE) -> Tensor:
        """tokens (T, h, w, dim), windows as one token each (T, h / 5, w / 9, dim) -> the first `wanted` frames' tokens.

        As in the published network the windows go through the same projection as tokens.
        """
        frames, height, width, dim = tokens.shape
        rows, columns = height // WINDOW[0], width // WINDOW[1]
        both = torch.cat([tokens.flatten(1, 2), pooled.flatten(1, 2)], dim=1)  # (T, h w + rows columns, dim)
        tables = zip(self.qkv.weight.chunk(3), self.qkv.bias.chunk(3), strict=True)
        query, key, value = (
            F.linear(both, *table).unflatten(-1, (self.heads, -1)).permute(2, 0, 1, 3).contiguous() for table in tables
        )  # each (heads, T, h w + rows columns, dim / heads)
        query = query[:, :wanted, : height * width].unflatten(2, (rows, WINDOW[0], columns, WINDOW[1]))
        query = query.permute(0, 2, 4, 1, 3, 5, 6).flatten(3, 5).flatten(1, 2)  # (heads, windows, wanted 45, d)
        key, value = key.flatten(1, 2), value.flatten(1, 2)

        positions, is_real = (table.to(tokens.device) for table in _asked(height, width))
        starts = torch.arange(frames, device=tokens.device) * both.shape[1]
        asked = (starts[:, None] + positions[:, None]).flatten(1)  # (windows, T n)
        hidden = torch.zeros(is_real.shape, dtype=tokens.dtype, device=tokens.device)
        hidden = hidden.masked_fill(~is_real, float("-inf")).repeat(1, frames)[None, :, None]  # (1, windows, 1, T n)
        step = max(1, at_once // (dim * asked.shape[1]))
        found = torch.cat(
            [
                F.scaled_dot_product_attention(
                    query[:, n : n + step],
                    key[:, asked[n : n + step]],
                    value[:, asked[n : n + step]],
                    hidden[:, n : n + step],
                )
                for n in range(0, len(asked), step)
            ],
            dim=1,
        )  # (heads, windows, wanted 45, d)
        found = found.unflatten(2, (wanted, *WINDOW)).unflatten(1, (rows, columns))
        result: Tensor = self.proj(found.permute(3, 1, 4, 2, 5, 0, 6).reshape(wanted, height, width, dim))
        return result


class FocalBlock(nn.Module):
    """Attention, then a feed-forward layer, each added to what came in."""

    def __init__(self, dim: int = 512, heads: int = 4) -> None:
        super().__init__()
        self.pool_layers = nn.ModuleList([nn.Linear(WINDOW[0] * WINDOW[1], 1)])
        self.norm1 = nn.LayerNorm(dim)
        self.attn = FocalAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = FusionFeedForward(dim)

    def forward(self, tokens: Tensor, size: tuple[int, int], wanted: int, at_once: int = AT_ONCE) -> Tensor:
        """Tokens (T, h, w, dim) of features of that size -> those of the first `wanted` frames."""
        _, height, width, _ = tokens.shape
        normed = self.norm1(tokens)
        windows = normed.unflatten(2, (width // WINDOW[1], WINDOW[1])).unflatten(1, (height // WINDOW[0], WINDOW[0]))
        pooled = self.pool_layers[0](windows.permute(0, 1, 3, 5, 2, 4).flatten(4)).squeeze(-1)
        tokens = tokens[:wanted] + self.attn(normed, pooled, wanted, at_once)
        return tokens + self.mlp.in_parts(self.norm2(tokens), size, at_once)
