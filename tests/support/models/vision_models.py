"""CLIP, Mask2Former, SAM, Inception and DINOv2 in miniature: the classes and files of the published
ones, tiny widths, random weights."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    SamConfig,
    SamImageProcessor,
    SamModel,
    SwinConfig,
)
from transformers import Mask2FormerImageProcessor as Mask2FormerProcessor

from tests.support.models.checkpoints import write_tokenizer


def write_clip(folder: Path, names: Iterable[str] = ("dog",)) -> Path:
    """Save a CLIP of transformers with its tokenizer and image processor."""
    write_tokenizer(folder, names)
    text = {
        "vocab_size": len(json.loads((folder / "vocab.json").read_text())),
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "max_position_embeddings": 77,
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 32, "patch_size": 16,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8))
    model.save_pretrained(folder)
    CLIPImageProcessor(size=32, crop_size=32).save_pretrained(folder)
    return folder


def write_mask2former(folder: Path, classes: Mapping[int, str]) -> Path:
    """Save a Mask2Former of transformers on a Swin backbone with its processor."""
    backbone = SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = Mask2FormerConfig(
        backbone_config=backbone, hidden_dim=32, feature_size=32, mask_feature_size=32,
        encoder_layers=1, decoder_layers=2, encoder_feedforward_dim=16, dim_feedforward=16,
        num_attention_heads=2, num_queries=6, id2label=dict(classes),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Mask2FormerForUniversalSegmentation(config)
    model.save_pretrained(folder)
    size = {"height": 64, "width": 64}
    Mask2FormerProcessor(size=size, do_reduce_labels=False).save_pretrained(folder)
    return folder


def write_sam(folder: Path) -> Path:
    """Save a SAM of transformers with its image processor; its masks are random shapes."""
    common = {"hidden_size": 16, "image_size": 64, "patch_size": 16}
    config = SamConfig(
        vision_config={
            **common, "output_channels": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "mlp_dim": 16, "num_pos_feats": 8, "window_size": 2, "global_attn_indexes": [0],
        },
        prompt_encoder_config={**common, "image_embedding_size": 4, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
        },
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = SamModel(config)
        # as transformers draws them they are nearly 0, and so would be all masks
        for weights in model.parameters():
            weights.data.normal_(std=0.5)
    model.save_pretrained(folder)
    SamImageProcessor(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64},
        mask_size={"longest_edge": 16}, mask_pad_size={"height": 16, "width": 16},
    ).save_pretrained(folder)  # fmt: skip
    return folder


def write_inception(file: Path) -> Path:
    """Save weights of the shapes of the 2015 Inception; needs torch-fidelity."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Blank(FeatureExtractorInceptionV3):
        def load_state_dict(self, state: Any) -> None:
            return None

    empty = file.with_name("empty.pth")
    torch.save({}, empty)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save(Blank("blank", ["2048"], str(empty)).state_dict(), file)
    empty.unlink()
    return file


def write_dinov2(folder: Path) -> Path:
    """Save a DINOv2 of transformers, made for larger images than the metric takes."""
    config = Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=518,
        patch_size=14,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Dinov2Model(config)
        # as transformers draws them all images have nearly the same features
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.data.normal_(std=0.5)
    model.save_pretrained(folder)
    return folder
