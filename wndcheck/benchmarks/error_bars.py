"""Standard errors from subsamples compared with the standard deviation over layers of independent normal neurons.

Run with: python -m wndcheck.benchmarks.error_bars
"""

from __future__ import annotations

import numpy as np

from wndcheck.estimators import PairwiseInformation, pairwise_mi

from .accuracy import print_head, print_row

M, LAYERS, WIDTHS, ESTIMATORS = 1000, 200, (10, 40), ("3h", "ksg1")


def main() -> None:
    """Print the standard deviation over layers and the mean standard error, of pairs and of scores, in nats.

    naive: the standard error of the score if its pairs were independent.
    """
    print(f"{LAYERS} layers, M = {M}, k = 3, 10 subsamples, nats\n")
    print_head(["", "N", "sd of a pair", "pair_se", "sd of the score", "score_se", "naive"])
    for estimator in ESTIMATORS:
        for width in WIDTHS:
            layers = [layer(seed, width, estimator) for seed in range(LAYERS)]
            print_row([estimator.upper(), str(width), *figures(layers)])


def layer(seed: int, width: int, estimator: str) -> PairwiseInformation:
    X = np.random.default_rng(seed).standard_normal((M, width))
    return pairwise_mi(X, estimator=estimator, n_subsamples=10)


def figures(layers: list[PairwiseInformation]) -> list[str]:
    pair_sd = np.array([found.pair_mi for found in layers]).std(axis=0, ddof=1)
    pair_se = np.array([found.pair_se for found in layers])
    score_sd = np.std([found.score for found in layers], ddof=1)
    score_se = np.array([found.score_se for found in layers])
    naive = rms(pair_sd) / np.sqrt(pair_sd.size)
    return [f"{rms(value):.4f}" for value in (pair_sd, pair_se, score_sd, score_se, naive)]


def rms(values: np.ndarray | np.floating) -> float:
    """Root mean square: the mean of variances is unbiased, that of standard deviations is not. NaN are skipped."""
    return float(np.sqrt(np.nanmean(np.square(values))))


if __name__ == "__main__":
    main()
