"""Our estimators and other packages on samples with extreme scales or without a density, as a Markdown table.

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
RELU_INFORMATION = relu_information(RHO)
Estimate = Callable[[NDArray[np.float64]], float]


def cases(trial: int) -> dict[str, tuple[float, NDArray[np.float64]]]:
    """Name -> true mutual information, samples (M, 2)."""
    pair, relu = (np.hstack(draw(RHO)(np.random.default_rng(trial), (M, 1))) for draw in (normal_pair, relu_pair))
    true, sample = gaussian_information(RHO), np.arange(M)[:, None]
    return {
        "normal, ρ = 0.8": (true, pair),
        "the same, x · 10⁶": (true, pair * [1e6, 1]),
        "the same, both · 10⁻¹²": (true, pair * 1e-12),
        "the same, x + 10⁹": (true, np.add(pair, [1e9, 0])),
        "the same, x + 10¹²": (true, np.add(pair, [1e12, 0])),
        "the same in half precision": (true, pair.astype(np.float16).astype(np.float64)),
        "the same after ReLU": (RELU_INFORMATION, relu),
        "x constant": (0, np.where([True, False], 1, pair)),
        "y = x": (np.inf, pair[:, [0, 0]]),
        "one NaN": (np.nan, np.where(sample == [7, -1], np.nan, pair)),
    }


def estimators() -> dict[str, Estimate]:
    def ours(X: NDArray[np.float64], **options: Any) -> float:
        return mutual_information(X[:, 0], X[:, 1], k=K, **options)

    def theirs(X: NDArray[np.float64], peer: Peer) -> float:
        return float(peer.all_pairs(X, K)[0])

    return {
        "3H": partial(ours, estimator="3h"),
        "KSG1": partial(ours, estimator="ksg1"),
        "KSG1, jitter 10⁻³": partial(ours, estimator="ksg1", jitter=1e-3),
        **{peer.label: partial(theirs, peer=peer) for peer in PEERS if peer.installed},
    }


def mean_or_error(estimate: Estimate, data: list[NDArray[np.float64]]) -> str:
    """The mean estimate, with an asterisk if there were warnings, or the name of the error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            values = [estimate(X) for X in data]
        except Exception as error:
            return type(error).__name__
    warned = any(not issubclass(w.category, DeprecationWarning | SyntaxWarning) for w in caught)
    return f"{np.mean(values):.3f}{'*' if warned else ''}"


def main() -> None:
    """Print the mean estimate of each case, in nats."""
    columns, trials = estimators(), [cases(trial) for trial in range(TRIALS)]
    print(f"Means of {TRIALS} data sets, M = {M}, k = {K}, nats; * with a warning\n")
    print_head(["", "true", *columns])
    for name, (true, _) in trials[0].items():
        data = [trial[name][1] for trial in trials]
        print_row([name, f"{true:.3f}", *(mean_or_error(estimate, data) for estimate in columns.values())])


if __name__ == "__main__":
    main()
