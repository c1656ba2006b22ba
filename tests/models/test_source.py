"""Where components come from: folders, half precision, damage, other families, a Hub cache."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.models.checkpoints import KINDS, halve, hub_cache, write_checkpoint
from tests.support.models.vision_models import write_clip, write_mask2former
from unigs.config.preset import load_preset
from unigs.errors import ModelError
from unigs.evaluators.bundle import load_evaluators
from unigs.models import addresses
from unigs.models.autoencoder import load_autoencoder
from unigs.models.components import fresh_unet, make_autoencoder, make_text_encoder
from unigs.models.noise_schedule import complete_schedule
from unigs.models.source import hub_id, resolve_directory, source_name
from unigs.models.text import load_text_encoder
from unigs.models.unet import load_unet


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("my models") / "SD 1.5")


@pytest.fixture
def checkpoint(original, tmp_path):
    """A copy to be spoilt."""
    return shutil.copytree(original, tmp_path / "SD 1.5")


@pytest.mark.parametrize("kind", KINDS)
def test_one_checkpoint_gives_every_component(tmp_path, kind):
    folder = write_checkpoint(tmp_path / "a copy = mine", kind, ["traffic light"])
    preset = complete_schedule(load_preset(kind, {"checkpoint": str(folder)}))
    autoencoder = make_autoencoder(preset.autoencoder, [])
    tokenizer, encoder = make_text_encoder(preset.text, ["traffic light"], 4)
    unet = fresh_unet(preset, autoencoder)
    assert (unet.config.in_channels, unet.config.out_channels) == (13, 8)
    assert len(tokenizer("traffic light").input_ids) == 4
    source = load_unet(folder)
    assert torch.equal(unet.conv_in.weight[:, :4], source.conv_in.weight[:, :4])
    if KINDS[kind]["channels"] == 4:
        assert not unet.conv_in.weight[:, 4:].any()
    else:
        assert torch.equal(unet.conv_in.weight[:, 8:], source.conv_in.weight[:, 4:])
    latents = torch.zeros(1, 13, 8, 8)
    text = encoder(**tokenizer(["dog"], padding="max_length", return_tensors="pt"))[0]
    task = torch.zeros(1, dtype=torch.int64)
    assert unet(latents, task, text, task).sample.shape == (1, 8, 8, 8)


def test_half_precision_alone_loads_for_every_component(checkpoint):
    weights = load_file(checkpoint / "vae" / "diffusion_pytorch_model.safetensors")
    halve(checkpoint)
    assert not [file for file in checkpoint.rglob("*.safetensors") if ".fp16." not in file.name]
    autoencoder = load_autoencoder(checkpoint)
    _, encoder = load_text_encoder(checkpoint)
    found = autoencoder.state_dict()
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name].half().float()) for name in weights)
    assert {encoder.dtype, load_unet(checkpoint).dtype} == {torch.float32}


def test_whole_precision_is_taken_where_both_are(checkpoint, original):
    halve(checkpoint)
    shutil.copytree(original, checkpoint, dirs_exist_ok=True)
    whole = load_file(original / "unet" / "diffusion_pytorch_model.safetensors")
    assert torch.equal(load_unet(checkpoint).conv_in.weight, whole["conv_in.weight"])


LOADERS = {"vae": load_autoencoder, "text_encoder": load_text_encoder, "unet": load_unet}


@pytest.mark.parametrize("part", LOADERS)
def test_a_file_cut_short_is_named(checkpoint, part):
    (file,) = (checkpoint / part).glob("*.safetensors")
    whole = file.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 100, 0):
        file.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=rf"{file.name}: cut short or damaged.*again") as told:
            LOADERS[part](checkpoint)
        assert "\n" not in str(told.value)
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    with pytest.raises(ModelError, match="Git LFS pointer"):
        LOADERS[part](checkpoint)
    file.unlink()
    (file.parent / f"{file.name}.part").write_bytes(whole[:100])
    with pytest.raises(ModelError, match="no weights"):
        LOADERS[part](checkpoint)


def test_a_missing_part_of_weights_in_parts_is_named(checkpoint):
    folder = checkpoint / "unet"
    unet = load_unet(checkpoint)
    shutil.rmtree(folder)
    unet.save_pretrained(folder, max_shard_size="40KB")
    files = sorted(folder.glob("*.safetensors"))
    assert len(files) > 2
    assert torch.equal(load_unet(checkpoint).conv_in.weight, unet.conv_in.weight)
    files[1].unlink()
    with pytest.raises(ModelError, match=rf"{files[1].name}: missing; download it again"):
        load_unet(checkpoint)


@pytest.mark.parametrize(
    ("family", "part"),
    [
        ("StableDiffusionXLPipeline", "text_encoder_2"),
        ("StableDiffusion3Pipeline", "transformer"),
        ("FluxPipeline", "transformer"),
    ],
)
def test_another_family_is_named(checkpoint, family, part):
    (checkpoint / part).mkdir()
    if part == "transformer":
        shutil.rmtree(checkpoint / "unet")
    (checkpoint / "model_index.json").write_text(json.dumps({"_class_name": family}))
    for load in (load_unet, load_text_encoder):
        with pytest.raises(ModelError, match=f"{family} is not of the Stable Diffusion 1 and 2"):
            load(checkpoint)


@pytest.mark.parametrize("file", ["pytorch_lora_weights.safetensors", "my style.safetensors"])
def test_lora_adapters_are_no_checkpoint(tmp_path, file):
    tensors = {"unet.mid_block.attentions.0.to_q.lora_A.weight": torch.zeros(4, 4)}
    save_file(tensors, tmp_path / file)
    with pytest.raises(ModelError, match="LoRA adapters, not a checkpoint"):
        load_unet(tmp_path if file.startswith("pytorch") else tmp_path / file)


def test_a_single_file_is_told_how_to_become_a_folder(tmp_path):
    save_file({"model.diffusion_model.out.0.weight": torch.zeros(4)}, tmp_path / "v1-5.safetensors")
    with pytest.raises(ModelError, match=r"from_single_file\(FILE\)\.save_pretrained"):
        resolve_directory(tmp_path / "v1-5.safetensors")


def test_names_of_folders_and_ids(tmp_path):
    (tmp_path / "CLIP@home").mkdir()
    assert source_name(tmp_path / "CLIP@home") == "CLIP@home"
    assert source_name("openai/clip-vit-base-patch32@refs/pr/15") == "clip-vit-base-patch32"
    assert hub_id("openai/clip-vit-base-patch32@refs/pr/15") == "openai/clip-vit-base-patch32"
    assert {hub_id(str(tmp_path)), hub_id("./a"), hub_id("a"), hub_id("a/b/c")} == {None}


HUB = """
from unigs.config.preset import load_preset
from unigs.errors import ModelError
from unigs.evaluators.bundle import load_evaluators
from unigs.models.components import fresh_unet, make_autoencoder, make_text_encoder
from unigs.models.noise_schedule import complete_schedule
from unigs.models.unet import load_unet

preset = complete_schedule(load_preset("sd15"))
autoencoder = make_autoencoder(preset.autoencoder, [])
tokenizer, encoder = make_text_encoder(preset.text, ["dog"], 4)
unet = fresh_unet(preset, autoencoder)
evaluation = preset.evaluation
evaluators = load_evaluators(evaluation.clip, evaluation.segmenter)
print(unet.config.in_channels, preset.diffusion.scheduler["beta_schedule"])
print(evaluators.dual_encoder.name.partition(".")[0], evaluators.segmenter.name.partition(".")[0])
try:
    load_unet("nobody/no-such-model")
except ModelError as error:
    print(error)
"""


def test_the_ids_that_ship_load_from_a_hub_cache(original, tmp_path):
    preset = load_preset("sd15")
    home = tmp_path / "home of the hub"
    halved = shutil.copytree(original, tmp_path / "halved")
    halve(halved)
    (halved / "v1-5-inpainting.safetensors").write_bytes(b"another copy of it all")
    clip, segmenter = preset.evaluation.clip, preset.evaluation.segmenter
    name, _, revision = clip.partition("@")
    hub_cache(home, halved, preset.checkpoint)
    hub_cache(home, write_clip(tmp_path / "clip"), name, revision)
    hub_cache(home, write_mask2former(tmp_path / "m2f", {0: "person"}), segmenter)
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    environment.pop("HF_HUB_CACHE", None)
    done = subprocess.run(
        [sys.executable, "-c", HUB], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *loaded, absent = done.stdout.splitlines()
    assert loaded == [
        "13 scaled_linear",
        "clip-vit-base-patch32 mask2former-swin-large-coco-panoptic",
    ]
    assert absent.startswith("nobody/no-such-model: no such directory, and not reachable as a Hub")


def test_evaluators_in_half_precision_and_damaged(tmp_path):
    folder = write_clip(tmp_path / "CLIP of mine")
    (file,) = folder.glob("*.safetensors")
    assert load_evaluators(folder).dual_encoder.name.startswith("clip-of-mine.")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelError, match="cut short or damaged"):
        load_evaluators(folder)


def test_the_half_is_downloaded_only_where_nothing_else_is(monkeypatch, tmp_path):
    import huggingface_hub

    asked = []

    def download(name, *, revision, allow_patterns, ignore_patterns):
        asked.append((revision, "*.fp16.*" in ignore_patterns))
        folder = Path(tmp_path, name.rpartition("/")[2])
        (folder / "unet").mkdir(parents=True, exist_ok=True)
        (folder / "unet" / "config.json").write_text("{}")
        if name.endswith("whole") or not asked[-1][1]:
            (folder / "unet" / "model.safetensors").write_bytes(b"")
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    resolve_directory("owner/whole@v2")
    assert asked == [("v2", True)]
    resolve_directory("owner/half")
    assert asked[1:] == [(None, True), (None, False)]


def test_a_folder_that_a_kill_left_beside_its_place_is_found(tmp_path):
    swap = tmp_path / ".model.abcd_123"
    for name in ("old", "new"):
        (swap / name).mkdir(parents=True)
        (swap / name / "which").write_text(name)
    assert (resolve_directory(tmp_path / "model") / "which").read_text() == "new"
    assert not swap.exists()


def test_addresses_of_a_registry_are_resolved_by_what_offers_it(tmp_path, monkeypatch):
    asked = []

    def find(address):
        asked.append(address)
        return tmp_path

    class Point:
        def load(self):
            return find

    def points(group, name):
        return [Point()] if (group, name) == ("unigs.sources", "models") else []

    monkeypatch.setattr(addresses, "entry_points", points)
    assert resolve_directory("models:/unigs-joint@champion") == tmp_path
    assert asked == ["models:/unigs-joint@champion"]
    assert hub_id("models:/unigs-joint@champion") is None
    with pytest.raises(ModelError, match="nothing here knows addresses of s3:"):
        resolve_directory("s3://bucket/model")


def test_a_registry_that_is_not_installed_is_told(monkeypatch):
    class Point:
        def load(self):
            raise ModuleNotFoundError("No module named 'mlflow'")

    monkeypatch.setattr(addresses, "entry_points", lambda group, name: [Point()])
    with pytest.raises(ModelError, match=r"pip install 'unigs\[pipeline\]'"):
        resolve_directory("models:/unigs-joint@other")
