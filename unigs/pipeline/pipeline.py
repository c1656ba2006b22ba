"""Inference: the four tasks through one diffusers pipeline (sections 3.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from unigs.colormap import DEFAULT_DECODER, Palette
from unigs.errors import ConfigError, ModelError
from unigs.models.autoencoder import (
    decode_latents,
    latent_channels,
    load_autoencoder,
    vae_scale_factor,
)
from unigs.models.source import read_config, require_pipeline, resolve_directory
from unigs.models.text import encode_prompts, load_text_encoder
from unigs.models.unet import expand_unet, load_unet, unet_latent_channels
from unigs.pipeline.control import encode_control
from unigs.pipeline.decode import decode_predictions
from unigs.pipeline.denoise import predict, step_arguments, with_known
from unigs.pipeline.frame import Fit, Frame
from unigs.pipeline.initial_noise import Generators, given_noise, initial_noise
from unigs.pipeline.inputs import Inputs, OneOrMany, check_inputs, check_options
from unigs.pipeline.output import UniGSOutput
from unigs.tasks import TASKS

# The paper's protocol (supplementary section 6).
PAPER_STEPS = 200


class UniGSPipeline(DiffusionPipeline):
    """Denoises an image and its colormap together and reads the entities off the colormap.

    Parameters (besides the components; all stored in model_index.json):
        palette: name of the palette the model was trained with.
        decoder, decoder_options: how colormaps are read (`unigs.colormap.decode`).
        steps, guidance: by task, the defaults of `num_inference_steps`, `guidance_scale`.
        tasks: the tasks the model was trained for.
        zero_initial_noise: tasks whose first step has zero noise, as they were trained
            (`DiffusionConfig.zero_initial_noise`); one step suffices for them.
        size: side of the square it was trained at; other pictures are stretched to it unless
            a call says otherwise.
        refine_steps: by which the latents of the colormaps were refined that it was trained on
            (`encode_colormaps`); colormaps that a call gives are treated alike.
    """

    model_cpu_offload_seq = "text_encoder->unet->vae"  # type: ignore[assignment]
    _callback_tensor_inputs = ("latents",)

    def __init__(
        self,
        vae: Any,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        unet: UNet2DConditionModel,
        scheduler: Any,
        palette: str = "smooth-11-v1",
        decoder: str = DEFAULT_DECODER,
        decoder_options: dict[str, Any] | None = None,
        steps: dict[str, int] | None = None,
        guidance: dict[str, float] | None = None,
        tasks: list[str] | None = None,
        zero_initial_noise: list[str] | None = None,
        size: int | None = None,
        refine_steps: int = 0,
    ) -> None:
        super().__init__()
        if latent_channels(vae) != unet_latent_channels(unet):
            raise ModelError(
                f"autoencoder with {latent_channels(vae)} latent channels, UNet for "
                f"{unet_latent_channels(unet)}: take the autoencoder the UNet was trained with"
            )
        if scheduler.config.get("clip_sample"):
            scheduler = type(scheduler).from_config(scheduler.config, clip_sample=False)
        self.register_modules(
            vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler
        )
        try:
            Palette.from_name(palette)
        except ValueError as error:
            raise ModelError(str(error)) from error
        self.register_to_config(
            palette=palette,
            decoder=decoder,
            decoder_options=dict(decoder_options or {}),
            steps=dict.fromkeys(TASKS, PAPER_STEPS) | (steps or {}),
            guidance=dict.fromkeys(TASKS, 1.0) | (guidance or {}),
            tasks=list(tasks or TASKS),
            zero_initial_noise=list(zero_initial_noise or []),
            size=size,
            refine_steps=refine_steps,
        )

    @classmethod
    def from_pretrained(cls, source: str | PathLike[Any], **options: Any) -> Self:
        """Load from a folder, a Hub id or a registered model (`models:/NAME@champion`).

        As in diffusers, but from safetensors alone, and an AutoencoderKL never in float16, whose
        range its activations leave.

        Raises:
            ModelError: no pipeline there, pickles only, or components that do not fit.
        """
        folder = resolve_directory(source)
        require_pipeline(folder)
        try:
            pipeline = super().from_pretrained(str(folder), use_safetensors=True, **options)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"does not load: {error}", file=folder) from error
        if isinstance(pipeline.vae, AutoencoderKL) and pipeline.vae.dtype == torch.float16:
            pipeline.vae.to(dtype=torch.float32)
        return pipeline

    @classmethod
    def from_stable_diffusion(cls, source: str | Path, tasks: bool = True, **config: Any) -> Self:
        """Return an untrained pipeline grown from a Stable Diffusion 1 or 2 checkpoint (plain or
        inpainting); `tasks` adds the task embedding, `config` are parameters of this class.

        The source's noise schedule and prediction type are reused.
        """
        folder = resolve_directory(source)
        autoencoder = load_autoencoder(folder)
        tokenizer, text_encoder = load_text_encoder(folder)
        schedule = read_config(folder / "scheduler", "scheduler_config.json")
        return cls(
            vae=autoencoder,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=expand_unet(load_unet(folder), tasks=tasks),
            scheduler=DDIMScheduler.from_config(schedule, clip_sample=False),
            **config,
        )

    @torch.no_grad()
    def __call__(
        self,
        task: str,
        image: OneOrMany | None = None,
        coarse_mask: OneOrMany | None = None,
        prompt: str | Sequence[str] | None = None,
        names: Sequence[str] | Sequence[Sequence[str]] | None = None,
        colormap: OneOrMany | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        generator: Generators = None,
        latents: Tensor | None = None,
        clamp_known: bool = False,
        paste_back: bool = False,
        fit: Fit | None = None,
        decoder: str | None = None,
        decoder_options: Mapping[str, Any] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Callable[..., dict[str, Any]] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> UniGSOutput | tuple[Any, ...]:
        """Run one task on a batch.

        Args:
            task: `inpainting` and `referring` take `image`, `coarse_mask` and `names` (or the
                whole `prompt`); `synthesis` takes `colormap` and `names`; `entity` an `image`.
            image: one or a list of PIL images, arrays or paths, all of one size; see
                `unigs.pipeline.inputs.check_inputs` for what is converted.
            coarse_mask: likewise.
            colormap: likewise.
            num_inference_steps: the model's own for the task if None.
            guidance_scale: likewise; other than 1 it runs the UNet on the empty prompt as well.
            generator: one, or one per image: then an image's noise does not depend on the batch.
            latents: (n, 2C, h', w') initial noise in place of the generator's.
            clamp_known: set the half that the task only repeats (Table 2) to its noised latent
                before each step.
            paste_back: inpainting: put the given image back outside the coarse mask.
            fit: for pictures of another size than the model's; see `unigs.pipeline.frame`.
            decoder: in place of the model's own.
            decoder_options: its keyword arguments; None for the model's own, where it is the
                model's own decoder.
            output_type: "pil", "np" (uint8 images) or "latent" (no entities).
            callback_on_step_end: called with (pipeline, step, timestep, {"latents": ...}).

        Returns:
            UniGSOutput, or its four fields as a tuple. Referring and inpainting: entities end
            at the coarse mask and the background is dropped; entity: every region stays.

        Raises:
            ConfigError: an argument is wrong; the message names it and the hint.
            ModelError: a prompt is too long, or the latents do not stay finite.
        """
        chosen = decoder or self.config["decoder"]
        own = self.config["decoder_options"] if chosen == self.config["decoder"] else {}
        options = own if decoder_options is None else decoder_options
        kind = check_options(
            task,
            self.config["tasks"],
            output_type,
            num_inference_steps,
            self.scheduler.config.get("num_train_timesteps", 1000),
            paste_back,
            chosen,
            guidance_scale,
        )
        for name in set(callback_on_step_end_tensor_inputs) - set(self._callback_tensor_inputs):
            raise ConfigError(f"callback_on_step_end_tensor_inputs: {name}", hint="give latents")
        palette = Palette.from_name(self.config["palette"])
        inputs = check_inputs(kind, palette, image, coarse_mask, prompt, names, colormap)
        height, width = inputs.source.shape[1:3]
        frame = Frame.choose(height, width, vae_scale_factor(self.vae), self.config["size"], fit)
        control, coarse = encode_control(
            inputs, frame, self.vae, self.config["refine_steps"], self._execution_device
        )
        scale = self.config["guidance"][kind.name] if guidance_scale is None else guidance_scale
        text = self._text(inputs.prompts, guided=scale != 1)
        noise = (
            initial_noise(control, generator) if latents is None else given_noise(latents, control)
        )
        zero_noise = latents is None and kind.name in self.config["zero_initial_noise"]
        if zero_noise and not kind.new_image:
            noise = torch.zeros_like(noise)
        steps = int(num_inference_steps or self.config["steps"][kind.name])
        self.scheduler.set_timesteps(steps, device=control.device)
        latents = noise * self.scheduler.init_noise_sigma
        extra = step_arguments(self.scheduler, generator)
        joint = self.unet.config.num_class_embeds is not None
        labels = torch.full((len(text),), kind.index, device=control.device) if joint else None
        with self.progress_bar(total=len(self.scheduler.timesteps)) as progress:
            for index, timestep in enumerate(self.scheduler.timesteps):
                if clamp_known:
                    known = self.scheduler.add_noise(
                        torch.cat([control, control], 1), noise, timestep[None]
                    )
                    latents = with_known(kind, latents, known)
                model_input = self.scheduler.scale_model_input(latents, timestep)
                if zero_noise and index == 0:
                    model_input = torch.zeros_like(model_input)
                prediction = predict(
                    self.unet, model_input, timestep, coarse, control, text, labels, scale
                )
                latents = self.scheduler.step(prediction, timestep, latents, **extra).prev_sample
                if callback_on_step_end is not None:
                    given = callback_on_step_end(self, index, timestep, {"latents": latents})
                    latents = given.get("latents", latents)
                progress.update()
        if clamp_known:
            latents = with_known(kind, latents, torch.cat([control, control], 1))
        if not torch.isfinite(latents).all():
            raise ModelError("latents are not finite: run in float32, or with less guidance")
        output = self._decoded(inputs, frame, latents, paste_back, output_type, chosen, options)
        self.maybe_free_model_hooks()
        return output if return_dict else output.to_tuple()

    def _text(self, prompts: list[str], guided: bool) -> Tensor:
        """Return (n, L, D), or (2n, L, D) with the empty prompt first."""
        wanted = [*([""] * len(prompts) if guided else []), *prompts]
        unique = list(dict.fromkeys(wanted))
        states = encode_prompts(
            self.tokenizer, self.text_encoder, unique, device=self._execution_device
        )
        return states[[unique.index(prompt) for prompt in wanted]]

    def _decoded(
        self,
        inputs: Inputs,
        frame: Frame,
        latents: Tensor,
        paste_back: bool,
        output_type: str,
        decoder: str,
        options: Mapping[str, Any],
    ) -> UniGSOutput:
        image_half, colormap_half = latents.chunk(2, dim=1)
        if output_type == "latent":
            return UniGSOutput(images=image_half, colormaps=colormap_half)
        device = self._execution_device
        output = decode_predictions(
            inputs,
            frame,
            decode_latents(self.vae, image_half, device=device),
            decode_latents(self.vae, colormap_half, device=device),
            Palette.from_name(self.config["palette"]),
            decoder,
            options,
            paste_back,
        )
        if output_type == "pil":
            output.images = [Image.fromarray(pixels) for pixels in output.images]
        return output
