"""The record of a measured cell: its quantities by stage, net and layer, and where they were made. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wndcheck.experiment.cells import Cell

PAIR_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
RANK_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
# Neighbours of the rank estimator: of independent pairs, M = 1000, it then gives .001 ± .008 nats where the paper's 3H
# with three gives .012 ± .042. A pair counts as dependent if it exceeds the paper's threshold (nats) by more than this
# quantile of the null, which is tabulated for at least twice as many samples as neighbours.
RANK_K, RANK_THRESHOLD, RANK_NULL_QUANTILE = 20, 0.01, 0.99
RANK_SAMPLES = 2 * RANK_K
# Of Gaussians: -½ log(1 - 0.3²) = 0.0472 nats, about five of the paper's thresholds; and 0.223 nats.
PLANTED_CORRELATION, STRONG_CORRELATION = 0.3, 0.6
TRANSFORMED_NEURONS = 40  # of a layer at most, whose pairs are measured as post-activations
GROUP_SIZES = (3, 5)  # of neurons, of which the total correlation is taken (§6)

CONTROLS = {
    "shuffled_score": "ι_c of the same activations, independently permuted: 0 (nats)",
    "planted_score": "ι_c of permuted pairs mixed to a correlation of 0.3: near 0.047 (nats)",
    "planted_strong_score": "the same to a correlation of 0.6: near 0.223 (nats)",
    "duplicated_score": "ι_c of permuted neurons and their own copies: ψ(M) - ψ(k), some 6 nats",
    "latent_score": "ι_c of permuted neurons that share a latent variable, correlation 0.3: near 0.047 (nats)",
}

LAYER_QUANTITIES = {
    "entropy": "mean neuron entropy H̄, eq. A.1, raw units (nats)",
    "entropy_change": "ΔH: mean neuron entropy minus its value at stage 0 (nats)",
    "score": "dependence score ι: mean signed 3H information over pairs, standardised (nats)",
    "corrected_score": "ι_c: mean over pairs of H(X, πY) - H(X, Y) (nats)",
    "rank_score": "mean over some of these pairs of the rank estimator: KSG1 of normal scores, k = 20 (nats)",
    "rank_dependent": "share of those pairs whose estimate is above 0.01 nats plus the null's 0.99 quantile",
    "lemma_excess": "mean over pairs of ΔI - ΔH, eq. 7 (nats)",
    "lemma_broken": "share of ordered pairs with ΔI above the neuron's ΔH",
    "flagged": "share of neurons that are constant, tied or a point mass, and left out",
    "negentropy": "mean over neurons of ½ log 2πeσ² - H, 0 for Gaussians (nats)",
    "offset": "mean over neurons of (mean / sd)² minus its expectation 1/M for mean 0",
    "scale_ratio": "log10 of the largest standard deviation of a neuron over the smallest",
    "distribution_change": "mean over neurons of the Wasserstein distance to stage 0, in initial standard deviations",
    "correlation": "mean over pairs of Pearson's correlation",
    "gaussian_score": "mean over pairs of the information that Gaussians of their correlation share (nats)",
    "rank_gaussian_score": "the same of the correlation of normal scores of the ranks (nats)",
    "post_score": "ι of post-activations, 3H (tanh) or KSG1 (ReLU), of some pairs; last stage (nats)",
    "post_corrected_score": "ι_c of post-activations, by the same estimators (nats)",
    "post_change": "mean over those pairs of the information after minus before the activation function, KSG1 (nats)",
    "post_change_3h": "the same by 3H, corrected; only for tanh (nats)",
    "folded_change_3h": "the same for |z| in place of tanh: a control, not 0 (nats)",
    **{
        f"total_correlation_{size}": f"mean total correlation of {size} neurons, corrected; last stage (nats)"
        for size in GROUP_SIZES
    },
    **CONTROLS,
}

DATA_QUANTITIES = {
    "within_class_score": "ι_c with shuffles within each class of the images; last stage (nats)",
    "image_floor": "of the first hidden layer: what random Gaussian weight vectors share on the images (nats)",
    "importance": "mean over some hidden neurons of the share of images classified differently without the neuron",
}

QUANTILES = {  # of the estimates of a layer's pairs (nats): one number more for each layer than LAYER_QUANTITIES have
    "pair_quantiles": PAIR_QUANTILES,  # of 3H, whose mean is "score"
    "rank_quantiles": RANK_QUANTILES,  # of the rank estimator, whose mean is "rank_score"
}

SCORES = ("score", "corrected_score", "pair_quantiles", "rank_score", "rank_dependent", "rank_quantiles")


def on_images(name: str, images: int) -> str:
    """The name of one of SCORES on a further number of images: "score_2000"."""
    return f"{name}_{images}"


SAME_IMAGE = "same_image_"  # the second form of the ensemble reading: all nets of an ensemble see the same image


@dataclass(frozen=True)
class Measurement:
    """A measured cell.

    `arrays` holds every name of LAYER_QUANTITIES as (stages, R, layers) float64, every one of QUANTILES as (stages, R,
    layers, quantiles), "accuracy" and "validation_accuracy" as (stages, R), for R replicates: the nets, or in the
    ensemble reading the ensembles. Layers run from the first dense one to the logits. Accuracies of nets are those of
    all images at the last stage, and of the probe and as many validation images before it; of ensembles, always the
    latter. In the ensemble reading every quantity of a layer appears twice: by its name for one image each, and with
    the prefix `SAME_IMAGE`; and "diverged" holds the share of an ensemble's nets that diverged, (stages, R).

    Only in the data reading: DATA_QUANTITIES, as those of a layer; and SCORES on each of the probe's `more_images`, in
    the shape they have on the probe's images, under the name that `on_images` gives them.
    """

    cell: Cell
    arrays: dict[str, np.ndarray]
    provenance: dict[str, object]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    @property
    def width(self) -> int:
        return self.cell.width

    @property
    def replicates(self) -> int:
        return self.cell.replicates


def record_shapes(cell: Cell) -> dict[str, tuple[int, ...]]:
    """The shape of every array of a cell's record."""
    replicates = (len(cell.protocol.stages), cell.replicates)
    shapes = layer_shapes(cell) | {"accuracy": replicates, "validation_accuracy": replicates}
    if not cell.ensembles:
        more = {on_images(name, images): shapes[name] for images in cell.probe.further_images for name in SCORES}
        return shapes | dict.fromkeys(DATA_QUANTITIES, shapes["entropy"]) | more
    same_image = {SAME_IMAGE + name: shape for name, shape in layer_shapes(cell).items()}
    return shapes | same_image | {"diverged": replicates}


def layer_shapes(cell: Cell) -> dict[str, tuple[int, ...]]:
    """The shapes of what is measured of every layer, in one form."""
    layers = (len(cell.protocol.stages), cell.replicates, cell.layers)
    return dict.fromkeys(LAYER_QUANTITIES, layers) | {name: (*layers, len(at)) for name, at in QUANTILES.items()}


def blank_record(cell: Cell) -> dict[str, np.ndarray]:
    """Arrays of NaN, to be filled stage by stage."""
    return {name: np.full(shape, np.nan) for name, shape in record_shapes(cell).items()}
