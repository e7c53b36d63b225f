"""Our estimators and other packages on samples of all kinds, ill-behaved ones too, as a Markdown table.

Run with: python -m wndcheck.benchmarks.edge_cases
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wndcheck.estimators import mutual_information
from wndcheck.experiment.gaussian_experiments import gaussian_information

from .accuracy import print_head, print_row
from .closed_forms import normal_pair, relu_information, relu_pair
from .peers import PEERS, Peer

M, K, RHO, TRIALS = 1000, 3, 0.8, 20
SHOWN_PEERS = ("scikit-learn", "ennemi", "npeet-plus")  # the most used ones
Estimate = Callable[[NDArray[np.float64]], float]


def cases(trial: int) -> dict[str, tuple[float, NDArray[np.float64]]]:
    """Name -> true mutual information, samples (M, 2)."""
    rng, sample = np.random.default_rng(trial), np.arange(M)[:, None]
    pair, relu = (np.hstack(draw(RHO)(np.random.default_rng(trial), (M, 1))) for draw in (normal_pair, relu_pair))
    x, y = pair.T
    independent = rng.standard_normal((M, 2))
    true = gaussian_information(RHO)

    def with_y(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        return true, np.stack([x, values], axis=1)

    return {
        "normal, ρ = 0.8": (true, pair),
        "y → y³": with_y(y**3),
        "y → exp(2y)": with_y(np.exp(2 * y)),
        "y → exp(4y)": with_y(np.exp(4 * y)),
        "one x is 10⁶": (true, np.where(sample == [7, -1], 1e6, pair)),
        "one x is 10⁶, independent": (0, np.where(sample == [7, -1], 1e6, independent)),
        "arcsine margins, independent": (0, np.sin(np.pi * (rng.random((M, 2)) - 0.5))),
        "two independent rankings": (0, np.argsort(independent, axis=0).argsort(axis=0).astype(np.float64)),
        "0, 1, 2, … and independent normal": (0, np.where([True, False], sample, independent)),
        "rounded to 0.01": (true, pair.round(2)),
        "rounded to 0.1": (true, pair.round(1)),
        "half precision": (true, pair.astype(np.float16).astype(np.float64)),
        "clusters at ±1 of spread 10⁻⁴": (np.log(2), np.sign(rng.random((M, 1)) - 0.5) + 1e-4 * independent),
        "x · 10⁶": (true, pair * [1e6, 1]),
        "both · 10⁻¹²": (true, pair * 1e-12),
        "x + 10⁹": (true, np.add(pair, [1e9, 0])),
        "x + 10¹²": (true, np.add(pair, [1e12, 0])),
        "after ReLU": (relu_information(RHO), relu),
        "x constant": (0, np.where([True, False], 1, pair)),
        "y = x": (np.inf, pair[:, [0, 0]]),
        "one NaN": (np.nan, np.where(sample == [7, -1], np.nan, pair)),
    }


def estimators() -> dict[str, Estimate]:
    def ours(X: NDArray[np.float64], **options: Any) -> float:
        return mutual_information(X[:, 0], X[:, 1], **options)

    def theirs(X: NDArray[np.float64], peer: Peer) -> float:
        return float(peer.all_pairs(X, K)[0])

    shown = [peer for peer in PEERS if peer.distribution in SHOWN_PEERS and peer.installed]
    return {
        "3H": ours,
        "KSG1": partial(ours, estimator="ksg1"),
        "KSG1, jitter 10⁻³": partial(ours, estimator="ksg1", jitter=1e-3),
        "normal margins": partial(ours, margins="normal"),
        **{peer.label: partial(theirs, peer=peer) for peer in shown},
    }


def mean_or_error(estimate: Estimate, data: list[NDArray[np.float64]]) -> str:
    """The mean estimate, with an asterisk if there were warnings, or "refused" for an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            values = [estimate(X) for X in data]
        except Exception:
            return "refused"
    warned = any(not issubclass(w.category, DeprecationWarning | SyntaxWarning) for w in caught)
    return f"{np.mean(values):.3f}{'*' if warned else ''}"


def main() -> None:
    """Print the mean estimate of each case, in nats."""
    columns, trials = estimators(), [cases(trial) for trial in range(TRIALS)]
    print(f"Means of {TRIALS} data sets, M = {M}, k = {K} (20 with normal margins), nats; * with a warning\n")
    print_head(["", "true", *columns])
    for name, (true, _) in trials[0].items():
        data = [trial[name][1] for trial in trials]
        print_row([name, f"{true:.3f}", *(mean_or_error(estimate, data) for estimate in columns.values())])


if __name__ == "__main__":
    main()
