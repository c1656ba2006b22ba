"""The network of the restorer: a small U-net that says which pixels to copy from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (32, 48, 64)
# Pixels are folded by 2, then halved twice.
MULTIPLE = 8
# A pixel may take the colour of SIDE x SIDE others, STEP apart: up to 4 pixels away.
SIDE, STEP = 5, 2
TAPS = SIDE * SIDE
CONFIDENT = 5.0


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(F.relu(x))))


class Restorer(nn.Module):
    """Colormaps in [0, 1] of shape (n, 3, h, w) -> the same before they were damaged.

    Each pixel becomes a weighted mean of 5 x 5 pixels, two apart, whose weights a residual U-net
    over pixels folded 2 x 2 gives (as in S. Bako et al., "Kernel-predicting convolutional
    networks", 2017), plus a small correction: colours are mostly copied from where they are
    right. Three levels of `WIDTHS` channels; new, it changes nearly nothing. Sides must be
    multiples of `MULTIPLE`.
    """

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.enter = nn.Conv2d(12, fine, 3, padding=1)
        self.fine_in = _Residual(fine)
        self.halve = nn.Conv2d(fine, middle, 2, stride=2)
        self.middle_in = _Residual(middle)
        self.quarter = nn.Conv2d(middle, coarse, 2, stride=2)
        self.coarse = nn.Sequential(_Residual(coarse), _Residual(coarse))
        self.to_middle = nn.Conv2d(coarse, middle, 1)
        self.middle_out = _Residual(middle)
        self.to_fine = nn.Conv2d(middle, fine, 1)
        self.fine_out = nn.Sequential(_Residual(fine), _Residual(fine))
        self.leave = nn.Conv2d(fine, 4 * (TAPS + 3), 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        bias = torch.zeros(TAPS + 3)
        bias[TAPS // 2] = CONFIDENT
        self.leave.bias = nn.Parameter(bias.repeat_interleave(4))

    def forward(self, x: Tensor) -> Tensor:
        fine = self.fine_in(self.enter(F.pixel_unshuffle(x - 0.5, 2)))
        middle = self.middle_in(self.halve(fine))
        coarse = self.coarse(self.quarter(middle))
        middle = self.middle_out(middle + F.interpolate(self.to_middle(coarse), scale_factor=2))
        fine = self.fine_out(fine + F.interpolate(self.to_fine(middle), scale_factor=2))
        weights, result = F.pixel_shuffle(self.leave(fine), 2).split((TAPS, 3), dim=1)
        weights = weights.softmax(dim=1)
        reach = SIDE // 2 * STEP
        around = F.pad(x, (reach,) * 4, mode="replicate")
        height, width = x.shape[2:]
        for tap in range(TAPS):
            row, column = (STEP * place for place in divmod(tap, SIDE))
            there = around[:, :, row : row + height, column : column + width]
            result = result + weights[:, tap : tap + 1] * there
        return result
