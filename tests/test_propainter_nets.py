"""ProPainter's parts at sizes that its stored outputs do not have, against the same written out at length."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from cleanplate.bench.parity.drawn import drawn
from cleanplate.motion.nets.flow_completion import RecurrentFlowCompletion
from cleanplate.paint.nets.dual_propagation import propagate_images
from cleanplate.paint.nets.propainter import InpaintGenerator
from cleanplate.paint.nets.sparse_transformer import SparseWindowAttention


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def attention_at_length(net: SparseWindowAttention, tokens, masks, looked_at, wanted):
    """Each query's keys collected one by one, by where they lie."""
    frames, rows, columns, dim = tokens.shape
    height, width = -(-rows // 5) * 5, -(-columns // 9) * 9
    padded = torch.zeros(frames, height, width, dim)
    padded[:, :rows, :columns] = tokens
    pooled = net.pool_layer(padded.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).flatten(1, 2)
    out = torch.zeros(wanted, height, width, dim)
    for top in range(0, height, 5):
        for left in range(0, width, 9):
            places = [(top + y, left + x) for y in range(5) for x in range(9)]
            is_masked = any(masks[:, 0, y, x].any() for y, x in places if y < rows and x < columns)
            ring = []
            for down in (3, -3):
                for right in (5, -5):
                    moved = [(top + y + down, left + x + right) for y in range(5) for x in range(9)]
                    ring += [(y % height, x % width) for y, x in moved if (y, x) not in places]
            assert len(ring) == 148
            for t in range(wanted):
                if is_masked:
                    asked = [padded[s, y, x] for s in looked_at for y, x in places + ring]
                    asked += [token for s in looked_at for token in pooled[s]]
                else:
                    asked = [padded[t, y, x] for y, x in places]
                for y, x in places:
                    if not asked:
                        continue
                    given = torch.stack(asked)
                    query = net.query(padded[t, y, x]).view(4, 128)
                    key, value = net.key(given).view(-1, 4, 128), net.value(given).view(-1, 4, 128)
                    share = torch.softmax(torch.einsum("hd,khd->hk", query, key) / 128**0.5, 1)
                    out[t, y, x] = torch.einsum("hk,khd->hd", share, value).flatten()
    return net.proj(out[:, :rows, :columns])


@pytest.mark.parametrize(
    ("frames", "rows", "columns", "odd"),
    [(3, 5, 9, 0), (3, 4, 11, 1), (2, 6, 3, 0), (1, 5, 10, 1), (1, 2, 2, 0)],
    ids=["one window", "odd block", "pad down", "nobody to look at", "small"],
)
def test_attention(frames, rows, columns, odd):
    net = drawn(SparseWindowAttention())
    tokens = noise(frames, rows, columns, 512)
    local = max(frames - 1, 1)
    masks = torch.zeros(local, 1, rows, columns)
    masks[-1, 0, 0, 0] = 1  # the first window, and in one frame only
    found = net(tokens, masks, slice(odd, None, 2), local)
    truth = attention_at_length(net, tokens, masks, range(odd, frames, 2), local)
    assert torch.allclose(found, truth, atol=2e-5)


def test_pixels_come_from_where_the_flow_says():
    """A picture that moves by whole pixels: every pixel of the hole that another frame shows is exact."""
    plate = noise(3, 40, 80)
    frames = torch.stack([plate[:, 4 : 4 + 32, 6 * t : 6 * t + 40] for t in range(5)])
    masks = torch.zeros(5, 1, 32, 40)
    masks[:, :, 10:20, 15:25] = 1  # 10 wide, and 6 are uncovered each frame
    forward = torch.zeros(4, 2, 32, 40)
    forward[:, 0] = -6
    found, left = propagate_images(frames * (1 - masks), masks, forward, -forward)
    assert not left.any()
    assert torch.allclose(found, frames, atol=1e-6)
    masks[:, :, :, :] = 0
    masks[:, :, 10:20] = 1  # a whole strip, which no frame shows
    found, left = propagate_images(frames * (1 - masks), masks, forward, -forward)
    assert torch.equal(left, masks)
    assert not found[:, :, 10:20].any()


def test_flow_that_does_not_return_is_not_followed():
    frames, masks = noise(2, 3, 16, 16), torch.zeros(2, 1, 16, 16)
    masks[0, :, 4:8, 4:8] = 1
    forward, backward = torch.full((1, 2, 16, 16), 2.0), torch.full((1, 2, 16, 16), 2.0)
    found, left = propagate_images(frames * (1 - masks), masks, forward, backward)
    assert torch.equal(left, masks)
    assert not (found * masks).any()


def test_completed_backward_is_forward_of_the_film_run_backward():
    network = drawn(RecurrentFlowCompletion())
    forward, backward = noise(3, 2, 24, 40), noise(3, 2, 40, 24).view(3, 2, 24, 40)
    masks = torch.zeros(4, 1, 24, 40)
    for t in range(4):
        masks[t, :, 4 + t : 12, 6 : 20 + 2 * t] = 1
    found = network.complete(forward, backward, masks)
    turned = network.complete(backward.flip(0), forward.flip(0), masks.flip(0))
    assert torch.equal(found[1], turned[0].flip(0))
    assert torch.equal(found[0] * (1 - masks[:3]), forward * (1 - masks[:3]))
    assert torch.equal(found[1] * (1 - masks[1:]), backward * (1 - masks[1:]))
    spoilt = network.complete(forward + 9 * masks[:3], backward - 5 * masks[1:], masks)
    assert all(torch.equal(a, b) for a, b in zip(found, spoilt, strict=True))
    assert (found[0] * masks[:3]).abs().max() > 1e-3


def test_what_frames_have_in_common_may_be_computed_once():
    """Encoding each frame by itself and asking for the local ones only is what the network does as a whole."""
    network = drawn(InpaintGenerator(depth=2))
    frames, masks = noise(4, 3, 40, 72).tanh(), (noise(4, 1, 40, 72) > 1).float()
    left, flows = masks * (noise(1, 4, 40, 72).transpose(0, 1) > 0), noise(2, 2, 40, 72)
    whole = network(frames, masks, left, flows, -flows)
    assert whole.shape == (3, 3, 40, 72)
    features = torch.cat([network.encode(frames[t, None], masks[t, None], left[t, None]) for t in range(4)])
    carried = network.carry(features, torch.cat([masks, left], 1)[:3], flows, -flows)
    parts = network.decode(carried, network.transform(carried, masks[:3]), (2, 0))
    assert torch.allclose(whole[[2, 0]], parts, atol=1e-5)
    assert whole.std() > 0.01


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 8, 8), (1, 40, 16), (2, 8, 104)])
def test_the_smallest_clips(frames, height, width):
    network = drawn(InpaintGenerator(depth=2))
    masks, flows = torch.ones(frames, 1, height, width), torch.zeros(frames - 1, 2, height, width)
    found = network(noise(frames, 3, height, width).tanh(), masks, masks, flows, flows)
    assert found.shape == (frames, 3, height, width)
    assert torch.isfinite(found).all()


def test_half_precision_is_near():
    network = drawn(InpaintGenerator(depth=2))
    frames, masks, flows = noise(3, 3, 40, 72).tanh(), (noise(3, 1, 40, 72) > 1).float(), noise(2, 2, 40, 72)
    whole = network(frames, masks, masks, flows, -flows)
    half = network.to(torch.bfloat16)(frames, masks, masks, flows, -flows)
    assert half.dtype == torch.bfloat16
    assert (half.float() - whole).abs().mean() < 0.02
