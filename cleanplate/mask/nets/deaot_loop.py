"""DeAOT from frame to frame: two memories for each ten objects, and how several tens are brought together.

Per frame: `Ten.look` gives logits, which `merged` joins where there are several; then `Ten.update` is told what was
made of them. On a frame whose labels are given, `Ten.refer` takes the place of both.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cleanplate.mask.nets.deaot import MOST_OBJECTS, DeAot, Features, Propagated
from cleanplate.mask.nets.propagation import Memory

PUBLISHED_GAP = 5
_LEAST = 1e-5  # probabilities of several tens are kept so far from 0 and 1 before they become logits


class Ten:
    """The memories of up to ten objects.

    Short-term: the frame before. Long-term: frames whose labels were given, and every `gap`-th after. `most_frames`
    bounds the long-term memory: what was not given goes first, the oldest of it; None = no bound, as published.
    """

    def __init__(self, network: DeAot, gap: int = PUBLISHED_GAP, most_frames: int | None = None) -> None:
        self.network, self.gap, self.most_frames = network, gap, most_frames
        self.objects = 0
        self.long_term: tuple[Memory, ...] = ()  # of each layer, its frames joined
        self.short_term: tuple[Memory, ...] = ()
        self._is_given: list[bool] = []  # of each frame in the long-term memory
        self._since = 0  # steps since the last frame went there
        self._seen: Propagated | None = None

    def refer(self, features: Features, labels: Tensor, objects: int) -> Propagated:
        """Take a frame whose labels (H, W) int64, 0-10, are given; of `objects` objects from here on."""
        embedded = self.network.embed(labels)
        found = self.network.propagate(features, embedded=embedded)
        self.objects = objects
        self.short_term = self.network.remember(found.own, embedded)
        self._keep(is_given=True)
        return found

    def look(self, features: Features) -> tuple[Propagated, Tensor]:
        """The next frame: what propagation makes of it, and its logits (1, 1 + objects, H/4, W/4)."""
        self._since += 1
        self._seen = self.network.propagate(features, list(zip(self.long_term, self.short_term, strict=True)))
        return self._seen, self.network.decode(self._seen, features, self.objects)

    def update(self, labels: Tensor) -> None:
        """Believe these labels (H, W) int64, 0-10, of the frame just looked at, at the network's size."""
        assert self._seen is not None, "update comes after look"
        self.short_term = self.network.remember(self._seen.own, self.network.embed(labels))
        if self._since >= self.gap:
            self._keep(is_given=False)

    def _keep(self, is_given: bool) -> None:
        """The short-term memory goes into the long-term one too, which drops a frame where it is full."""
        self._since = 0
        tokens = len(self.short_term[0].key)
        self._is_given.append(is_given)
        drop: slice | None = None
        if self.most_frames is not None and len(self._is_given) > self.most_frames:
            oldest = next((n for n, given in enumerate(self._is_given) if not given), 0)
            del self._is_given[oldest]
            drop = slice(oldest * tokens, (oldest + 1) * tokens)
        before = self.long_term or (None,) * len(self.short_term)
        self.long_term = tuple(_joined(old, new, drop) for old, new in zip(before, self.short_term, strict=True))


def _joined(old: Memory | None, new: Memory, drop: slice | None) -> Memory:
    """Both memories in one, without the tokens to drop."""
    if old is None:
        return new
    joined = []
    for before, after in zip(old, new, strict=True):
        whole = torch.cat([before, after])
        joined.append(whole if drop is None else torch.cat([whole[: drop.start], whole[drop.stop :]]))
    return Memory(*joined)


def merged(logits: Sequence[Tensor]) -> Tensor:
    """Logits (1, 1 + all objects, H, W) from those of each ten (1, 1 + its objects, H, W); all but the last are full.

    A place is background if every ten says so. One ten is as it is.
    """
    if len(logits) == 1:
        return logits[0]
    shares = [torch.softmax(one, dim=1) for one in logits]
    background = torch.stack([share[:, :1] for share in shares]).prod(0)
    together = torch.cat([background, *(share[:, 1:] for share in shares)], dim=1)
    return torch.logit(together.clamp(_LEAST, 1 - _LEAST))


def labels_of_ten(labels: Tensor, n: int) -> Tensor:
    """Labels 0-10 of the n-th ten, from those of all objects."""
    own = labels - MOST_OBJECTS * n
    return torch.where((own >= 1) & (own <= MOST_OBJECTS), own, 0)
