from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
from scipy.special import digamma

from wndcheck.experiment.cells import Probe
from wndcheck.experiment.measurement.controls import controls, mixed, with_latent
from wndcheck.experiment.measurement.places import Place
from wndcheck.experiment.records import CONTROLS, PLANTED_CORRELATION, STRONG_CORRELATION
from wndcheck.tests.tiny import TINY_PROBE

# Corrected by one shuffle a pair errs by about .035 nats (sd, 1000 samples, any ρ up to .6): its margins cancel. Half
# of the pairs share a neuron.
ERROR = 0.035


def scores(z: np.ndarray, seed: int = 0, probe: Probe = Probe()) -> dict[str, float]:  # noqa: B008
    return controls(z, Place(seed, 0, 0), probe, "cpu")  # type: ignore[return-value]


def gaussian_information(correlation: float) -> float:
    return -0.5 * log(1 - correlation**2)


def test_controls_find_what_is_planted_and_nothing_more() -> None:
    z = np.random.default_rng(5).standard_normal((1000, 101)) * np.geomspace(1e-3, 1e3, 101)
    found = [scores(z.astype(np.float32), seed) for seed in range(4)]
    means = {name: np.mean([some[name] for some in found]) for name in CONTROLS}
    error, fewer = 4 * ERROR * sqrt(2 / 400), 4 * ERROR * sqrt(2 / 100)  # of 100 and of 25 pairs, four times
    # Corrected by a shuffle of the mix, 3H keeps a bias at ρ = .3 and at ρ = .6 well below these.
    assert abs(means["shuffled_score"]) < error
    assert abs(means["planted_score"] - gaussian_information(PLANTED_CORRELATION)) < error
    assert abs(means["planted_strong_score"] - gaussian_information(STRONG_CORRELATION)) < fewer
    assert abs(means["latent_score"] - gaussian_information(PLANTED_CORRELATION)) < fewer
    # Of a neuron and itself 3H is ψ(M) - ψ(k), exactly; the null is that of independent normals, .012 ± .042.
    assert abs(means["duplicated_score"] - (digamma(1000) - digamma(3) - 0.012)) < 4 * 0.042 * sqrt(2 / 100)


def test_controls_break_whatever_dependence_there_was() -> None:
    one = np.random.default_rng(5).standard_normal((1000, 1))
    z = one + 0.1 * np.random.default_rng(6).standard_normal((1000, 30))
    found = scores(z)
    assert abs(found["shuffled_score"]) < 4 * ERROR * sqrt(2 / 100)
    assert abs(found["planted_score"] - gaussian_information(PLANTED_CORRELATION)) < 4 * ERROR * sqrt(2 / 30)
    assert abs(found["latent_score"] - gaussian_information(PLANTED_CORRELATION)) < 4 * ERROR * sqrt(2 / 25)


def test_controls_of_a_few_samples_are_those_of_a_few_samples() -> None:
    z = np.random.default_rng(5).standard_normal((125, 40))  # the nets of an ensemble
    found = [scores(z, seed) for seed in range(8)]
    # With an eighth of the samples a pair errs by √8 times as much; the null is .03 there.
    duplicated = np.mean([some["duplicated_score"] for some in found])
    assert abs(duplicated - (digamma(125) - digamma(3) - 0.03)) < 4 * 0.042 * sqrt(8) * sqrt(2 / 200) + 0.03
    assert abs(np.mean([some["shuffled_score"] for some in found])) < 4 * ERROR * sqrt(8) * sqrt(2 / 800)


def test_the_draws_are_those_of_the_place() -> None:
    z = np.random.default_rng(5).standard_normal((200, 10))
    assert scores(z) == scores(z)
    others = [controls(z, place, Probe(), "cpu") for place in (Place(1, 0, 0), Place(0, 1, 0), Place(0, 0, 1))]
    assert all(other["shuffled_score"] != scores(z)["shuffled_score"] for other in others)


def test_neither_offset_nor_scale_matters() -> None:
    z = np.random.default_rng(5).standard_normal((500, 10))
    moved = scores(z * np.geomspace(0.01, 100, 10) + np.linspace(-5, 5, 10))
    for name, score in scores(z).items():
        assert moved[name] == pytest.approx(score, abs=1e-4), name  # single precision of offset samples


def test_constant_neurons_are_left_out() -> None:
    z = np.random.default_rng(5).standard_normal((300, 6))
    among = np.insert(z, [0, 3, 6], 2.5, axis=1)
    assert scores(among) == scores(z)


@pytest.mark.parametrize("alive", [0, 1])
def test_controls_of_a_dead_layer_are_nan(alive: int) -> None:
    z = np.zeros((200, 5))
    z[:, :alive] = np.random.default_rng(0).standard_normal((200, alive))
    found = scores(z, probe=TINY_PROBE)
    assert list(found) == list(CONTROLS)
    assert np.isnan(list(found.values())).all()


def test_no_controls_are_taken_where_none_are_wanted() -> None:
    z = np.random.default_rng(0).standard_normal((200, 5))
    found = scores(z, probe=Probe(control_pairs=0))
    assert list(found) == list(CONTROLS)
    assert np.isnan(list(found.values())).all()


@pytest.mark.parametrize("neurons", [2, 3, 12])
@pytest.mark.parametrize("control_pairs", [1, 4, 9])
def test_any_number_of_neurons_and_pairs_will_do(neurons: int, control_pairs: int) -> None:
    z = np.random.default_rng(0).standard_normal((200, neurons))
    assert np.isfinite(list(scores(z, probe=Probe(control_pairs=control_pairs)).values())).all()


@pytest.mark.parametrize("correlation", [0.3, 0.6])
def test_a_mix_has_the_correlation_it_is_made_for(correlation: float) -> None:
    apart = np.random.default_rng(0).standard_normal((100_000, 3))
    found = np.corrcoef(apart.T, mixed(apart, correlation).T)[:3, 3:]
    # With the neuron itself and with the neighbour before it; standard errors below 1/√100,000 = .0032.
    expected = correlation * np.eye(3) + sqrt(1 - correlation**2) * np.roll(np.eye(3), 1, axis=1)
    np.testing.assert_allclose(found, expected, atol=4 * 0.0032)


def test_neurons_with_a_latent_variable_correlate_alike() -> None:
    z = np.random.default_rng(0).standard_normal((100_000, 5))
    made = with_latent(z[:, :4], z[:, 4])
    np.testing.assert_allclose(np.corrcoef(made.T)[np.triu_indices(4, 1)], PLANTED_CORRELATION, atol=4 * 0.0032)
    np.testing.assert_allclose(made.std(axis=0), 1, atol=4 * 0.0032)
