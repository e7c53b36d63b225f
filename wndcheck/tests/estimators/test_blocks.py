"""Blocks of columns: linear dependence within them, high dimension, units, and pandas objects with an index."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from wndcheck.estimators import knn_entropy, mutual_information
from wndcheck.estimators.multivariate import block_information
from wndcheck.experiment.gaussian_experiments import gaussian_information
from wndcheck.tests.estimators.test_two_samples import normal_block, standardized

M = 1000
RHO = 0.6


def samples(seed: int, m: int = M) -> tuple[np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(m), rng


# --- linear dependence ------------------------------------------------------------------------------------------------


def with_itself(noise: float, m: int = M):
    """(x, x + noise) and a y that shares .223 nats with x."""
    x, rng = samples(0, m)
    return np.stack([x, x + noise * rng.standard_normal(m)], axis=1), RHO * x + 0.8 * rng.standard_normal(m)


def of_constant_sum():
    z = samples(1)[1].standard_normal((M, 3))
    return z - z.mean(axis=1, keepdims=True), samples(2)[0]


def of_rank_two():
    rng = samples(3)[1]
    return rng.standard_normal((M, 2)) @ rng.standard_normal((2, 10)), rng.standard_normal(M)


SINGULAR = {  # samples, right value: 3H gave −2.5, −1.07 and −7.8 for the first three
    "a column twice": (with_itself(0), gaussian_information(RHO)),
    "rows of a constant sum": (of_constant_sum(), 0.0),
    "ten columns of rank two": (of_rank_two(), 0.0),
    "a column twice but for rounding": (with_itself(1e-9), gaussian_information(RHO)),
    "a column twice but for a thousandth": (with_itself(1e-3), gaussian_information(RHO)),
    "a column twice but for a thirtieth": (with_itself(0.03), gaussian_information(RHO)),
}


@pytest.mark.filterwarnings("ignore:x and y have 11 columns")
@pytest.mark.parametrize("margins", ["sd", "none", "normal"])
@pytest.mark.parametrize("name", SINGULAR)
def test_blocks_of_fewer_dimensions_are_refused_by_3h_only(name, margins):
    (x, y), truth = SINGULAR[name]
    if margins != "normal" or x.shape[1] < 6:
        with pytest.raises(
            ValueError, match=r"linearly dependent or nearly so: .*; take estimator='ksg1', or leave out"
        ):
            mutual_information(x, y, estimator="3h", margins=margins)
    assert mutual_information(x, y, estimator="ksg1", k=3, margins=margins) == pytest.approx(truth, abs=4 * 0.025)


@pytest.mark.parametrize("noise", [0.01, 0.03, 0.1, 0.3, 1])
@pytest.mark.parametrize("m", [300, 3000])
def test_3h_is_refused_where_it_is_wrong(m, noise):
    """At a thickness of half the k-th distance it is .1 to .3 nats too low in three dimensions."""
    x, y = with_itself(noise, m)
    if noise < 0.02:
        with pytest.raises(ValueError, match="linearly dependent"):
            mutual_information(x, y)
    elif noise > 0.2:
        assert mutual_information(x, y) == pytest.approx(mutual_information(x, y, estimator="ksg1"), abs=0.1)
    else:  # refused from a thickness of half the k-th distance, which depends on M
        found = block_information(*(standardized(block) for block in (x, y[:, None])), 3, "3h")
        try:
            assert mutual_information(x, y) == pytest.approx(found, abs=1e-9)
        except ValueError:
            assert found < mutual_information(x, y, estimator="ksg1") - 0.1
        else:
            assert found > mutual_information(x, y, estimator="ksg1") - 0.3


@pytest.mark.parametrize("rho", [0.5, 0.9, 0.99])
def test_strong_dependence_is_not_refused(rho):
    x, rng = samples(4)
    y = rho * x + math.sqrt(1 - rho**2) * rng.standard_normal(M)
    block = np.stack([x, rng.standard_normal(M)], axis=1)
    # 4 standard errors, and what three dimensions miss at ρ = .99, for KSG1 as for 3H (0.1).
    assert mutual_information(block, y) == pytest.approx(gaussian_information(rho), abs=4 * 0.05 + 0.1)


# --- high dimension ---------------------------------------------------------------------------------------------------

TABLE = {  # (d_x, d_y): 3H and KSG1 in the docstring of mutual_information, ρ = .5
    (1, 1): (0.14, 0.14),
    (2, 2): (0.32, 0.28),
    (1, 4): (0.14, 0.14),
    (3, 3): (0.37, 0.39),
    (4, 4): (0.34, 0.46),
    (1, 10): (0.00, 0.09),
    (8, 8): (-0.28, 0.56),
}


@pytest.mark.filterwarnings("ignore:x and y have")
@pytest.mark.parametrize("dimensions", TABLE)
def test_the_table_of_dimensions(dimensions):
    """12 trials, 4 standard errors of .055 / √12, and the rounding of the table."""
    d_x, d_y = dimensions
    both, rng, found = min(dimensions), np.random.default_rng(5), []
    for _ in range(12):
        x, y = rng.standard_normal((M, d_x)), rng.standard_normal((M, d_y))
        y[:, :both] = 0.5 * x[:, :both] + math.sqrt(0.75) * y[:, :both]
        found.append([mutual_information(x, y, estimator=estimator) for estimator in ("3h", "ksg1")])
    np.testing.assert_allclose(
        np.mean(found, axis=0), TABLE[dimensions], rtol=0, atol=4 * 0.055 / math.sqrt(12) + 0.005
    )
    assert f"{d_x} × {d_y}" in str(mutual_information.__doc__)


@pytest.mark.parametrize("estimator", ["3h", "ksg1", "ksg2"])
def test_more_than_five_columns_warn(estimator):
    x, y = np.random.default_rng(6).standard_normal((2, 300, 3))
    with pytest.warns(UserWarning, match=r"x and y have 6 columns in all: beyond 5, estimates fall short"):
        mutual_information(x, y, estimator=estimator)
    assert math.isfinite(mutual_information(x[:, :2], y, estimator=estimator))  # warnings are errors


# --- units ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scale", "truth"), [(1e-3, -4.07), (1e-6, -10.98), (1.0, 2.84), (1e200, 463.35)])
def test_joint_entropy_of_columns_in_different_units(scale, truth):
    """log 2πe + log scale; by distances between the values −3.07, −3.15. 4 standard errors of .045, and .02 of bias."""
    z = np.random.default_rng(7).standard_normal((M, 2))
    x = z * [1, scale]
    assert knn_entropy(x) == pytest.approx(truth, abs=4 * 0.045 + 0.02)
    assert knn_entropy(x) == pytest.approx(knn_entropy(z) + math.log(scale), abs=1e-9)
    if scale < 1:
        assert knn_entropy(x, margins="none") > truth + 0.9
    assert knn_entropy(x, units="sd") == pytest.approx(knn_entropy(z, units="sd"), abs=1e-9)


def test_entropy_of_one_column_does_not_depend_on_margins():
    x = np.random.default_rng(8).standard_normal(300)
    assert knn_entropy(x, margins="none") == knn_entropy(x) == knn_entropy(x[:, None])
    with pytest.raises(ValueError, match=r"margins='normal': expected 'sd' or 'none'"):
        knn_entropy(x, margins="normal")


def test_a_constant_column_has_no_joint_entropy():
    x = np.stack([np.arange(20.0), np.full(20, 3.0)], axis=1)
    with pytest.raises(ValueError, match=r"column 1 of x is constant"):
        knn_entropy(x)


# --- indexes ----------------------------------------------------------------------------------------------------------


def frames() -> tuple[pd.Series, pd.DataFrame]:
    z = normal_block(300, 9)
    index = pd.date_range("2026-01-01", periods=300)
    return pd.Series(z[:, 2], index), pd.DataFrame(z[:, :2], index)


@pytest.mark.parametrize("kind", ["order", "values", "length"])
def test_different_indexes_are_refused_with_what_to_type(kind):
    """Paired by place, .451 became −.08."""
    x, Y = frames()
    change = {"order": lambda s: s.sample(frac=1, random_state=0), "values": lambda s: s.shift(1, freq="D")}
    moved = change.get(kind, lambda s: s.iloc[10:])(x)
    message = (
        r"^x and y have different indexes: .* type x, y = x\.align\(y, join='inner', axis=0\) to pair them by index"
    )
    for y in (Y, Y[0]):
        for first, second in ((moved, y), (y, moved)):
            with pytest.raises(ValueError, match=message):
                mutual_information(first, second)
            aligned = mutual_information(*first.align(second, join="inner", axis=0))
            inner = x.index.intersection(moved.index) if kind != "values" else None
            if inner is not None:
                expected = mutual_information(x[inner].to_numpy(), y.loc[inner].to_numpy())
                assert aligned == pytest.approx(expected, abs=1e-5)


def test_equal_indexes_and_one_index_pair_by_place():
    x, Y = frames()
    expected = mutual_information(x.to_numpy(), Y.to_numpy())
    assert (
        mutual_information(x, Y)
        == mutual_information(x.to_numpy(), Y)
        == mutual_information(x, Y.to_numpy())
        == expected
    )
    assert mutual_information(x.tolist(), Y.to_numpy()) == expected


CURVES = {
    "circle": lambda angle, x: (np.cos(angle), np.sin(angle)),
    "parabola": lambda angle, x: (x, x**2),
    "fold": lambda angle, x: (x, np.abs(x)),
}


@pytest.mark.parametrize("margins", ["sd", "normal"])
@pytest.mark.parametrize("name", CURVES)
def test_3h_warns_of_columns_that_follow_a_curve(name, margins):
    """Uncorrelated, or nearly so, and yet of one dimension: 3H is near −2 for independent blocks, KSG1 right."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 1000))
    block = np.stack(CURVES[name](2 * np.pi * rng.random(1000), x), axis=1)
    with pytest.warns(UserWarning, match=r"^3H is -\d\.\d\d nats and KSG1 .*follows a curve.*estimator='ksg1'$"):
        assert mutual_information(block, y, estimator="3h", margins=margins) < -1
    assert mutual_information(block, y, estimator="ksg1", margins=margins) == pytest.approx(0, abs=0.1)
