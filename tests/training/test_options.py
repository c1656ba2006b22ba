"""What can be switched on in training: accumulation, precision, adapters."""

import shutil
import sys
from functools import partial

import pytest
import torch
from diffusers.training_utils import EMAModel
from safetensors.torch import load_file

from tests.support.models.tiny_stream import RandomStream, tiny_unet
from tests.training.test_loop import DIFFUSION, training
from unigs.errors import ConfigError, ModelError
from unigs.io.machine import Machine
from unigs.training import batch_errors, loop
from unigs.training.loop import Interrupted, train
from unigs.training.optimizer import AveragedWeights


def first_gradient(folder, diffusion=DIFFUSION, batch=4, **changes):
    """The gradient of the first step: AdamW's first moment is a tenth of it."""
    changes = {"steps": 1, "batch_size": batch, "clip_norm": 1e9} | changes
    train(tiny_unet(), RandomStream(batch), training(**changes), diffusion, folder)
    moments = load_file(folder / "checkpoints" / "step-00000001" / "optimizer.safetensors")
    kept = [value.flatten() for name, value in moments.items() if name.endswith(".exp_avg")]
    return torch.cat(kept)


def test_an_accumulated_gradient_is_that_of_the_whole_batch(tmp_path):
    whole = first_gradient(tmp_path / "whole")
    parts = first_gradient(tmp_path / "parts", accumulation=2)
    assert (parts - whole).norm() <= 1e-5 * whole.norm()
    with pytest.raises(ConfigError, match=r"training\.accumulation 3"):
        first_gradient(tmp_path / "odd", accumulation=3)


def test_a_run_that_dies_within_an_accumulation_ends_with_the_same_bits(tmp_path, monkeypatch):
    wanted = tiny_unet()
    train(wanted, RandomStream(), training(accumulation=2), DIFFUSION, tmp_path / "whole")
    calls = []

    def dies(*arguments):
        calls.append(1)
        # Steps of two parts each: the first part of the fourth step is done.
        if len(calls) == 8:
            raise KeyboardInterrupt
        return original(*arguments)

    original = batch_errors.batch_errors
    monkeypatch.setattr(batch_errors, "batch_errors", dies)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_unet(), RandomStream(), training(accumulation=2), DIFFUSION, tmp_path / "cut")
    monkeypatch.undo()
    unet = tiny_unet(seed=1)
    report = train(unet, RandomStream(), training(accumulation=2), DIFFUSION, tmp_path / "cut")
    assert report.resumed_from == 2
    assert all(torch.equal(unet.state_dict()[n], v) for n, v in wanted.state_dict().items())


def out_of_memory(monkeypatch, *failing, error=None):
    """Let the calls of these numbers fail; returns the sizes of all."""
    sizes, original = [], batch_errors.batch_errors

    def runs_out(*arguments):
        sizes.append(len(arguments[3]["task"]))
        if len(sizes) in failing:
            raise error or torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 ..."
            )
        return original(*arguments)

    monkeypatch.setattr(batch_errors, "batch_errors", runs_out)
    return sizes


def test_a_step_that_does_not_fit_is_taken_in_parts_with_the_same_gradient(
    tmp_path, monkeypatch, caplog
):
    whole = first_gradient(tmp_path / "whole")
    # The first whole batch, and of its halves the second: the first one's gradient is there.
    sizes = out_of_memory(monkeypatch, 1, 3)
    parts = first_gradient(tmp_path / "parts")
    assert sizes == [4, 2, 2, 1, 1, 1, 1]
    assert (parts - whole).norm() <= 1e-5 * whole.norm()
    assert "4 samples at a time (CUDA out of memory. Tried to allocate 2.00 GiB)" in caplog.text
    assert "training.accumulation=4, 1 at a time" in caplog.text


def test_the_memory_of_the_processor_counts_too(tmp_path, monkeypatch):
    whole = first_gradient(tmp_path / "whole")
    error = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ...")
    sizes = out_of_memory(monkeypatch, 1, error=error)
    parts = first_gradient(tmp_path / "parts")
    assert sizes == [4, 2, 2]
    assert (parts - whole).norm() <= 1e-5 * whole.norm()


def test_later_steps_are_taken_in_parts_at_once(tmp_path, monkeypatch):
    sizes = out_of_memory(monkeypatch, 1)
    train(tiny_unet(), RandomStream(), training(steps=2), DIFFUSION, tmp_path)
    assert sizes == [4, 2, 2, 2, 2]


def test_a_single_sample_that_does_not_fit_is_an_error(tmp_path, monkeypatch):
    sizes = out_of_memory(monkeypatch, 1, 2, 3)
    with pytest.raises(ModelError, match=r"out of memory with 1 sample .*gradient_checkpointing"):
        train(tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path)
    assert sizes == [4, 2, 1]


def test_weights_and_moments_that_do_not_fit_are_an_error(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 6.40 GiB. GPU 0 ...")

    monkeypatch.setattr(torch.optim.AdamW, "step", full)
    with pytest.raises(ModelError, match=r"out of memory: .* 6\.40 GiB \(set training\.lora_rank"):
        train(tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path)


def test_a_group_is_told_how_to_go_on(tmp_path, monkeypatch):
    out_of_memory(monkeypatch, 1)
    monkeypatch.setattr(batch_errors, "rank_and_world", lambda: (0, 2))
    with pytest.raises(ModelError, match=r"4 samples at a time.*set training\.accumulation=2"):
        train(tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path)


def test_weights_channels_last_learn_the_same_resume_to_the_bit_and_are_left_as_they_came(
    tmp_path, monkeypatch
):
    plain, unet, seen = tiny_unet(), tiny_unet(), []
    train(plain, RandomStream(), training(), DIFFUSION, tmp_path / "plain")
    layout = torch.channels_last
    chosen = Machine("cpu", torch.float32, False, layout, weight_format=layout)
    monkeypatch.setattr(loop, "machine", lambda device: chosen)

    def log(step, metrics):
        weights = [value for value in unet.parameters() if value.ndim == 4]
        seen.append(all(value.is_contiguous(memory_format=layout) for value in weights))

    train(unet, RandomStream(), training(), DIFFUSION, tmp_path / "whole", log=log)
    assert seen
    assert all(seen)
    again = resumed(tmp_path / "cut").state_dict()
    for name, value in unet.state_dict().items():
        assert value.is_contiguous(), name
        assert torch.equal(again[name], value), name
        assert torch.allclose(value, plain.state_dict()[name], atol=1e-4), name
    unet.save_pretrained(tmp_path / "saved")


def test_averages_are_those_of_diffusers():
    weights = [torch.nn.Parameter(torch.randn(5, 3)), torch.nn.Parameter(torch.randn(7))]
    ours, theirs = (kind(weights, decay=0.7) for kind in (AveragedWeights, EMAModel))
    ours.foreach = True
    for _ in range(6):
        for value in weights:
            value.data.add_(torch.randn_like(value))
        ours.step(weights)
        theirs.step(weights)
    for left, right, now in zip(ours.shadow_params, theirs.shadow_params, weights, strict=True):
        assert torch.allclose(left, right, atol=1e-6)
        assert not torch.allclose(left, now, atol=1e-2)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert ours.state_dict()["optimization_step"] == 6


def resumed(folder, **changes):
    """A run that was stopped after three steps and went on in another UNet."""
    done = []
    with pytest.raises(Interrupted):
        train(
            tiny_unet(), RandomStream(), training(**changes), DIFFUSION, folder,
            should_stop=lambda: done.append(1) or len(done) == 3,
        )  # fmt: skip
    unet = tiny_unet()
    assert train(unet, RandomStream(), training(**changes), DIFFUSION, folder).resumed_from == 3
    return unet


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_nearly_the_same_and_resumes_to_the_bit(tmp_path, precision):
    exact = first_gradient(tmp_path / "exact")
    half = first_gradient(tmp_path / "half", precision=precision)
    assert 0 < (half - exact).norm() < 0.05 * exact.norm()
    unet = tiny_unet()
    train(unet, RandomStream(), training(precision=precision), DIFFUSION, tmp_path / "whole")
    again = resumed(tmp_path / "cut", precision=precision)
    assert all(torch.equal(again.state_dict()[n], v) for n, v in unet.state_dict().items())


def test_recomputed_activations_give_the_same_gradient(tmp_path, monkeypatch):
    exact = first_gradient(tmp_path / "exact")
    calls = []
    original = torch.utils.checkpoint.checkpoint
    monkeypatch.setattr(
        torch.utils.checkpoint, "checkpoint", lambda *a, **k: calls.append(1) or original(*a, **k)
    )
    again = first_gradient(tmp_path / "again", gradient_checkpointing=True)
    assert calls
    assert (again - exact).norm() <= 1e-5 * exact.norm()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["eager", "inductor"])
def test_a_compiled_unet_has_the_same_gradient(tmp_path, monkeypatch, backend):
    """Traced alone, and as machine code, whose making takes minutes."""
    if backend == "inductor" and not shutil.which("c++"):
        pytest.skip("needs a C++ compiler")
    exact = first_gradient(tmp_path / "exact")
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    compiled = first_gradient(tmp_path / "compiled", compile=True)
    assert (compiled - exact).norm() <= 1e-4 * exact.norm()
    # What is saved is the UNet's own: a plain run resumes from it.
    report = train(
        tiny_unet(seed=1), RandomStream(), training(steps=2), DIFFUSION, tmp_path / "compiled"
    )
    assert report.resumed_from == 1


def test_adapters_move_the_attention_by_low_rank_and_are_merged(tmp_path):
    pytest.importorskip("peft")
    before, unet = tiny_unet().state_dict(), tiny_unet()
    changes = {"lora_rank": 2, "learning_rate": 1e-2, "ema_decay": 0.0}
    train(unet, RandomStream(), training(**changes), DIFFUSION, tmp_path / "whole")
    after = unet.state_dict()
    assert set(after) == set(before)
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    free = ("conv_in.", "conv_out.", "class_embedding.")
    for name in moved - {name for name in moved if name.startswith(free)}:
        assert ".attn" in name
        assert torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-3) <= 2
    assert {"conv_in.weight", "conv_out.weight", "class_embedding.weight"} <= moved
    assert any("attn2.to_k" in name for name in moved)
    again = resumed(tmp_path / "cut", **changes).state_dict()
    assert all(torch.equal(again[name], value) for name, value in after.items())


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigError, match=r"peft is not installed.*pip install 'unigs\[lora\]'"):
        train(tiny_unet(), RandomStream(), training(lora_rank=4), DIFFUSION, tmp_path)
