"""What the estimators, ours and the peers', return where the answer is known: a Markdown table a question.

Run with: python -m wndcheck.benchmarks.accuracy
"""

from __future__ import annotations

import warnings

import click
import numpy as np
from numpy.typing import NDArray

from wndcheck.estimators import knn_entropy, pairwise_mi
from wndcheck.seeds import derived_seed

from .closed_forms import LAWS, PAIR_LAWS, Law, PairLaw
from .peers import DEPARTING, PEERS, Estimate


@click.command()
@click.option("--trials", default=1000, show_default=True, help="Trials of our estimators.")
@click.option("--peer-trials", default=100, show_default=True, help="The first of these, which the peers get as well.")
@click.option("-m", "m", default=1000, show_default=True, help="Samples of a trial.")
@click.option("-k", "k", default=3, show_default=True, help="The neighbour whose distance is taken.")
def main(trials: int, peer_trials: int, m: int, k: int) -> None:
    """Print mean ± standard deviation over independent trials, in nats, beside the truth.

    A mean's standard error is its standard deviation / √trials. Peers are handed z-scores and have their defaults but
    for k; one that is not installed is left out.
    """
    warnings.simplefilter("ignore")  # the peers' own
    title = f"trials, M = {m}, k = {k}, nats"
    print(f"Entropy, {trials} {title}\n")
    print_heads(["", "true", "knn_entropy"])
    for law in LAWS:
        print_row([law.name, f"{law.entropy:.3f}", spread(entropies(law, trials, m, k))])
    print(f"\nMutual information, {trials} {title}\n")
    print_heads(["", "true", "3H", "3H, corrected", "KSG1", "KSG2"])
    for law in PAIR_LAWS:
        cells = [spread(values) for values in our_estimates(*drawn(law, trials, m), k)]
        print_row([law.name, f"{law.information:.3f}", *cells])
    print(f"\nMutual information, the first {peer_trials} of these {title}\n")
    laws = [law for law in PAIR_LAWS if law.for_peers]
    print_heads(["", *(law.name for law in laws)])
    print_row(["true", *(f"{law.information:.3f}" for law in laws)])
    for label, estimate in side_by_side().items():
        print_row([label, *(spread(peer_estimates(estimate, law, trials, peer_trials, m, k)) for law in laws)])


def entropies(law: Law, trials: int, m: int, k: int) -> NDArray[np.float64]:
    samples = law.draw(np.random.default_rng(derived_seed("accuracy", law.name)), (m, trials))
    return np.array([knn_entropy(x, k=k) for x in samples.T])


def our_estimates(X: NDArray[np.float64], pairs: NDArray[np.int64], k: int) -> list[NDArray[np.float64]]:
    three = pairwise_mi(X, k=k, pairs=pairs, null="shuffle")
    first, second = (pairwise_mi(X, k=k, pairs=pairs, estimator=estimator).pair_mi for estimator in ("ksg1", "ksg2"))
    assert three.pair_corrected is not None
    return [three.pair_mi, three.pair_corrected, first, second]


def side_by_side() -> dict[str, Estimate]:
    return {
        "wndcheck, 3H": lambda X, k: pairwise_mi(X, k=k).pair_mi,
        "wndcheck, KSG1": lambda X, k: pairwise_mi(X, k=k, estimator="ksg1").pair_mi,
        "wndcheck, KSG2": lambda X, k: pairwise_mi(X, k=k, estimator="ksg2").pair_mi,
        **{peer.label: peer.all_pairs for peer in (*PEERS, *DEPARTING) if peer.installed},
    }


def peer_estimates(
    estimate: Estimate, law: PairLaw, trials: int, peer_trials: int, m: int, k: int
) -> NDArray[np.float64]:
    X, pairs = drawn(law, trials, m)
    z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    return np.array([estimate(z[:, pair], k)[0] for pair in pairs[:peer_trials]])


def drawn(law: PairLaw, trials: int, m: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Samples (m, 2 · trials), the same at every call, and the pairs of columns that belong together."""
    x, y = law.draw(np.random.default_rng(derived_seed("accuracy", law.name)), (m, trials))
    first = np.arange(trials)
    return np.hstack([x, y]), np.stack([first, trials + first], axis=1)


def spread(values: NDArray[np.float64]) -> str:
    return f"{values.mean():.3f} ± {values.std(ddof=1):.3f}"


def print_heads(cells: list[str]) -> None:
    print_row(cells)
    print_row(["---"] * len(cells))


def print_row(cells: list[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
