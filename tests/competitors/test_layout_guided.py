"""ControlNet and T2I-Adapter given the layout in their own colour code."""

import numpy as np
import pytest
from diffusers import (
    ControlNetModel,
    StableDiffusionAdapterPipeline,
    StableDiffusionControlNetPipeline,
    T2IAdapter,
)
from PIL import Image

from tests.competitors.requests import CPU, SIDE, request_for
from unigs.competitors.ade20k_colors import coded_colormap
from unigs.competitors.layout_guided import layout_inputs
from unigs.competitors.registry import load_competitor
from unigs.errors import ModelError
from unigs.evaluation.image_metrics import spoken_names
from unigs.evaluation.predictions import generator_of
from unigs.shards.read import read_samples

KINDS = {
    "controlnet-seg": ("controlnet", ControlNetModel, StableDiffusionControlNetPipeline),
    "t2i-adapter": ("adapter", T2IAdapter, StableDiffusionAdapterPipeline),
}


def loaded(kind, models, shards, **files):
    name = KINDS[kind][0]
    given = {"checkpoint": models / "sd", "adapter": models / name} | files
    return load_competitor(request_for(kind, "synthesis", shards, **given), CPU)


@pytest.mark.parametrize("kind", KINDS)
def test_the_image_is_what_diffusers_makes_of_the_coloured_layout(models, shards, kind):
    name, network, family = KINDS[kind]
    sample = next(read_samples(shards / "synthesis"))
    (prediction,) = loaded(kind, models, shards).predictor([sample])
    steering = network.from_pretrained(models / name)
    pipeline = family.from_pretrained(models / "sd", **{name: steering})
    pipeline.set_progress_bar_config(disable=True)
    output = pipeline(
        prompt=[spoken_names(sample)],
        image=[Image.fromarray(coded_colormap(sample))],
        generator=[generator_of(0, "synthesis", sample.key)],
        num_inference_steps=2,
        guidance_scale=2.0,
        height=SIDE,
        width=SIDE,
    )
    expected = np.asarray(output.images[0])
    assert abs(prediction.image.astype(int) - expected).max() <= 1


def test_an_untrained_controlnet_changes_nothing_and_a_trained_one_does(models, shards):
    drawn = list(read_samples(shards / "synthesis"))
    plain = load_competitor(
        request_for("sd", "synthesis", shards, checkpoint=models / "sd"), CPU
    ).predictor(drawn)
    untrained = loaded("controlnet-seg", models, shards, adapter=models / "untrained").predictor(
        drawn
    )
    steered = loaded("controlnet-seg", models, shards).predictor(drawn)
    for one, other, third in zip(plain, untrained, steered, strict=True):
        assert abs(one.image.astype(int) - other.image).max() <= 1
        assert abs(one.image.astype(int) - third.image).max() > 1


def test_a_layout_is_resized_by_nearest_pixel(drawn):
    few = drawn("synthesis")
    for sample, layout in zip(few, layout_inputs(few, SIDE)["image"], strict=True):
        expected = coded_colormap(sample).repeat(2, 0).repeat(2, 1)
        assert np.array_equal(np.asarray(layout), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pipeline_that_holds_its_adapter_needs_no_other(models, shards, kind, tmp_path):
    model = loaded(kind, models, shards)
    model.predictor.pipeline.save_pretrained(tmp_path)
    sample = next(read_samples(shards / "synthesis"))
    whole = loaded(kind, models, shards, checkpoint=tmp_path, adapter=None)
    assert np.array_equal(whole.predictor([sample])[0].image, model.predictor([sample])[0].image)


def test_classes_without_a_colour_are_named_once_and_counted(models, shards, caplog):
    model = loaded("controlnet-seg", models, shards)
    classes = {
        entity.class_name
        for sample in read_samples(shards / "synthesis")
        for entity in sample.entities
    }
    count = model.counts["n_classes_without_colour"]
    assert 0 < count <= len(classes)
    (line,) = [r.message for r in caplog.records if "ADE20K" in r.message]
    assert line.startswith(f"{int(count)} classes are none of ADE20K's")


def test_a_checkpoint_without_its_adapter_is_refused(models, shards):
    with pytest.raises(ModelError, match=r"no controlnet/config\.json"):
        loaded("controlnet-seg", models, shards, adapter=None)
    with pytest.raises(ModelError, match=r"no adapter/config\.json"):
        loaded("t2i-adapter", models, shards, adapter=None)
