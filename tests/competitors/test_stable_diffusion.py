"""Stable Diffusion on our samples, beside a call of diffusers' own pipeline."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline, StableDiffusionPipeline
from PIL import Image

from tests.competitors.requests import CPU, SIDE, request_for
from tests.support.models.checkpoints import halve
from unigs.competitors.registry import load_competitor
from unigs.competitors.stable_diffusion import inpainting_inputs
from unigs.errors import ModelError
from unigs.evaluation.image_metrics import spoken_names
from unigs.evaluation.predictions import generator_of
from unigs.shards.read import read_samples


def direct(family, folder, sample, task, **inputs):
    """The picture that diffusers itself makes for a sample, (h, w, 3) uint8."""
    pipeline = family.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    output = pipeline(
        prompt=[spoken_names(sample)],
        generator=[generator_of(0, task, sample.key)],
        num_inference_steps=2,
        guidance_scale=2.0,
        **inputs,
    )
    return np.asarray(output.images[0])


def test_text_to_image_is_what_diffusers_makes_of_the_class_names(models, shards):
    drawn = list(read_samples(shards / "synthesis"))
    model = load_competitor(request_for("sd", "synthesis", shards, checkpoint=models / "sd"), CPU)
    assert not model.masks
    predictions = model.predictor(drawn)
    for sample, prediction in zip(drawn, predictions, strict=True):
        assert prediction.segments is None
        assert prediction.image.shape == (SIDE, SIDE, 3)
        expected = direct(StableDiffusionPipeline, models / "sd", sample, "synthesis")
        assert abs(prediction.image.astype(int) - expected).max() <= 1
    assert not np.array_equal(predictions[0].image, predictions[1].image)


def test_inpainting_is_what_diffusers_makes_of_image_and_mask(models, shards):
    sample = next(read_samples(shards / "inpainting"))
    place = models / "sd-inpainting"
    request = request_for("sd-inpainting", "inpainting", shards, checkpoint=place)
    (prediction,) = load_competitor(request, CPU).predictor([sample])
    expected = direct(
        StableDiffusionInpaintPipeline, place, sample, "inpainting",
        image=Image.fromarray(sample.image), mask_image=Image.fromarray(sample.coarse_mask),
        height=SIDE, width=SIDE,
    )  # fmt: skip
    assert abs(prediction.image.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("checkpoint", ["sd-inpainting", "sd"])
def test_nothing_that_is_to_be_generated_leaks(models, shards, checkpoint):
    sample = next(read_samples(shards / "inpainting"))
    request = request_for("sd-inpainting", "inpainting", shards, checkpoint=models / checkpoint)
    predictor = load_competitor(request, CPU).predictor
    (before,) = predictor([sample])
    hole, turned = sample.coarse_mask[..., None], 255 - sample.image
    (after,) = predictor([replace(sample, image=np.where(hole, turned, sample.image))])
    assert np.array_equal(before.image, after.image)
    (other,) = predictor([replace(sample, image=np.where(hole, sample.image, turned))])
    assert not np.array_equal(before.image, other.image)


def test_samples_of_another_size_are_resized_there_and_back(models, drawn, shards):
    few = drawn("inpainting")
    small = few[0].image.shape[0]
    assert small == SIDE // 2
    inputs = inpainting_inputs(few, SIDE)
    for sample, mask in zip(few, inputs["mask_image"], strict=True):
        doubled = sample.coarse_mask.repeat(2, 0).repeat(2, 1)
        assert np.array_equal(np.asarray(mask) == 255, doubled)
        assert set(np.unique(mask)) <= {0, 255}
    assert inputs["image"][0].size == (SIDE, SIDE)
    request = request_for(
        "sd-inpainting", "inpainting", shards, checkpoint=models / "sd-inpainting"
    )
    predictor = load_competitor(request, CPU).predictor
    together = predictor(few)
    assert {one.image.shape for one in together} == {(small, small, 3)}
    # a prediction depends on its sample and the seed, not on its batch
    (alone,) = predictor(few[1:2])
    assert abs(alone.image.astype(int) - together[1].image).max() <= 1


def test_a_batch_that_does_not_fit_is_halved(models, shards, caplog):
    drawn = list(read_samples(shards / "synthesis"))[:2]
    request = request_for("sd", "synthesis", shards, checkpoint=models / "sd")
    predictor = load_competitor(request, CPU).predictor
    whole = predictor(drawn)
    inner = predictor.pipeline

    class Small:
        unet, vae = inner.unet, inner.vae

        def __call__(self, prompt, **inputs):
            if len(prompt) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return inner(prompt=prompt, **inputs)

    object.__setattr__(predictor, "pipeline", Small())
    halves = predictor(drawn)
    assert "going on with 1" in caplog.text
    for one, other in zip(halves, whole, strict=True):
        assert abs(one.image.astype(int) - other.image).max() <= 1


@pytest.mark.parametrize(
    ("pipeline", "checkpoint", "said"),
    [
        ("sd", "sd-inpainting", "its UNet takes 9 channels, StableDiffusionPipeline 4"),
        ("sd", "controlnet", "model_index.json: unreadable"),
        ("sd", "nowhere", "no such directory"),
    ],
)
def test_another_checkpoint_is_refused(models, shards, pipeline, checkpoint, said):
    request = request_for(pipeline, "synthesis", shards, checkpoint=models / checkpoint)
    with pytest.raises(ModelError, match=said):
        load_competitor(request, CPU)


def test_a_pipeline_of_ours_is_no_stable_diffusion(models, shards, pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    request = request_for("sd", "synthesis", shards, checkpoint=tmp_path)
    with pytest.raises(ModelError, match="a UniGSPipeline; give a StableDiffusion pipeline"):
        load_competitor(request, CPU)


def test_pickles_are_refused(models, shards, tmp_path):
    shutil.copytree(models / "sd", tmp_path / "sd")
    weights = next((tmp_path / "sd" / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    request = request_for("sd", "synthesis", shards, checkpoint=tmp_path / "sd")
    with pytest.raises(ModelError, match="only pickle weights"):
        load_competitor(request, CPU)


def test_half_precision_weights_load_in_float32(models, shards, tmp_path):
    shutil.copytree(models / "sd", tmp_path / "sd")
    halve(tmp_path / "sd")
    request = request_for("sd", "synthesis", shards, checkpoint=tmp_path / "sd")
    predictor = load_competitor(request, CPU).predictor
    assert predictor.pipeline.unet.dtype == predictor.pipeline.vae.dtype == torch.float32
    assert predictor.pipeline.safety_checker is None
