"""What broadcasters lay over the picture: subtitles and logos, opaque or seen through, each as alpha and colour.

mattes = glass_logo(frames, height_px, width_px)
seen = lay_over(plate[t], mattes[t])            # plate (1 - alpha) + colour alpha
hole = hole_of(mattes[t])                       # every sample it changes
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from cleanplate.base.types import Hole, Image, Matte

_WORDS = ("we", "saw", "it", "once", "before", "the", "rain", "had", "come", "and", "nobody", "would", "say", "where")
_FONT = cv2.FONT_HERSHEY_DUPLEX
_FINE = 4
"logos are drawn that many times larger and averaged down"


def lay_over(image: Image, matte: Matte) -> Image:
    """The picture (H, W, 3), uint8 or full-scale uint16, seen through the matte, rounded to whole levels."""
    top = float(np.iinfo(image.dtype).max)
    alpha = matte.alpha[..., None].astype(np.float64)
    return np.asarray(np.rint(image * (1 - alpha) + top * matte.color * alpha), image.dtype)


def hole_of(matte: Matte) -> Hole:
    """Every sample the matte changes: (H, W)."""
    return np.asarray(matte.alpha > 0)


def subtitles(frames: int, height_px: int, width_px: int, *, seed: int = 0) -> Sequence[Matte]:
    """One or two white lines with a dark rim near the lower edge: others every 25 to 50 frames, then a short pause."""
    rng = np.random.default_rng(seed)
    nothing = Matte(
        alpha=np.zeros((height_px, width_px), np.float32), color=np.zeros((height_px, width_px, 3), np.float32)
    )
    mattes: list[Matte] = []
    while len(mattes) < frames:
        text = _title(height_px, width_px, int(rng.integers(1, 3)), rng)
        mattes += [text] * int(rng.integers(25, 51)) + [nothing] * int(rng.integers(3, 9))
    return mattes[:frames]


def _title(height_px: int, width_px: int, lines: int, rng: np.random.Generator) -> Matte:
    scale = max(0.3, height_px / 240 * 0.5)
    pen = max(1, round(1.2 * scale))
    rim, ink = np.zeros((2, height_px, width_px), np.uint8)
    pitch = cv2.getTextSize("Ag", _FONT, scale, pen)[0][1] * 1.9
    for k in range(lines):
        text = _line(0.9 * width_px, scale, pen, rng)
        wide = cv2.getTextSize(text, _FONT, scale, pen)[0][0]
        at = (round((width_px - wide) / 2), round(0.93 * height_px - pitch * (lines - 1 - k)))
        cv2.putText(rim, text, at, _FONT, scale, 255, pen + 2 * max(1, round(1.6 * scale)), cv2.LINE_AA)
        cv2.putText(ink, text, at, _FONT, scale, 255, pen, cv2.LINE_AA)
    cover, inner = (np.asarray(layer, np.float32) / 255 for layer in (rim, ink))
    alpha = np.maximum(cover, inner)
    # Ink over rim: of what is opaque here, the ink's share is white and the rest nearly black.
    white = np.divide(inner, alpha, out=np.zeros_like(inner), where=alpha > 0)
    color = white[..., None] * np.float32(0.96) + (1 - white[..., None]) * np.float32(0.04)
    return Matte(alpha=alpha, color=np.asarray(color, np.float32))


def _line(most_px: float, scale: float, pen: int, rng: np.random.Generator) -> str:
    """Words as long as they fit; a single letter where none does."""
    words: list[str] = []
    for word in rng.choice(_WORDS, 7):
        if cv2.getTextSize(" ".join([*words, word]), _FONT, scale, pen)[0][0] > most_px:
            break
        words.append(word)
    return " ".join(words).capitalize() or "A"


def logo(frames: int, height_px: int, width_px: int, *, seed: int = 0) -> Sequence[Matte]:
    """A station's sign in one of the upper corners, opaque."""
    return [_sign(height_px, width_px, 1.0, np.random.default_rng(seed))] * frames


def glass_logo(frames: int, height_px: int, width_px: int, *, opacity: float = 0.45, seed: int = 0) -> Sequence[Matte]:
    """The same sign in white, seen through: `opacity` is the most it hides."""
    return [_sign(height_px, width_px, opacity, np.random.default_rng(seed))] * frames


def _sign(height_px: int, width_px: int, opacity: float, rng: np.random.Generator) -> Matte:
    """A disc with a ring and a number beside it."""
    tall = max(9.0, 0.15 * height_px)
    wide = min(2.1 * tall, 0.6 * width_px)
    at_right, gap = rng.random() < 0.5, 0.04 * width_px
    left = width_px - gap - wide if at_right else gap
    top = rng.uniform(0.05, 0.1) * height_px
    disc, ring, number = np.zeros((3, _FINE * height_px, _FINE * width_px), np.uint8)
    radius = tall / 2
    middle = tuple(round(_FINE * v) for v in (left + radius, top + radius))
    cv2.circle(disc, middle, round(_FINE * radius), 255, -1)
    cv2.circle(ring, middle, round(_FINE * radius * 0.62), 255, max(1, round(_FINE * radius * 0.22)))
    text, scale = str(int(rng.integers(2, 10))), _FINE * tall * 0.042
    at = (round(_FINE * (left + 1.2 * tall)), round(_FINE * (top + 0.92 * tall)))
    cv2.putText(number, text, at, _FONT, scale, 255, max(1, round(_FINE * tall * 0.09)))
    size = (width_px, height_px)
    parts = [
        cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255 for part in (disc, ring, number)
    ]
    blue, white = np.array([0.10, 0.22, 0.55], np.float32), np.array([0.97, 0.97, 0.97], np.float32)
    cover = np.maximum(parts[0], parts[2])
    if opacity < 1:
        # Glass is white alone: the ring and the number brighter than the disc.
        light = np.maximum(np.maximum(0.5 * parts[0], parts[1]), parts[2])
        return Matte(alpha=np.asarray(opacity * light, np.float32), color=np.broadcast_to(white, (*cover.shape, 3)))
    ink = np.maximum(parts[1], parts[2])[..., None]
    return Matte(alpha=cover, color=np.asarray(ink * white + (1 - ink) * blue, np.float32))
