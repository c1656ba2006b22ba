"""A linear autoencoder in closed form: principal components of image patches.

Training a convolutional autoencoder costs more than the whole budget of the embedded preset;
the principal components of p x p patches are found in about two seconds, are exactly the best
linear code of their size, and decode colours without a learned bias.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn
from torch.nn import functional as F

from unigs.errors import ModelError

# Below this share of the strongest channel's energy a direction is numerical noise:
# dividing by its deviation would blow rounding errors up.
MINIMUM_RELATIVE_DEVIATION = 1e-4


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """Images in [-1, 1] of shape (n, 3, h, w) <-> latents (n, C, h/p, w/p), both ways linear.

    A latent channel is a principal component of the patches times its gain
    ``g * deviation ** (energy - 1)``, where the one factor ``g`` makes the mean channel
    variance of the fitted images 1.

    Parameters:
        patch_size: p, pixels per side.
        latent_channels: C, at most 3 * p * p (there the code loses nothing).
        energy: 1 keeps the natural proportions of the channels' deviations, 0 whitens them
            (all deviations 1), values between do so partly. Natural energy keeps the
            denoising target dominated by what can be seen.
        scaling_factor: as everywhere in diffusers; 1, since the gain is part of the code.
    """

    config_name = "config.json"  # type: ignore[assignment]  # diffusers annotates None

    @register_to_config
    def __init__(
        self,
        patch_size: int = 4,
        latent_channels: int = 12,
        energy: float = 1.0,
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()
        size = 3 * patch_size * patch_size
        if patch_size < 1 or not 1 <= latent_channels <= size:
            raise ModelError(
                f"latent_channels {latent_channels}: a patch of {patch_size}x{patch_size} has "
                f"{size} values; take 1 to {size} channels"
            )
        if not 0.0 <= energy <= 1.0:
            raise ModelError(f"energy {energy}: give a number from 0 (whitened) to 1 (natural)")
        self.basis = nn.Parameter(torch.eye(latent_channels, size), requires_grad=False)
        self.mean = nn.Parameter(torch.zeros(size), requires_grad=False)
        self.deviation = nn.Parameter(torch.ones(latent_channels), requires_grad=False)
        self.gain = nn.Parameter(torch.ones(latent_channels), requires_grad=False)

    @classmethod
    def fit(
        cls,
        images: np.ndarray,
        patch_size: int = 4,
        latent_channels: int = 12,
        energy: float = 1.0,
    ) -> Self:
        """Fit to (n, h, w, 3) uint8 images whose sides `patch_size` divides. Deterministic.

        Raises:
            ModelError: wrong shape or dtype, or fewer patches than values in a patch.
        """
        model = cls(patch_size=patch_size, latent_channels=latent_channels, energy=energy)
        if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
            raise ModelError(
                f"images of shape {images.shape}, {images.dtype}: give (n, h, w, 3) uint8"
            )
        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        size = len(model.mean)
        each = pixels[0, 0].numel() // model._check_size(pixels) ** 2
        count = each * len(pixels)
        if count <= size:
            raise ModelError(f"{count} patches cannot fix {size} directions: give more images")
        from sklearn.decomposition import IncrementalPCA  # half a second to import

        # All directions are kept until the end, so the result is exact. That takes 7 times as long
        # as one covariance (0.3 s for 1500 images of 64 pixels, patches of 4) and no more memory.
        components = IncrementalPCA()
        for chunk in pixels.split(max(256, -(-size // each))):
            patches = model._patches(chunk.float().div(127.5).sub(1))
            # Constant pictures have no variance that directions could have a share of.
            with np.errstate(invalid="ignore"):
                components.partial_fit(patches.double().numpy())
        mean = torch.from_numpy(components.mean_)
        basis = torch.from_numpy(components.components_[:latent_channels])
        # An eigenvector's sign is arbitrary; fixing it makes the fit reproducible anywhere.
        largest = basis.abs().argmax(1, keepdim=True)
        basis = basis * basis.gather(1, largest).sign()
        deviation = torch.from_numpy(components.explained_variance_[:latent_channels]).sqrt()
        floor = MINIMUM_RELATIVE_DEVIATION * deviation[0].clamp_min(1e-6)
        deviation = deviation.clamp_min(floor)
        shape = deviation ** (energy - 1)
        gain = shape / (shape * deviation).square().mean().sqrt()
        for name, value in (
            ("basis", basis),
            ("mean", mean),
            ("deviation", deviation),
            ("gain", gain),
        ):
            getattr(model, name).data.copy_(value)
        return model.eval()

    def _patches(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n * h/p * w/p, 3*p*p)."""
        p = self._check_size(images)
        return F.pixel_unshuffle(images, p).permute(0, 2, 3, 1).flatten(0, 2)

    def _check_size(self, images: Tensor) -> int:
        p = int(self.config["patch_size"])
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % p or images.shape[3] % p:
            raise ModelError(
                f"images of shape {tuple(images.shape)}: give (n, 3, h, w) with sides that "
                f"{p} divides"
            )
        return p

    def _kernel(self, scale: Tensor) -> Tensor:
        p = int(self.config["patch_size"])
        return (self.basis * scale[:, None]).unflatten(1, (3, p, p))

    @apply_forward_hook
    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderTinyOutput | tuple[Tensor]:
        """Images (n, 3, h, w) in [-1, 1] -> latents (n, C, h/p, w/p), mean variance about 1."""
        p = self._check_size(x)
        bias = -(self.basis @ self.mean) * self.gain
        latents = F.conv2d(x, self._kernel(self.gain), bias, stride=p)
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    @apply_forward_hook
    def decode(
        self, z: Tensor, generator: torch.Generator | None = None, return_dict: bool = True
    ) -> DecoderOutput | tuple[Tensor]:
        """Latents (n, C, h', w') -> images (n, 3, h'*p, w'*p) about [-1, 1], not clipped."""
        p = int(self.config["patch_size"])
        images = F.conv_transpose2d(z, self._kernel(1 / self.gain), stride=p)
        height, width = z.shape[2:]
        offset = self.mean.unflatten(0, (3, p, p)).repeat(1, height, width)
        images = images + offset
        return DecoderOutput(sample=images) if return_dict else (images,)

    def forward(self, sample: Tensor) -> Tensor:
        """Encode and decode: the reconstruction."""
        latents = self.encode(sample, return_dict=False)[0]
        return self.decode(latents, return_dict=False)[0]
