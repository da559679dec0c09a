"""A tiny Grounding DINO that learns in seconds what red and blue balls are, saved as the hub's folders are."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra 'neural')")
import torch.nn.functional as F

from cleanplate.bench.synth_video import write_clip
from cleanplate.mask.phrases import as_text
from cleanplate.mask.pretrained import as_pixels

WORDS = {"the": 10, "red": 11, "blue": 12, "ball": 13, "##s": 15, "a": 16, "щ": 17, "##и": 18, "##т": 19}
SPECIAL = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}
"where the published list has them, which the network counts on"
HEIGHT, WIDTH = 96, 160
COLORS = {"red": (220, 30, 40), "blue": (30, 60, 220)}
PHRASES = {"red": ("red",), "blue": ("blue",), "ball": ("red", "blue")}
"and the colours of what they name"
STEPS, BATCH = 140, 2

EVERY = 10
SMALL = {"word_options": {"edge_px": HEIGHT, "every_frames": EVERY}, "segmenter": "grabcut"}
"marks for videos of such pictures"

Balls = Mapping[str, tuple[float, float, float]]  # colour -> middle x, y and radius, px


def tokenizer() -> Any:
    """That of BERT, with a few words."""
    made = transformers.BertTokenizer(vocab={**WORDS, **SPECIAL})
    return made.backend_tokenizer


def config() -> transformers.GroundingDinoConfig:
    return transformers.GroundingDinoConfig(
        backbone_config={
            "model_type": "swin",
            "embed_dim": 16,
            "depths": [1, 1, 1, 1],
            "num_heads": [1, 1, 2, 2],
            "window_size": 4,
            "out_indices": [2, 3, 4],
            "drop_path_rate": 0.0,
        },
        text_config={
            "model_type": "bert",
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "vocab_size": 1030,
            "max_position_embeddings": 256,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        d_model=32,
        encoder_layers=1,
        encoder_ffn_dim=32,
        encoder_attention_heads=4,
        decoder_layers=2,
        decoder_ffn_dim=32,
        decoder_attention_heads=4,
        num_queries=12,
        dropout=0.0,
        fusion_droppath=0.0,
    )


def draw(balls: Balls, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A textured plane (H, W, 3) with balls on it, and where each of them is to be seen (H, W)."""
    rng = np.random.default_rng(seed)
    rows, columns = HEIGHT // 8, WIDTH // 8
    coarse = rng.integers(70, 180, (rows, columns, 1)) + rng.integers(-12, 12, (rows, columns, 3))
    image = cv2.resize(coarse.astype(np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    holes = {color: np.hypot(x - at_x, y - at_y) < radius for color, (at_x, at_y, radius) in balls.items()}
    for color, hole in holes.items():
        image[hole] = COLORS[color]
    return image, holes


def filmed(path: Path, balls: list[Balls]) -> dict[str, np.ndarray]:
    """Writes a video of them, a frame each. Returns where each colour is (T, H, W)."""
    drawn = [draw(one) for one in balls]
    write_clip(path, np.stack([image for image, _ in drawn]), codec="ffv1", crf=None)
    none = np.zeros((HEIGHT, WIDTH), bool)
    return {color: np.stack([holes.get(color, none) for _, holes in drawn]) for color in COLORS}


def store(folder: Path, name: str = "grounding-dino-tiny") -> None:
    """Learn, and save under that name."""
    _learned().save_pretrained(folder / name)
    tokenizer().save(str(folder / name / "tokenizer.json"))


def _learned() -> torch.nn.Module:
    """Each place within a ball is to answer with the ball's box and its words, in the encoder and in the decoder."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = transformers.GroundingDinoForObjectDetection(config()).train()
    with torch.no_grad():  # or likeness begins at hundreds
        network.model.encoder.layers[0].text_enhancer_layer.layer_norm_after.weight *= 0.1
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=STEPS, pct_start=0.2)
    reader = tokenizer()
    for _ in range(STEPS):
        phrases = rng.permutation(list(PHRASES))[: rng.integers(1, 4)].tolist()
        text = as_text(phrases, reader)
        named = {
            color: [n for one, span in zip(phrases, text.spans, strict=True) if color in PHRASES[one] for n in span]
            for color in COLORS
        }
        scenes = [draw(_some_balls(rng), int(rng.integers(1000))) for _ in range(BATCH)]
        pixels = torch.cat([as_pixels(image, (HEIGHT, WIDTH)) for image, _ in scenes])
        out = network(pixel_values=pixels, input_ids=torch.tensor([text.tokens] * BATCH))
        loss = torch.zeros(())
        for n, (_, holes) in enumerate(scenes):
            truth = [(_shares(hole), named[color]) for color, hole in holes.items() if hole.any()]
            used = [n for span in text.spans for n in span]
            loss += _loss(out.enc_outputs_class[n], out.enc_outputs_coord_logits[n].sigmoid(), _places(), truth, used)
            loss += _loss(out.logits[n], out.pred_boxes[n], out.init_reference_points[n, :, :2], truth, used)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return network.eval()


def _some_balls(rng: np.random.Generator) -> Balls:
    here = [color for color in COLORS if rng.random() > 0.2]
    return {color: (rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(16, 22)) for color in here}


def _shares(hole: np.ndarray) -> torch.Tensor:
    """Middle and size of what is True, as shares of the picture."""
    y, x = np.nonzero(hole)
    x0, x1, y0, y1 = x.min() / WIDTH, (x.max() + 1) / WIDTH, y.min() / HEIGHT, (y.max() + 1) / HEIGHT
    return torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0], dtype=torch.float32)


def _places() -> torch.Tensor:
    """(N, 2): where the encoder's answers lie, level by level, shares of the picture."""
    found, rows, columns = [], ceil(HEIGHT / 8), ceil(WIDTH / 8)
    for _ in range(4):
        y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij")
        found.append(torch.stack([x, y], -1).reshape(-1, 2))
        rows, columns = ceil(rows / 2), ceil(columns / 2)
    return torch.cat(found)


def _loss(
    logits: torch.Tensor, boxes: torch.Tensor, places: torch.Tensor, truth: list, used: list[int]
) -> torch.Tensor:
    loss, target = torch.zeros(()), torch.zeros_like(logits)
    for wanted, named in truth:
        inside = ((places - wanted[:2]).abs() < wanted[2:] / 3).all(1)
        if inside.any() and named:
            loss += 8 * (boxes[inside] - wanted).abs().mean()
            for n in named:
                target[inside, n] = 1
    wrong = F.binary_cross_entropy_with_logits(logits[:, used], target[:, used], reduction="none")
    is_there = target[:, used] > 0
    if is_there.any():
        loss += wrong[is_there].mean()
    return loss + 2 * wrong[~is_there].mean()
