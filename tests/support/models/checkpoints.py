"""Stable Diffusion checkpoints in miniature: the classes and files of the published ones, tiny
widths, random weights."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    PNDMScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    T2IAdapter,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from unigs.models.tokenizer import build_tokenizer

_SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}
# What tells the published checkpoints apart, by preset: input channels, schedule, UNet and text
# encoder.
KINDS: dict[str, dict[str, Any]] = {
    "sd15": {"channels": 9, "scheduler": DDIMScheduler(**_SCHEDULE, clip_sample=False)},
    "sd14": {"channels": 4, "scheduler": PNDMScheduler(**_SCHEDULE, skip_prk_steps=True)},
    "sd15-text": {"channels": 4, "scheduler": PNDMScheduler(**_SCHEDULE, skip_prk_steps=True)},
    "sd21": {
        "channels": 4,
        "scheduler": DDIMScheduler(
            **_SCHEDULE, clip_sample=False, prediction_type="v_prediction", set_alpha_to_one=False
        ),
        "unet": {"attention_head_dim": (2, 4), "use_linear_projection": True},
        "text": {"hidden_act": "gelu", "num_hidden_layers": 2},
    },
}


def write_checkpoint(folder: Path, kind: str = "sd15", names: Iterable[str] = ("dog",)) -> Path:
    """Save a pipeline of the layout of a preset's checkpoint, by diffusers itself; each of `names`
    is few tokens. The autoencoder reduces by 8."""
    about = KINDS[kind]
    write_tokenizer(folder / "tokenizer", names)
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    text = {"num_hidden_layers": 1, **about.get("text", {})}
    unet = {"attention_head_dim": 8, **about.get("unet", {})}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        parts = {
            "vae": AutoencoderKL(
                block_out_channels=(8, 8, 16, 16),
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                layers_per_block=1,
                latent_channels=4,
                norm_num_groups=4,
                sample_size=64,
            ),
            "text_encoder": CLIPTextModel(
                CLIPTextConfig(
                    vocab_size=len(tokenizer),
                    hidden_size=16,
                    intermediate_size=32,
                    num_attention_heads=2,
                    max_position_embeddings=77,
                    bos_token_id=tokenizer.bos_token_id,
                    eos_token_id=tokenizer.eos_token_id,
                    **text,
                )
            ),
            "tokenizer": tokenizer,
            "unet": UNet2DConditionModel(
                in_channels=about["channels"],
                out_channels=4,
                sample_size=8,
                block_out_channels=(16, 32),
                down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
                layers_per_block=1,
                norm_num_groups=8,
                cross_attention_dim=16,
                **unet,
            ),
            "scheduler": about["scheduler"],
        }
    family: Any = StableDiffusionInpaintPipeline
    if about["channels"] == 4:
        family = StableDiffusionPipeline
    none = {"safety_checker": None, "feature_extractor": None, "image_encoder": None}
    family(**parts, **none, requires_safety_checker=False).save_pretrained(folder)
    # transformers writes tokenizers in one file, the published checkpoints have theirs in these
    for file in (folder / "tokenizer").iterdir():
        file.unlink()
    write_tokenizer(folder / "tokenizer", names)
    return folder


def write_controlnet(folder: Path, checkpoint: Path, steers: bool = True) -> Path:
    """Save a ControlNet for the UNet of a checkpoint; without `steers` it is as training begins:
    its outputs are 0."""
    unet = UNet2DConditionModel.from_pretrained(checkpoint / "unet")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: Any = ControlNetModel.from_unet(unet)
        last = (
            *network.controlnet_down_blocks,
            network.controlnet_mid_block,
            network.controlnet_cond_embedding.conv_out,
        )
        for layer in last if steers else ():
            layer.weight.data.normal_(std=0.5)
    network.save_pretrained(folder)
    return folder


def write_t2i_adapter(folder: Path) -> Path:
    """Save a T2I-Adapter for the UNet of `write_checkpoint`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = T2IAdapter(
            channels=[16, 32], num_res_blocks=1, downscale_factor=8, adapter_type="full_adapter"
        )
    network.save_pretrained(folder)
    return folder


def write_tokenizer(folder: Path, names: Iterable[str]) -> None:
    """Write vocab.json, merges.txt and their settings, as CLIP was published."""
    folder.mkdir(parents=True, exist_ok=True)
    model = json.loads(build_tokenizer(names, 77).backend_tokenizer.to_str())["model"]
    lines = ["#version: 0.2", *(" ".join(pair) for pair in model["merges"])]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    start, end = "<|startoftext|>", "<|endoftext|>"
    special = {"bos_token": start, "eos_token": end, "pad_token": end, "unk_token": end}
    settings = {
        **special, "model_max_length": 77, "do_lower_case": True, "add_prefix_space": False,
        "errors": "replace", "tokenizer_class": "CLIPTokenizer",
    }  # fmt: skip
    for file, content in (
        ("vocab.json", model["vocab"]),
        ("special_tokens_map.json", special),
        ("tokenizer_config.json", settings),
    ):
        (folder / file).write_text(json.dumps(content), encoding="utf-8")


def halve(folder: Path) -> None:
    """Leave weights of half precision alone, as the published inpainting checkpoint has them."""
    from safetensors.torch import load_file, save_file

    for file in folder.glob("*/*.safetensors"):
        tensors = load_file(file)
        half = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
        file.unlink()
        save_file(half, file.with_name(f"{file.stem}.fp16.safetensors"), {"format": "pt"})


def hub_cache(home: Path, source: Path, name: str, revision: str = "main") -> None:
    """Put a folder into a Hub cache, in the layout that huggingface_hub documents: files by their
    digest below blobs, links to them below snapshots, the commit below refs."""
    import hashlib

    place = home / "hub" / f"models--{name.replace('/', '--')}"
    commit = hashlib.sha1(name.encode()).hexdigest()
    for file in sorted(source.rglob("*")):
        if file.is_file():
            blob = place / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(file.read_bytes())
            link = place / "snapshots" / commit / file.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(blob)
    reference = place / "refs" / revision
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(commit)
