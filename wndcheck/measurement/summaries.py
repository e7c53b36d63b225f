"""One layer of neurons, or two stages of it, in a few numbers; it knows nothing of nets."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from wndcheck.cells import Probe
from wndcheck.estimators import PairwiseInformation, pairwise_mi
from wndcheck.records import PAIR_QUANTILES, PLANTED_CORRELATION
from wndcheck.seeds import derived_seed


class Initial(NamedTuple):
    """What a layer is compared with: its entropies (N,) and its pairs' information (P,) at stage 0."""

    entropy: np.ndarray
    pair_mi: np.ndarray


def layer_pairs(count: int, most: int, layer: int) -> np.ndarray:
    """All pairs i < j of a layer's neurons, or a seeded sample of `most` of them: (P, 2), in order."""
    pairs = np.stack(np.triu_indices(count, 1), axis=1)
    if len(pairs) <= most:
        return pairs
    rng = np.random.default_rng(derived_seed("pairs", count, layer))
    return pairs[np.sort(rng.choice(len(pairs), most, replace=False))]


class Place(NamedTuple):
    """Whose layer it is and when: it names the draws of the null and of the controls."""

    replicate: object  # a net's seed, or an ensemble's name
    layer: int
    epoch: int

    def seed(self, purpose: str) -> int:
        return derived_seed(self.replicate, purpose, self.layer, self.epoch)


def summarised(
    z: np.ndarray, pairs: np.ndarray, place: Place, probe: Probe, *, initial: Initial | None, device: str
) -> tuple[dict[str, object], Initial]:
    """All numbers of a layer z (samples, neurons) at one stage, and what later stages are compared with.

    Without `initial` this is stage 0. Not a number where z is not finite, or flags leave nothing to average over.
    """
    if not np.isfinite(z).all():
        return {}, initial or Initial(np.full(z.shape[1], np.nan), np.full(len(pairs), np.nan))
    now = information(z, pairs, place, probe, device)
    initial = initial or Initial(now.entropy, now.pair_mi)
    return compared(now, initial) | controls(z, place, probe, device), initial


def information(z: np.ndarray, pairs: np.ndarray, place: Place, probe: Probe, device: str) -> PairwiseInformation:
    """Entropies and pairwise 3H information of one layer, with one shuffle of every neuron as the null."""
    return pairwise_mi(
        z, k=probe.k, pairs=pairs, null="shuffle", n_shuffles=1, random_state=place.seed("null"), device=device
    )


def compared(now: PairwiseInformation, initial: Initial) -> dict[str, object]:
    """The layer's numbers at one stage; NaN where flags leave no neuron or pair to average over."""
    change = now.entropy - initial.entropy
    information_change = now.pair_mi - initial.pair_mi
    i, j = now.pairs.T
    assert now.null_mi is not None
    broken = np.concatenate([information_change > change[i], information_change > change[j]])
    known = np.tile(np.isfinite(information_change), 2)
    return {
        "entropy": mean(now.entropy),
        "entropy_change": mean(change),
        "score": mean(now.pair_mi),
        "corrected_score": mean(now.pair_corrected),
        "pair_quantiles": quantiles(now.pair_mi, PAIR_QUANTILES),
        "share_above_null": mean(exceeds(now.pair_mi, quantiles(now.null_mi, (0.95,))[0])),
        "lemma_excess": mean(information_change - (change[i] + change[j]) / 2),
        "lemma_broken": mean(broken[known].astype(float)),
        "flagged": len(now.flags) / len(now.entropy),
    }


def controls(z: np.ndarray, place: Place, probe: Probe, device: str) -> dict[str, object]:
    """Corrected scores of the same activations made independent, and of dependence planted into them (nats).

    Independent: every neuron's samples shuffled on their own. Planted: each shuffled neuron beside a mix of itself and
    its neighbour with correlation `PLANTED_CORRELATION`.
    """
    rng = np.random.default_rng(place.seed("control"))
    count = probe.control_pairs
    spread = z.std(axis=0, ddof=1, dtype=np.float64)
    usable = np.flatnonzero(spread > 0)[: count + 1]
    if len(usable) < 2:
        return {"shuffled_score": np.nan, "planted_score": np.nan}
    apart = rng.permuted(z[:, usable] / spread[usable], axis=0)
    mixed = PLANTED_CORRELATION * apart + np.sqrt(1 - PLANTED_CORRELATION**2) * np.roll(apart, 1, axis=1)
    unmixed = layer_pairs(len(usable), count, place.layer)
    beside_its_mix = np.stack([np.arange(len(usable)), len(usable) + np.arange(len(usable))], axis=1)[:count]
    found = pairwise_mi(
        np.hstack([apart, mixed]),
        k=probe.k,
        pairs=np.concatenate([unmixed, beside_its_mix]),
        null="shuffle",
        n_shuffles=1,
        random_state=place.seed("control null"),
        device=device,
    )
    corrected = np.split(cast(np.ndarray, found.pair_corrected), [len(unmixed)])
    return dict(zip(("shuffled_score", "planted_score"), map(mean, corrected), strict=True))


def mean(values: np.ndarray | None) -> float:
    """Mean over what is not NaN; NaN, without a warning, when nothing is left."""
    kept = np.asarray(values, dtype=float)
    kept = kept[np.isfinite(kept)]
    return float(kept.mean()) if kept.size else float("nan")


def quantiles(values: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """Quantiles over what is not NaN."""
    kept = values[np.isfinite(values)]
    return np.quantile(kept, at) if kept.size else np.full(len(at), np.nan)


def exceeds(values: np.ndarray, bound: float) -> np.ndarray:
    """1 where a value lies above the bound, 0 where not, NaN where it is NaN."""
    return np.where(np.isfinite(values), values > bound, np.nan)
