"""How one video stream is going to be written: what `encode` decides, and the rest of `save` carries out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av

from cleanplate.base.pixels import PixelFormat
from cleanplate.base.types import Color
from cleanplate.save.codecs import ENCODERS, EncoderSpec
from cleanplate.save.containers import CONTAINERS, Container

PALETTE = PixelFormat(name="pal8", model="rgb", bit_depth=8, parts=(), has_alpha=True)


@dataclass(frozen=True, kw_only=True)
class EncodePlan:
    """How the video stream is written."""

    suffix: str
    "of the output's name"
    encoder: str
    source: PixelFormat
    "how pictures come"
    form: PixelFormat
    "how the encoder takes them"
    color: Color
    rate: Fraction
    "frames a second, as the encoder is told"
    options: dict[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def spec(self) -> EncoderSpec:
        """What is known of the encoder."""
        return ENCODERS.get(self.encoder, EncoderSpec())

    @property
    def kind(self) -> Container:
        """What is known of the container."""
        return CONTAINERS[self.suffix]

    @property
    def container(self) -> str:
        """FFmpeg's name of the muxer."""
        return self.kind.muxer

    @property
    def makes_palette(self) -> bool:
        """Whether each picture gets a palette of its own."""
        return self.form.name == PALETTE.name

    @property
    def changes_model(self) -> bool:
        """Whether pictures change their colour model on the way: images that become an ordinary video."""
        return self.source.model != self.form.model and not self.makes_palette


def canonical(encoder: str) -> str:
    """FFmpeg's name of what an encoder makes."""
    return str(av.Codec(encoder, "w").canonical_name)
