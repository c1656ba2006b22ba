"""Muon: the published optimiser on matrices, AdamW on the rest, the same with two processes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from unigs.config.preset import TrainingConfig
from unigs.io.distributed import group
from unigs.io.machine import Machine
from unigs.training import muon
from unigs.training.muon import SMALLEST_SIDE, Muon, newton_schulz
from unigs.training.optimizer import build_optimizer, optimizer_tensors, restore_optimizer

LR, DECAY = 0.02, 0.1
# K. Jordan's polynomial, which `torch.optim.Muon` takes five times.
JORDAN = (3.4445, -4.7750, 2.0315)


def gradients(shape: tuple[int, ...], steps: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(len(shape))
    return [torch.randn(shape, generator=generator) for _ in range(steps)]


def walk(optimizer: torch.optim.Optimizer, parameter: torch.Tensor, steps: int) -> torch.Tensor:
    for gradient in gradients(tuple(parameter.shape), steps):
        parameter.grad = gradient
        optimizer.step()
    return parameter.detach()


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
@pytest.mark.parametrize("shape", [(32, 32), (24, 80), (80, 24)])
def test_follows_the_reference_with_its_polynomial(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muon, "POLAR_EXPRESS", (JORDAN,) * 5)
    start = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    reference = torch.optim.Muon(
        [theirs], lr=LR, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw"
    )
    mine = walk(Muon([ours], LR, weight_decay=DECAY), ours, 4)
    moved = (start - mine).norm()
    # Both iterate in bfloat16, in another order of summation.
    assert (mine - walk(reference, theirs, 4)).norm() < 0.02 * moved


def test_a_kernel_is_a_flat_matrix() -> None:
    kernel = torch.randn(32, 16, 3, 3, generator=torch.Generator().manual_seed(2))
    folded, flat = nn.Parameter(kernel.clone()), nn.Parameter(kernel.flatten(1).clone())
    folded.grad = torch.randn(kernel.shape, generator=torch.Generator().manual_seed(3))
    flat.grad = folded.grad.flatten(1)
    Muon([folded], LR).step()
    Muon([flat], LR).step()
    assert torch.equal(folded.flatten(1), flat)


@pytest.mark.parametrize("shape", [(40,), (SMALLEST_SIDE - 1, 64), (64, 3, 2, 2)])
def test_small_parameters_take_adamw(shape: tuple[int, ...]) -> None:
    start = torch.randn(shape, generator=torch.Generator().manual_seed(4))
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    options = {"lr": LR, "betas": (0.8, 0.9), "weight_decay": DECAY}
    reference = torch.optim.AdamW([theirs], **options, fused=True)
    assert torch.equal(walk(Muon([ours], **options), ours, 4), walk(reference, theirs, 4))


def spread() -> torch.Tensor:
    steep = torch.diag(torch.logspace(0, -2.5, 32))[None]
    return torch.linalg.svdvals(newton_schulz(steep)[0].float())


def test_all_directions_weigh_alike() -> None:
    # Before, the longest was three hundred times the shortest.
    values = spread()
    assert values.max() < 1.7
    assert values.min() > 0.15


def test_lifts_small_directions_further_than_the_reference_in_as_many_iterations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = spread().min()
    monkeypatch.setattr(muon, "POLAR_EXPRESS", (JORDAN,) * 3)
    assert ours > 2 * spread().min()


def test_updates_are_about_as_long_as_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.randn(1, 64, 256, generator=torch.Generator().manual_seed(6))
    ours = newton_schulz(values).float().norm()
    monkeypatch.setattr(muon, "POLAR_EXPRESS", (JORDAN,) * 5)
    assert 0.8 < ours / newton_schulz(values).float().norm() < 1.5


def test_goes_on_from_its_tensors() -> None:
    training = TrainingConfig(optimizer="muon", learning_rate=LR)
    model = nn.Linear(32, 32)
    twin = nn.Linear(32, 32)
    optimizer = build_optimizer(list(model.parameters()), training)
    learn(model, optimizer, 2)
    twin.load_state_dict(model.state_dict())
    resumed = build_optimizer(list(twin.parameters()), training)
    kept = {name: value.clone() for name, value in optimizer_tensors(optimizer).items()}
    restore_optimizer(resumed, kept)
    learn(model, optimizer, 2)
    learn(twin, resumed, 2)
    for left, right in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(left, right)


def learn(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    generator = torch.Generator().manual_seed(5)
    for _ in range(steps):
        model.zero_grad()
        model(torch.randn(8, 32, generator=generator)).square().mean().backward()
        optimizer.step()


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 32))


def learn_layers() -> list[torch.Tensor]:
    model = layers()
    learn(model, Muon(model.parameters(), LR), 3)
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_two_processes_share_the_work() -> None:
    alone = learn_layers()
    with group(2, learn_layers):
        together = learn_layers()
    for left, right in zip(alone, together, strict=True):
        assert torch.allclose(left, right, atol=1e-6)


@pytest.mark.parametrize("low", [torch.float32, torch.bfloat16])
def test_iterates_in_what_the_machine_does_well(
    low: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def spy(stack: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        seen.append(dtype)
        return newton_schulz(stack, dtype)

    chosen = Machine("cpu", low, False, torch.channels_last)
    monkeypatch.setattr(muon, "machine", lambda device: chosen)
    monkeypatch.setattr(muon, "newton_schulz", spy)
    parameter = nn.Parameter(torch.eye(32))
    walk(Muon([parameter], LR), parameter, 1)
    assert seen == [low]


def test_both_precisions_find_the_same_matrix() -> None:
    stack = torch.randn(3, 32, 80, generator=torch.Generator().manual_seed(5))
    exact, rounded = newton_schulz(stack, torch.float32), newton_schulz(stack, torch.bfloat16)
    assert exact.dtype == torch.float32
    # bfloat16 keeps 8 bits; three iterations add up a few of its roundings.
    assert (exact - rounded.float()).norm() < 0.02 * exact.norm()
