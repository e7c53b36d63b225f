"""Arrays, tensors and data frames as samples, what is not a sample, and the base of the logarithm."""

from __future__ import annotations

import math
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from wndcheck.estimators import knn_entropy, mutual_information, normalize_mi, pairwise_mi
from wndcheck.estimators.validation import thread_count
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


PLAIN = {"Int64": "int64", "Int8": "int8", "Float64": "float64", "Float32": "float32", "Sparse[int]": "int64"}
PLAIN |= {"double[pyarrow]": "float64", "int64[pyarrow]": "int64"}


@pytest.mark.parametrize("dtype", PLAIN)
def test_nullable_arrow_and_sparse_columns_keep_their_values(dtype):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    rng = np.random.default_rng(9)
    X = np.stack([rng.permutation(100), rng.permutation(100)], axis=1)
    frame = pd.DataFrame(X, columns=["a", "b"]).astype(dtype)
    information = pairwise_mi(frame, estimator="ksg1")
    np.testing.assert_array_equal(information.pair_mi, pairwise_mi(X, estimator="ksg1").pair_mi)
    assert information.meta["dtype"] == PLAIN[dtype]
    assert mutual_information(frame["a"], frame["b"], estimator="ksg1") == information.pair_mi[0]
    assert pairwise_mi(frame.assign(b=X[:, 1]), estimator="ksg1").pair_mi[0] == information.pair_mi[0]


def test_nullable_columns_have_the_resolution_of_their_dtype():
    X = (1e6 + np.random.default_rng(10).standard_normal((100, 2)) * 1e-3).astype(np.float32)
    frame = pd.DataFrame(X, columns=["a", "b"])
    assert pairwise_mi(frame.astype("Float32")).flags == pairwise_mi(frame).flags == {"a": "constant", "b": "constant"}
    assert pairwise_mi(frame.astype("Float32")).meta["dtype"] == "float32"


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "int64[pyarrow]"])
def test_a_missing_value_is_named(dtype):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40)[::-1]}).astype({"b": dtype})
    frame.loc[17, "b"] = pd.NA
    with pytest.raises(
        ValueError, match=r"column b of X holds nan at sample 17: expected finite numbers, none missing"
    ):
        pairwise_mi(frame)
    with pytest.raises(ValueError, match=r"^y holds nan at sample 17"):
        mutual_information(frame["a"], frame["b"])


NOT_REAL = {
    "bool": ([True, False] * 20, r"astype\(float\) makes it 0 and 1, two point masses"),
    "boolean": ([True, False] * 20, r"astype\(float\) makes it 0 and 1, two point masses"),
    "bool[pyarrow]": ([True, False] * 20, r"astype\(float\) makes it 0 and 1, two point masses"),
    "object": (["1.5"] * 40, r"leave it out, or give astype\(float\) where all its values are numbers"),
    "str": (["word"] * 40, r"leave it out, or give astype"),
    "string[pyarrow]": (["word"] * 40, r"leave it out, or give astype"),
    "category": ([1, 2] * 20, r"leave it out, or give astype"),
    "datetime64[s]": (["2020-01-01"] * 40, r"give a number, such as the days since the first date"),
    "timedelta64[s]": (["1h"] * 40, r"give a number, such as the days"),
    "complex": ([1j] * 40, r"give the real and the imaginary part as two columns"),
}


@pytest.mark.parametrize("dtype", NOT_REAL)
def test_a_column_that_is_not_real_is_named_with_advice(dtype):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    values, advice = NOT_REAL[dtype]
    column = pd.Series(values).astype(dtype)
    frame = pd.DataFrame({"a": np.arange(40.0), "b": column, "c": np.arange(40)})
    with pytest.raises(TypeError, match=rf"^column b of X has dtype .*: expected integers or floating.*; {advice}"):
        pairwise_mi(frame)
    with pytest.raises(TypeError, match=rf"^column b of x has dtype .*; {advice}"):
        mutual_information(frame, np.arange(40))
    with pytest.raises(TypeError, match=rf"^x has dtype .*; {advice}"):
        knn_entropy(column)


def test_a_polars_frame_gives_the_estimates_of_its_values():
    polars = pytest.importorskip("polars")
    X = normal_layer(11, m=100)
    information = pairwise_mi(polars.DataFrame(X, schema=["a", "b", "c"]), pairs=[("a", "c")])
    assert information.labels == ("a", "b", "c")
    assert information.pair_mi[0] == pairwise_mi(X).mi[0, 2]
    with pytest.raises(TypeError, match=r"X has dtype object"):
        pairwise_mi(polars.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}))


# Pairs by name


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", ("unit", 1)), (9, "a")],
        (["a", ("unit", 1)], ["a", 9]),
        np.array([["a", ("unit", 1)], ["a", 9]], dtype=object),
        iter([("a", ("unit", 1)), ("a", 9)]),
    ],
)
def test_pairs_by_column_names(pairs):
    frame = pd.DataFrame(normal_layer(12, m=100), columns=["a", ("unit", 1), 9])
    assert pairwise_mi(frame, pairs=pairs).pairs.tolist() == [[0, 1], [0, 2]]
    names = pd.DataFrame(normal_layer(12, m=100), columns=["one", "two", "three"])
    assert pairwise_mi(names, pairs=np.array([["two", "one"]])).pairs.tolist() == [[0, 1]]
    assert pairwise_mi(names, pairs=combinations(names.columns, 2)).pairs.tolist() == pairwise_mi(names).pairs.tolist()
    assert pairwise_mi(names, pairs=combinations(range(3), 2)).pairs.tolist() == pairwise_mi(names).pairs.tolist()


@pytest.mark.parametrize(
    ("columns", "pairs", "found"),
    [
        ([1, 2, 3], [(1, 3), (2, 1)], [[0, 2], [0, 1]]),
        ([1, 2, 3], [(0, 1), (2, 1)], [[0, 1], [1, 2]]),
        ([10, 20, 30], np.array([(30, 20)], dtype=np.uint8), [[1, 2]]),
        ([-1, 0, 1], [(-1, 0)], [[0, 1]]),
        ([1.0, 2.0, 3.0], [(2, 3)], [[1, 2]]),
        ([1, 0, 2], [(0, 1)], [[0, 1]]),
        ([1, 2, 3], [(1, 2)], None),
        ([1, 0, 2], [(0, 1), (2, 1)], None),
        (["a", 2, 1], [(1, 2)], [[1, 2]]),
    ],
    ids=str,
)
def test_integers_are_names_where_they_can_be_nothing_else(columns, pairs, found):
    X = normal_layer(12, m=100)
    frame = pd.DataFrame(X, columns=columns)
    if found:
        assert pairwise_mi(frame, pairs=pairs).pairs.tolist() == found
        return
    with pytest.raises(
        ValueError, match=r"pairs holds \[1, 2\], which are names and indices of different columns"
    ) as told:
        pairwise_mi(frame, pairs=pairs)
    assert "give X.to_numpy() for indices, or X.rename(columns=str) and names as text" in str(told.value)
    assert pairwise_mi(frame.to_numpy(), pairs=pairs).pairs.tolist() == np.sort(pairs).tolist()
    places = np.sort([[columns.index(name) for name in pair] for pair in pairs]).tolist()
    as_text = [tuple(map(str, pair)) for pair in pairs]
    assert pairwise_mi(frame.rename(columns=str), pairs=as_text).pairs.tolist() == places


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a", "d")], r"pairs holds 'd', no column name of X: expected names throughout, or indices"),
        ([("a", 1)], r"pairs holds 1, no column name of X: expected names throughout"),
        ([("a", "b"), (0, 1)], r"pairs holds 0, no column name of X"),
        ([("a", "a")], r"pairs holds \[0, 0\]: expected two different columns"),
        (["ab", "bc"], r"pairs holds 'ab': expected two columns in each pair"),
        ([("a", ["b"])], r"pairs holds \['b'\], no column name of X"),
        (["a", "b"], r"pairs holds 'a': expected two columns in each pair"),
        ([("a", "b", "c")], r"pairs holds \('a', 'b', 'c'\): expected two columns in each pair"),
        ([(0, 1), (1,)], r"pairs holds 0, no column name of X"),
    ],
)
def test_pairs_of_other_names_are_refused(pairs, message):
    frame = pd.DataFrame(normal_layer(13, m=50), columns=["a", "b", "c"])
    with pytest.raises(ValueError, match=message):
        pairwise_mi(frame, pairs=pairs)


def test_a_column_beside_itself_is_named_as_it_was_given():
    frame = pd.DataFrame(normal_layer(13, m=50), columns=[10, 20, 30])
    with pytest.raises(ValueError, match=r"pairs holds \[30, 30\]: expected two different columns$"):
        pairwise_mi(frame, pairs=[(10, 20), (30, 30)])


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


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.coo_array])
def test_sparse_matrices_are_refused(kind):
    X = kind(np.eye(20))
    message = rf"X is sparse \({kind.__name__}\): its zeros are samples like all others, .*; give X\.toarray\(\)"
    with pytest.raises(TypeError, match=message):
        pairwise_mi(X)


def test_rows_of_different_lengths_are_refused():
    for function in (pairwise_mi, knn_entropy):
        with pytest.raises(ValueError, match=r"^[Xx] holds rows of different lengths: expected as many columns"):
            function([[1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0]])


# Seeds and threads


def test_a_seed_from_a_generator_is_drawn_and_recorded():
    X = normal_layer(46, m=60)
    for make in (np.random.default_rng, np.random.RandomState):
        generator, again = make(5), make(5)
        first, second = (pairwise_mi(X, null="shuffle", random_state=generator) for _ in range(2))
        assert first.meta["random_state"] != second.meta["random_state"]
        assert not np.array_equal(first.null_mi, second.null_mi)
        for state in (again, first.meta["random_state"]):
            repeated = pairwise_mi(X, null="shuffle", random_state=state)
            assert repeated.meta == first.meta
            np.testing.assert_array_equal(repeated.null_mi, first.null_mi)


def test_no_seed_draws_one_that_differs_each_time_and_is_recorded():
    X = normal_layer(47, m=60)
    first, second = (pairwise_mi(X, jitter=1e-3, n_subsamples=3, random_state=None) for _ in range(2))
    assert first.meta["random_state"] != second.meta["random_state"]
    repeated = pairwise_mi(X, jitter=1e-3, n_subsamples=3, random_state=first.meta["random_state"])
    np.testing.assert_array_equal(repeated.subsample_mi, first.subsample_mi)
    one, other = (mutual_information(X[:, 0], X[:, 1], jitter=1e-3, random_state=None) for _ in range(2))
    assert one != other


@pytest.mark.parametrize("state", ["0", 1.5, True])
def test_other_seeds_are_refused(state):
    with pytest.raises(TypeError, match=r"random_state=.*: expected an integer"):
        pairwise_mi(normal_layer(48, m=60), random_state=state)


def test_negative_numbers_of_threads_count_from_all_cores(monkeypatch):
    monkeypatch.setattr("wndcheck.estimators.validation.usable_cores", lambda: 4)
    counts = {-1: 4, -2: 3, -4: 1, -9: 1, 1: 1, 7: 7, np.int64(2): 2}
    assert {n: thread_count(n) for n in counts} == counts
    assert thread_count(None) is None
    X = normal_layer(49, m=60)
    np.testing.assert_array_equal(pairwise_mi(X, n_jobs=-1).pair_mi, pairwise_mi(X, n_jobs=1).pair_mi)


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
