"""One layer of neurons, at one stage or compared with stage 0, in numbers; it knows nothing of nets."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from wndcheck.estimators import PairwiseInformation, knn_entropy, pairwise_mi
from wndcheck.estimators.entropy import CoincidentError
from wndcheck.estimators.preprocessing import normal_scores
from wndcheck.experiment.cells import Probe
from wndcheck.experiment.gaussian_experiments import gaussian_entropy
from wndcheck.experiment.measurement.sampling import DrawKey, evenly_chosen, layer_groups, mean, quantiles
from wndcheck.experiment.measurement.transformed import controls, transformed
from wndcheck.experiment.record_schema import (
    GROUP_SIZES,
    PAIR_QUANTILES,
    RANK_K,
    RANK_NULL_QUANTILE,
    RANK_QUANTILES,
    RANK_SAMPLES,
    RANK_THRESHOLD,
)
from wndcheck.nets.specification import Activation

LEVELS = (np.arange(32) + 0.5) / 32  # at which distributions are compared
FLOOR_NEURONS = 200  # 19,900 pairs of them, whose mean information is known to about 3 %


class Initial(NamedTuple):
    """A layer at stage 0, for comparison: entropy (N,), standard deviation (N,) and quantiles (N, 32) of its neurons,
    information of its pairs (P,), in nats.
    """

    entropy: np.ndarray
    spread: np.ndarray
    quantiles: np.ndarray
    pair_mi: np.ndarray


def unknown(neurons: int, pairs: int) -> Initial:
    """NaN throughout, to be filled."""
    return Initial(*(np.full(shape, np.nan) for shape in (neurons, neurons, (neurons, len(LEVELS)), pairs)))


class Layer(NamedTuple):
    """Samples of a layer, and how it is to be measured."""

    z: np.ndarray  # (samples, neurons), pre-activations
    pairs: np.ndarray  # (P, 2)
    draw_key: DrawKey
    probe: Probe
    activation: Activation | None  # None for logits
    is_last_stage: bool
    device: str
    classes: np.ndarray | None = None  # of the samples, (samples,), where these are images that one net sees


def summarised(layer: Layer, initial: Initial | None) -> tuple[dict[str, object], Initial]:
    """All quantities of a layer at one stage, and the layer at stage 0, which this is without `initial`.

    No quantities where z is not finite; NaN where flags leave nothing to average over.
    """
    z, draw_key, probe = layer.z, layer.draw_key, layer.probe
    if not np.isfinite(z).all():
        return {}, initial or unknown(z.shape[1], len(layer.pairs))
    now = information(layer)
    flagged = [n for n in range(z.shape[1]) if n in now.flags]
    moment = moments(z, flagged)
    initial = initial or Initial(now.entropy, moment.spread, moment.quantiles, now.pair_mi)
    numbers = scores(now) | rank_scores(layer) | compared(now, initial)
    numbers |= distribution(moment, now.entropy, len(z)) | correlation(z, moment, now.pairs)
    numbers |= rank_correlation(layer, moment)
    numbers["distribution_change"] = distribution_change(moment, initial.spread, initial.quantiles)
    numbers |= controls(z, draw_key, probe, layer.device)
    if layer.is_last_stage:  # they cost the most
        numbers |= transformed(z, layer.activation, draw_key, probe, layer.device)
        numbers |= total_correlations(z, flagged, draw_key, probe)
        numbers |= within_classes(layer)
    return numbers, initial


def information(layer: Layer, draw: str = "null", groups: np.ndarray | None = None) -> PairwiseInformation:
    """Entropies and pairwise 3H information of one layer; the null is one permutation of every neuron, within groups
    if there are any (samples,).
    """
    return pairwise_mi(
        layer.z,
        k=layer.probe.k,
        pairs=layer.pairs,
        null="shuffle",
        n_shuffles=1,
        groups=groups,
        random_state=layer.draw_key.seed(draw),
        device=layer.device,
    )


def within_classes(layer: Layer) -> dict[str, object]:
    """The layer's corrected score with samples permuted within their classes.

    It is what pairs share given the class, where classes do not overlap.
    """
    if layer.classes is None:
        return {}
    return {"within_class_score": mean(information(layer, "null within classes", layer.classes).pair_corrected)}


def scores(now: PairwiseInformation) -> dict[str, object]:
    """The layer's 3H scores, and quantiles over its pairs (nats)."""
    return {
        "score": mean(now.pair_mi),
        "corrected_score": mean(now.pair_corrected),
        "pair_quantiles": quantiles(now.pair_mi, PAIR_QUANTILES),
    }


def rank_scores(layer: Layer) -> dict[str, object]:
    """Mean and quantiles of the rank estimator over some of the layer's pairs (nats), and the share of dependent ones.

    NaN of a layer that has fewer than RANK_SAMPLES samples.
    """
    if len(layer.z) < RANK_SAMPLES:
        return {"rank_score": np.nan, "rank_quantiles": np.full(len(RANK_QUANTILES), np.nan), "rank_dependent": np.nan}
    ranked = pairwise_mi(
        layer.z,
        k=RANK_K,
        margins="normal",
        pairs=evenly_chosen(layer.pairs, layer.probe.rank_pairs),
        random_state=layer.draw_key.seed("ranks"),  # of the order of tied values
        device=layer.device,
    )
    return {
        "rank_score": mean(ranked.pair_mi),
        "rank_quantiles": quantiles(ranked.pair_mi, RANK_QUANTILES),
        "rank_dependent": ranked.share_above(RANK_THRESHOLD, RANK_NULL_QUANTILE),
    }


def scores_alone(layer: Layer) -> dict[str, object]:
    """The quantities of record_schema.SCORES of a layer; none where z is not finite."""
    if not np.isfinite(layer.z).all():
        return {}
    return scores(information(layer)) | rank_scores(layer)


def compared(now: PairwiseInformation, initial: Initial) -> dict[str, object]:
    """The layer's entropy at one stage, and the changes of entropy and information since stage 0 (nats)."""
    change = now.entropy - initial.entropy
    information_change = now.pair_mi - initial.pair_mi
    i, j = now.pairs.T
    broken = np.concatenate([information_change > change[i], information_change > change[j]])
    known = np.tile(np.isfinite(information_change), 2)
    return {
        "entropy": mean(now.entropy),
        "entropy_change": mean(change),
        "lemma_excess": mean(information_change - (change[i] + change[j]) / 2),
        "lemma_broken": mean(broken[known].astype(float)),
        "flagged": len(now.flags) / len(now.entropy),
    }


# --- single neurons, and correlations ---------------------------------------------------------------------------------


class Moments(NamedTuple):
    """Mean, standard deviation (NaN of a flagged neuron) and some quantiles of every neuron, (N,), (N,), (N, 32)."""

    centre: np.ndarray
    spread: np.ndarray
    quantiles: np.ndarray


def moments(z: np.ndarray, flagged: Collection[int]) -> Moments:
    """Moments of a layer z (samples, neurons); the NaN of flagged neurons leaves them out of averages."""
    ordered = np.sort(z, axis=0)
    at = (LEVELS * len(z)).astype(int)
    spread = z.std(axis=0, ddof=1, dtype=np.float64)
    spread[list(flagged)] = np.nan
    return Moments(z.mean(axis=0, dtype=np.float64), spread, ordered[at].T)


def distribution(now: Moments, entropy: np.ndarray, samples: int) -> dict[str, object]:
    """Distance of single neurons from Gaussian, from mean zero, and from one scale.

    negentropy: ½ log 2πeσ² - H (nats), zero for a Gaussian. offset: (mean / sd)² minus 1/M, its expectation for mean 0.
    scale_ratio: log10 of the largest standard deviation over the smallest.
    """
    spread = np.where(now.spread > 0, now.spread, np.nan)
    finite = spread[np.isfinite(spread)]
    return {
        "negentropy": mean(gaussian_entropy(spread) - entropy),
        "offset": mean((now.centre / spread) ** 2 - 1 / samples),
        "scale_ratio": float(np.log10(finite.max() / finite.min())) if finite.size else np.nan,
    }


def distribution_change(now: Moments, initial_spread: np.ndarray, initial_quantiles: np.ndarray) -> float:
    """Mean over neurons of the 1-Wasserstein distance to the initial distribution, in its standard deviations.

    It needs no density: a neuron that has become a point mass counts; one that was flagged at stage 0 is left out.
    """
    spread = np.where(initial_spread > 0, initial_spread, np.nan)
    return mean(np.abs(now.quantiles - initial_quantiles).mean(axis=1) / spread)


def correlation(z: np.ndarray, now: Moments, pairs: np.ndarray) -> dict[str, object]:
    """Mean correlation of the pairs, and the mean information (nats) of Gaussians of the same correlation."""
    samples, spread = len(z), np.where(now.spread > 0, now.spread, np.nan)
    neurons, pairs = np.unique(pairs, return_inverse=True)  # few pairs leave many of a wide layer's neurons out
    scores = (z[:, neurons] - now.centre[neurons]) / spread[neurons]
    matrix = scores.T @ scores / (samples - 1)
    r = matrix[tuple(pairs.T)]
    return {"correlation": mean(r), "gaussian_score": gaussian_score(r, samples)}


def rank_correlation(layer: Layer, now: Moments) -> dict[str, object]:
    """Mean information (nats) of Gaussians whose correlation is that of the pairs' normal scores."""
    neurons, pairs = np.unique(layer.pairs, return_inverse=True)
    scores, *_ = normal_scores(layer.z[:, neurons].astype(np.float64), layer.draw_key.seed("ranks"))
    scores[~(now.spread[neurons] > 0)] = np.nan
    matrix = scores @ scores.T / np.square(scores).sum(axis=1)  # all rows hold the same values, of mean 0
    return {"rank_gaussian_score": gaussian_score(matrix[tuple(pairs.T)], len(layer.z))}


def gaussian_score(correlations: np.ndarray, samples: int) -> float:
    """Mean information (nats) of Gaussians of these correlations, estimated from so many samples.

    Minus its expectation for independent Gaussians, ½ [ψ((M-1)/2) - ψ((M-2)/2)].
    """
    r = np.clip(correlations, -1 + 1e-12, 1 - 1e-12)
    expected = (digamma((samples - 1) / 2) - digamma((samples - 2) / 2)) / 2
    return mean(-0.5 * np.log1p(-(r**2)) - expected)


def image_floor(images: np.ndarray, seed: int) -> float:
    """What two neurons of an untrained, infinitely wide first layer share because of the images alone (nats).

    Their z of images (n, inputs) are Gaussian with correlation ρ, given by the images' covariance and the two weight
    vectors; the mean of -½ log(1 - ρ²) over all pairs of FLOOR_NEURONS seeded Gaussian weight vectors.
    """
    weights = np.random.default_rng(seed).standard_normal((images.shape[1], FLOOR_NEURONS), dtype=np.float32)
    correlations = np.asarray(np.corrcoef((images @ weights).T))
    return gaussian_score(correlations[np.triu_indices(FLOOR_NEURONS, 1)], len(images))


# --- more than pairs --------------------------------------------------------------------------------------------------


def total_correlations(z: np.ndarray, unusable: Collection[int], draw_key: DrawKey, probe: Probe) -> dict[str, object]:
    """Mean total correlation of groups of a layer's neurons z (samples, neurons), by their size (nats).

    H(π₁X₁, …, π_d X_d) - H(X₁, …, X_d): as in the corrected score, the marginals and the estimator's bias cancel. NaN
    for a group that holds a neuron without a density or whose samples coincide, and where a layer has too few neurons.
    """
    rng = np.random.default_rng(draw_key.seed("groups"))
    return {
        f"total_correlation_{size}": mean(
            np.array(
                [
                    np.nan if set(group).intersection(unusable) else total_correlation(z[:, group], probe.k, rng)
                    for group in layer_groups(z.shape[1], size, probe.groups, draw_key.layer).tolist()
                ]
            )
        )
        for size in GROUP_SIZES
    }


def total_correlation(x: np.ndarray, k: int, rng: np.random.Generator) -> float:
    """Total correlation of the columns of x (samples, d) in nats, minus that of the same columns permuted.

    NaN where more than k samples coincide, as they may where neurons of the layer before are saturated.
    """
    permuted = rng.permuted(x, axis=0)
    try:
        return knn_entropy(permuted, k=k, units="sd") - knn_entropy(x, k=k, units="sd")
    except CoincidentError:
        return np.nan
