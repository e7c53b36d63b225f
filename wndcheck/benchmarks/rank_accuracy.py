"""Bias, spread and power of the estimators from normal scores beside the paper's and other packages', as Markdown.

Run with: python -m wndcheck.benchmarks.rank_accuracy
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import click
import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma
from scipy.stats import pearsonr, rankdata

from wndcheck.estimators import pairwise_mi
from wndcheck.estimators.rank_null import p_values, rank_null, score_grid
from wndcheck.experiment.gaussian_experiments import gaussian_information
from wndcheck.seeds import derived_seed

from .accuracy import draw_pairs, mean_and_sd, print_head, print_row
from .closed_forms import PairDistribution, circle_information, noisy_circle, normal_pair
from .peers import PEERS

Estimates = Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]

NOISE = 0.19  # of the circle: about .31 nats
LAWS = (
    *(
        PairDistribution(f"ρ = {rho:g}", gaussian_information(rho), normal_pair(rho))
        for rho in (0, 0.2, 0.3, 0.6, 0.9, 0.99, 0.999)
    ),
    PairDistribution("circle", circle_information(NOISE), noisy_circle(NOISE)),
)
SCIKIT_LEARN = next(peer for peer in PEERS if peer.module == "sklearn")
TRIALS = {200: 1000, 1000: 400, 10_000: 40}
NEIGHBOURS_TRIALS = {200: 1000, 400: 600, 1000: 400}
POWER_M = 1000


@click.command()
@click.option("--pairs", default=1000, show_default=True, help="Pairs of the table of power.")
@click.option("--permuted-pairs", default=80, show_default=True, help="The first of them, for scikit-learn.")
@click.option("--permutations", default=99, show_default=True, help="Of scikit-learn's null.")
def main(pairs: int, permuted_pairs: int, permutations: int) -> None:
    """Print mean ± standard deviation of each estimator by M, the bias by k, and the share of dependent pairs found."""
    for m, trials in TRIALS.items():
        print(f"\n{trials} trials, M = {m}, nats\n")
        print_head(["", *(law.name for law in LAWS)])
        print_row(["true", *(f"{law.information + 0:.4f}" for law in LAWS)])
        for label, estimates in estimators(m).items():
            print_row([label, *(mean_and_sd(estimates(*draw_pairs(law, trials, m))) for law in LAWS)])
    print("\nBias ± standard deviation of KSG1 with normal margins, nats\n")
    print_head(["M", "k", *(law.name for law in LAWS)])
    for m, trials in NEIGHBOURS_TRIALS.items():
        for k in sorted({m // 50, m // 20, 20}):
            values = [rank_estimates(*draw_pairs(law, trials, m), estimator="ksg1", k=k) for law in LAWS]
            biases = [mean_and_sd(found - law.information) for found, law in zip(values, LAWS, strict=True)]
            print_row([str(m), str(k), *biases])
    print(f"\nShare of {pairs} pairs with p < .05, M = {POWER_M} ({permuted_pairs} pairs for scikit-learn)\n")
    rhos = (0, 0.1, 0.2, 0.3)
    print_head(["", *(f"ρ = {rho:g}" for rho in rhos)])
    samples = [draw_pairs(PairDistribution(f"power {rho:g}", 0, normal_pair(rho)), pairs, POWER_M) for rho in rhos]
    for label, test in tests(permuted_pairs, permutations).items():
        print_row([label, *(f"{(test(X, columns) < 0.05).mean():.3f}" for X, columns in samples)])


def estimators(m: int) -> dict[str, Estimates]:
    return {
        "the paper's 3H, k = 3": lambda X, pairs: pairwise_mi(X, pairs=pairs).pair_mi,
        **{f"3H, normal margins, k = {k}": partial(rank_estimates, estimator="3h", k=k) for k in (3, 20)},
        **{
            f"KSG1, normal margins, k = {k}": partial(rank_estimates, estimator="ksg1", k=k)
            for k in (3, 5, 10, 20, 30, 50)
        },
        f"{SCIKIT_LEARN.label}, k = 3": scikit_learn,
        "Gaussian copula": gaussian_copula,
    }


def rank_estimates(X: NDArray[np.float64], pairs: NDArray[np.int64], *, estimator: str, k: int) -> NDArray[np.float64]:
    return pairwise_mi(X, pairs=pairs, margins="normal", estimator=estimator, k=k).pair_mi


def scikit_learn(X: NDArray[np.float64], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.array([SCIKIT_LEARN.all_pairs(X[:, pair], 3)[0] for pair in pairs])


def gaussian_copula(X: NDArray[np.float64], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """−½ log(1 − r²) of the normal scores, minus its mean for independent normal samples."""
    bias = (digamma((len(X) - 1) / 2) - digamma((len(X) - 2) / 2)) / 2
    return -np.log1p(-(correlations(scores(X), pairs) ** 2)) / 2 - bias


def tests(permuted_pairs: int, permutations: int) -> dict[str, Estimates]:
    return {
        **{f"KSG1, normal margins, k = {k}, tabulated null": partial(rank_test, k=k) for k in (20, 50)},
        **{f"the paper's 3H, k = 3, {n} shuffles": partial(shuffle_test, n_shuffles=n) for n in (8, 100)},
        f"{SCIKIT_LEARN.label}, k = 3, {permutations} permutations": lambda X, pairs: permutation_test(
            X, pairs[:permuted_pairs], permutations
        ),
        "Pearson": lambda X, pairs: np.array([pearsonr(*X[:, pair].T)[1] for pair in pairs]),
    }


def rank_test(X: NDArray[np.float64], pairs: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    return p_values(rank_estimates(X, pairs, estimator="ksg1", k=k), rank_null("ksg1", len(X), k))


def shuffle_test(X: NDArray[np.float64], pairs: NDArray[np.int64], n_shuffles: int) -> NDArray[np.float64]:
    return pairwise_mi(X, pairs=pairs, null="shuffle", n_shuffles=n_shuffles).p_values


def permutation_test(X: NDArray[np.float64], pairs: NDArray[np.int64], permutations: int) -> NDArray[np.float64]:
    """scikit-learn's estimate of each pair among those with one column permuted, (P,)."""
    from sklearn.feature_selection import mutual_info_regression

    rng, p = np.random.default_rng(derived_seed("rank accuracy", "permutations")), []
    for x, y in X.T[pairs]:
        columns = np.column_stack([x, *(rng.permutation(x) for _ in range(permutations))])
        first, *null = mutual_info_regression(columns, y, n_neighbors=3, random_state=0)
        p.append((1 + np.sum(null >= first)) / (1 + permutations))
    return np.array(p)


def scores(X: NDArray[np.float64]) -> NDArray[np.float64]:
    return score_grid(len(X))[rankdata(X, method="ordinal", axis=0) - 1]


def correlations(X: NDArray[np.float64], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    return np.array([z[:, i] @ z[:, j] for i, j in pairs]) / len(X)


if __name__ == "__main__":
    main()
