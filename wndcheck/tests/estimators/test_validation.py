"""Arrays, tensors and data frames as samples, what is not a sample, and the base of the logarithm."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from wndcheck.estimators import knn_entropy, mutual_information, normalize_mi, pairwise_mi
from wndcheck.tests.estimators.samples import each_estimator, normal_layer

# Frames


def test_a_data_frame_gives_the_estimates_of_its_values():
    X, names = normal_layer(0, m=100), ["a", ("unit", 1), 9]
    frame = pd.DataFrame(X, columns=names, index=[f"image {i}" for i in range(100)])
    information = pairwise_mi(frame, null="shuffle", n_shuffles=2)
    np.testing.assert_array_equal(information.mi, pairwise_mi(X).mi)
    assert information.labels == tuple(names)
    assert pairwise_mi(X).labels == (0, 1, 2)
    assert knn_entropy(frame[names[:2]]) == knn_entropy(X[:, :2])
    assert mutual_information(frame["a"], frame[9]) == information.mi[0, 2]
    assert mutual_information(frame[names[:2]], frame[9]) == mutual_information(X[:, :2], X[:, 2])
    frame.iloc[:, 1] = 7.0
    assert pairwise_mi(frame).flags == {("unit", 1): "constant"}


def test_repeated_column_names_are_refused():
    X = normal_layer(2, m=100)
    X[:, 0], X[:, 1] = 7, np.maximum(X[:, 1], 0)
    with pytest.raises(ValueError, match=r"column name 'a' of X is given to 2 columns: expected names that differ"):
        pairwise_mi(pd.DataFrame(X, columns=["a", "a", "b"]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_errors_name_the_column_of_a_frame(value):
    frame = pd.DataFrame(normal_layer(3, m=100), columns=["a", "b", "c"])
    frame.loc[17, "b"] = value
    with pytest.raises(ValueError, match=rf"column b of X holds {value} at sample 17: expected finite numbers"):
        pairwise_mi(frame)
    with pytest.raises(ValueError, match=r"column b of x holds"):
        knn_entropy(frame)
    frame["b"] = 1.0
    with pytest.raises(ValueError, match=r"column b of x is constant"):
        knn_entropy(frame, units="sd")
    with pytest.raises(ValueError, match=r"column b of y .*constant"):
        mutual_information(frame["a"], frame[["c", "b"]])
    with pytest.raises(ValueError, match=r"^x holds nan at sample 1: expected finite numbers"):
        mutual_information(pd.Series([1.0, np.nan, 2.0, 3.0, 4.0]), np.arange(5))


# Tensors


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tensor_gives_the_estimates_of_its_array_and_is_unchanged(dtype):
    tensor = torch.tensor(normal_layer(4, m=100), dtype=dtype)
    before, expected = tensor.clone(), pairwise_mi(tensor.numpy(), jitter=1e-3, null="shuffle")
    for X in (tensor, tensor.clone().requires_grad_(), tensor.T.contiguous().T):
        information = pairwise_mi(X, jitter=1e-3, null="shuffle")
        np.testing.assert_array_equal(information.pair_mi, expected.pair_mi)
        assert information.meta["dtype"] == str(dtype).removeprefix("torch.")
        assert information.labels == (0, 1, 2)
        assert torch.equal(X.detach(), before)
    assert knn_entropy(tensor) == knn_entropy(tensor.numpy())
    assert mutual_information(tensor[:, 0], tensor[:, 1]) == pairwise_mi(tensor).mi[0, 1]


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.float16, torch.bfloat16])
def test_integer_and_half_precision_tensors_keep_their_values(dtype):
    """Whole numbers up to 200 are exact in all of these."""
    rng = np.random.default_rng(6)
    X = np.stack([rng.permutation(200) for _ in range(3)], axis=1)
    information = pairwise_mi(torch.tensor(X).to(dtype))
    np.testing.assert_array_equal(information.pair_mi, pairwise_mi(X).pair_mi)
    assert information.meta["dtype"] == str(dtype).removeprefix("torch.")


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float32, np.longdouble])
def test_any_real_dtype_is_accepted(dtype):
    X = np.stack([np.random.default_rng(seed).permutation(120) for seed in range(2)], axis=1)
    np.testing.assert_array_equal(pairwise_mi(X.astype(dtype)).pair_mi, pairwise_mi(X).pair_mi)


# What is not a sample


@pytest.mark.parametrize("dtype", [bool, complex, object, "U8", "M8[s]"])
def test_dtypes_that_are_not_real_are_refused(dtype):
    for function in (knn_entropy, pairwise_mi, partial(mutual_information, np.arange(10.0))):
        with pytest.raises(TypeError, match=r"\w has dtype .*: expected integers or floating-point numbers"):
            function(np.zeros((10, 2), dtype))


@pytest.mark.parametrize(
    "X",
    [
        torch.zeros((10, 2), dtype=torch.bool),
        torch.zeros((10, 2), dtype=torch.complex64),
        pd.DataFrame({"a": np.arange(10.0), "b": ["word"] * 10}),
    ],
)
def test_tensors_and_frames_that_are_not_real_are_refused(X):
    with pytest.raises(TypeError, match=r"X has dtype .*: expected integers or floating-point numbers"):
        pairwise_mi(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(10), r"X has shape \(10,\): expected \(n_samples, n_columns\)"),
        (pd.Series(np.zeros(10)), r"X has shape \(10,\): expected"),
        (torch.zeros(2, 3, 4), r"X has shape \(2, 3, 4\): expected"),
        (np.arange(10.0)[:, None], r"X has 1 columns: expected at least two neurons to pair"),
        (np.where(np.arange(30) == 17, np.nan, 1.0).reshape(10, 3), r"column 2 of X holds nan at sample 5"),
    ],
)
def test_bad_layers_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        pairwise_mi(X)


# Base of the logarithm


@each_estimator
@pytest.mark.parametrize("base", [2, 10.0, np.float32(1.5)])
def test_base_scales_all_information(base, estimator):
    X = normal_layer(7, m=100)
    options = {"estimator": estimator, "null": "shuffle", "n_shuffles": 2, "n_subsamples": 3}
    nats, other = pairwise_mi(X, **options), pairwise_mi(X, base=base, **options)
    for name in ("pair_mi", "entropy", "null_mi", "subsample_mi", "mi", "pair_corrected", "pair_se"):
        expected = getattr(nats, name) / math.log(base)
        np.testing.assert_allclose(getattr(other, name), expected, rtol=1e-12, atol=1e-14, err_msg=name)
    for name in ("score", "corrected_score", "score_se"):
        assert getattr(other, name) == pytest.approx(getattr(nats, name) / math.log(base), rel=1e-10), name
    np.testing.assert_array_equal(other.p_values, nats.p_values)
    assert other.meta["base"] == base
    one = mutual_information(X[:, 0], X[:, 1], estimator=estimator, base=base)
    assert one == other.mi[0, 1]


@pytest.mark.parametrize(
    ("base", "error", "message"),
    [
        (1, ValueError, r"base=1: expected a number from 1 to"),
        (-2, ValueError, r"base=-2: expected a number"),
        (math.nan, ValueError, r"base=nan: expected a number"),
        (math.inf, ValueError, r"base=inf: expected a number"),
        (True, TypeError, r"base=True: expected a number"),
        ("e", TypeError, r"base='e': expected a number"),
    ],
)
def test_bad_bases_are_refused(base, error, message):
    X = normal_layer(8, m=100)
    for function in (pairwise_mi, knn_entropy, normalize_mi):
        with pytest.raises(error, match=message):
            function(X, base=base)
    for blocks in ((X[:, 0], X[:, 1]), (X[:, :2], X[:, 2])):
        with pytest.raises(error, match=message):
            mutual_information(*blocks, base=base)


def test_masked_values_are_refused():
    x = np.random.default_rng(43).standard_normal(50)
    with pytest.raises(TypeError, match=r"masked array hides values .*compressed"):
        knn_entropy(np.ma.masked_where(x > 1, x))
    assert knn_entropy(np.ma.asarray(x)) == knn_entropy(x)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint64])
def test_any_integer_type_is_accepted_as_k(kind):
    X = np.random.default_rng(44).standard_normal((300, 2))
    assert pairwise_mi(X, k=kind(3)).pair_mi[0] == pairwise_mi(X).pair_mi[0]
    assert knn_entropy(X, k=kind(3)) == knn_entropy(X)
    for x in (X[:, 0], X):
        assert mutual_information(x, X[:, 1] ** 3, k=kind(3)) == mutual_information(x, X[:, 1] ** 3)


def test_a_torch_device_object_is_accepted():
    X = np.random.default_rng(45).standard_normal((50, 2))
    device = torch.device("cpu")
    assert pairwise_mi(X, device=device).pair_mi[0] == pairwise_mi(X).pair_mi[0]
    with pytest.raises(ValueError, match=r"device='None' cannot be used here .*try device='cpu'"):
        pairwise_mi(X, device=None)
