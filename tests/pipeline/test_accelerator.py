"""What needs an accelerator; skipped where there is none."""

import pytest
import torch

from tests.io.test_distributed import CONFIG
from tests.support.models.tiny_pipeline import pictures, tiny_pipeline
from tests.support.models.tiny_stream import RandomStream, tiny_unet
from tests.training.test_loop import DIFFUSION, training
from unigs.io.device import this_device
from unigs.io.distributed import group, rank_and_world
from unigs.training.loop import Interrupted, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator"),
]


def weights(unet):
    return torch.cat([value.detach().cpu().flatten() for value in unet.parameters()])


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_training_learns_what_it_learns_on_the_processor(tmp_path, precision):
    here, there = tiny_unet(), tiny_unet().to(this_device())
    train(here, RandomStream(), training(), DIFFUSION, tmp_path / "cpu")
    changed = training(precision=precision)
    train(there, RandomStream(), changed, DIFFUSION, tmp_path / "cuda")
    moved = (weights(here) - weights(tiny_unet())).norm()
    tolerance = 1e-2 if precision == "fp32" else 0.5
    assert (weights(there) - weights(here)).norm() < tolerance * moved


def test_peak_memory_is_the_accelerators(tmp_path):
    logged = {}
    train(
        tiny_unet().to(this_device()), RandomStream(), training(), DIFFUSION, tmp_path,
        log=lambda step, metrics: logged.update(metrics),
    )  # fmt: skip
    assert logged["peak_memory_bytes"] == torch.cuda.max_memory_allocated()


def learn(folder, parallel="ddp"):
    unet = tiny_unet().to(this_device())
    config = CONFIG.model_copy(update={"parallel": parallel})
    train(unet, RandomStream(), config, DIFFUSION, folder)
    return unet


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_accelerators_learn_what_one_learns(tmp_path, parallel):
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two accelerators")
    alone = learn(tmp_path / "one")
    with group(2, learn, tmp_path / "two", parallel):
        assert torch.distributed.get_backend() == "nccl"
        assert rank_and_world() == (0, 2)
        together = learn(tmp_path / "two", parallel)
    moved = (weights(alone) - weights(tiny_unet())).norm()
    assert (weights(together) - weights(alone)).norm() < 1e-2 * moved


@pytest.mark.parametrize("way", ["to", "enable_model_cpu_offload", "enable_sequential_cpu_offload"])
def test_the_pipeline_predicts_on_it(way):
    pipeline = tiny_pipeline()
    (picture,) = pictures(1)
    expected = pipeline("entity", image=picture, output_type="latent")
    getattr(pipeline, way)(*(["cuda"] if way == "to" else []))
    found = pipeline("entity", image=picture, generator=torch.Generator().manual_seed(0))
    assert found.segments[0].shape == picture.shape[:2]
    again = pipeline("entity", image=picture, output_type="latent")
    assert again.colormaps.shape == expected.colormaps.shape


def test_half_precision_predictions_are_close():
    (picture,) = pictures(1)
    noise = tiny_pipeline()("entity", image=picture, output_type="latent").images
    start = torch.cat([noise, noise], dim=1)
    exact = tiny_pipeline()("entity", image=picture, latents=start, output_type="latent")
    half = tiny_pipeline().to("cuda", torch.float16)
    found = half("entity", image=picture, latents=start, output_type="latent")
    difference = (found.colormaps.cpu() - exact.colormaps).norm()
    assert difference < 0.05 * exact.colormaps.norm()


def test_a_compiled_unet_learns(tmp_path):
    unet = tiny_unet().to(this_device())
    train(unet, RandomStream(), training(compile=True), DIFFUSION, tmp_path)
    assert torch.isfinite(weights(unet)).all()
    assert not torch.equal(weights(unet), weights(tiny_unet()))


def test_a_training_resumes_on_it(tmp_path):
    """Weights are channels last there; fused AdamW refuses moments that are laid out otherwise."""
    done = []
    with pytest.raises(Interrupted):
        train(
            tiny_unet().to("cuda"), RandomStream(), training(), DIFFUSION, tmp_path / "cut",
            should_stop=lambda: done.append(1) or len(done) == 3,
        )  # fmt: skip
    whole, unet = tiny_unet().to("cuda"), tiny_unet(seed=1).to("cuda")
    assert train(unet, RandomStream(), training(), DIFFUSION, tmp_path / "cut").resumed_from == 3
    train(whole, RandomStream(), training(), DIFFUSION, tmp_path / "whole")
    moved = (weights(whole) - weights(tiny_unet())).norm()
    assert (weights(unet) - weights(whole)).norm() < 1e-2 * moved
    assert all(value.is_contiguous() for value in unet.parameters())
