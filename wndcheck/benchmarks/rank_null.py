"""Makes wndcheck/estimators/rank_null.json: moments of the estimates of independent columns of normal scores.

Run with: python -m wndcheck.benchmarks.rank_null
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from time import perf_counter

import click
import numpy as np
from numba import njit
from numpy.polynomial.chebyshev import chebvander2d
from numpy.typing import NDArray
from scipy.special import digamma

from wndcheck.estimators.rank_null import ESTIMATORS, LARGEST_K, TABLE, coordinates, score_grid
from wndcheck.seeds import derived_seed

NODES = (20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
DIMENSIONS = (2, 3, 4, 5, 6)
LARGEST_M = {2: 50_000, 3: 10_000, 4: 10_000, 5: 5000, 6: 5000}
LARGEST_RATIO = 0.5  # k / M of the values that are fitted
T_DEGREES, LOG_K_DEGREES = (10, 8, 4, 4), (8, 6, 4, 4)  # of the four moments
RCOND = 1e-5  # drops combinations of coefficients that the nodes do not determine
COUNTED = np.array([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50])  # values of k of KSG


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path(tempfile.gettempdir()) / "wndcheck-rank-null")
def main(folder: Path) -> None:
    """Simulate every node and write the table. Finished batches in FOLDER are not simulated again.

    This takes some 15 minutes of one core.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = {}
    for d in DIMENSIONS:
        nodes = np.array([m for m in NODES if m <= LARGEST_M[d]])
        sums = np.array([node_sums(folder, d, int(m)) for m in nodes])
        table[str(d)] = {
            "least_m": int(nodes[0]),
            "largest_m": int(nodes[-1]),
            "coefficients": {
                estimator: fitted(nodes, sums[:, :, at], d).round(6).tolist()
                for at, estimator in enumerate(ESTIMATORS[: sums.shape[2]])
            },
        }
    TABLE.write_text(json.dumps(table, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{TABLE}: {TABLE.stat().st_size} bytes")


def node_sums(folder: Path, d: int, m: int) -> NDArray[np.float64]:
    """Sums of the powers 0 to 4 of the estimates over all trials of a node, (5, estimators, LARGEST_K)."""
    total = np.zeros((5, len(ESTIMATORS) if d == 2 else 1, LARGEST_K))
    trials = (1_000_000 if d == 2 else 250_000) // m  # a batch, kept on disk
    for batch in range(8 if m <= (5000 if d == 2 else 1000) else 2):
        path = folder / f"{d}-{m}-{trials}-{batch}.npy"
        if not path.exists():
            start = perf_counter()
            values = simulate(m, d, trials, derived_seed("rank null", d, m, batch))
            np.save(path, np.array([(values**power).sum(axis=0) for power in range(5)]))
            print(f"d = {d}, M = {m}, batch {batch}: {trials} trials in {perf_counter() - start:.1f} s", flush=True)
        total += np.load(path)
    return total


def simulate(m: int, d: int, trials: int, seed: int) -> NDArray[np.float64]:
    """Estimates of independent columns for k = 1 to LARGEST_K, (trials, estimators, LARGEST_K); NaN where k ≥ M.

    The first estimator is (d/2) log(2πe) − Ĥ(joint), Ĥ by eq. A.1; KSG1 and KSG2 follow for d = 2 only.
    """
    rng, scores = np.random.default_rng(seed), score_grid(m)
    most = min(LARGEST_K, m - 1)
    values = np.full((trials, 3 if d == 2 else 1, LARGEST_K), np.nan)
    ks = np.arange(1, most + 1)
    counted = COUNTED[most >= COUNTED]
    psi = digamma(np.arange(m + 1))  # the first is not used
    ranks = np.tile(np.arange(m), (d - 1, 1))
    for trial in range(trials):
        others = scores[rng.permuted(ranks, axis=1)]
        logs, first, second = _sums(scores, others, most + 1, counted, psi)
        entropy = psi[m] - psi[ks] + d * (logs[:most] / m + np.log(2))  # eq. A.1
        values[trial, 0, :most] = d / 2 * np.log(2 * np.pi * np.e) - entropy
        if d == 2:  # Kraskov et al. (2004), eq. 8 and 9
            values[trial, 1, counted - 1] = psi[counted] + psi[m] - first / m
            values[trial, 2, counted - 1] = psi[counted] - 1 / counted + psi[m] - second / m
    return values


def fitted(nodes: NDArray[np.int64], sums: NDArray[np.float64], d: int) -> NDArray[np.float64]:
    """Coefficients of the moments' polynomials, (4, 11, 9), by weighted least squares over all nodes and k.

    sums: powers 0 to 4 of an estimator's values, (nodes, 5, LARGEST_K).
    """
    n, *powers = np.moveaxis(sums, 1, 0)
    mean, second, third, fourth = (power / n for power in powers)
    variance = second - mean**2
    sd = np.sqrt(variance)
    skewness = (third - 3 * mean * second + 2 * mean**3) / sd**3
    kurtosis = (fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4) / variance**2 - 3
    moments = np.array([mean, sd, skewness, kurtosis])
    errors = np.array(  # standard errors; of skewness and kurtosis roughly, from those of a normal law
        [
            sd,
            sd * np.sqrt((2 + kurtosis) / 4),
            np.sqrt(6) * (1 + 2 * abs(skewness)),
            np.sqrt(24) * (1 + 4 * abs(kurtosis)),
        ]
    ) / np.sqrt(n)
    m, k = (grid.astype(np.float64) for grid in np.meshgrid(nodes, np.arange(1, LARGEST_K + 1), indexing="ij"))
    kept = np.isfinite(mean) & (k <= LARGEST_RATIO * m)
    coefficients = np.zeros((4, 1 + max(T_DEGREES), 1 + max(LOG_K_DEGREES)))
    for moment, (i, j) in enumerate(zip(T_DEGREES, LOG_K_DEGREES, strict=True)):
        scale, t, log_k = (values[kept] for values in coordinates(m, k, d, moment))
        weight = 1 / errors[moment][kept]
        design = chebvander2d(t, log_k, [i, j]) * (scale * weight)[:, None]
        found = np.linalg.lstsq(design, moments[moment][kept] * weight, rcond=RCOND)[0]
        coefficients[moment, : i + 1, : j + 1] = found.reshape(i + 1, j + 1)
    return coefficients


@njit
def _sums(scores, others, length, ks, psi):
    """Sums over the samples of the log distance to the k-th neighbour for each k below `length`, and, for each of ks,
    of ψ(n_x + 1) + ψ(n_y + 1) of KSG1 and ψ(n_x) + ψ(n_y) of KSG2.

    scores: (M,), the first column, ascending. others: (d − 1, M), the other columns.
    """
    m, d = len(scores), len(others) + 1
    logs, first, second = np.zeros(length), np.zeros(len(ks)), np.zeros(len(ks))
    near, index = np.empty(length), np.empty(length, np.int64)
    rank = np.searchsorted(scores, others[0])
    log_constant = np.log(length * np.sqrt(2 * np.pi) ** d / m) - d * np.log(2)
    for i in range(m):
        # (2 ε)^d times the density at the sample expects `length` samples; start above this ε, for few retries.
        squares = scores[i] ** 2
        for column in range(d - 1):
            squares += others[column, i] ** 2
        bound = 1.15 * np.exp((log_constant + squares / 2) / d)
        found = 0
        while found < length and found < m - 1:
            bound *= 1.1
            found = 0
            low = np.searchsorted(scores, scores[i] - bound)
            high = np.searchsorted(scores, scores[i] + bound)
            for j in range(low, high):
                distance = abs(scores[j] - scores[i])
                for column in range(d - 1):
                    along = abs(others[column, j] - others[column, i])
                    if along > distance:
                        distance = along
                if distance < bound and j != i and (found < length or distance < near[length - 1]):
                    at = min(found, length - 1)
                    while at > 0 and near[at - 1] > distance:
                        near[at], index[at] = near[at - 1], index[at - 1]
                        at -= 1
                    near[at], index[at] = distance, j
                    found = min(found + 1, length)
        for at in range(min(length, m - 1)):
            logs[at] += np.log(near[at])
        if d > 2:
            continue
        for axis in range(2):
            place = i if axis == 0 else rank[i]
            left = right = outer_left = outer_right = place
            box, seen = 0.0, 0
            for at in range(len(ks)):
                reach = near[ks[at] - 1]
                while seen < found and near[seen] <= reach:  # neighbours that tie share a box
                    j = index[seen]
                    box = max(box, abs((scores[j] if axis == 0 else others[0, j]) - scores[place]))
                    seen += 1
                while left > 0 and scores[place] - scores[left - 1] < reach:
                    left -= 1
                while right < m - 1 and scores[right + 1] - scores[place] < reach:
                    right += 1
                while outer_left > 0 and scores[place] - scores[outer_left - 1] <= box:
                    outer_left -= 1
                while outer_right < m - 1 and scores[outer_right + 1] - scores[place] <= box:
                    outer_right += 1
                first[at] += psi[right - left + 1]
                second[at] += psi[outer_right - outer_left]
    return logs, first, second


if __name__ == "__main__":
    main()
