"""More than pairs (§6): the total correlation of three and of five neurons."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from wndcheck.estimators import knn_entropy
from wndcheck.experiment.cells import Probe
from wndcheck.experiment.measurement.averages import mean
from wndcheck.experiment.measurement.places import Place, layer_groups
from wndcheck.experiment.records import GROUP_SIZES


def total_correlations(z: np.ndarray, unusable: Collection[int], place: Place, probe: Probe) -> dict[str, object]:
    """Mean total correlation of groups of a layer's neurons z (samples, neurons), by their size (nats).

    H(π₁X₁, …, π_d X_d) - H(X₁, …, X_d): as in the corrected score, the marginals and the estimator's bias cancel. NaN
    for a group that holds a neuron without a density, and where a layer has too few neurons.
    """
    rng = np.random.default_rng(place.seed("groups"))
    return {
        f"total_correlation_{size}": mean(
            np.array(
                [
                    np.nan if set(group).intersection(unusable) else total_correlation(z[:, group], probe.k, rng)
                    for group in layer_groups(z.shape[1], size, probe.groups, place.layer).tolist()
                ]
            )
        )
        for size in GROUP_SIZES
    }


def total_correlation(x: np.ndarray, k: int, rng: np.random.Generator) -> float:
    """Of the columns of x (samples, d), in nats, less what the same columns show when shuffled apart."""
    return knn_entropy(rng.permuted(x, axis=0), k=k, standardize=True) - knn_entropy(x, k=k, standardize=True)
