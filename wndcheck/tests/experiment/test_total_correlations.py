"""The total correlation of three and of five neurons, by closed forms, and which groups of neurons have none."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from wndcheck.estimators import knn_entropy, pairwise_mi
from wndcheck.estimators.entropy import CoincidentError
from wndcheck.experiment.cells import Probe
from wndcheck.experiment.measurement.layers import total_correlation, total_correlations
from wndcheck.experiment.measurement.sampling import DrawKey, layer_groups

DRAW_KEY = DrawKey(0, 1, 2)
# Of 1000 samples of five neurons an estimate errs by some .06 nats (sd) at ρ = .6, less at smaller ρ and of three.
SD = 0.06


def correlated(rng: np.random.Generator, rho: float, neurons: int) -> np.ndarray:
    """Gaussian neurons, any two of one correlation."""
    return sqrt(1 - rho) * rng.standard_normal((1000, neurons)) + sqrt(rho) * rng.standard_normal((1000, 1))


def gaussian_total_correlation(rho: float, neurons: int) -> float:
    """-½ log det R of equicorrelated Gaussians."""
    matrix = np.full((neurons, neurons), rho) + (1 - rho) * np.eye(neurons)
    return -0.5 * float(np.linalg.slogdet(matrix)[1])


@pytest.mark.parametrize("neurons", [2, 3, 5])
@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
def test_total_correlation_of_gaussians(neurons: int, rho: float) -> None:
    rng = np.random.default_rng(neurons)
    found = [total_correlation(correlated(rng, rho, neurons), 3, rng) for _ in range(16)]
    # .015 for what is left of the bias, which the shuffle has not where neurons depend on each other.
    assert abs(np.mean(found) - gaussian_total_correlation(rho, neurons)) < 4 * SD / sqrt(16) + 0.015


def test_total_correlation_of_three_pairwise_independent_neurons() -> None:
    rng = np.random.default_rng(0)
    signs = rng.choice([-1, 1], (1000, 2))
    x = np.abs(rng.standard_normal((1000, 3))) * np.column_stack([signs, signs.prod(axis=1)])
    assert abs(total_correlation(x[:, :2], 3, rng)) < 4 * SD
    # The third's sign follows from the others': log 2. Densities that end at 0 cost some .1 of it.
    assert total_correlation(x, 3, rng) == pytest.approx(np.log(2), abs=4 * SD)


def test_offset_and_scale_do_not_matter() -> None:
    x = correlated(np.random.default_rng(0), 0.5, 3)
    found = [
        total_correlation(moved, 3, np.random.default_rng(1)) for moved in (x, x * [1e-3, 1, 1e3] + [-2.0, 0.0, 5.0])
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_a_layers_mean_is_over_its_groups() -> None:
    z = correlated(np.random.default_rng(0), 0.4, 8)
    found = total_correlations(z, (), DRAW_KEY, Probe(groups=6))
    rng = np.random.default_rng(DRAW_KEY.seed("groups"))
    for size in (3, 5):
        each = [total_correlation(z[:, group], 3, rng) for group in layer_groups(8, size, 6, DRAW_KEY.layer).tolist()]
        assert found[f"total_correlation_{size}"] == pytest.approx(np.mean(each), abs=1e-12)
    assert list(found) == ["total_correlation_3", "total_correlation_5"]
    assert total_correlations(z, (), DRAW_KEY, Probe(groups=6, k=5)) != found


def test_groups_whose_samples_coincide_are_left_out() -> None:
    """Rounding makes them equal, as where neurons of the layer before are saturated, and no neuron is flagged."""
    z = correlated(np.random.default_rng(0), 0.4, 8).astype(np.float32)
    apart = np.array([0, 0, 0, *range(-10, 11)])
    z[: len(apart), :3] = (-1.5 + apart * np.spacing(np.float32(1.5)))[:, None]
    assert not pairwise_mi(z, k=3).flags
    with pytest.raises(CoincidentError, match="4 of 1,000 samples"):
        knn_entropy(z[:, :3])
    assert np.isnan(total_correlation(z[:, :3], 3, np.random.default_rng(0)))
    groups = layer_groups(8, 3, 40, DRAW_KEY.layer).tolist()
    assert [0, 1, 2] in map(sorted, groups)
    found = total_correlations(z, (), DRAW_KEY, Probe(groups=40))
    assert abs(found["total_correlation_3"] - gaussian_total_correlation(0.4, 3)) < 4 * SD + 0.015  # type: ignore[operator]


def test_groups_with_a_flagged_neuron_are_left_out() -> None:
    z = correlated(np.random.default_rng(0), 0.6, 8)
    z[:, 2] = 7.0  # would be refused if it were asked about
    groups = layer_groups(8, 3, 30, DRAW_KEY.layer)
    without = [2 not in group for group in groups.tolist()]
    assert 0 < sum(without) < 30
    found = total_correlations(z, {2}, DRAW_KEY, Probe(groups=30))
    expected = gaussian_total_correlation(0.6, 3)
    assert abs(found["total_correlation_3"] - expected) < 4 * SD + 0.015  # type: ignore[operator]
    with pytest.raises(ValueError, match="constant"):
        total_correlations(z, (), DRAW_KEY, Probe(groups=30))


def test_total_correlation_of_too_few_neurons_is_nan() -> None:
    z = correlated(np.random.default_rng(0), 0.6, 4)
    found = total_correlations(z, (), DRAW_KEY, Probe())
    assert np.isfinite(found["total_correlation_3"])  # type: ignore[arg-type]
    assert np.isnan(found["total_correlation_5"])  # type: ignore[arg-type]
    assert np.isnan(list(total_correlations(z, range(4), DRAW_KEY, Probe()).values())).all()  # type: ignore[arg-type]
