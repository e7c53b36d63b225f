"""The three estimators where the true value is known: mean, null, and a bias that decreases with the sample size."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import ndtr

from wndcheck.benchmarks.closed_forms import Draw, additive_uniform, independent, mapped_pair, normal_pair, student_pair
from wndcheck.experiment.gaussian_experiments import gaussian_information
from wndcheck.tests.estimators.samples import ESTIMATORS, of_pairs

M = 1000
TRIALS = 200
REFERENCE_TRIALS = 250


def estimates(draw: Draw, m: int, trials: int, seed: int, **options) -> np.ndarray:
    """Estimates of independent trials, (trials,)."""
    return of_pairs(*draw(np.random.default_rng(seed), (m, trials)), **options).pair_mi


class Case(NamedTuple):
    """A distribution, and the means of the exact estimators for M = 1000 and k = 3 over 250 trials.

    They were computed by a reference implementation, and differ from the closed form by up to 0.1 where the marginals
    have edges or heavy tails.
    """

    draw: Draw
    means: tuple[float, float, float]  # as ESTIMATORS
    rounding: float = 0.0005  # rounding error of the means above


CASES = {  # comments: closed form
    "normal, ρ = 0.3": Case(normal_pair(0.3), (0.057, 0.049, 0.049), 0.002),  # 0.0472
    "normal, ρ = 0.5": Case(normal_pair(0.5), (0.155, 0.145, 0.145), 0.002),  # 0.1438
    "normal, ρ = 0.75": Case(normal_pair(0.75), (0.426, 0.419, 0.419), 0.002),  # 0.4133
    "normal, ρ = 0.9": Case(normal_pair(0.9), (0.853, 0.843, 0.843), 0.002),  # 0.8304
    "normal, ρ = 0.99": Case(normal_pair(0.99), (1.989, 1.984, 1.984), 0.002),  # 1.9585
    "normal, ρ = 0.999": Case(normal_pair(0.999), (3.125, 3.118, 3.118), 0.002),  # 3.1076
    "uniform marginals": Case(mapped_pair(ndtr, 0.75), (0.405, 0.419, 0.420)),  # 0.4133
    "half-cube marginals": Case(mapped_pair(lambda z: z * np.sqrt(np.abs(z)), 0.75), (0.422, 0.413, 0.415)),  # 0.4133
    "lognormal marginals": Case(mapped_pair(np.exp, 0.75), (0.417, 0.404, 0.410)),  # 0.4133
    "student t, 2": Case(student_pair(2), (0.103, 0.048, 0.056)),  # 0.0827
    "student t, 3": Case(student_pair(3), (0.057, 0.024, 0.029)),  # 0.0424
    "student t, 5": Case(student_pair(5), (0.035, 0.007, 0.010)),  # 0.0171
    "additive, 0.1": Case(additive_uniform(0.1), (1.646, 1.654, 1.658)),  # 0.1 − log 0.2 = 1.7094
    "additive, 0.75": Case(additive_uniform(0.75), (0.291, 0.308, 0.311)),  # 1 / 3
    "independent uniform": Case(independent(np.random.Generator.random), (-0.0291, 0.0, -0.001)),  # 0
    "independent exponential": Case(independent(np.random.Generator.standard_exponential), (-0.0348, 0.0, 0.002)),  # 0
    "independent laplace": Case(independent(lambda rng, s: rng.laplace(size=s)), (0.018, 0.002, 0.003)),  # 0
    "independent t, 3": Case(independent(lambda rng, s: rng.standard_t(3, s)), (0.016, 0.001, 0.001)),  # 0
}


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("name", CASES)
def test_mean_agrees_with_the_exact_estimator(name, estimator):
    """Within 4 standard errors of the difference, plus the rounding of the reference."""
    case = CASES[name]
    mi, expected = estimates(case.draw, M, TRIALS, 0, estimator=estimator), case.means[ESTIMATORS.index(estimator)]
    tolerance = 4 * mi.std(ddof=1) * math.sqrt(1 / TRIALS + 1 / REFERENCE_TRIALS) + case.rounding
    assert abs(mi.mean() - expected) < tolerance, f"{name}: mean {mi.mean():.4f}, expected {expected}±{tolerance:.4f}"


@pytest.mark.parametrize(
    ("estimator", "mean", "sd"), [("3h", 0.0121, 0.0420), ("ksg1", -0.0003, 0.0235), ("ksg2", 0.0007, 0.0269)]
)
def test_null_of_independent_normals(estimator, mean, sd):
    """3H has the paper's 0.012 ± 0.042 over 1000 trials (§4); the values are from 5000 trials of a reference.

    4 standard errors: sd / √1000 of the mean, sd / √2000 of the standard deviation, and those of the reference.
    """
    mi = estimates(normal_pair(0), M, 1000, 1, estimator=estimator)
    assert mi.mean() == pytest.approx(mean, abs=4 * sd * math.sqrt(1 / 1000 + 1 / 5000))
    assert mi.std(ddof=1) == pytest.approx(sd, rel=4 * math.sqrt(1 / 2000 + 1 / 10_000))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_bias_decreases_with_the_sample_size(estimator):
    """ρ = 0.75, where it is about 0.03, 0.014 and 0.006 nats for 3H and 0.011, 0.005 and 0.003 for KSG.

    The sample mean of the log density ratio is subtracted, and with it half of the noise: standard errors about
    0.0015, 0.001 and 0.0007 nats for KSG, twice that for 3H.
    """
    rho, bias = 0.75, []
    for m, trials in ((250, 800), (1000, 400), (4000, 200)):
        x, y = normal_pair(rho)(np.random.default_rng(2), (m, trials))
        ratio = gaussian_information(rho) + rho * (x * y - rho * (x**2 + y**2) / 2) / (1 - rho**2)
        bias.append((of_pairs(x, y, estimator=estimator).pair_mi - ratio.mean(axis=0)).mean())
    assert bias[0] > bias[1] > bias[2] > -0.003, f"bias {bias}"
    assert bias[2] < 0.01, f"bias {bias}"


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("k", [1, 5])
def test_other_neighbours_estimate_the_same(estimator, k):
    """ρ = 0.75 within 4 standard errors and 0.015: the bias of 3H is 0.009 (k = 1) and 0.014 (k = 5), of KSG < 0.008.

    For k = 1 one neuron in 200 has two equal numbers in single precision.
    """
    mi = estimates(normal_pair(0.75), M, 100, 4, estimator=estimator, k=k)
    assert abs(mi.mean() - gaussian_information(0.75)) < 4 * mi.std(ddof=1) / math.sqrt(len(mi)) + 0.015
