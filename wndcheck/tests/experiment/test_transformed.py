from __future__ import annotations

from math import asin, log, pi, sqrt

import numpy as np
import pytest
from scipy.special import digamma, rel_entr
from scipy.stats import norm

from wndcheck.estimators import pairwise_mi
from wndcheck.experiment.cells import Probe
from wndcheck.experiment.gaussian_experiments import gaussian_information, rectified_estimates
from wndcheck.experiment.measurement.sampling import DrawKey, layer_pairs, sampled_neurons
from wndcheck.experiment.measurement.transformed import JITTER, NAMES, controls, mixed, transformed, with_latent
from wndcheck.experiment.record_schema import CONTROLS, PLANTED_CORRELATION, STRONG_CORRELATION, TRANSFORMED_NEURONS
from wndcheck.nets.specification import Activation
from wndcheck.verdicts.shared_checks import NEAR_INDEPENDENT_BY_KSG1

# Corrected by one shuffle a pair errs by about .035 nats (sd, 1000 samples, any ρ up to .6): its margins cancel. Half
# of the pairs share a neuron.
CONTROL_ERROR = 0.035


def scores(z: np.ndarray, seed: int = 0, probe: Probe = Probe()) -> dict[str, float]:  # noqa: B008
    return controls(z, DrawKey(seed, 0, 0), probe, "cpu")  # type: ignore[return-value]


def test_controls_measure_the_planted_dependence() -> None:
    z = np.random.default_rng(5).standard_normal((1000, 101)) * np.geomspace(1e-3, 1e3, 101)
    found = [scores(z.astype(np.float32), seed) for seed in range(4)]
    means = {name: np.mean([some[name] for some in found]) for name in CONTROLS}
    error, fewer = (4 * CONTROL_ERROR * sqrt(2 / pairs) for pairs in (400, 100))  # of 100 and of 25 pairs, four times
    # Corrected by a shuffle of the mix, 3H keeps a bias at ρ = .3 and at ρ = .6 well below these.
    assert abs(means["shuffled_score"]) < error
    assert abs(means["planted_score"] - gaussian_information(PLANTED_CORRELATION)) < error
    assert abs(means["planted_strong_score"] - gaussian_information(STRONG_CORRELATION)) < fewer
    assert abs(means["latent_score"] - gaussian_information(PLANTED_CORRELATION)) < fewer
    # Of a neuron and itself 3H is ψ(M) - ψ(k), exactly; the null is that of independent normals, .012 ± .042.
    assert abs(means["duplicated_score"] - (digamma(1000) - digamma(3) - 0.012)) < 4 * 0.042 * sqrt(2 / 100)


def test_controls_remove_the_dependence_of_the_layer() -> None:
    one = np.random.default_rng(5).standard_normal((1000, 1))
    z = one + 0.1 * np.random.default_rng(6).standard_normal((1000, 30))
    found = scores(z)
    assert abs(found["shuffled_score"]) < 4 * CONTROL_ERROR * sqrt(2 / 100)
    assert abs(found["planted_score"] - gaussian_information(PLANTED_CORRELATION)) < 4 * CONTROL_ERROR * sqrt(2 / 30)
    assert abs(found["latent_score"] - gaussian_information(PLANTED_CORRELATION)) < 4 * CONTROL_ERROR * sqrt(2 / 25)


def test_controls_of_few_samples() -> None:
    z = np.random.default_rng(5).standard_normal((125, 40))  # the nets of an ensemble
    found = [scores(z, seed) for seed in range(8)]
    # With an eighth of the samples a pair errs by √8 times as much; the null is .03 there.
    duplicated = np.mean([some["duplicated_score"] for some in found])
    assert abs(duplicated - (digamma(125) - digamma(3) - 0.03)) < 4 * 0.042 * sqrt(8) * sqrt(2 / 200) + 0.03
    assert abs(np.mean([some["shuffled_score"] for some in found])) < 4 * CONTROL_ERROR * sqrt(8) * sqrt(2 / 800)


def test_draws_depend_on_the_place() -> None:
    z = np.random.default_rng(5).standard_normal((200, 10))
    assert scores(z) == scores(z)
    others = [
        controls(z, draw_key, Probe(), "cpu") for draw_key in (DrawKey(1, 0, 0), DrawKey(0, 1, 0), DrawKey(0, 0, 1))
    ]
    assert all(other["shuffled_score"] != scores(z)["shuffled_score"] for other in others)


def test_offset_and_scale_do_not_matter() -> None:
    z = np.random.default_rng(5).standard_normal((500, 10))
    moved = scores(z * np.geomspace(0.01, 100, 10) + np.linspace(-5, 5, 10))
    for name, score in scores(z).items():
        assert moved[name] == pytest.approx(score, abs=1e-4), name  # single precision of offset samples


def test_constant_neurons_are_left_out() -> None:
    z = np.random.default_rng(5).standard_normal((300, 6))
    among = np.insert(z, [0, 3, 6], 2.5, axis=1)
    assert scores(among) == scores(z)


@pytest.mark.parametrize(("alive", "wanted"), [(0, 8), (1, 8), (5, 0)])
def test_controls_of_a_dead_layer_or_of_no_pairs_are_nan(alive: int, wanted: int) -> None:
    z = np.zeros((200, 5))
    z[:, :alive] = np.random.default_rng(0).standard_normal((200, alive))
    found = scores(z, probe=Probe(control_pairs=wanted))
    assert list(found) == list(CONTROLS)
    assert np.isnan(list(found.values())).all()


@pytest.mark.parametrize("neurons", [2, 3, 12])
@pytest.mark.parametrize("control_pairs", [1, 4, 9])
def test_controls_of_any_number_of_neurons_and_pairs(neurons: int, control_pairs: int) -> None:
    z = np.random.default_rng(0).standard_normal((200, neurons))
    assert np.isfinite(list(scores(z, probe=Probe(control_pairs=control_pairs)).values())).all()


@pytest.mark.parametrize("correlation", [0.3, 0.6])
def test_mixed_columns_have_the_given_correlation(correlation: float) -> None:
    z = np.random.default_rng(0).standard_normal((100_000, 3))
    found = np.corrcoef(z.T, mixed(z, correlation).T)[:3, 3:]
    # With the neuron itself and with the neighbour before it; standard errors below 1/√100,000 = .0032.
    expected = correlation * np.eye(3) + sqrt(1 - correlation**2) * np.roll(np.eye(3), 1, axis=1)
    np.testing.assert_allclose(found, expected, atol=4 * 0.0032)


def test_neurons_with_a_latent_variable_have_equal_correlations() -> None:
    z = np.random.default_rng(0).standard_normal((100_000, 5))
    made = with_latent(z[:, :4], z[:, 4])
    np.testing.assert_allclose(np.corrcoef(made.T)[np.triu_indices(4, 1)], PLANTED_CORRELATION, atol=4 * 0.0032)
    np.testing.assert_allclose(made.std(axis=0), 1, atol=4 * 0.0032)


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
    return transformed(z.astype(np.float32), activation, DrawKey(0, 1, 2), probe, "cpu")  # type: ignore[return-value]


def midpoints(low: float, high: float, count: int) -> tuple[np.ndarray, float]:
    step = (high - low) / count
    return low + step * (np.arange(count) + 0.5), step


def density(x: np.ndarray, y: np.ndarray, rho: float) -> np.ndarray:
    return np.exp(-(x**2 - 2 * rho * x * y + y**2) / (2 * (1 - rho**2))) / (2 * pi * sqrt(1 - rho**2))


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


def test_integrals_of_information_in_known_cases() -> None:
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


def test_relu_loses_information_below_zero() -> None:
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


def test_numbers_are_those_of_the_estimator() -> None:
    z = correlated(0.5, neurons=60, samples=300).astype(np.float32)
    some = sampled_neurons("transformed", 60, TRANSFORMED_NEURONS, 1)
    pairs, draw_key = layer_pairs(TRANSFORMED_NEURONS, 60, 1), DrawKey(0, 1, 2)
    seed = draw_key.seed("transformed null")
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


def test_a_dead_neuron_does_not_disturb_the_others() -> None:
    z = np.insert(correlated(RHO, neurons=5), 5, -5, axis=1)
    z[:, 5] -= np.random.default_rng(0).random(1000)
    found = measured(z, "relu")
    assert abs(found["post_score"] - rectified_information(RHO)) < 4 * 0.045 / sqrt(2.5) + 0.01


@pytest.mark.parametrize(
    ("z", "activation", "pairs"),
    [
        (correlated(0.5), None, 60),
        (correlated(0.5), "tanh", 0),
        (correlated(0.5), "relu", 0),
        (np.zeros((200, 4)), "tanh", 60),
        (-1 - np.random.default_rng(0).random((200, 4)), "relu", 60),
    ],
    ids=["logits", "no pairs of tanh", "no pairs of ReLU", "dead tanh", "dead ReLU"],
)
def test_numbers_of_logits_no_pairs_or_dead_neurons_are_nan(
    z: np.ndarray, activation: Activation | None, pairs: int
) -> None:
    found = measured(z, activation, Probe(transformed_pairs=pairs))
    assert list(found) == list(NAMES)
    assert np.isnan(list(found.values())).all()


def test_the_null_after_relu_is_what_the_vicinity_of_post_activations_is_made_of() -> None:
    estimates = rectified_estimates("null after ReLU", trials=1000)
    assert estimates.mean() == pytest.approx(0, abs=0.002)  # three standard errors
    assert estimates.std(ddof=1) == pytest.approx(NEAR_INDEPENDENT_BY_KSG1.high, abs=0.002)
