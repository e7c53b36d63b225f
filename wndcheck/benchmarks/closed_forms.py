"""Distributions with known entropy or mutual information, and functions that draw samples of them.

The names of the distributions seed the draws of `accuracy`: a rename would change its tables.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, lgamma, log, pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import dblquad, quad
from scipy.special import digamma, i0e
from scipy.stats import norm

from wndcheck.experiment.gaussian_experiments import gaussian_entropy, gaussian_information

Draw = Callable[[np.random.Generator, tuple[int, int]], tuple[NDArray[np.float64], ...]]


class PairDistribution(NamedTuple):
    name: str
    information: float  # nats
    draw: Draw
    for_peers: bool = False  # in the table of `accuracy` that includes other packages


class Distribution(NamedTuple):
    name: str
    entropy: float  # nats
    draw: Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]


def independent(draw: Callable[..., NDArray[np.float64]]) -> Draw:
    return lambda rng, shape: tuple(draw(rng, (2, *shape)))


def normal_pair(rho: float) -> Draw:
    def draw(rng: np.random.Generator, shape: tuple[int, int]):
        x, other = rng.standard_normal((2, *shape))
        return x, rho * x + sqrt(1 - rho**2) * other

    return draw


def mapped_pair(function: Callable[[NDArray[np.float64]], NDArray[np.float64]], rho: float) -> Draw:
    """A normal pair whose marginals are mapped by one function. If it increases, the information stays the same."""
    return lambda rng, shape: tuple(map(function, normal_pair(rho)(rng, shape)))


def student_pair(df: int) -> Draw:
    """Uncorrelated but dependent: both are divided by the root of the same χ² variable."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]):
        scale = np.sqrt(rng.chisquare(df, shape) / df)
        x, y = rng.standard_normal((2, *shape))
        return x / scale, y / scale

    return draw


def additive_uniform(e: float) -> Draw:
    """y = x + u: x uniform on (0, 1), u on (−e, e)."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]):
        x, u = rng.random((2, *shape))
        return x, x + e * (2 * u - 1)

    return draw


def noisy_circle(noise: float) -> Draw:
    """Points of the unit circle plus normal noise of this standard deviation."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]):
        angle = 2 * pi * rng.random(shape)
        e, f = noise * rng.standard_normal((2, *shape))
        return np.cos(angle) + e, np.sin(angle) + f

    return draw


def relu_pair(rho: float) -> Draw:
    return mapped_pair(lambda z: np.maximum(z, 0), rho)


def additive_uniform_information(e: float) -> float:
    """Information of `additive_uniform(e)`, for e ≤ ½, in nats."""
    return e - log(2 * e)


def circle_information(noise: float) -> float:
    """Information of `noisy_circle(noise)`, in nats, by quadrature along the radius and one axis."""

    def along_radius(r: float) -> float:
        log_density = log(i0e(r / noise**2)) - (r - 1) ** 2 / (2 * noise**2) - log(2 * pi * noise**2)
        return -2 * pi * r * exp(log_density) * log_density

    on_circle = np.cos(np.linspace(0, pi, 2001)[:-1] + pi / 4000)

    def along_axis(x: float) -> float:
        density = norm.pdf(x, on_circle, noise).mean()
        return -density * log(density)

    end = 1 + 8 * noise
    return 4 * quad(along_axis, 0, end, limit=200)[0] - quad(along_radius, 0, end, limit=200)[0]


def student_entropy(df: int, d: int = 1) -> float:
    """Entropy of the standard Student t distribution in d dimensions, in nats."""
    half = (df + d) / 2
    return lgamma(df / 2) - lgamma(half) + d / 2 * log(df * pi) + half * float(digamma(half) - digamma(df / 2))


def student_information(df: int) -> float:
    """Information of two uncorrelated coordinates of a Student t distribution, in nats."""
    return 2 * student_entropy(df) - student_entropy(df, 2)


def relu_information(rho: float) -> float:
    """Information of max(x, 0) and max(y, 0) for a normal pair, in nats, by quadrature over which of them are 0."""
    sd = sqrt(1 - rho**2)
    both = 0.25 + np.arcsin(rho) / (2 * pi)

    def one(x: float) -> float:
        p = norm.cdf(-rho * x / sd)
        return float(norm.pdf(x) * p * np.log(2 * p))

    def neither(y: float, x: float) -> float:
        # log of the density ratio to the product of the marginals
        ratio = -log(sd) + rho * (x * y - rho * (x**2 + y**2) / 2) / sd**2
        return exp(ratio - (x**2 + y**2) / 2) / (2 * pi) * ratio

    return both * log(4 * both) + 2 * quad(one, 0, 8)[0] + dblquad(neither, 0, 8, 0, 8, epsabs=1e-6)[0]


PAIR_DISTRIBUTIONS = (
    PairDistribution("normal, independent", 0, normal_pair(0), for_peers=True),
    PairDistribution("uniform, independent", 0, independent(np.random.Generator.random)),
    PairDistribution(
        "exponential, independent", 0, independent(np.random.Generator.standard_exponential), for_peers=True
    ),
    PairDistribution("normal, ρ = 0.5", gaussian_information(0.5), normal_pair(0.5), for_peers=True),
    PairDistribution("normal, ρ = 0.9", gaussian_information(0.9), normal_pair(0.9), for_peers=True),
    PairDistribution("normal, ρ = 0.99", gaussian_information(0.99), normal_pair(0.99)),
    PairDistribution("lognormal marginals, ρ = 0.75", gaussian_information(0.75), mapped_pair(np.exp, 0.75)),
    PairDistribution("Student t, 3, uncorrelated", student_information(3), student_pair(3), for_peers=True),
    PairDistribution("y = x + u, u within 0.1", additive_uniform_information(0.1), additive_uniform(0.1)),
)

DISTRIBUTIONS = (
    Distribution("normal", gaussian_entropy(), np.random.Generator.standard_normal),
    Distribution("uniform", 0, np.random.Generator.random),
    Distribution("exponential", 1, np.random.Generator.standard_exponential),
    Distribution("Student t, 3", student_entropy(3), lambda rng, shape: rng.standard_t(3, shape)),
)
