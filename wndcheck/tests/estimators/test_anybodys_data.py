"""1,000 random inputs of ten kinds: each gets the value of brute force in double precision, or a refusal that is true.

Values are compared with the two estimators written down plainly, from all differences in float64 of the same z-scores
or normal scores; with normal margins also with the truth, where samples are increasing maps of normal ones. Reasons of
refusals are checked against the data.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import digamma

from wndcheck.estimators import mutual_information
from wndcheck.estimators.estimation import rank_neighbours
from wndcheck.estimators.flags import LARGEST_MASS, LARGEST_REPEATS
from wndcheck.estimators.preprocessing import add_jitter, normal_scores
from wndcheck.estimators.rounding import grid_step
from wndcheck.experiment.gaussian_experiments import gaussian_information

RHOS = (0.0, 0.8)
INPUTS = 100  # of each kind
TOLERANCE = 0.01  # nats; the standard errors of estimates from 400 samples are .04 to .08

Made = tuple[np.ndarray, np.ndarray, bool]  # x, y, and whether both are increasing maps of normal samples


def heavy_tails(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Made:
    a, b = rng.uniform(0, 5, 2)
    return np.exp(a * x), np.sign(y) * np.abs(y) ** b if b > 0.2 else y, True


def rounding(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Made:
    step = 10.0 ** rng.uniform(-6, -0.5)
    dtype = rng.choice([np.float64, np.float32, np.float16])
    return (np.round(x / step) * step).astype(dtype), y.astype(dtype), False


def clusters(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Made:
    width, count = 10.0 ** rng.uniform(-12, 0), rng.integers(2, 6)
    centres = np.floor(count * np.argsort(np.argsort(x)) / len(x))
    return centres + width * rng.standard_normal(len(x)), y, False


def lattices(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Made:
    m = len(x)
    grid = np.sort(rng.choice(rng.integers(m, 20 * m), m, replace=False)) * 10.0 ** rng.uniform(-3, 3)
    return grid[np.argsort(np.argsort(x))], y, True


def outliers(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Made:
    x = x.copy()
    x[rng.integers(0, len(x), rng.integers(1, 4))] *= 10.0 ** rng.uniform(0, 12)
    return x, y, False


def integers(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Made:
    scale = 10.0 ** rng.uniform(0, 6)
    dtype = rng.choice([np.int64, np.float64])
    return np.floor(scale * x).astype(dtype), np.floor(scale * np.exp(y)).astype(dtype), False


def duplicates(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Made:
    x, y, count = x.copy(), y.copy(), rng.integers(2, 9)
    x[:count] = x[0]
    if rng.random() < 0.5:
        y[:count] = y[0]
    if rng.random() < 0.2:
        rows = rng.integers(0, len(x), len(x))
        x, y = x[rows], y[rows]
    return x, y, False


def constants(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Made:
    made = rng.choice(["constant", "nearly", "mostly", "rectified"])
    change: dict[str, Callable[[], np.ndarray]] = {
        "constant": lambda: np.full_like(x, 10.0 ** rng.uniform(-9, 9)),
        "nearly": lambda: 1e6 + 10.0 ** rng.uniform(-13, -3) * x,
        "mostly": lambda: np.where(rng.random(len(x)) < rng.random(), 0.1, x),
        "rectified": lambda: np.maximum(x - rng.uniform(-3, 1), 0),
    }
    return change[str(made)](), y, False


def offsets(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Made:
    dtype = rng.choice([np.float64, np.float32])
    return (10.0 ** rng.uniform(0, 13) + x).astype(dtype), y.astype(dtype), False


def scales(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Made:
    a, b = 10.0 ** rng.uniform(-290, 290, 2)
    return a * x, b * y, True


KINDS = (heavy_tails, rounding, clusters, lattices, outliers, integers, duplicates, constants, offsets, scales)


def standardized(values: np.ndarray) -> np.ndarray:
    scaled = values.astype(np.float64) / (np.abs(values.astype(np.float64)).max() or 1.0)
    centred = scaled - scaled.mean()
    return centred / centred.std(ddof=1)


def plainly(rows: np.ndarray, k: int, estimator: str) -> float:
    """Eq. A.1 three times, and eq. 8 of Kraskov et al. (2004), of two rows (2, M), from all differences."""
    m, along = rows.shape[1], [np.abs(row[:, None] - row) for row in rows]
    joint = np.maximum(*along)
    if estimator == "3h":
        logs = [np.log(np.sort(distances, axis=1)[:, k]).mean() for distances in (*along, joint)]
        return float(digamma(m) - digamma(k) + logs[0] + logs[1] - 2 * logs[2] + 0.0)
    reach = np.sort(joint, axis=1)[:, [k]]
    counts = [np.maximum((distances < reach).sum(axis=1) - 1, 0) for distances in along]  # but the sample itself
    return float(digamma(k) + digamma(m) - sum(digamma(count + 1).mean() for count in counts))


def is_true(reason: str, values: np.ndarray) -> bool:
    """Whether what a refusal says about a sample holds."""
    values = values.astype(np.float64)
    m, (distinct, counts) = len(values), np.unique(values, return_counts=True)
    repeats = (m - len(distinct)) / (m - 1)
    kind, _, said = reason.partition(": ")
    if kind == "constant":
        return values.std() <= 1e-6 * abs(values.mean())
    if kind == "point mass":
        share, value = re.fullmatch(r"([\d.]+) % of samples at (\S+)", said).groups()  # pyright: ignore
        mass = counts[np.isclose(distinct, float(value), rtol=1e-5)].max() / m
        return mass >= min(LARGEST_MASS, 3 / m) and abs(100 * mass - float(share)) <= 0.051
    if kind == "repeated":
        count, value = re.match(r"(\d+) of [\d,]+ samples at (\S+),", said).groups()  # pyright: ignore
        return counts[np.isclose(distinct, float(value), rtol=1e-5)].max() == int(count)
    if kind == "tied" and "differ by less" in said:
        z = np.unique(standardized(values))
        return (m - len(z)) / (m - 1) > 0.8 * LARGEST_REPEATS
    if kind == "tied":
        right = repeats > LARGEST_REPEATS and abs(100 * repeats - float(said.split(" %")[0])) <= 0.051
        if step := re.search(r"in steps of ([\d.e+-]+)", said):
            right &= math.isclose(grid_step(np.sort(values)) or 0, float(step[1]), rel_tol=6e-3)
        if "half precision" in said:
            right &= (values == values.astype(np.float16)).all()
        if "single precision" in said:
            right &= (values == values.astype(np.float32)).all()
        if "double precision" in said:  # the nearest numbers of the format are a noticeable part of the spread
            right &= np.spacing(np.abs(values)).max() > 1e-3 / m * values.std()
        return bool(right)
    if kind == "tails":
        z = np.sort(standardized(values))
        low, high = z[m // 4], z[3 * m // 4]
        return float(said.split()[-1]) * (high - low) * 0.999 < 1.349
    if kind == "evenly spaced":
        gaps = np.diff(np.sort(values))
        share = gaps[:-1:2] / (gaps[:-1:2] + gaps[1::2])
        return grid_step(np.sort(values)) is not None or np.abs(share - 0.5).mean() < 0.2
    return False


OPTIONS = (
    {"estimator": "3h"},
    {"estimator": "ksg1"},
    {"estimator": "ksg1", "jitter": 1e-3},
    {"estimator": "3h", "jitter": 1e-2},
    {"margins": "normal"},
)


def attempt(x: np.ndarray, y: np.ndarray, options: dict) -> tuple[float, bool, str]:
    """The estimate (NaN if refused), whether there was a warning, and the message of the refusal."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            return mutual_information(x, y, **options), bool(warned), ""
        except ValueError as error:
            return math.nan, False, str(error)


def advised(advice: str) -> list[dict]:
    """The options that a refusal tells to give."""
    options = [{"margins": "normal"}] if "margins='normal'" in advice else []
    if "jitter=1e-3" in advice:
        options.append({"estimator": "ksg1", "jitter": 1e-3})
    elif "estimator='ksg1'" in advice:
        options.append({"estimator": "ksg1"})
    return options


def judged_refusal(x: np.ndarray, y: np.ndarray, refusal: str) -> str:
    """The kind of a refusal; AssertionError if it is not true."""
    if found := re.match(r"(x|y) has no \w+ estimate \((.*)\): (.*)", refusal):
        assert is_true(found[2], x if found[1] == "x" else y), refusal
        for options in advised(found[3]):
            assert not attempt(x, y, options)[2].startswith(f"{found[1]} has no"), (refusal, options)
        return found[2].split(":")[0]
    found = re.match(r"the distance to neighbour k=3 is 0 for (\d+) of \d+ samples, which coincide: ", refusal)
    assert found, refusal
    counts = np.unique(np.stack([x, y], axis=1).astype(float), axis=0, return_counts=True)[1]
    assert int(found[1]) == counts[counts > 3].sum(), refusal
    return "coincide"


def judged(x: np.ndarray, y: np.ndarray, truth: float | None, options: dict) -> str:
    """ "value", "warned" or the kind of a refusal; AssertionError if it is wrong."""
    found, warned, refusal = attempt(x, y, options)
    if refusal:
        return judged_refusal(x, y, refusal)
    if options.get("margins") == "normal":
        scores = normal_scores(np.stack([x, y], axis=1).astype(np.float64), 0)[0]
        assert found == pytest.approx(plainly(np.float32(scores), rank_neighbours(len(x)), "ksg1"), abs=TOLERANCE)
        if truth is not None:
            assert found == pytest.approx(truth, abs=4 * 0.031 * math.sqrt(1000 / len(x)) + 0.02)
        return "value"
    z = np.stack([standardized(x), standardized(y)])
    if jitter := options.get("jitter"):
        z = add_jitter(z, jitter, 0)
    assert found == pytest.approx(plainly(z, 3, options["estimator"]), abs=TOLERANCE)
    if warned:
        assert abs(found - plainly(z, 3, "ksg1")) > 0.5
    return "warned" if warned else "value"


# What each kind leads to, among others: a test that refused all would pass otherwise.
EXPECTED = {
    "heavy_tails": {"value", "tails"},
    "rounding": {"value", "tied", "point mass"},
    "clusters": {"value", "warned", "tied"},
    "lattices": {"value", "evenly spaced"},
    "outliers": {"value", "tails"},
    "integers": {"value", "tied", "point mass"},
    "duplicates": {"value", "repeated", "point mass", "tied"},
    "constants": {"value", "constant", "point mass"},
    "offsets": {"value", "constant", "tied"},
    "scales": {"value"},
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_right_value_or_a_true_refusal(kind):
    outcomes = set()
    for number in range(INPUTS):
        rng = np.random.default_rng([KINDS.index(kind), number])
        m, rho = int(rng.integers(150, 400)), RHOS[number % 2]
        x, noise = rng.standard_normal((2, m * (2 if kind is duplicates else 1)))
        x, y, monotone = kind(x, rho * x + math.sqrt(1 - rho**2) * noise, rng)
        truth = gaussian_information(rho) if monotone else None
        outcomes |= {judged(x, y, truth, options) for options in OPTIONS}
    assert outcomes >= EXPECTED[kind.__name__]
