"""Families of nets that the tests sweep: one that is as the paper says, and some that break a claim by construction."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from math import log2, sqrt
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wndcheck import width_sweep
from wndcheck.sweep.widths import WidthSweep

WIDTHS = (20, 40, 80)
SEEDS = 5
MakeNet = Callable[[int], nn.Module]


@cache
def inputs(samples: int = 600) -> torch.Tensor:
    return torch.randn(samples, 64, generator=torch.Generator().manual_seed(1))


def make_net(width: int) -> nn.Sequential:
    """Two hidden layers, "0" and "2", and the last one, "4"."""
    linear, tanh = nn.Linear, nn.Tanh
    return nn.Sequential(linear(64, width), tanh(), linear(width, width), tanh(), linear(width, 10))


def make_slowly(width: int) -> nn.Sequential:
    """The same, while others may draw from the generator that is seeded for it."""
    time.sleep(0.02)
    return make_net(width)


def scaled(factor: float) -> Callable[[nn.Module, int], None]:
    """A training that multiplies all weights."""

    @torch.no_grad()
    def train(net: nn.Module, seed: int) -> None:
        for parameter in net.parameters():
            parameter.mul_(factor)

    return train


def sharing(share_of: Callable[[int], float]) -> MakeNet:
    """Nets whose second layer's neurons share a direction, with a part of the variance that the width gives."""

    @torch.no_grad()
    def made(width: int) -> nn.Module:
        net, share = make_net(width), share_of(width)
        weight = net[2].weight
        common = torch.randn(1, weight.shape[1]) * weight.std()
        weight.mul_(sqrt(1 - share)).add_(common, alpha=sqrt(share))
        return net

    return made


share_a_direction = sharing(lambda width: 0.6)
share_ever_more = sharing(lambda width: 0.3 * log2(width / 20) + 0.05)


@torch.no_grad()
def dead_layer(width: int) -> nn.Module:
    net = make_net(width)
    net[2].weight.zero_()
    return net


def diverging_at(width: int) -> Callable[[nn.Module, int], Iterator[None]]:
    """A training in two stages after which nets of one width are no longer finite."""

    def train(net: nn.Module, seed: int) -> Iterator[None]:
        scaled(1.01)(net, seed)
        yield
        scaled(torch.inf if net[0].out_features == width else 1.0)(net, seed)
        yield

    return train


def swept(make: MakeNet = make_net, **options: Any) -> WidthSweep:
    """A sweep of a second or two."""
    given = {"x": inputs(), "widths": WIDTHS, "seeds": SEEDS, "max_pairs": 150, "device": "cpu"}
    return width_sweep(make, **given | options)


@dataclass(frozen=True)
class KilledOnce:
    """A training that sends its process a signal the first time, when there is no such file."""

    file: Path
    number: signal.Signals

    def __call__(self, net: nn.Module, seed: int) -> None:
        with suppress(FileExistsError):
            self.file.touch(exist_ok=False)
            os.kill(os.getpid(), self.number)
