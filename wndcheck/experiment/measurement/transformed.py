"""A layer's activations, transformed: made independent or dependent by a known amount (controls), and after the
activation function.
"""

from __future__ import annotations

from functools import partial
from math import sqrt
from typing import cast

import numpy as np

from wndcheck.estimators import PairwiseInformation, pairwise_mi
from wndcheck.experiment.cells import Probe
from wndcheck.experiment.measurement.sampling import DrawKey, layer_pairs, mean, sampled_neurons
from wndcheck.experiment.record_schema import CONTROLS, PLANTED_CORRELATION, STRONG_CORRELATION, TRANSFORMED_NEURONS
from wndcheck.nets.specification import Activation

JITTER = 1e-3  # standard deviations; it breaks the ties of ReLU's point mass
NAMES = ("post_score", "post_corrected_score", "post_change", "post_change_3h", "folded_change_3h")


def controls(z: np.ndarray, draw_key: DrawKey, probe: Probe, device: str) -> dict[str, object]:
    """Corrected scores (nats) of the same activations made independent, and of dependence planted into them.

    Every neuron's samples are first permuted independently. Each is then paired with a mix of itself and its neighbour,
    of a smaller and a larger correlation, and with its own copy; and neurons are made that share a latent variable.
    """
    rng = np.random.default_rng(draw_key.seed("control"))
    count, few = probe.control_pairs, max(1, probe.control_pairs // 4)
    spread = z.std(axis=0, ddof=1, dtype=np.float64)
    usable = np.flatnonzero(spread > 0)[: count + 1]
    if len(usable) < 2 or not count:
        return dict.fromkeys(CONTROLS, np.nan)
    rows = np.ascontiguousarray((z[:, usable] / spread[usable]).T)  # as the estimator takes them, and faster to permute
    permuted = rng.permuted(rows, axis=1).T
    latent = with_latent(permuted[:, : few + 1], rng.permuted(permuted[:, 0]))
    planted = [mixed(permuted, PLANTED_CORRELATION), mixed(permuted, STRONG_CORRELATION)[:, :few], permuted[:, :few]]
    *starts, first = np.cumsum([len(usable), *(made.shape[1] for made in planted)])  # columns where the blocks begin
    pairs = [layer_pairs(len(usable), count, draw_key.layer)]
    pairs += [each_with(start, made.shape[1], count) for start, made in zip(starts, planted, strict=True)]
    pairs += [first + each_with(1, latent.shape[1] - 1, count)]
    found = pairwise_mi(
        np.hstack([permuted, *planted, latent]),
        k=probe.k,
        pairs=np.concatenate(pairs),
        null="shuffle",
        n_shuffles=1,
        random_state=draw_key.seed("control null"),
        device=device,
    )
    scores = np.split(cast(np.ndarray, found.pair_corrected), np.cumsum([len(some) for some in pairs])[:-1])
    return dict(zip(CONTROLS, map(mean, scores), strict=True))


def each_with(offset: int, columns: int, most: int) -> np.ndarray:
    """Pairs of a column with the one `offset` further on, for up to `most` columns: (P, 2)."""
    own = np.arange(min(columns, most))
    return np.stack([own, offset + own], axis=1)


def mixed(permuted: np.ndarray, correlation: float) -> np.ndarray:
    """Each column with its neighbour mixed into it, so that it has the given correlation with the column itself."""
    return correlation * permuted + sqrt(1 - correlation**2) * np.roll(permuted, 1, axis=1)


def with_latent(permuted: np.ndarray, latent: np.ndarray) -> np.ndarray:
    """Columns that share a latent variable, any two of them with a correlation of PLANTED_CORRELATION."""
    return sqrt(1 - PLANTED_CORRELATION) * permuted + sqrt(PLANTED_CORRELATION) * latent[:, None]


def transformed(
    z: np.ndarray, activation: Activation | None, draw_key: DrawKey, probe: Probe, device: str
) -> dict[str, object]:
    """Information of some of a layer's pairs as post-activations, and its change by the activation function (nats).

    z: (samples, neurons). tanh is measured by 3H, the paper's estimator, and so are the absolute values |z|, whose
    information differs: a control. ReLU leaves a point mass at 0, where 3H is invalid, and is measured by KSG1, with
    jitter to break the ties. Changes are of the same pairs with the same permutations. NaN for logits (`activation`
    None), which have no activation function.
    """
    if activation is None or not probe.transformed_pairs:
        return dict.fromkeys(NAMES, np.nan)
    z = z[:, sampled_neurons("transformed", z.shape[1], TRANSFORMED_NEURONS, draw_key.layer)]
    estimated = partial(
        pairwise_mi,
        k=probe.k,
        pairs=layer_pairs(z.shape[1], probe.transformed_pairs, draw_key.layer),
        random_state=draw_key.seed("transformed null"),
        device=device,
    )
    with_null = partial(estimated, null="shuffle", n_shuffles=1)
    if activation == "relu":
        x, nothing = np.maximum(z, 0), np.full(1, np.nan)
        post, changes = with_null(x, estimator="ksg1", jitter=JITTER), (nothing, nothing)
        kraskov = post
    else:
        x, before = np.tanh(z, dtype=np.float64), corrected(with_null(z))
        post, folded = with_null(x), corrected(with_null(np.abs(z)))
        changes = corrected(post) - before, folded - before
        kraskov = estimated(x, estimator="ksg1")
    change = kraskov.pair_mi - estimated(z, estimator="ksg1").pair_mi
    numbers = post.pair_mi, post.pair_corrected, change, *changes
    return dict(zip(NAMES, map(mean, numbers), strict=True))


def corrected(found: PairwiseInformation) -> np.ndarray:
    return cast(np.ndarray, found.pair_corrected)
