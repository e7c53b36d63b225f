from __future__ import annotations

from math import asin, log, pi, sqrt

import numpy as np
import pytest
from scipy.special import rel_entr
from scipy.stats import norm

from wndcheck.estimators import pairwise_mi
from wndcheck.experiment.cells import Activation, Probe
from wndcheck.experiment.measurement.places import Place, layer_pairs, sampled_neurons
from wndcheck.experiment.measurement.transformed import JITTER, NAMES, transformed
from wndcheck.experiment.records import TRANSFORMED_NEURONS

RHO = 0.8
PROBE = Probe(transformed_pairs=60)
# A pair errs by some .045 nats (sd, 1000 samples, ρ = .8); all pairs share the latent variable's draw and neurons, so
# that of 60 pairs among 12 neurons no more than 6 count.
ERROR = 4 * 0.045 / sqrt(6)


def correlated(rho: float, neurons: int = 12, samples: int = 1000) -> np.ndarray:
    """Gaussian neurons, any two of one correlation."""
    rng = np.random.default_rng(3)
    own, common = rng.standard_normal((samples, neurons)), rng.standard_normal((samples, 1))
    return sqrt(1 - rho) * own + sqrt(rho) * common


def measured(z: np.ndarray, activation: Activation | None, probe: Probe = PROBE) -> dict[str, float]:
    return transformed(z.astype(np.float32), activation, Place(0, 1, 2), probe, "cpu")  # type: ignore[return-value]


def midpoints(low: float, high: float, count: int) -> tuple[np.ndarray, float]:
    step = (high - low) / count
    return low + step * (np.arange(count) + 0.5), step


def density(x: np.ndarray, y: np.ndarray, rho: float) -> np.ndarray:
    return np.exp(-(x**2 - 2 * rho * x * y + y**2) / (2 * (1 - rho**2))) / (2 * pi * sqrt(1 - rho**2))


def gaussian_information(rho: float) -> float:
    return -0.5 * log(1 - rho**2)


def folded_information(rho: float) -> float:
    """Of |X| and |Y|, by the midpoint rule."""
    at, step = midpoints(0, 8, 800)
    x, y = np.meshgrid(at, at)
    joint = 2 * (density(x, y, rho) + density(x, -y, rho))
    return float(rel_entr(joint, 4 * norm.pdf(x) * norm.pdf(y)).sum() * step**2)


def rectified_information(rho: float) -> float:
    """Of max(X, 0) and max(Y, 0): the atom at (0, 0), the two edges, and the quadrant, by the midpoint rule."""
    at, step = midpoints(0, 8, 800)
    x, y = np.meshgrid(at, at)
    atom = 1 / 4 + asin(rho) / (2 * pi)
    joint, below = density(x, y, rho), norm.cdf(-rho * at / sqrt(1 - rho**2))
    edge = (norm.pdf(at) * below * np.log(2 * below)).sum() * step
    quadrant = rel_entr(joint, norm.pdf(x) * norm.pdf(y)).sum() * step**2
    return float(atom * log(4 * atom) + 2 * edge + quadrant)


def test_the_oracles_know_what_is_known() -> None:
    assert rectified_information(0) == pytest.approx(0, abs=1e-5)
    assert folded_information(0) == pytest.approx(0, abs=1e-5)
    lost = gaussian_information(0.999) - folded_information(0.999)
    assert 0.9 * log(2) < lost < log(2)  # all but the sign is left
    assert rectified_information(RHO) == pytest.approx(0.3464, abs=2e-4)  # by quadrature elsewhere


def test_tanh_is_monotone_and_changes_nothing() -> None:
    found = measured(correlated(RHO), "tanh")
    for name in ("post_score", "post_corrected_score"):
        # 3H leaves a bias of up to .05 nats where densities end, of which the corrected score is free.
        bias = 0.05 if name == "post_score" else 0.01
        assert abs(found[name] - gaussian_information(RHO)) < ERROR + bias
    # The same pairs and shuffles: of twelve draws the differences had standard deviations of .0042 and .0018. 3H keeps
    # a bias, of a twentieth of the information, where densities end.
    assert abs(found["post_change_3h"]) < gaussian_information(RHO) / 20 + 4 * 0.0042
    assert abs(found["post_change"]) < 4 * 0.0018


def test_the_absolute_value_loses_information() -> None:
    found = measured(correlated(RHO), "tanh")
    change = folded_information(RHO) - gaussian_information(RHO)
    assert change < -0.2  # else the control would be none
    # Differences of one pair err less than the pair; .01 for the bias at the edge that folding makes.
    assert abs(found["folded_change_3h"] - change) < 4 * 0.045 / sqrt(12) + 0.01


def test_relu_loses_what_lies_below_zero() -> None:
    found = measured(correlated(RHO), "relu")
    # KSG1 with jitter errs by .01 at the point mass.
    assert abs(found["post_score"] - rectified_information(RHO)) < ERROR + 0.01
    assert abs(found["post_corrected_score"] - rectified_information(RHO)) < ERROR + 0.01
    change = rectified_information(RHO) - gaussian_information(RHO)
    assert change < -0.1
    assert abs(found["post_change"] - change) < 4 * 0.045 / sqrt(12) + 0.01
    assert np.isnan([found["post_change_3h"], found["folded_change_3h"]]).all()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_independent_neurons_stay_independent(activation: Activation) -> None:
    found = measured(correlated(0), activation)
    # Corrected by a shuffle a pair errs by .035 nats with 3H or KSG1; 60 pairs, half of which share a neuron.
    error = 4 * 0.035 * sqrt(2 / 60)
    for name in ("post_corrected_score", "post_change", "post_change_3h", "folded_change_3h"):
        assert np.isnan(found[name]) or abs(found[name]) < error, name
    assert abs(found["post_change"]) < error


def test_positive_neurons_are_their_own_absolute_values() -> None:
    found = measured(correlated(0.5) + 10, "relu")
    assert abs(found["post_change"]) < 0.005  # but for the jitter
    folded = measured(np.abs(correlated(0.5)), "tanh")
    assert folded["folded_change_3h"] == 0  # of the same shuffles
    assert folded["post_change_3h"] != 0


def test_the_numbers_are_the_estimators() -> None:
    z = correlated(0.5, neurons=60, samples=300).astype(np.float32)
    some = sampled_neurons("transformed", 60, TRANSFORMED_NEURONS, 1)
    pairs, place = layer_pairs(TRANSFORMED_NEURONS, 60, 1), Place(0, 1, 2)
    seed = place.seed("transformed null")
    options = {"pairs": pairs, "random_state": seed, "device": "cpu"}
    post = pairwise_mi(np.tanh(z[:, some].astype(float)), null="shuffle", n_shuffles=1, **options)  # type: ignore[arg-type]
    found = measured(z, "tanh")
    assert found["post_score"] == pytest.approx(post.score, abs=1e-12)
    assert found["post_corrected_score"] == pytest.approx(post.corrected_score, abs=1e-12)
    rectified = pairwise_mi(np.maximum(z[:, some], 0), estimator="ksg1", jitter=JITTER, **options)  # type: ignore[arg-type]
    assert measured(z, "relu")["post_score"] == pytest.approx(rectified.score, abs=1e-12)


def test_only_the_sampled_neurons_count() -> None:
    z = correlated(0.5, neurons=60, samples=300)
    some = sampled_neurons("transformed", 60, TRANSFORMED_NEURONS, 1)
    assert len(some) == TRANSFORMED_NEURONS
    others = np.delete(z, some, axis=1)
    changed = z.copy()
    changed[:, np.setdiff1d(np.arange(60), some)] = 1 + others**2
    assert measured(changed, "tanh") == measured(z, "tanh")
    changed[:, some[0]] = others[:, 0]
    assert measured(changed, "tanh") != measured(z, "tanh")


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_dead_neurons_leave_no_number(activation: Activation) -> None:
    dead = np.zeros((200, 4)) if activation == "tanh" else -1 - np.random.default_rng(0).random((200, 4))
    found = measured(dead, activation)
    assert list(found) == list(NAMES)
    assert np.isnan(list(found.values())).all()


def test_a_dead_neuron_does_not_disturb_the_others() -> None:
    z = np.insert(correlated(RHO, neurons=5), 5, -5, axis=1)
    z[:, 5] -= np.random.default_rng(0).random(1000)
    found = measured(z, "relu")
    assert abs(found["post_score"] - rectified_information(RHO)) < 4 * 0.045 / sqrt(2.5) + 0.01


@pytest.mark.parametrize(("activation", "pairs"), [(None, 60), ("tanh", 0), ("relu", 0)])
def test_logits_and_probes_that_ask_for_no_pairs_have_none(activation: Activation | None, pairs: int) -> None:
    found = measured(correlated(0.5), activation, Probe(transformed_pairs=pairs))
    assert list(found) == list(NAMES)
    assert np.isnan(list(found.values())).all()
