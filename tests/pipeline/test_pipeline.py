import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.models.tiny_pipeline import (
    CHANNELS,
    PALETTE,
    SIZE,
    UNET,
    arguments,
    mask,
    pictures,
    seeded,
    tiny_pipeline,
)
from unigs.errors import ConfigError, DataError, ModelError
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.unet import build_unet
from unigs.pipeline import UniGSPipeline
from unigs.pipeline import pipeline as pipelines
from unigs.pipeline.frame import Frame
from unigs.tasks import TASKS


@pytest.fixture
def perfect(pipeline, monkeypatch):
    """The same pipeline around a UNet that predicts the control in both halves."""

    class Prediction:
        config = pipeline.unet.config
        dtype = torch.float32

        def __call__(self, inputs, timestep, text, class_labels=None):
            control = inputs[:, 2 * CHANNELS + 1 :]
            x0 = torch.cat([control, control], 1)
            alpha = pipeline.scheduler.alphas_cumprod[int(timestep)]
            noised = inputs[:, : 2 * CHANNELS]
            beta = 1 - alpha
            velocity = (alpha.sqrt() * noised - x0) / beta.sqrt()
            return type("Output", (), {"sample": velocity})

    monkeypatch.setattr(pipeline, "unet", Prediction())
    return pipeline


@pytest.mark.parametrize("task", TASKS)
def test_every_task_predicts_in_its_form(pipeline, task):
    output = pipeline(**arguments(task))
    assert [image.size for image in output.images] == [(SIZE, SIZE)] * 2
    assert output.colormaps.shape == (2, SIZE, SIZE, 3)
    assert output.colormaps.dtype == np.uint8
    assert output.segments.shape == (2, SIZE, SIZE)
    assert output.segments.dtype == np.int32
    for segments, entities in zip(output.segments, output.entities, strict=True):
        assert [entity.id for entity in entities] == list(range(1, segments.max() + 1))
        for entity in entities:
            assert np.array_equal(entity.mask(), segments == entity.id)
            assert entity.area == (segments == entity.id).sum() > 0
            assert 0 <= entity.score <= 1
            assert entity.class_name == (None if task == "entity" else "dog")
        if TASKS[task].coarse == "sampled":
            assert not segments[~mask()].any()
        if task == "entity":
            assert (segments > 0).all()


def test_a_perfect_prediction_is_read_exactly(perfect):
    colormaps = pictures(3)
    output = perfect("entity", image=colormaps, num_inference_steps=4)
    for colormap, found in zip(colormaps, output.segments, strict=True):
        for color in np.unique(colormap.reshape(-1, 3), axis=0):
            region = (colormap == color).all(-1)
            assert len(np.unique(found[region])) == 1
        assert found.max() == 4
    assert np.abs(output.colormaps.astype(int) - np.stack(colormaps)).max() <= 1


def test_guidance_extrapolates_from_the_empty_prompt(pipeline):
    given = arguments("inpainting") | {"num_inference_steps": 1, "output_type": "latent"}

    def at(scale, **changes):
        return pipeline(**given | changes | {"guidance_scale": scale, "generator": seeded(1, 2)})

    named = at(1.0).images
    empty = at(1.0, names=None, prompt="").images
    assert torch.allclose(at(3.0).images, empty + 3 * (named - empty), atol=1e-4)
    assert not torch.allclose(named, empty, atol=1e-3)


def test_the_callback_may_change_the_latents(pipeline):
    def zero(_, step, timestep, values):
        return {"latents": torch.zeros_like(values["latents"])}

    output = pipeline(**arguments("entity"), callback_on_step_end=zero, output_type="latent")
    assert (output.images == 0).all()


def test_paste_back_keeps_what_was_not_to_be_filled(pipeline):
    output = pipeline(**arguments("inpainting"), paste_back=True, output_type="np")
    given = np.stack(pictures())
    assert np.array_equal(output.images[:, ~mask()], given[:, ~mask()])
    assert not np.array_equal(output.images[:, mask()], given[:, mask()])


@pytest.mark.parametrize(("height", "width"), [(30, 41), (SIZE, SIZE), (33, 64)])
def test_native_fit_pads_and_cuts(perfect, height, width):
    given = pictures(1, height, width)
    output = perfect("entity", image=given, fit="native", output_type="np")
    assert output.images.shape == (1, height, width, 3)
    assert np.abs(output.images[0].astype(int) - given[0]).max() <= 1
    assert output.segments.max() == 4


def test_a_few_marked_pixels_of_a_large_picture_stay_marked():
    masks = np.zeros((1, 3000, 4000), bool)
    masks[0, 1500, 2000] = True
    inner = Frame.choose(3000, 4000, 8, 64, None).enter_masks(masks)
    assert np.argwhere(inner[0]).tolist() == [[32, 32]]


def test_stretch_fit_runs_at_the_models_size(perfect):
    perfect.register_to_config(size=SIZE)
    given = pictures(1, 50, 80)[0]
    output = perfect("entity", image=given)
    assert output.images[0].size == (80, 50)
    assert output.segments.shape == (1, 50, 80)
    assert output.segments.max() == 4
    for color in np.unique(given.reshape(-1, 3), axis=0):
        region = (given == color).all(-1)
        votes = np.bincount(output.segments[0][region])
        assert votes.max() > 0.9 * region.sum()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_close(pipeline, components, dtype, tmp_path):
    given = arguments("entity") | {"output_type": "np"}
    full = pipeline(**given).images.astype(int)
    pipeline.save_pretrained(tmp_path)
    half = UniGSPipeline.from_pretrained(tmp_path, dtype=dtype)
    assert half.unet.dtype == dtype
    half.set_progress_bar_config(disable=True)
    given["generator"] = seeded(1, 2)
    assert np.abs(half(**given).images.astype(int) - full).mean() < 4


def test_round_trip_from_a_fresh_process(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["vae"] == ["unigs.models.patch_autoencoder", "PatchAutoencoder"]
    expected = pipeline(**arguments("synthesis"), output_type="np")
    np.save(tmp_path / "colormap.npy", np.stack(pictures()))
    code = (
        "import sys, numpy as np, torch; from unigs.pipeline.pipeline import UniGSPipeline;"
        "p = UniGSPipeline.from_pretrained(sys.argv[1]); p.set_progress_bar_config(disable=True);"
        "g = [torch.Generator().manual_seed(s) for s in (1, 2)];"
        "o = p('synthesis', colormap=list(np.load(sys.argv[1] + '/colormap.npy')), names=['dog'],"
        " generator=g, output_type='np'); np.save(sys.argv[1] + '/prediction.npy', o.images)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True)
    again = np.load(tmp_path / "prediction.npy")
    assert np.abs(again.astype(int) - expected.images).max() <= 1
    loaded = UniGSPipeline.from_pretrained(tmp_path)
    assert {k: v for k, v in loaded.config.items() if not k.startswith("_")}["steps"] == {
        "inpainting": 3, "synthesis": 2, "referring": 1, "entity": 1
    }  # fmt: skip
    assert loaded.config.palette == PALETTE


def test_output_as_tuple(pipeline):
    images, colormaps, segments, entities = pipeline(**arguments("entity"), return_dict=False)
    assert len(images) == len(colormaps) == len(segments) == len(entities) == 2


def test_a_model_for_one_task_refuses_the_others(components):
    made = UniGSPipeline(**components, palette=PALETTE, tasks=["referring"])
    with pytest.raises(ConfigError, match="not trained for entity"):
        made("entity", image=pictures())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "panoptic"}, "panoptic"),
        ({"names": None}, "neither prompt nor names"),
        ({"prompt": "referring: find dog."}, "both given"),
        ({"names": []}, "names"),
        ({"names": [""]}, "names"),
        ({"names": [["dog"]] * 3}, "for a batch of 3"),
        ({"image": None}, "image: missing"),
        ({"colormap": pictures()}, "colormap: referring does not take it"),
        ({"coarse_mask": None}, "coarse_mask: missing"),
        ({"coarse_mask": np.zeros((SIZE, SIZE), bool)}, "coarse_mask 0: empty"),
        ({"coarse_mask": mask(16, 32)}, r"shape \(16, 32\), the image has \(32, 32\)"),
        ({"coarse_mask": mask().astype(float)}, "no mask"),
        ({"image": [*pictures(1), *pictures(1, 16, 16)]}, "different sizes"),
        ({"image": pictures(1)[0].astype(float)}, "float64"),
        ({"generator": seeded(1)}, "1 given for a batch of 2"),
        ({"latents": torch.zeros(2, 2 * CHANNELS, 4, 4)}, "latents: shape"),
        ({"num_inference_steps": 0}, "num_inference_steps 0"),
        ({"output_type": "jpg"}, "output_type 'jpg'"),
        ({"paste_back": True}, "paste_back"),
        ({"fit": "stretch"}, "size"),
        ({"fit": "crop"}, "fit 'crop'"),
        ({"names": 3}, "names: not a list"),
        ({"names": None, "prompt": 3}, "prompt: not a text"),
        ({"guidance_scale": "3"}, "guidance_scale '3'"),
        ({"generator": 3}, "generator: int"),
        ({"latents": np.zeros((2, 96, 8, 8))}, "latents: ndarray is no tensor"),
        ({"task": ["referring"]}, "unknown task"),
        ({"decoder": "voronoi"}, "decoder 'voronoi'"),
        ({"decoder_options": {"depth": 3}}, "decoder_options.*depth"),
        ({"callback_on_step_end_tensor_inputs": ["noise"]}, "noise"),
    ],
)
def test_wrong_use_names_the_argument(pipeline, changes, message):
    with pytest.raises(ConfigError, match=message):
        pipeline(**arguments("referring") | changes)


def test_a_model_keeps_its_options_where_its_own_decoder_is_named(components, monkeypatch):
    told = []

    def decode(*given):
        told.append(given[5:7])
        return decoded(*given)

    decoded = pipelines.decode_predictions
    monkeypatch.setattr(pipelines, "decode_predictions", decode)
    model = tiny_pipeline(components, decoder="pdm", decoder_options={"delta": 30})
    for named in ({}, {"decoder": "pdm"}, {"decoder": "regions"}):
        model(**arguments("referring") | named)
    model(**arguments("referring") | {"decoder": "pdm", "decoder_options": {"delta": 5}})
    own = ("pdm", {"delta": 30})
    assert told == [own, own, ("regions", {}), ("pdm", {"delta": 5})]


def test_a_picture_that_is_not_there_is_named(pipeline):
    with pytest.raises(DataError, match=r"dog\.png"):
        pipeline(**arguments("referring") | {"image": "dog.png"})


def test_prompts_that_are_too_long_are_refused(pipeline):
    with pytest.raises(ModelError, match="tokens"):
        pipeline(**arguments("referring") | {"names": [f"dog {i}" for i in range(20)]})


def test_components_that_do_not_fit_are_refused(components):
    vae = PatchAutoencoder(latent_channels=8)
    with pytest.raises(ModelError, match="8 latent channels"):
        UniGSPipeline(**components | {"vae": vae})
    with pytest.raises(ModelError, match="rainbow"):
        tiny_pipeline(components, palette="rainbow-3-v1")


def test_nan_weights_are_an_error(pipeline):
    broken = build_unet(UNET, latent_channels=CHANNELS).eval()
    broken.conv_out.bias.data.fill_(float("nan"))
    pipeline.register_modules(unet=broken)
    with pytest.raises(ModelError, match="not finite"):
        pipeline(**arguments("entity"))


def test_pickles_are_refused(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    folder = tmp_path / "unet"
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    (folder / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match=r"pickle.*convert"):
        UniGSPipeline.from_pretrained(tmp_path)
    with pytest.raises(ModelError, match="no such directory"):
        UniGSPipeline.from_pretrained(tmp_path / "nowhere")


def test_pil_and_arrays_are_the_same(pipeline):
    given = arguments("referring")
    arrays = pipeline(**given)
    given["image"] = [Image.fromarray(one) for one in given["image"]]
    given |= {"coarse_mask": Image.fromarray(given["coarse_mask"]), "generator": seeded(1, 2)}
    assert np.array_equal(pipeline(**given).colormaps, arrays.colormaps)
