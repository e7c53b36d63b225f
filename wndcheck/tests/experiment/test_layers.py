from __future__ import annotations

from math import e, log, pi, sqrt

import numpy as np
import pytest
from scipy.stats import norm, rankdata, wasserstein_distance

from wndcheck.estimators import knn_entropy
from wndcheck.experiment.cells import Probe
from wndcheck.experiment.gaussian_experiments import gaussian_information
from wndcheck.experiment.measurement.layers import (
    Initial,
    Layer,
    compared,
    correlation,
    distribution,
    distribution_change,
    image_floor,
    information,
    moments,
    rank_correlation,
    rank_scores,
    summarised,
    within_classes,
)
from wndcheck.experiment.measurement.sampling import DrawKey, layer_pairs
from wndcheck.experiment.record_schema import LAYER_QUANTITIES, QUANTILES, RANK_SAMPLES, RANK_THRESHOLD
from wndcheck.tests.tiny import LAST_STAGE
from wndcheck.verdicts.shared_checks import INDEPENDENT

RNG = np.random.default_rng(0)
NORMAL = RNG.standard_normal((1000, 40))
CUBES = NORMAL**3
ALL = layer_pairs(40, 780, 0)
NAMES = ("negentropy", "offset", "scale_ratio")


def described(z: np.ndarray) -> dict[str, float]:
    entropy = np.array([knn_entropy(neuron) for neuron in z.T])
    return distribution(moments(z, ()), entropy, len(z))  # type: ignore[return-value]


def change(now: np.ndarray, before: np.ndarray) -> float:
    initial = moments(before, ())
    return distribution_change(moments(now, ()), initial.spread, initial.quantiles)


def layer(z: np.ndarray, epoch: int = 0) -> Layer:
    return Layer(z, layer_pairs(z.shape[1], 500, 0), DrawKey(0, 0, epoch), Probe(), "tanh", True, "cpu")


def flagged_layer() -> np.ndarray:
    """Twelve neurons, of which one is constant, and two are all but constant and alike: a point mass, and one peak."""
    z = NORMAL[:, :12].copy()
    z[:, 3] = 2
    z[:, [5, 8]] = 1
    z[7, [5, 8]] = 1 + 1e-3
    return z


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (NORMAL, 0),
        (RNG.uniform(size=NORMAL.shape), 0.5 * log(2 * pi * e / 12)),
        (RNG.laplace(size=NORMAL.shape), 0.5 * log(2 * pi * e * 2) - (1 + log(2))),
    ],
    ids=["normal", "uniform", "Laplace"],
)
def test_negentropy_of_known_densities(samples: np.ndarray, expected: float) -> None:
    # H and the standard deviation of a neuron err by .04 nats together, of 40 by .04 / √40; the bias is below .003.
    error = 4 * 0.04 / sqrt(40) + 0.003
    assert abs(described(samples)["negentropy"] - expected) < error
    scaled = described(samples * np.geomspace(1e-3, 1e3, 40) - 5)
    assert scaled["negentropy"] == pytest.approx(described(samples)["negentropy"], abs=1e-9)


def test_offset_is_the_square_of_the_mean_minus_its_expectation() -> None:
    # Of M normals (mean / sd)² is 1/M, with a standard deviation of √2/M.
    assert abs(described(NORMAL)["offset"]) < 4 * sqrt(2) / 1000 / sqrt(40)
    few = distribution(moments(NORMAL[:25], ()), np.zeros(40), 25)["offset"]
    assert abs(few) < 4 * sqrt(2) / 25 / sqrt(40)  # type: ignore[arg-type]  # where chance gives .04
    # Moved by two standard deviations: 4 ± 4/√1000 and what the error of the standard deviation adds.
    assert described(3 * (NORMAL + 2))["offset"] == pytest.approx(4, abs=4 * sqrt(16 + 32) / sqrt(40_000))


def test_scale_ratio_is_in_decades() -> None:
    z = NORMAL / NORMAL.std(axis=0, ddof=1)
    assert described(z)["scale_ratio"] == pytest.approx(0, abs=1e-12)
    assert described(z * np.geomspace(0.02, 20, 40)[::-1])["scale_ratio"] == pytest.approx(3)
    assert described(z * np.where(np.arange(40) == 7, 0.1, 1))["scale_ratio"] == pytest.approx(1)


def test_constant_neurons_are_left_out() -> None:
    entropy = np.array([knn_entropy(neuron) for neuron in NORMAL.T])
    z = np.insert(NORMAL, 4, 3.0, axis=1)
    found = distribution(moments(z, ()), np.insert(entropy, 4, np.nan), 1000)
    assert found == distribution(moments(NORMAL, ()), entropy, 1000)
    dead = distribution(moments(np.full((100, 3), 2.0), ()), np.full(3, np.nan), 100)
    assert list(dead) == list(NAMES)
    assert np.isnan(list(dead.values())).all()  # type: ignore[arg-type]


def test_the_change_is_the_wasserstein_distance_in_initial_standard_deviations() -> None:
    scale = np.geomspace(0.1, 10, 40)
    for moved in (CUBES, 0.3 * NORMAL - 1, np.abs(NORMAL)):
        each = [wasserstein_distance(a, b) / b.std(ddof=1) for a, b in zip(moved.T, NORMAL.T, strict=True)]
        # 32 quantiles leave out some of the tails, most of those of a cube.
        tails = 0.2 if moved is CUBES else 0.03
        assert change(moved * scale, NORMAL * scale) == pytest.approx(np.mean(each), rel=tails)
    unit = NORMAL / NORMAL.std(axis=0, ddof=1)
    assert change(unit + 0.25, unit) == pytest.approx(0.25, abs=1e-12)
    assert change(5 * unit - 1.5, 5 * unit) == pytest.approx(0.3, abs=1e-12)
    assert change(RNG.permuted(NORMAL, axis=0), NORMAL) == 0


def test_a_neuron_that_became_constant_has_changed() -> None:
    z = NORMAL.copy()
    z[:, :20] = 0
    # Half the neurons by E|z| = √(2/π), of which 32 quantiles see all but a hundredth; the others not at all.
    assert change(z, NORMAL) == pytest.approx(0.5 * sqrt(2 / pi), rel=0.03)
    assert np.isnan(change(NORMAL, np.zeros_like(NORMAL)))  # there is no scale to say how much


def test_correlations_are_those_of_numpy() -> None:
    z = NORMAL + 0.5 * RNG.standard_normal((1000, 1)) + 3
    expected = np.corrcoef(z.T)
    for pairs in (ALL, ALL[[3, 70, 500]]):
        found = correlation(z, moments(z, ()), pairs)
        assert found["correlation"] == pytest.approx(expected[tuple(pairs.T)].mean(), abs=1e-12)
        single = correlation(z.astype(np.float32), moments(z, ()), pairs)
        assert single["correlation"] == pytest.approx(found["correlation"], abs=1e-6)


def test_the_gaussian_score_of_gaussians_is_their_information() -> None:
    z = NORMAL.copy()
    z[:, 1::2] = 0.6 * NORMAL[:, ::2] + 0.8 * NORMAL[:, 1::2]
    pairs = np.arange(40).reshape(20, 2)
    # r errs by (1 - ρ²)/√M, -½ log(1 - r²) by ρ/√M; 20 pairs.
    error = 4 * 0.6 / sqrt(1000 * 20)
    found = correlation(z, moments(z, ()), pairs)
    assert abs(found["gaussian_score"] - gaussian_information(0.6)) < error  # type: ignore[operator]


@pytest.mark.parametrize("samples", [10, 100])
def test_the_gaussian_score_of_independent_gaussians_is_zero(samples: int) -> None:
    z = np.random.default_rng(samples).standard_normal((samples, 400))
    pairs = np.arange(400).reshape(200, 2)
    # Uncorrected it is 1/(2M) and more: M r²/2 is half a χ² of one degree, of mean ½ and standard deviation 1/√2.
    found = correlation(z, moments(z, ()), pairs)
    error = 4 / sqrt(2) / samples / sqrt(200) * 1.5  # r² has heavier tails than that at ten samples
    assert error < 1 / (2 * samples)
    assert abs(found["gaussian_score"]) < error  # type: ignore[arg-type]


def test_the_rank_gaussian_score_is_that_of_normal_scores() -> None:
    z = NORMAL.copy()
    z[:, 1::2] = 0.6 * NORMAL[:, ::2] + 0.8 * NORMAL[:, 1::2]
    pairs = np.arange(40).reshape(20, 2)

    def score(z: np.ndarray) -> object:
        return rank_correlation(layer(z)._replace(pairs=pairs), moments(z, ()))["rank_gaussian_score"]

    scores = norm.ppf((rankdata(z, axis=0) - 0.5) / 1000)
    expected = correlation(scores, moments(scores, ()), pairs)["gaussian_score"]
    assert score(z) == pytest.approx(expected, abs=1e-9)
    assert score(np.exp(z)) == pytest.approx(expected, abs=1e-9)  # of any margins; those of exp(z) correlate less
    assert correlation(np.exp(z), moments(np.exp(z), ()), pairs)["gaussian_score"] < 0.9 * expected  # type: ignore[operator]
    # Of independent neurons 0, as above, where chance gives 1/2000.
    assert abs(score(NORMAL)) < 4 / sqrt(2) / 1000 / sqrt(20)  # type: ignore[arg-type]
    z[:, 0] = 3
    assert score(z) == pytest.approx(score(z[:, [1, 1, *range(2, 40)]] * [0, *[1] * 39]), abs=1e-12)
    dead = np.ones((100, 40))
    assert np.isnan(rank_correlation(layer(dead)._replace(pairs=pairs), moments(dead, ()))["rank_gaussian_score"])  # type: ignore[arg-type]


def test_what_pairs_share_within_classes() -> None:
    classes = np.repeat(np.arange(10), 100)
    centres = 20.0 * classes[:, None]  # apart, so that the mixture has the information of each class
    by_class = NORMAL[:, :12] + centres  # dependent by the class alone
    z = by_class.copy()
    z[:, 6:] = centres + 0.6 * NORMAL[:, :6] + 0.8 * NORMAL[:, 6:12]
    pairs = np.stack([np.arange(6), np.arange(6, 12)], axis=1)

    def score(z: np.ndarray) -> float:
        return within_classes(layer(z)._replace(pairs=pairs, classes=classes))["within_class_score"]  # type: ignore[return-value]

    # An estimate minus its null errs by .06 nats (sd), six pairs; what densities of ten narrow classes cost, about .03.
    assert abs(score(by_class)) < 4 * 0.06 / sqrt(6)
    assert abs(score(z) - gaussian_information(0.6)) < 4 * 0.06 / sqrt(6) + 0.03
    assert information(layer(by_class)._replace(pairs=pairs)).pair_corrected.mean() > 0.5  # type: ignore[union-attr]
    assert within_classes(layer(z)) == {}


def test_the_floor_of_images_is_that_of_their_covariance() -> None:
    rng = np.random.default_rng(0)
    # Isotropic images of d dimensions: ρ² of two random directions is Beta(½, (d-1)/2), of two unit vectors.
    for d in (5, 20):
        images = rng.standard_normal((20_000, d)).astype(np.float32)
        rho2 = rng.beta(0.5, (d - 1) / 2, 10**6)
        expected = -0.5 * np.log1p(-rho2).mean()
        assert image_floor(images, 1) == pytest.approx(expected, rel=0.06)
    # Neurons of 200 random directions in many dimensions are independent, but by chance, which is subtracted.
    assert abs(image_floor(rng.standard_normal((500, 10_000)).astype(np.float32), 2)) < 1e-3 / 2
    assert image_floor(images, 1) != image_floor(images, 2)


def test_copies_have_a_finite_gaussian_score_and_constants_none() -> None:
    z = np.column_stack([NORMAL[:, 0], -2 * NORMAL[:, 0], np.full(1000, 3.0)])
    found = correlation(z, moments(z, ()), np.array([[0, 1], [0, 2], [1, 2]]))
    assert found["correlation"] == pytest.approx(-1)
    assert 10 < found["gaussian_score"] < 15  # type: ignore[operator]
    dead = correlation(z[:, [2, 2]], moments(z[:, [2, 2]], ()), np.array([[0, 1]]))
    assert np.isnan(list(dead.values())).all()  # type: ignore[arg-type]


def test_flagged_neurons_are_left_out_of_every_average() -> None:
    z, flagged = flagged_layer(), [3, 5, 8]
    numbers, initial = summarised(layer(z), None)
    assert numbers["flagged"] == pytest.approx(3 / 12)
    others = np.delete(np.arange(12), flagged)
    pairs = np.array([pair for pair in layer(z).pairs if not set(pair) & set(flagged)])
    expected = described(z[:, others]) | correlation(z, moments(z, ()), pairs)
    for name, number in expected.items():
        assert numbers[name] == pytest.approx(number, abs=1e-9), name
    assert abs(numbers["gaussian_score"]) < 0.01  # type: ignore[arg-type]  # the two alike would add .4
    assert np.isnan(initial.spread[flagged]).all()
    # From there a flagged neuron has not changed by any number of its standard deviations.
    moved, _ = summarised(layer(z + 0.5, epoch=1), initial)
    expected = np.mean(0.5 / z[:, others].std(axis=0, ddof=1))
    assert moved["distribution_change"] == pytest.approx(expected, abs=1e-9)


def test_a_neuron_flagged_since_has_changed_in_distribution_though_not_in_entropy() -> None:
    z = NORMAL[:, :12]
    _, initial = summarised(layer(z), None)
    later = z.copy()
    later[:, 3] = 0
    numbers, _ = summarised(layer(later, epoch=1), initial)
    assert numbers["entropy_change"] == 0
    assert numbers["distribution_change"] == pytest.approx(sqrt(2 / pi) / 12, rel=0.1)


def test_a_layer_has_all_quantities() -> None:
    z = NORMAL[:, :12]
    numbers, initial = summarised(layer(z), None)
    later = layer(2 * z + 1, epoch=1)
    numbers, kept = summarised(later, initial)
    assert isinstance(kept, Initial)
    for name, number in compared(information(later), initial).items():
        np.testing.assert_array_equal(numbers[name], number, err_msg=name)
    assert numbers["entropy_change"] == pytest.approx(log(2), abs=1e-9)
    assert numbers["scale_ratio"] == pytest.approx(np.ptp(np.log10(z.std(axis=0, ddof=1))))
    for name in ("total_correlation_3", "total_correlation_5", "post_score", "planted_score"):
        assert np.isfinite(numbers[name]), name  # type: ignore[arg-type]
    earlier, _ = summarised(later._replace(is_last_stage=False), initial)
    assert set(numbers) == {*LAYER_QUANTITIES, *QUANTILES}
    assert set(earlier) == {name for name in numbers if not name.startswith(LAST_STAGE)}


# --- the rank estimator -----------------------------------------------------------------------------------------------


def test_rank_scores_of_gaussians_are_their_information() -> None:
    z = NORMAL.copy()
    z[:, 1::2] = 0.6 * NORMAL[:, ::2] + 0.8 * NORMAL[:, 1::2]
    pairs = np.arange(40).reshape(20, 2)
    found = rank_scores(layer(z)._replace(pairs=pairs))
    # At ρ = .6 and M = 1000 a pair errs by .022 nats (sd), with a bias below .003.
    assert abs(found["rank_score"] - gaussian_information(0.6)) < 4 * 0.022 / sqrt(20) + 0.003  # type: ignore[operator]
    assert found["rank_dependent"] == 1
    quantiles = np.array(found["rank_quantiles"])
    assert quantiles.shape == (7,)
    assert (np.diff(quantiles) > 0).all()
    assert abs(quantiles[2] - gaussian_information(0.6)) < 4 * 1.25 * 0.022 / sqrt(20) + 0.003  # a median errs by more
    independent = rank_scores(layer(NORMAL)._replace(pairs=ALL))
    # Independent pairs err by .008 nats; 780 pairs share 40 neurons.
    assert abs(independent["rank_score"]) < 4 * 0.008 / sqrt(20)  # type: ignore[operator]
    assert independent["rank_dependent"] == 0  # .01 nats above a quantile that 1 % of pairs exceed


def test_rank_scores_do_not_depend_on_the_margins() -> None:
    z = NORMAL[:, :8] + 0.5 * NORMAL[:, [9]]
    expected = rank_scores(layer(z))
    for moved in (np.exp(z), z**3, 1e-3 * z - 5):
        for name, value in rank_scores(layer(moved)).items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_the_share_of_dependent_pairs_is_that_of_planted_ones() -> None:
    z = NORMAL.copy()
    z[:, 1:10:2] = 0.5 * NORMAL[:, 0:10:2] + sqrt(0.75) * NORMAL[:, 1:10:2]  # .144 nats, 18 standard deviations
    pairs = np.arange(40).reshape(20, 2)
    assert RANK_THRESHOLD == INDEPENDENT.high == 0.01  # the paper's, §4
    assert rank_scores(layer(z)._replace(pairs=pairs))["rank_dependent"] == 5 / 20
    assert rank_scores(layer(z)._replace(pairs=pairs[5:]))["rank_dependent"] == 0


def test_constant_neurons_are_left_out_of_rank_scores() -> None:
    z = flagged_layer()
    others = np.array([pair for pair in layer(z).pairs if 3 not in pair])
    expected = rank_scores(layer(z)._replace(pairs=others))
    for name, value in rank_scores(layer(z)).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
    dead = rank_scores(layer(np.zeros((100, 4))))
    assert np.isnan([dead["rank_score"], dead["rank_dependent"], *dead["rank_quantiles"]]).all()  # type: ignore[misc]


@pytest.mark.parametrize(("samples", "known"), [(1, False), (RANK_SAMPLES - 1, False), (RANK_SAMPLES, True)])
def test_rank_scores_of_few_samples_are_nan(samples: int, known: bool) -> None:
    found = rank_scores(layer(NORMAL[:samples, :4]))
    assert np.isfinite(found["rank_score"]) == known  # type: ignore[arg-type]
    assert np.isfinite(found["rank_quantiles"]).all() == known  # type: ignore[arg-type]
    assert np.isfinite(found["rank_dependent"]) == known  # type: ignore[arg-type]
