"""A random pipeline of every real component, small enough to predict in a blink."""

import numpy as np
import torch
from diffusers import DDIMScheduler

from tests.support.models.tiny_unet import tiny_architecture
from unigs.colormap import Palette
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import build_text_encoder
from unigs.models.unet import build_unet
from unigs.pipeline import UniGSPipeline
from unigs.tasks import TASKS

SIZE = 32
# All 48 directions of a 4x4 patch: the autoencoder loses nothing.
CHANNELS = 48
PALETTE = "smooth-2-v1"
UNET = tiny_architecture((16, 32), text=32, head=8, groups=8)
SCHEDULE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}


def pictures(count=2, height=SIZE, width=SIZE, seed=0):
    """Blocks in the palette's colours: (h, w, 3) uint8 with four regions each."""
    rng = np.random.default_rng(seed)
    colors = Palette.from_name(PALETTE).colors
    half = np.repeat(np.repeat(rng.permuted(np.arange(4)).reshape(2, 2), 99, 0), 99, 1)
    rows, columns = np.arange(height) * 198 // height, np.arange(width) * 198 // width
    return [colors[(half[np.ix_(rows, columns)] + i) % 4] for i in range(count)]


def components():
    """Fresh components with fixed seeds, by name."""
    torch.manual_seed(0)
    tokenizer, text_encoder = build_text_encoder(["dog", "cat"], hidden_size=32)
    unet = build_unet(UNET, latent_channels=CHANNELS).eval()
    unet.class_embedding.weight.data.normal_()
    return {
        "vae": PatchAutoencoder.fit(np.stack(pictures(8)), latent_channels=CHANNELS),
        "text_encoder": text_encoder,
        "tokenizer": tokenizer,
        "unet": unet,
        "scheduler": DDIMScheduler(**SCHEDULE),
    }


def tiny_pipeline(parts=None, **config):
    """A pipeline of them; `config` are parameters of UniGSPipeline."""
    options = {
        "palette": PALETTE,
        "decoder": "pdm",
        "steps": {"inpainting": 3, "synthesis": 2, "referring": 1, "entity": 1},
        "guidance": {"synthesis": 2.0},
    }
    pipeline = UniGSPipeline(**(parts or components()), **options | config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def mask(height=SIZE, width=SIZE):
    filled = np.zeros((height, width), bool)
    filled[4:20, 8:24] = True
    return filled


def seeded(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def arguments(task):
    given = {"colormap" if task == "synthesis" else "image": pictures()}
    if TASKS[task].coarse == "sampled":
        given["coarse_mask"] = mask()
    if task != "entity":
        given["names"] = ["dog"]
    return {"task": task, "generator": seeded(1, 2), **given}
