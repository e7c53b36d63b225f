"""Mutual information on the scale of a correlation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wndcheck.estimators import normalize_mi, pairwise_mi
from wndcheck.experiment.gaussian_experiments import gaussian_information


@given(st.floats(0, 0.9999))
def test_of_a_gaussian_pair_is_the_correlation(rho):
    """To 1e-7: 1 − ρ² has lost the digits of a smaller ρ."""
    assert normalize_mi(gaussian_information(rho)) == pytest.approx(rho, abs=1e-7)


@given(st.floats(0, 20))
def test_a_negative_estimate_keeps_its_sign(mi):
    assert normalize_mi(-mi) == -normalize_mi(mi)


def test_small_information_keeps_its_digits():
    """√(1 − exp(−2 I)) → √(2 I); 1 − exp would have lost them all."""
    assert normalize_mi(1e-18) == pytest.approx(math.sqrt(2e-18), rel=1e-12)


@given(st.floats(1.1, 100), st.floats(-3, 3))
def test_base_is_that_of_the_information(base, mi):
    assert normalize_mi(mi / math.log(base), base=base) == pytest.approx(normalize_mi(mi), abs=1e-7)


def test_shape_and_nan_are_kept_and_limits_are_zero_and_one():
    scaled = normalize_mi([[0.0, np.inf, -np.inf], [np.nan, 0.5, 1.0]])
    assert scaled.shape == (2, 3)
    assert scaled[0].tolist() == [0, 1, -1]
    assert np.isnan(scaled[1, 0])
    assert 0 < scaled[1, 1] < scaled[1, 2] < 1
    assert normalize_mi(0.0).shape == ()


def test_matrix_of_a_layer():
    X = np.random.default_rng(0).standard_normal((1000, 3))
    X[:, 2] = 0.6 * X[:, 0] + 0.8 * X[:, 1]
    scaled = normalize_mi(pairwise_mi(X, estimator="ksg1").mi)
    np.testing.assert_array_equal(scaled, scaled.T)
    assert np.isnan(np.diag(scaled)).all()
    assert scaled[0, 2] == pytest.approx(0.6, abs=0.1)  # 4 sd of 0.03 nats, through a slope of 0.53 / nat
    assert scaled[1, 2] == pytest.approx(0.8, abs=0.1)


def test_a_result_is_mapped_in_its_own_base():
    X = np.random.default_rng(1).standard_normal((100, 3))
    nats, bits = (pairwise_mi(X, base=base) for base in (None, 2))
    np.testing.assert_array_equal(normalize_mi(nats), normalize_mi(nats.pair_mi))
    np.testing.assert_allclose(normalize_mi(bits), normalize_mi(nats), rtol=1e-12)
    with pytest.raises(ValueError, match=r"base=2: a result of pairwise_mi knows its base; leave it out"):
        normalize_mi(bits, base=2)
