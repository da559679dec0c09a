"""Tiny networks with drawn weights, which stand for the published ones wherever only the way is to be tested."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cleanplate.base.weights import WEIGHTS


@pytest.fixture(scope="module")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder in which weights are looked for."""
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_WEIGHTS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def tiny_weights(weights_folder: Path) -> Iterator[Path]:
    """A folder of such weights under the published names; the networks are made as small while it is there."""
    torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
    from cleanplate.mask import track_deaot
    from cleanplate.mask.nets.deaot import DeAot, Sizes

    folder = weights_folder
    tiny = {"deaot-r50l": (track_deaot, "DeAot", lambda: DeAot(Sizes(stem=4, blocks=(1, 1, 1), d=16)))}
    with pytest.MonkeyPatch.context() as patch:
        for name, (module, attribute, build) in tiny.items():
            torch.manual_seed(1)
            path = folder / WEIGHTS[name].file
            torch.save({"state_dict": {f"module.{key}": value for key, value in build().state_dict().items()}}, path)
            content = path.read_bytes()
            row = replace(WEIGHTS[name], sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
            patch.setitem(WEIGHTS, name, row)
            patch.setattr(module, attribute, build)
        yield folder
    track_deaot._network.cache_clear()


_PROMPTS = {"hidden_size": 128, "image_size": 128, "patch_size": 16, "mask_input_channels": 4}
_DECODER = {"hidden_size": 128, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32}
_VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 128,
    "output_channels": 128,
    "global_attn_indexes": [1],
    "window_size": 4,
    "num_pos_feats": 64,
    "mlp_dim": 32,
}
_HIERA = {
    "backbone_config": {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [128, 128],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [4, 4, 4, 4],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [4, 4],
    },
    "backbone_channel_list": [64, 32, 16, 8],
    "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
    "fpn_hidden_size": 128,
}
_MEMORY = {
    "memory_attention_hidden_size": 128,
    "memory_attention_feed_forward_hidden_size": 32,
    "memory_attention_num_layers": 1,
    "memory_attention_rope_feat_sizes": [8, 8],
    "memory_encoder_hidden_size": 128,
    "memory_encoder_output_channels": 64,
    "mask_downsampler_embed_dim": 128,
    "memory_fuser_embed_dim": 128,
    "memory_fuser_intermediate_dim": 32,
    "memory_fuser_num_layers": 1,
}


@pytest.fixture(scope="module")
def tiny_hub(weights_folder: Path) -> Iterator[Path]:
    """A folder with tiny models of the hub's kinds, 128 px a side, under the names of some that are published."""
    torch = pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra 'neural')")
    from cleanplate.mask.pretrained import load_model

    transformers.logging.disable_progress_bar()
    parts = {"prompt_encoder_config": _PROMPTS, "mask_decoder_config": _DECODER}
    torch.manual_seed(0)
    sam_1 = transformers.SamModel(transformers.SamConfig(vision_config=_VIT, **parts))
    video = transformers.Sam2VideoConfig(vision_config=_HIERA, image_size=128, **_MEMORY, **parts)
    for name, model in (("sam-vit-base", sam_1), ("sam2.1-hiera-small", transformers.Sam2VideoModel(video))):
        with torch.no_grad():  # as they are drawn, all logits are near 0
            for value in model.parameters():
                value += torch.randn_like(value) * 0.1
        model.save_pretrained(weights_folder / name)
    yield weights_folder
    load_model.cache_clear()
