"""Accuracy of our estimators and of other packages where the true value is known, as Markdown tables.

Run with: python -m wndcheck.benchmarks.accuracy
"""

from __future__ import annotations

import warnings

import click
import numpy as np
from numpy.typing import NDArray

from wndcheck.estimators import knn_entropy, pairwise_mi
from wndcheck.seeds import derived_seed

from .closed_forms import DISTRIBUTIONS, PAIR_DISTRIBUTIONS, Distribution, PairDistribution
from .peers import DEVIATING_PEERS, PEERS, Estimate


@click.command()
@click.option("--trials", default=1000, show_default=True, help="Trials of our estimators.")
@click.option("--peer-trials", default=100, show_default=True, help="Trials of other packages: the first of these.")
@click.option("-m", "m", default=1000, show_default=True, help="Samples per trial.")
@click.option("-k", "k", default=3, show_default=True, help="Number of the nearest neighbour.")
def main(trials: int, peer_trials: int, m: int, k: int) -> None:
    """Print mean ± standard deviation over independent trials, in nats, and the true value.

    The standard error of a mean is the standard deviation / √trials. Other packages get z-scores and run with their
    defaults except for k; those that are not installed are left out.
    """
    warnings.simplefilter("ignore")  # of other packages
    title = f"trials, M = {m}, k = {k}, nats"
    print(f"Entropy, {trials} {title}\n")
    print_head(["", "true", "knn_entropy"])
    for law in DISTRIBUTIONS:
        print_row([law.name, f"{law.entropy:.3f}", mean_and_sd(entropies(law, trials, m, k))])
    print(f"\nMutual information, {trials} {title}\n")
    print_head(["", "true", "3H", "3H, corrected", "KSG1", "KSG2"])
    for law in PAIR_DISTRIBUTIONS:
        cells = [mean_and_sd(values) for values in our_estimates(*draw_pairs(law, trials, m), k)]
        print_row([law.name, f"{law.information:.3f}", *cells])
    print(f"\nMutual information, the first {peer_trials} of these {title}\n")
    laws = [law for law in PAIR_DISTRIBUTIONS if law.for_peers]
    print_head(["", *(law.name for law in laws)])
    print_row(["true", *(f"{law.information:.3f}" for law in laws)])
    for label, estimate in pairwise_estimators().items():
        print_row([label, *(mean_and_sd(peer_estimates(estimate, law, trials, peer_trials, m, k)) for law in laws)])


def entropies(law: Distribution, trials: int, m: int, k: int) -> NDArray[np.float64]:
    samples = law.draw(np.random.default_rng(derived_seed("accuracy", law.name)), (m, trials))
    return np.array([knn_entropy(x, k=k) for x in samples.T])


def our_estimates(X: NDArray[np.float64], pairs: NDArray[np.int64], k: int) -> list[NDArray[np.float64]]:
    three = pairwise_mi(X, k=k, pairs=pairs, null="shuffle")
    first, second = (pairwise_mi(X, k=k, pairs=pairs, estimator=estimator).pair_mi for estimator in ("ksg1", "ksg2"))
    assert three.pair_corrected is not None
    return [three.pair_mi, three.pair_corrected, first, second]


def pairwise_estimators() -> dict[str, Estimate]:
    return {
        "wndcheck, 3H": lambda X, k: pairwise_mi(X, k=k).pair_mi,
        "wndcheck, KSG1": lambda X, k: pairwise_mi(X, k=k, estimator="ksg1").pair_mi,
        "wndcheck, KSG2": lambda X, k: pairwise_mi(X, k=k, estimator="ksg2").pair_mi,
        **{peer.label: peer.all_pairs for peer in (*PEERS, *DEVIATING_PEERS) if peer.installed},
    }


def peer_estimates(
    estimate: Estimate, law: PairDistribution, trials: int, peer_trials: int, m: int, k: int
) -> NDArray[np.float64]:
    X, pairs = draw_pairs(law, trials, m)
    z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    return np.array([estimate(z[:, pair], k)[0] for pair in pairs[:peer_trials]])


def draw_pairs(law: PairDistribution, trials: int, m: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Seeded samples (m, 2 · trials), and the pairs of columns that form a trial."""
    x, y = law.draw(np.random.default_rng(derived_seed("accuracy", law.name)), (m, trials))
    first = np.arange(trials)
    return np.hstack([x, y]), np.stack([first, trials + first], axis=1)


def mean_and_sd(values: NDArray[np.float64]) -> str:
    return f"{values.mean():.3f} ± {values.std(ddof=1):.3f}"


def print_head(cells: list[str]) -> None:
    print_row(cells)
    print_row(["---"] * len(cells))


def print_row(cells: list[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
