"""Fixtures of claims' tests, registered with the run; ids list parameters in the order of the test's signature."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import ACTIVATIONS, HIDDEN_LAYERS, Profile
from wndcheck.pytest_plugin.nets_fixture import DeclaredNets


@pytest.fixture(params=HIDDEN_LAYERS)
def layer(request: pytest.FixtureRequest) -> int:
    """A test that asks for it runs once for every hidden layer."""
    return request.param


@pytest.fixture(params=ACTIVATIONS)
def activation(request: pytest.FixtureRequest) -> str:
    """A test that asks for it runs once for every activation function."""
    return request.param


@pytest.fixture
def trained(nets: DeclaredNets, activation: str) -> Grid:
    """The trained nets of an activation function; the test runs once for each."""
    return nets[f"trained/{activation}"]


@pytest.fixture(scope="module")
def experiments(request: pytest.FixtureRequest, profile: Profile, base_seed: int) -> Callable[..., np.ndarray]:
    """experiments(simulate, *words, **sample): the profile's repetitions of a simulation, (experiments, trials).

    `simulate` is a function of `wndcheck.experiment.gaussian_experiments`; its draws are named by the module's
    SEED_WORD, the base seed, the words and the number of the experiment.
    """

    @cache
    def repeated(simulate: Callable[..., np.ndarray], *words: object, **sample: object) -> np.ndarray:
        draws = (request.module.SEED_WORD, base_seed, *words)
        return np.stack([simulate(*draws, i, **sample) for i in range(profile.experiments)])

    return repeated
