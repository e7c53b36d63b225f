"""One layer of neurons, or two stages of it, in numbers; it knows nothing of nets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wndcheck.estimators import PairwiseInformation, pairwise_mi
from wndcheck.experiment.cells import Activation, Probe
from wndcheck.experiment.measurement.averages import exceeds, mean, quantiles
from wndcheck.experiment.measurement.controls import controls
from wndcheck.experiment.measurement.distributions import (
    LEVELS,
    correlation,
    distribution,
    distribution_change,
    moments,
)
from wndcheck.experiment.measurement.groups import total_correlations
from wndcheck.experiment.measurement.places import Place
from wndcheck.experiment.measurement.transformed import transformed
from wndcheck.experiment.records import PAIR_QUANTILES


class Initial(NamedTuple):
    """What a layer is compared with, at stage 0: of its neurons (N,), (N,), (N, 32), and of its pairs (P,)."""

    entropy: np.ndarray
    spread: np.ndarray
    quantiles: np.ndarray
    pair_mi: np.ndarray


def unknown(neurons: int, pairs: int) -> Initial:
    """Nothing but NaN, to be filled."""
    return Initial(*(np.full(shape, np.nan) for shape in (neurons, neurons, (neurons, len(LEVELS)), pairs)))


class Layer(NamedTuple):
    """Samples of a layer, whose they are, and how it is to be measured."""

    z: np.ndarray  # (samples, neurons), pre-activations
    pairs: np.ndarray  # (P, 2)
    place: Place
    probe: Probe
    activation: Activation | None  # what comes after z; None for logits
    is_last_stage: bool
    device: str


def summarised(layer: Layer, initial: Initial | None) -> tuple[dict[str, object], Initial]:
    """All numbers of a layer at one stage, and what later stages are compared with; without `initial` it is stage 0.

    No number where z is not finite; NaN where flags leave nothing to average over.
    """
    z, place, probe = layer.z, layer.place, layer.probe
    if not np.isfinite(z).all():
        return {}, initial or unknown(z.shape[1], len(layer.pairs))
    now = information(layer)
    flagged = [n for n in range(z.shape[1]) if n in now.flags]
    moment = moments(z, flagged)
    initial = initial or Initial(now.entropy, moment.spread, moment.quantiles, now.pair_mi)
    numbers = compared(now, initial) | distribution(moment, now.entropy, len(z)) | correlation(z, moment, now.pairs)
    numbers["distribution_change"] = distribution_change(moment, initial.spread, initial.quantiles)
    numbers |= controls(z, place, probe, layer.device)
    if layer.is_last_stage:  # they cost the most
        numbers |= transformed(z, layer.activation, place, probe, layer.device)
        numbers |= total_correlations(z, flagged, place, probe)
    return numbers, initial


def information(layer: Layer) -> PairwiseInformation:
    """Entropies and pairwise 3H information of one layer, with one shuffle of every neuron as the null."""
    return pairwise_mi(
        layer.z,
        k=layer.probe.k,
        pairs=layer.pairs,
        null="shuffle",
        n_shuffles=1,
        random_state=layer.place.seed("null"),
        device=layer.device,
    )


def compared(now: PairwiseInformation, initial: Initial) -> dict[str, object]:
    """The layer's information at one stage, and beside the initial one."""
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
