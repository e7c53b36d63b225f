"""The paper's perceptron through width_sweep is what it is through the claims' stacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from wndcheck import width_sweep
from wndcheck.experiment.cells import Cell, Probe, Training
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.measurement.probing import Data, load
from wndcheck.experiment.profiles import QUICK
from wndcheck.nets.stacks import build
from wndcheck.nets.training import BatchOrder
from wndcheck.sweep.widths import WidthSweep
from wndcheck.verdicts.shared_checks import entropy_slopes, slopes

pytestmark = pytest.mark.usefixtures("one_thread")

PAIRS = 40
TRAINING = Training(0.1, 1000, (0, 1))  # ten steps: what autograd rounds otherwise grows from one to the next
CELL = Cell(
    "mnist-subset",
    "relu",
    16,
    (3, 4),
    TRAINING,
    Probe(images_per_class=50, sampling="fixed", most_pairs=PAIRS, rank_pairs=PAIRS, control_pairs=PAIRS),
)
WIDTHS = (16, 24, 32)


def data() -> Data:
    return load(CELL, torch.device("cpu"), None)


def make_net(width: int) -> nn.Module:
    sizes = [784] + [width] * 4
    hidden = [each for a, b in pairwise(sizes) for each in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, 10))


def train(net: nn.Sequential, seed: int) -> Iterator[None]:
    """A stage with the initial weights of the stack's net of this seed, and one after an epoch of its batches."""
    layers = [each for each in net if isinstance(each, nn.Linear)]
    cell = replace(CELL, width=layers[0].out_features, seeds=(seed,))
    stack = build(cell, [seed], 784, torch.device("cpu"))
    with torch.no_grad():
        for layer, weight, bias in zip(layers, stack.dense.weights, stack.dense.biases, strict=True):
            layer.weight.copy_(weight[0].T)
            layer.bias.copy_(bias[0, 0])
    yield
    images, labels = data().images, data().labels
    optimizer = torch.optim.SGD(net.parameters(), lr=TRAINING.learning_rate)
    for batch in BatchOrder([seed], len(images)).epoch()[0].split(TRAINING.batch_size):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimizer.step()
    yield


@pytest.fixture(scope="module")
def both() -> tuple[WidthSweep, Grid]:
    images = data().sample(CELL.probe.images_per_class, CELL.probe.seed).x
    sweep = width_sweep(make_net, images, WIDTHS, CELL.seeds, train, max_pairs=PAIRS, device="cpu")
    return sweep, Grid(tuple(measure(replace(CELL, width=width)) for width in WIDTHS), QUICK, takes_untrained=True)


# After training, not of ranks: a rank that differs moves an estimate by a step.
@pytest.mark.parametrize(
    ("name", "stage"), [("score", 0), ("score", 1), ("entropy", 0), ("entropy", 1), ("rank_score", 0)]
)
def test_scores_are_the_same(both: tuple[WidthSweep, Grid], name: str, stage: int) -> None:
    sweep, stacks = both[0].grid.at_stage(1 + stage), both[1].at_stage(stage)
    assert sweep.layers == ("0", "2", "4", "6", "8")
    assert np.isfinite(stacks.of(name)).mean() > 0.8, "dead neurons aside"
    np.testing.assert_allclose(sweep.of(name), stacks.of(name), atol=1e-5)


def test_estimands_of_claims_are_the_same_functions_of_both(both: tuple[WidthSweep, Grid]) -> None:
    sweep, stacks = both[0].grid, both[1]
    np.testing.assert_allclose(slopes(sweep, "score", 3), slopes(stacks, "score", 3), atol=1e-5)
    assert entropy_slopes(sweep, 1).shape == entropy_slopes(stacks, 1).shape == (2,)
