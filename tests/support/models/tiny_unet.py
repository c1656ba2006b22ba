"""The smallest UNet that has every kind of layer."""

from typing import Any


def tiny_architecture(
    width: tuple[int, int] = (8, 8), text: int = 16, head: int = 2, groups: int = 2
) -> dict[str, Any]:
    """Arguments of `build_unet` for latents of 8 x 8: `width` of both levels, the second with
    attention of heads of `head` channels to texts of `text`; `groups` of its normalisation."""
    return {
        "sample_size": 8,
        "block_out_channels": width,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "cross_attention_dim": text,
        "attention_head_dim": head,
        "norm_num_groups": groups,
    }
