"""What the papers say of themselves, at 432x240: printed beside our own figures, never mixed with them.

Figures as the papers give them; ProPainter's and FFF-VDI's are quoted by others. E_warp depends on the flow network and
the scale of each paper, seconds on their graphics cards. All depend on the masks, of which papers use several packs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Published:
    """One model on one data set. None = not published."""

    model: str
    data: str
    psnr: float
    "dB, whole frame"
    ssim: float
    vfid: float | None = None
    ewarp: float | None = None
    seconds: float | None = None
    "a frame, on the graphics card of the paper"
    is_quoted: bool = False
    "by somebody else than its authors"


@dataclass(frozen=True, kw_only=True)
class SetSize:
    """How large a data set of the papers is: what one has to have, beside the same masks, to compare."""

    clips: int
    frames: int | None
    "None = not said"


TEST_SETS = {"DAVIS": SetSize(clips=50, frames=3455), "YouTube-VOS": SetSize(clips=508, frames=None)}

# model, then PSNR, SSIM, VFID, E_warp on YouTube-VOS and on DAVIS, then seconds a frame
_Figures = tuple[float, float, float | None, float | None]
_TABLE: tuple[tuple[str, _Figures, _Figures, float | None], ...] = (
    ("VINet", (29.20, 0.9434, 0.072, 0.1490), (28.96, 0.9411, 0.199, 0.1785), None),
    ("DFVI", (29.16, 0.9429, 0.066, 0.1509), (28.81, 0.9404, 0.187, 0.1608), 2.56),
    ("CAP", (31.58, 0.9607, 0.071, 0.1470), (30.28, 0.9521, 0.182, 0.1533), 0.40),
    ("FGVC", (29.67, 0.9403, 0.064, 0.1022), (30.80, 0.9497, 0.165, 0.1586), 2.44),
    ("STTN", (32.34, 0.9655, 0.053, 0.0907), (30.67, 0.9560, 0.149, 0.1449), 0.12),
    ("FuseFormer", (33.29, 0.9681, 0.053, 0.0900), (32.54, 0.9700, 0.138, 0.1362), 0.20),
    ("E2FGVI", (33.71, 0.9700, 0.046, 0.0864), (33.01, 0.9721, 0.116, 0.1315), 0.16),
    ("ProPainter", (34.43, 0.9735, 0.042, None), (34.47, 0.9776, 0.098, None), 0.083),
    ("FFF-VDI", (35.06, 0.9812, None, None), (35.03, 0.9834, None, None), None),
)
_QUOTED = ("ProPainter", "FFF-VDI")


def _of(data: str) -> list[Published]:
    return [
        Published(
            model=model,
            data=data,
            psnr=figures[0],
            ssim=figures[1],
            vfid=figures[2],
            ewarp=figures[3],
            seconds=seconds,
            is_quoted=model in _QUOTED,
        )
        for model, youtube, davis, seconds in _TABLE
        for figures in (davis if data == "DAVIS" else youtube,)
    ]


PUBLISHED: tuple[Published, ...] = tuple(row for data in TEST_SETS for row in _of(data))
