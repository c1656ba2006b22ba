"""A model of a preset put together from its parts: fresh, trained, and on disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assets_defs.folders import Folders

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

    from unigs.configuration import Preset
    from unigs.loader import MixedStream

ASSEMBLY_CODE = ("pipeline", "pipeline_inputs", "models", "diffusion")

_VALIDATION_BATCH = 64


def fresh_unet(preset: "Preset", autoencoder_folder: Path) -> "UNet2DConditionModel":
    """The UNet before its first step: from scratch, or grown from a Stable Diffusion checkpoint."""
    import torch

    from unigs.models.autoencoder import latent_channels, load_autoencoder
    from unigs.models.unet import build_unet, expand_unet, load_unet

    channels = latent_channels(load_autoencoder(autoencoder_folder))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(preset.unet.seed)
        if preset.unet.source is not None:
            return expand_unet(load_unet(preset.unet.source))
        assert preset.unet.architecture is not None
        return build_unet(preset.unet.architecture, channels)


def training_streams(
    preset: "Preset", train: Mapping[str, Path], val: Mapping[str, Path]
) -> "tuple[MixedStream, MixedStream]":
    """Streams over the latents of some tasks: the training mix, and an even one to validate on."""
    from unigs.latent_store import LatentStore
    from unigs.loader import MixedStream

    training = preset.training
    stores = {task: LatentStore(folder) for task, folder in train.items()}
    held_out = {task: LatentStore(folder) for task, folder in val.items()}
    ratios = {task: training.ratios[task] for task in stores}
    return (
        MixedStream(stores, ratios, training.batch_size, seed=training.seed),
        MixedStream(held_out, dict.fromkeys(held_out, 1.0), _VALIDATION_BATCH, seed=training.seed),
    )


def save_pipeline(
    preset: "Preset",
    unet: "UNet2DConditionModel",
    folders: Folders,
    tasks: Sequence[str],
    folder: Path,
) -> None:
    """Write the pipeline folder: ``unet`` with the components of ``folders``, the preset's codec
    and its defaults of inference."""
    from unigs.diffusion import build_scheduler
    from unigs.models.autoencoder import load_autoencoder
    from unigs.models.text import load_text_encoder
    from unigs.pipeline import UniGSPipeline

    tokenizer, text_encoder = load_text_encoder(folders.text_encoder)
    UniGSPipeline(
        vae=load_autoencoder(folders.autoencoder),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=build_scheduler(preset.diffusion),
        palette=preset.codec.palette,
        decoder=preset.codec.decoder,
        decoder_options=preset.codec.options,
        steps=preset.inference.steps,
        guidance=preset.inference.guidance,
        tasks=list(tasks),
        size=preset.data.size,
    ).save_pretrained(folder)
