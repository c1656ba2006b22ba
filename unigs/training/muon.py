"""The Muon optimiser: orthogonalised momentum for weight matrices.

The momentum of each weight matrix (a convolution's kernel is flattened to out x in*h*w) is
replaced by the nearest orthogonal matrix, found by Newton-Schulz iterations (K. Jordan et al.,
2024), and scaled so that its entries are as large as those of an AdamW step (J. Liu et al.,
2025); biases, norms and other small parameters take AdamW. `torch.optim.Muon` takes matrices
only, one at a time; here those of one shape are iterated together and the processes of a group
share the work, which makes a step on processors a third as long.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim.adamw import adamw

from unigs.io.distributed import any_of, rank_and_world
from unigs.io.machine import machine

# Odd quintics a x + b x^3 + c x^5, one an iteration, that draw singular values near 1. Each fits
# what the ones before it left (N. Amsel et al., "The Polar Express", 2025), so that three lift the
# small directions nearly as far as four of K. Jordan's, which are all alike; with the paper's
# margin of 1 % for bfloat16 in the first and our 0.85 in the last, which makes updates about as
# long as Jordan's.
POLAR_EXPRESS = (
    (8.205160, -22.901937, 16.460720),
    (4.107059, -2.947850, 0.544843),
    (3.356387, -2.472567, 0.469046),
)
# Root mean square of the entries of an AdamW step (J. Liu et al., 2025, section 2.2).
_LIKE_ADAMW = 0.2
# Columns to a row from which iterating the Gram matrix takes fewer operations: 9 r^3 + 2 r^2 c
# against 3 r^3 + 6 r^2 c.
WIDE = 2
# Smaller ones (a first or last convolution, a task embedding) are left to AdamW: there is little to
# orthogonalise, and a product is mostly overhead.
SMALLEST_SIDE = 16


class Muon(torch.optim.Optimizer):
    """Muon for weight matrices, AdamW for all else.

    Args:
        parameters: those with both sides of at least `SMALLEST_SIDE`, once flattened, are
            orthogonalised.
        lr: of both; `weight_decay` is decoupled.
        betas: of AdamW.
        momentum: of Muon (Nesterov).
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for parameter in parameters:
            (matrices if _is_matrix(parameter) else others).append(parameter)
        defaults = {
            "lr": lr,
            "betas": betas,
            "weight_decay": weight_decay,
            "momentum": momentum,
        }
        groups: list[dict[str, Any]] = [
            {"params": params, "orthogonal": orthogonal}
            for params, orthogonal in ((matrices, True), (others, False))
            if params
        ]
        super().__init__(groups, defaults)
        self._agreed: torch.dtype | None = None

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step; every process of a group must take it, with the same gradients."""
        for group in self.param_groups:
            with_gradient = [p for p in group["params"] if p.grad is not None]
            if group["orthogonal"]:
                self._orthogonal_step(with_gradient, group)
            elif with_gradient:
                self._adamw_step(with_gradient, group)

    def _orthogonal_step(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        if not parameters:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(gradient)
        momenta = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        wanted = torch._foreach_lerp(gradients, momenta, group["momentum"])
        updates = _orthogonalize([value.flatten(1) for value in wanted], self._precision())
        torch._foreach_mul_(list[Tensor](parameters), 1 - group["lr"] * group["weight_decay"])
        for parameter, update in zip(parameters, updates, strict=True):
            size = _LIKE_ADAMW * max(update.shape) ** 0.5
            parameter.add_(update.view_as(parameter), alpha=-group["lr"] * size)

    def _precision(self) -> torch.dtype:
        """In which all processes of the group iterate: bfloat16 where each of them does it well."""
        if self._agreed is None:
            device = self.param_groups[0]["params"][0].device
            slow = any_of(machine(device).low_precision == torch.float32)
            self._agreed = torch.float32 if slow else torch.bfloat16
        return self._agreed

    def _adamw_step(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
        states = [self.state[parameter] for parameter in parameters]
        adamw(
            list[Tensor](parameters),
            [p.grad for p in parameters if p.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=1e-8,
            maximize=False,
        )


def _is_matrix(parameter: Tensor) -> bool:
    if parameter.ndim < 2:
        return False
    return min(parameter.shape[0], parameter[0].numel()) >= SMALLEST_SIDE


def _orthogonalize(matrices: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """Return the nearest orthogonal matrix of each (rows, columns), roughly, iterated in
    `dtype`."""
    rank, world = rank_and_world()
    by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, matrix in enumerate(matrices):
        by_shape[min(matrix.shape), max(matrix.shape)].append(number)
    results: list[Tensor] = [matrix.new_empty(0) for matrix in matrices]
    shares = _shares(by_shape, world)
    for (rows, _), numbers in by_shape.items():
        mine = [number for number in numbers if shares[number] == rank]
        if not mine:
            continue
        stack = torch.stack([m if m.shape[0] == rows else m.T for m in (matrices[n] for n in mine)])
        for number, result in zip(mine, newton_schulz(stack, dtype), strict=True):
            results[number] = result if matrices[number].shape[0] == rows else result.T
    if world > 1:
        _exchange(results, [matrix.shape for matrix in matrices], shares, rank, world, dtype)
    return results


def newton_schulz(stack: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Matrices (n, rows, columns), rows <= columns, with all singular values drawn near 1.

    Args:
        dtype: of the products. The iteration bears bfloat16's rounding; a processor that only
            emulates bfloat16 is many times faster in float32.

    Returns:
        The same shape, in `dtype`.
    """
    norms = stack.flatten(1).norm(dim=1).clamp(min=1e-7)
    values = torch.empty_like(stack, dtype=dtype)
    torch.div(stack, norms[:, None, None], out=values)
    rows, columns = values.shape[1:]
    # The Gram matrix squares singular values: bfloat16 would round the small ones away.
    if dtype != torch.bfloat16 and columns >= WIDE * rows:
        return _iterated_gram(values @ values.mT) @ values
    for a, b, c in POLAR_EXPRESS:
        gram = values @ values.mT
        step = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        values = torch.baddbmm(values, step, values, beta=a)
    return values


def _iterated_gram(gram: Tensor) -> Tensor:
    """The matrix by which all iterations together multiply X, from X X^T (n, rows, rows).

    Each iteration multiplies X by a polynomial P of its Gram matrix G, which becomes P G P; so the
    long side takes part in two products instead of six. With 128 x 1152 that is half the work.
    """
    product = None
    for number, (a, b, c) in enumerate(POLAR_EXPRESS):
        step = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        step.diagonal(dim1=1, dim2=2).add_(a)
        product = step if product is None else step @ product
        if number < len(POLAR_EXPRESS) - 1:
            gram = step @ gram @ step
    assert product is not None
    return product


def _shares(by_shape: dict[tuple[int, ...], list[int]], world: int) -> dict[int, int]:
    """Matrix number -> the process that iterates it; the costliest first to the least busy."""
    costs = {
        number: rows * rows * columns
        for (rows, columns), numbers in by_shape.items()
        for number in numbers
    }
    busy, shares = [0] * world, {}
    for number in sorted(costs, key=lambda number: (-costs[number], number)):
        shares[number] = busy.index(min(busy))
        busy[shares[number]] += costs[number]
    return shares


def _exchange(
    results: list[Tensor],
    shapes: list[torch.Size],
    shares: dict[int, int],
    rank: int,
    world: int,
    dtype: torch.dtype,
) -> None:
    """Give every process what each of them found."""
    for source in range(world):
        numbers = [number for number in sorted(shares) if shares[number] == source]
        if not numbers:
            continue
        sizes = [shapes[number].numel() for number in numbers]
        if source == rank:
            flat = torch.cat([results[number].flatten() for number in numbers])
        else:
            device = results[numbers[0]].device
            flat = torch.empty(sum(sizes), dtype=dtype, device=device)
        # As bytes, since not every backend moves bfloat16.
        dist.broadcast(flat.view(torch.uint8), source)
        for number, values in zip(numbers, flat.split(sizes), strict=True):
            results[number] = values.view(shapes[number])
