"""The checks and controls of a claim about nets of another architecture than the paper's; each claim imports them all.

The claim's first family are its nets, the second the paper's perceptron, trained alike, the third nets that violate it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wndcheck.experiment.costs import neurons
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import NARROW
from wndcheck.nets.specification import LAYERS, Architecture
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.pytest_plugin.nets_fixture import DeclaredNets
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.shared_checks import (
    ENTROPY_LEVEL,
    entropy_moved,
    hidden_mean,
    slopes,
    values,
    weak_dependence,
)
from wndcheck.verdicts.statistics import paired_difference, within

__all__ = [
    "RULES",
    "architecture_claim",
    "other",
    "perceptron",
    "pytest_generate_tests",
    "test_as_the_perceptron",
    "test_entropy",
    "test_independently_permuted_activations_are_in_the_vicinity",
    "test_planted_dependence_is_found",
    "test_shared_directions_have_no_falling_trend",
    "test_trend",
    "test_vicinity",
]

RULES = """
Measured: ι and ι_c of these outputs, by images of a net's own, at the end of training.
Supported: ι_c decreases with log N from a layer of 20 neurons up (trend), and at the widest ι is at most 0.054 nats
(vicinity), as of the perceptron in weak_dependence. Refuted: an interval lies entirely outside its region. Also shown:
|ΔH| at the widest (entropy), and ι_c minus that of the paper's perceptron of the same seeds, images and epochs
(as_the_perceptron).
Controls: independently permuted activations must be in the vicinity, pairs mixed to 0.223 nats must not; nets whose
layers share a direction, the more so the wider they are, must not have a decreasing trend.
"""
TREND, VICINITY = weak_dependence()
ENTROPY = Check(ENTROPY_LEVEL.estimand, ENTROPY_LEVEL.region, primary=False, scope=ENTROPY_LEVEL.scope)
DIFFERENCE = Check("ι_c of hidden layers minus the perceptron's, at the widest", within(-0.01, 0.01), primary=False)


def architecture_claim(kind: Architecture, statement: str) -> Claim:
    """Return the claim that wide nets of an architecture are weakly dependent."""
    families = (f"architectures/{kind}", "architectures/mlp", "violation/shared")
    return Claim("§6 (ours)", statement, families, figures=("figure-architectures",))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `layer` for each hidden layer of the architecture."""
    if "layer" in metafunc.fixturenames:
        claim: Claim = vars(metafunc.module)["CLAIM"]
        metafunc.parametrize("layer", range(1, LAYERS[claim.families[0].removeprefix("architectures/")]))


@pytest.fixture
def other(nets: DeclaredNets) -> Grid:
    """The nets of the claim's architecture."""
    return nets[nets.families[0]]


@pytest.fixture
def perceptron(nets: DeclaredNets) -> Grid:
    """The paper's perceptron, trained alike."""
    return nets[nets.families[1]]


def wide(grid: Grid, layer: int) -> Grid:
    """The same grid, of the widths at which the layer itself is one that trends are over: of NARROW neurons or more."""
    return grid.at(*(m.width for m in grid.measurements if neurons(m.cell)[layer - 1] >= NARROW))


@check(TREND)
def test_trend(decide: Callable[..., None], layer: int, other: Grid) -> None:
    decide(slopes, wide(other, layer), "corrected_score", layer)


@check(VICINITY)
def test_vicinity(decide: Callable[..., None], layer: int, other: Grid) -> None:
    decide(values, other.widest, "score", layer)


@check(ENTROPY)
def test_entropy(decide: Callable[..., None], layer: int, other: Grid) -> None:
    decide(entropy_moved, other.widest, layer)


@check(DIFFERENCE)
def test_as_the_perceptron(decide: Callable[..., None], other: Grid, perceptron: Grid) -> None:
    own, papers = (hidden_mean(grid.widest, "corrected_score") for grid in (other, perceptron))
    decide(paired_difference(own, papers), other.widest)


@control(VICINITY, must_be="supported")
def test_independently_permuted_activations_are_in_the_vicinity(decide: Callable[..., None], other: Grid) -> None:
    decide(hidden_mean, other.widest, "shuffled_score")


@control(VICINITY, must_be="refuted")
def test_planted_dependence_is_found(decide: Callable[..., None], other: Grid) -> None:
    decide(hidden_mean, other.widest, "planted_strong_score")


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide: Callable[..., None], nets: DeclaredNets) -> None:
    decide(slopes, nets["violation/shared"], "corrected_score", layer=1)
