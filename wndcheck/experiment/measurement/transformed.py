"""The same pairs after a transformation of every neuron: the activation function, and one that loses the sign."""

from __future__ import annotations

from functools import partial
from typing import cast

import numpy as np

from wndcheck.estimators import PairwiseInformation, pairwise_mi
from wndcheck.experiment.cells import Activation, Probe
from wndcheck.experiment.measurement.averages import mean
from wndcheck.experiment.measurement.places import Place, layer_pairs, sampled_neurons
from wndcheck.experiment.records import TRANSFORMED_NEURONS

JITTER = 1e-3  # standard deviations, which part the point mass of ReLU
NAMES = ("post_score", "post_corrected_score", "post_change", "post_change_3h", "folded_change_3h")


def transformed(
    z: np.ndarray, activation: Activation | None, place: Place, probe: Probe, device: str
) -> dict[str, object]:
    """What some of a layer's pairs share as post-activations, and how that differs from before (nats).

    z: (samples, neurons). 3H, the paper's, measures tanh, and the absolute values |z|, whose information is another:
    the control. ReLU leaves a point mass at 0, on which 3H means nothing, and is measured by KSG1, with jitter to part
    it. Changes are of the same pairs with the same shuffles. NaN for logits (`activation` None), which have none.
    """
    if activation is None or not probe.transformed_pairs:
        return dict.fromkeys(NAMES, np.nan)
    z = z[:, sampled_neurons("transformed", z.shape[1], TRANSFORMED_NEURONS, place.layer)]
    estimated = partial(
        pairwise_mi,
        k=probe.k,
        pairs=layer_pairs(z.shape[1], probe.transformed_pairs, place.layer),
        random_state=place.seed("transformed null"),
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
