"""Stand-in for `pairwise_mi(z, margins="normal")` and its null, until the estimators have them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from wndcheck.estimators import PairwiseInformation, pairwise_mi
from wndcheck.experiment.record_schema import RANK_K
from wndcheck.seeds import derived_seed


def rank_mi(z: np.ndarray, *, pairs: np.ndarray, random_state: int, device: str) -> PairwiseInformation:
    """KSG1 of the normal scores of z (samples, neurons), ties in random order; an atom above 1 % is flagged."""
    rows, m, rng = np.ascontiguousarray(z.T), len(z), np.random.default_rng(random_state)
    order = rows.argsort(axis=1)
    ascending = np.take_along_axis(rows, order, axis=1)
    for tied in np.flatnonzero((ascending[:, 1:] == ascending[:, :-1]).any(axis=1)):
        order[tied] = np.lexsort((rng.random(m), rows[tied]))
    scores = np.empty(rows.shape)
    np.put_along_axis(scores, order, ndtri((np.arange(m) + 0.5) / m)[None], axis=1)
    atom = int(0.01 * m) + 1
    scores[(ascending[:, max(1, atom - 1) :] == ascending[:, : m - max(1, atom - 1)]).any(axis=1)] = 0
    return pairwise_mi(scores.T, k=RANK_K, estimator="ksg1", pairs=pairs, device=device)


@lru_cache
def rank_null_quantile(m: int, at: float) -> float:
    """Quantile of the estimate (nats) of independent pairs of m samples."""
    rng = np.random.default_rng(derived_seed("rank null", m))
    scores = rng.permuted(np.tile(ndtri((np.arange(m) + 0.5) / m), (2000, 1)), axis=1)
    pairs = np.arange(2000).reshape(-1, 2)
    return float(np.quantile(pairwise_mi(scores.T, k=RANK_K, estimator="ksg1", pairs=pairs).pair_mi, at))
