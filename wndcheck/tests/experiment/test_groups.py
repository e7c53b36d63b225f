from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from wndcheck.experiment.cells import Probe
from wndcheck.experiment.measurement.groups import total_correlation, total_correlations
from wndcheck.experiment.measurement.places import Place, layer_groups

PLACE = Place(0, 1, 2)
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
def test_gaussians_have_the_total_correlation_of_their_correlations(neurons: int, rho: float) -> None:
    rng = np.random.default_rng(neurons)
    found = [total_correlation(correlated(rng, rho, neurons), 3, rng) for _ in range(16)]
    # .015 for what is left of the bias, which the shuffle has not where neurons depend on each other.
    assert abs(np.mean(found) - gaussian_total_correlation(rho, neurons)) < 4 * SD / sqrt(16) + 0.015


def test_three_may_depend_where_no_two_do() -> None:
    rng = np.random.default_rng(0)
    signs = rng.choice([-1, 1], (1000, 2))
    x = np.abs(rng.standard_normal((1000, 3))) * np.column_stack([signs, signs.prod(axis=1)])
    assert abs(total_correlation(x[:, :2], 3, rng)) < 4 * SD
    # The third's sign follows from the others': log 2. Densities that end at 0 cost some .1 of it.
    assert total_correlation(x, 3, rng) == pytest.approx(np.log(2), abs=4 * SD)


def test_neither_offset_nor_scale_matters() -> None:
    x = correlated(np.random.default_rng(0), 0.5, 3)
    found = [
        total_correlation(moved, 3, np.random.default_rng(1)) for moved in (x, x * [1e-3, 1, 1e3] + [-2.0, 0.0, 5.0])
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_a_layers_mean_is_over_its_groups() -> None:
    z = correlated(np.random.default_rng(0), 0.4, 8)
    found = total_correlations(z, (), PLACE, Probe(groups=6))
    rng = np.random.default_rng(PLACE.seed("groups"))
    for size in (3, 5):
        each = [total_correlation(z[:, group], 3, rng) for group in layer_groups(8, size, 6, PLACE.layer).tolist()]
        assert found[f"total_correlation_{size}"] == pytest.approx(np.mean(each), abs=1e-12)
    assert list(found) == ["total_correlation_3", "total_correlation_5"]


def test_k_is_the_probes() -> None:
    z = correlated(np.random.default_rng(0), 0.4, 8)
    assert total_correlations(z, (), PLACE, Probe(k=3)) != total_correlations(z, (), PLACE, Probe(k=5))


def test_groups_with_a_flagged_neuron_are_left_out() -> None:
    z = correlated(np.random.default_rng(0), 0.6, 8)
    z[:, 2] = 7.0  # would be refused if it were asked about
    groups = layer_groups(8, 3, 30, PLACE.layer)
    without = [2 not in group for group in groups.tolist()]
    assert 0 < sum(without) < 30
    found = total_correlations(z, {2}, PLACE, Probe(groups=30))
    expected = gaussian_total_correlation(0.6, 3)
    assert abs(found["total_correlation_3"] - expected) < 4 * SD + 0.015  # type: ignore[operator]
    with pytest.raises(ValueError, match="constant"):
        total_correlations(z, (), PLACE, Probe(groups=30))


def test_no_number_where_nothing_is_left_or_neurons_are_too_few() -> None:
    z = correlated(np.random.default_rng(0), 0.6, 4)
    found = total_correlations(z, (), PLACE, Probe())
    assert np.isfinite(found["total_correlation_3"])  # type: ignore[arg-type]
    assert np.isnan(found["total_correlation_5"])  # type: ignore[arg-type]
    assert np.isnan(list(total_correlations(z, range(4), PLACE, Probe()).values())).all()  # type: ignore[arg-type]
