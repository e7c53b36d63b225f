"""A sweep of untrained nets, in process time, beside the estimates of their pairs alone; memory over nets."""

from __future__ import annotations

import resource
import time
from itertools import product

import pytest
import torch
from torch import nn

from wndcheck import pairwise_mi, probe, width_sweep
from wndcheck.experiment.measurement.sampling import layer_pairs

pytestmark = pytest.mark.usefixtures("one_thread")
WIDTHS, SEEDS, PAIRS = (32, 64, 128, 256), 8, 5000


def make_net(width: int) -> nn.Module:
    linear, relu = nn.Linear, nn.ReLU
    return nn.Sequential(linear(100, width), relu(), linear(width, width), relu(), linear(width, 10))


def test_a_sweep_beside_the_estimates_of_its_pairs() -> None:
    x, peaks = torch.randn(1000, 100), []
    width_sweep(make_net, x, [32], 1, device="cpu")  # kernels are compiled
    clock = [time.process_time()]
    width_sweep(make_net, x, WIDTHS, SEEDS, device="cpu", progress=lambda line: peaks.append(peak()))
    clock.append(time.process_time())
    for width, _ in product(WIDTHS, range(SEEDS)):
        for index, z in enumerate(probe(make_net(width), x).values()):
            pairs = layer_pairs(z.shape[1], PAIRS, index)
            pairwise_mi(z, pairs=pairs, null="shuffle", n_shuffles=1, device="cpu")
            pairwise_mi(z, pairs=pairs[:1000], margins="normal", k=20, device="cpu")
    clock.append(time.process_time())
    ratio = (clock[1] - clock[0]) / (clock[2] - clock[1])
    widest = peaks[-SEEDS:]
    print(
        f"\nsweep over estimates: {ratio:.2f}; peak memory: {peaks[0]:.0f} to {widest[0]:.0f} and {widest[-1]:.0f} MB"
    )
    assert ratio < 1.3
    assert widest[-1] < widest[0] + 10


def peak() -> float:
    """Greatest memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
