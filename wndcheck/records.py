"""What a measured cell leaves behind: numbers by stage, net and layer, and where they were made. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wndcheck.cells import Cell

PAIR_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
PLANTED_CORRELATION = 0.3  # of Gaussians: -½ log(1 - .3²) = .0472 nats, about five of the paper's thresholds

LAYER_QUANTITIES = {
    "entropy": "mean neuron entropy H̄, eq. A.1, raw units (nats)",
    "entropy_change": "ΔH: mean neuron entropy less its value at stage 0 (nats)",
    "score": "dependence score ι: mean signed 3H information over pairs, standardised (nats)",
    "corrected_score": "ι_c: mean over pairs of H(X, πY) - H(X, Y) (nats)",
    "share_above_null": "share of pairs above the shuffle null's 95 % point",
    "lemma_excess": "mean over pairs of ΔI - ΔH, eq. 7 (nats)",
    "lemma_broken": "share of ordered pairs with ΔI above the neuron's ΔH",
    "flagged": "share of neurons that are constant, tied or a point mass, and left out",
    "shuffled_score": "ι_c of the same activations shuffled apart: a control, 0 (nats)",
    "planted_score": "ι_c of pairs mixed to a correlation of .3: a control, near .047 (nats)",
}

SAME_IMAGE = "same_image_"  # the second form of the ensemble reading: all nets of an ensemble see the same image


@dataclass(frozen=True)
class Measurement:
    """A measured cell.

    `arrays` holds every name of LAYER_QUANTITIES as (stages, R, layers) float64, "pair_quantiles" as (stages, R,
    layers, 5), "accuracy" and "validation_accuracy" as (stages, R), for R replicates: the nets, or in the ensemble
    reading the ensembles. Layers run from the first dense one to the logits. In the ensemble reading every quantity
    of a layer is there twice: by its name for one image each, and with `SAME_IMAGE` before it; and "diverged" holds
    the share of an ensemble's nets that diverged, (stages, R).
    """

    cell: Cell
    arrays: dict[str, np.ndarray]
    provenance: dict[str, object]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]


def record_shapes(cell: Cell) -> dict[str, tuple[int, ...]]:
    """The shape of every array of a cell's record."""
    replicates = (len(cell.protocol.stages), cell.replicates)
    shapes = layer_shapes(cell) | {"accuracy": replicates, "validation_accuracy": replicates}
    if not cell.ensembles:
        return shapes
    same_image = {SAME_IMAGE + name: shape for name, shape in layer_shapes(cell).items()}
    return shapes | same_image | {"diverged": replicates}


def layer_shapes(cell: Cell) -> dict[str, tuple[int, ...]]:
    """The shapes of what is measured of every layer, in one form."""
    layers = (len(cell.protocol.stages), cell.replicates, cell.layers)
    return dict.fromkeys(LAYER_QUANTITIES, layers) | {"pair_quantiles": (*layers, len(PAIR_QUANTILES))}


def blank_record(cell: Cell) -> dict[str, np.ndarray]:
    """Arrays of NaN, to be filled stage by stage."""
    return {name: np.full(shape, np.nan) for name, shape in record_shapes(cell).items()}
