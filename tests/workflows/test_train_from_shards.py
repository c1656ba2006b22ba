"""`unigs train`: from a folder of pixel shards to a pipeline, without the graph."""

import shutil

import pytest

from tests.e2e.command import write_preset
from tests.support.data.made_scenes import CLASSES, made_scene
from tests.support.data.tiny_shards import write_shards
from tests.support.models.checkpoints import write_checkpoint
from unigs.colormap.palette import Palette
from unigs.comparison.curves import LOSSES, read_losses
from unigs.config.preset import load_preset
from unigs.errors import DataError, ModelError
from unigs.latents import encode as sample_latents
from unigs.latents.on_the_fly import PixelStore
from unigs.models.colormap_latents import encode_colormaps
from unigs.pipeline import UniGSPipeline
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards
from unigs.workflows.train_from_shards import PREVIEW, train_from_shards


@pytest.mark.slow
def test_shards_of_a_task_become_a_pipeline(tmp_path):
    scenes = [made_scene(tmp_path, number) for number in range(6)]
    options = SampleOptions(Palette(5), CLASSES, size=64)
    build_shards(scenes, "entity", options, tmp_path / "entity", shards=2)
    preset = str(write_preset(tmp_path / "smoke.yaml"))
    result = train_from_shards(
        preset, ["entity"], tmp_path, tmp_path / "out", 1, False, should_stop=lambda: False
    )
    assert result["steps"] == 1
    assert (result["model"] / "model_index.json").is_file()
    model = UniGSPipeline.from_pretrained(result["model"])
    assert (model.config.palette, model.config.size) == (Palette(5).name, 64)
    with pytest.raises(DataError, match="no shards of referring"):
        train_from_shards(
            preset, ["referring", "entity"], tmp_path, tmp_path / "none", 1, False, lambda: False
        )


def test_without_latents_the_trainer_encodes_and_loses_the_same(tmp_path, monkeypatch):
    write_shards(tmp_path, ["entity", "inpainting"])
    encoded: list[str] = []
    batch = PixelStore.batch

    def heard(store, indices):
        encoded.append(store.task)
        return batch(store, indices)

    monkeypatch.setattr(PixelStore, "batch", heard)
    once = write_preset(tmp_path / "once.yaml", {"processes": 1})
    live = write_preset(tmp_path / "live.yaml", {"processes": 1}, latents=False)

    def loss(preset, out):
        tasks = ["inpainting", "entity"]
        return train_from_shards(str(preset), tasks, tmp_path, out, 2, False, lambda: False)["loss"]

    expected = loss(once, tmp_path / "once")
    assert read_losses(tmp_path / "once" / LOSSES)["loss"] == [(2, pytest.approx(expected))]
    assert not encoded
    assert loss(live, tmp_path / "live") == pytest.approx(expected, rel=1e-3)
    assert set(encoded) == {"inpainting", "entity"}
    assert not (tmp_path / "live" / "latents").exists()

    # latents that are there are used, task by task, unless they are of other shards
    latents = tmp_path / "live" / "latents"
    shutil.copytree(tmp_path / "once" / "latents", latents)
    shutil.rmtree(latents / "inpainting")
    encoded.clear()
    assert loss(live, tmp_path / "live") == pytest.approx(expected, rel=1e-3)
    assert set(encoded) == {"inpainting"}
    write_shards(tmp_path, ["entity"], count=9)
    again = loss(live, tmp_path / "live")
    assert set(encoded) == {"inpainting", "entity"}
    # those of the training that made the model
    assert read_losses(tmp_path / "live" / LOSSES)["loss"] == [(2, pytest.approx(again))]


@pytest.mark.parametrize("latents", [True, False])
def test_colormaps_are_refined_in_the_steps_of_the_preset(tmp_path, monkeypatch, latents):
    write_shards(tmp_path, ["synthesis"])
    heard: list[int] = []

    def encode(autoencoder, colormaps, refine_steps, *rest):
        heard.append(refine_steps)
        return encode_colormaps(autoencoder, colormaps, refine_steps, *rest)

    monkeypatch.setattr(sample_latents, "encode_colormaps", encode)
    preset = write_preset(tmp_path / "few.yaml", {"processes": 1}, latents=latents)
    wanted = load_preset(str(preset)).codec.refine_steps
    assert wanted > 0
    out = tmp_path / "out"
    done = train_from_shards(str(preset), ["synthesis"], tmp_path, out, 1, False, lambda: False)
    assert set(heard) == {wanted}
    assert UniGSPipeline.from_pretrained(done["model"]).config["refine_steps"] == wanted
    if latents:
        heard.clear()
        train_from_shards(str(preset), ["synthesis"], tmp_path, out, 1, False, lambda: False)
        assert not heard, "latents refined alike are current"


def test_no_training_ends_over_a_picture_of_it(tmp_path, capsys):
    write_shards(tmp_path, ["entity"])
    preset = str(write_preset(tmp_path / "few.yaml", {"processes": 1}, latents=False))
    out = tmp_path / "out"
    (out / PREVIEW).mkdir(parents=True)
    (out / PREVIEW / "in the way").touch()
    done = train_from_shards(preset, ["entity"], tmp_path, out, 1, False, lambda: False)
    assert done["steps"] == 1
    assert f"{out / PREVIEW}: cannot be written" in capsys.readouterr().err


def test_a_checkpoint_goes_in_by_an_override_and_is_checked_before_anything_is_built(tmp_path):
    write_shards(tmp_path, ["entity"], count=4)
    checkpoint = write_checkpoint(tmp_path / "my models" / "SD")
    changes = {
        "checkpoint": str(checkpoint),
        "data.size": 64,
        "training.batch_size": 2,
        "training.warmup_steps": 1,
    }
    out = tmp_path / "out"
    done = train_from_shards("sd15", ["entity"], tmp_path, out, 1, False, lambda: False, changes)
    model = UniGSPipeline.from_pretrained(done["model"])
    assert model.unet.config.in_channels == 13
    assert model.scheduler.config.beta_schedule == "scaled_linear"
    card = (done["model"] / "README.md").read_text()
    assert "| pretrained unet | SD, `" in card
    assert "training.batch_size=2" in card
    (weights,) = (checkpoint / "unet").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    none = tmp_path / "none"
    with pytest.raises(ModelError, match=f"{weights.name}: cut short"):
        train_from_shards("sd15", ["entity"], tmp_path, none, 1, False, lambda: False, changes)
    assert not none.exists()
