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
from wndcheck.experiment.measurement.measuring import measure, run
from wndcheck.experiment.measurement.probing import Data, load
from wndcheck.experiment.profiles import QUICK
from wndcheck.nets.stacks import build
from wndcheck.nets.training import BatchOrder
from wndcheck.sweep.widths import WidthSweep
from wndcheck.verdicts.shared_checks import entropy_slopes, slopes

pytestmark = pytest.mark.usefixtures("one_thread")

PAIRS = 40
CELL = Cell(
    "mnist-subset",
    "relu",
    16,
    (3, 4),
    Training(0.02, 32, (0, 1)),
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
    """The initial net of this seed, and after an epoch, as the stack of it alone trains it.

    Rounding of autograd's own, of 1e-7, would move nearest neighbours' distances, and so ι, by 2e-5.
    """
    layers = [each for each in net if isinstance(each, nn.Linear)]
    cell = replace(CELL, width=layers[0].out_features, seeds=(seed,))
    stack = build(cell, [seed], 784, torch.device("cpu"))
    images = data().images
    for _, is_stage in run(cell, stack, data(), [seed], BatchOrder([seed], len(images)), None):
        if is_stage:
            with torch.no_grad():
                for layer, weight, bias in zip(layers, stack.dense.weights, stack.dense.biases, strict=True):
                    layer.weight.copy_(weight[0].T)
                    layer.bias.copy_(bias[0, 0])
            yield


@pytest.fixture(scope="module")
def both() -> tuple[WidthSweep, Grid]:
    images = data().sample(CELL.probe.images_per_class, CELL.probe.seed).x
    sweep = width_sweep(make_net, images, WIDTHS, CELL.seeds, train, max_pairs=PAIRS, device="cpu")
    return sweep, Grid(tuple(measure(replace(CELL, width=width)) for width in WIDTHS), QUICK, takes_untrained=True)


@pytest.mark.parametrize("stage", [0, 1])
@pytest.mark.parametrize("name", ["score", "entropy"])
def test_scores_are_the_same(both: tuple[WidthSweep, Grid], name: str, stage: int) -> None:
    sweep, stacks = both[0].grid.at_stage(1 + stage), both[1].at_stage(stage)
    assert sweep.layers == ("0", "2", "4", "6", "8")
    assert np.isfinite(stacks.of(name)).mean() > 0.8, "dead neurons aside"
    np.testing.assert_allclose(sweep.of(name), stacks.of(name), atol=1e-5)


def test_training_changes_them_by_far_more(both: tuple[WidthSweep, Grid]) -> None:
    change = both[0].grid.of("score") - both[0].grid.at_stage(1).of("score")
    assert np.abs(change).mean() > 1e-3


def test_estimands_of_claims_are_the_same_functions_of_both(both: tuple[WidthSweep, Grid]) -> None:
    sweep, stacks = both[0].grid, both[1]
    np.testing.assert_allclose(slopes(sweep, "score", 3), slopes(stacks, "score", 3), atol=1e-5)
    assert entropy_slopes(sweep, 1).shape == entropy_slopes(stacks, 1).shape == (2,)
