"""The neurons, pairs and groups of a layer that are measured, the seeds of their draws, and averages over them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from wndcheck.seeds import derived_seed


class DrawKey(NamedTuple):
    """A layer of a net or ensemble at a stage; its fields name the draws of the null and of the controls."""

    replicate: object  # a net's seed, or an ensemble's name
    layer: int
    epoch: int

    def seed(self, purpose: str) -> int:
        return derived_seed(self.replicate, purpose, self.layer, self.epoch)


drawn_once = lru_cache(maxsize=512)  # what is measured of a layer is the same for all nets and stages


@drawn_once
def layer_pairs(count: int, most: int, layer: int) -> np.ndarray:
    """All pairs i < j of a layer's neurons, or a seeded sample of `most` of them: (P, 2), in order."""
    pairs = np.stack(np.triu_indices(count, 1), axis=1)
    if len(pairs) <= most:
        return pairs
    rng = np.random.default_rng(derived_seed("pairs", count, layer))
    return pairs[np.sort(rng.choice(len(pairs), most, replace=False))]


def evenly_chosen(pairs: np.ndarray, most: int) -> np.ndarray:
    """Up to `most` of the pairs, evenly spaced in their order."""
    return pairs if len(pairs) <= most else pairs[np.linspace(0, len(pairs) - 1, most).round().astype(int)]


@drawn_once
def sampled_neurons(purpose: str, count: int, most: int, layer: int) -> np.ndarray:
    """Up to `most` of a layer's `count` neurons, ascending, the same for every net."""
    rng = np.random.default_rng(derived_seed(purpose, count, layer))
    return np.sort(rng.choice(count, min(most, count), replace=False))


@drawn_once
def layer_groups(count: int, size: int, most: int, layer: int) -> np.ndarray:
    """`most` seeded draws of `size` different neurons of a layer, (most, size); none if it has too few."""
    if count < size or not most:
        return np.empty((0, size), dtype=np.int64)
    rng = np.random.default_rng(derived_seed("groups", count, size, layer))
    return np.stack([rng.choice(count, size, replace=False) for _ in range(most)])


def mean(values: np.ndarray | None) -> float:
    """Mean over what is not NaN; NaN, without a warning, when nothing is left."""
    kept = np.asarray(values, dtype=float)
    kept = kept[np.isfinite(kept)]
    return float(kept.mean()) if kept.size else float("nan")


def quantiles(values: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """Quantiles over what is not NaN."""
    kept = values[np.isfinite(values)]
    return np.quantile(kept, at) if kept.size else np.full(len(at), np.nan)
