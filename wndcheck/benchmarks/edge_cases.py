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
SIGN_INFORMATION = 0.2666  # of y and the sign of x, by quadrature
Estimate = Callable[[NDArray[np.float64]], float]


def cases(trial: int) -> dict[str, tuple[float, NDArray[np.float64]]]:
    """Name -> true mutual information, samples (M, 2)."""
    rng = np.random.default_rng([trial, 1])
    pair, relu = (np.hstack(draw(RHO)(np.random.default_rng(trial), (M, 1))) for draw in (normal_pair, relu_pair))
    true, sample = gaussian_information(RHO), np.arange(M)[:, None]
    x, y = pair.T
    clusters = np.sign(x) + 1e-4 * rng.standard_normal(M)
    return {
        "normal, ρ = 0.8": (true, pair),
        "the same, x · 10⁶": (true, pair * [1e6, 1]),
        "the same, both · 10⁻¹²": (true, pair * 1e-12),
        "the same, x + 10⁹": (true, np.add(pair, [1e9, 0])),
        "the same, x + 10¹²": (true, np.add(pair, [1e12, 0])),
        "the same in half precision": (true, pair.astype(np.float16).astype(np.float64)),
        "the same after ReLU": (RELU_INFORMATION, relu),
        "the same, rounded to 0.01": (true, np.round(pair, 2)),
        "the same, one x = 10⁶": (true, np.where((sample == 7) & [True, False], 1e6, pair)),
        "the same, y → y³": (true, np.stack([x, y**3], axis=1)),
        "the same, y → exp(2y)": (true, np.stack([x, np.exp(2 * y)], axis=1)),
        "the same, y → exp(4y)": (true, np.stack([x, np.exp(4 * y)], axis=1)),
        "the same, ranks": (true, np.argsort(np.argsort(pair, axis=0), axis=0).astype(float)),
        "x → two clusters of spread 10⁻⁴": (SIGN_INFORMATION, np.stack([clusters, y], axis=1)),
        "independent, arcsine": (0, rng.beta(0.5, 0.5, (M, 2))),
        "independent, ranks": (0, np.argsort(rng.random((M, 2)), axis=0).astype(float)),
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
        "normal margins": lambda X: mutual_information(X[:, 0], X[:, 1], margins="normal"),
        **{peer.label: partial(theirs, peer=peer) for peer in PEERS if peer.installed},
    }


def mean_or_error(estimate: Estimate, data: list[NDArray[np.float64]]) -> str:
    """The mean estimate, with an asterisk if there were warnings, and the name of the errors, if any."""
    values, error, failed = [], "", 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for X in data:
            try:
                values.append(estimate(X))
            except Exception as raised:
                error, failed = type(raised).__name__, failed + 1
    if not values:
        return error
    warned = any(not issubclass(w.category, DeprecationWarning | SyntaxWarning) for w in caught)
    return f"{np.mean(values):.3f}{'*' if warned else ''}{f', {failed} {error}' if failed else ''}"


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
