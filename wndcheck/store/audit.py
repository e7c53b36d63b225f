"""Compare the record of a cell with one that is measured anew: of the same seeds, perhaps on another machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import core_seconds, steps
from wndcheck.experiment.record_schema import Measurement, record_shapes

ENOUGH_SECONDS = 60.0  # of a core, that the nets of a cell may take which are trained anew; one net may take longer
ALPHA = 0.01  # over the number of tests (Bonferroni)
FEWEST_NETS = 5  # of a t-test: the shares of a few images or pairs may change alike in fewer
# Where CPUs or versions round otherwise, before training a mean over neurons or pairs differs by up to 5e-5 (measured:
# AVX-512 and SSE4 kernels); shares, quantiles and what is taken from ranks make steps. Training amplifies that by seed,
# in ReLU nets to .1, with a mean of 0; in tanh nets the mean, too, may differ by 2e-5. Relative where above 1.
ROUNDING, ROUNDING_OF_MEANS = 1e-3, 1e-4
STEPS = ("accuracy", "diverged", "flagged", "importance", "lemma_broken", "quantiles", "rank_")
MOST_LISTED = 4


class Agreement(StrEnum):
    """How two records of the same nets compare."""

    SAME = "same bit for bit"
    AGREES = "agrees"
    UNTESTED = "not tested"  # the same before training, and there are too few nets to test more
    DIFFERS = "differs"


@dataclass(frozen=True)
class Compared:
    """The result, and its evidence in words."""

    agreement: Agreement
    evidence: str = ""


def first_nets(cell: Cell, count: int | None = None) -> Cell:
    """The cell's first nets (ensembles), which train as in the whole cell: so many, or as ENOUGH_SECONDS allow."""
    count = min(cell.replicates, count or max(1, int(ENOUGH_SECONDS / core_seconds(cell) * cell.replicates)))
    seeds = cell.seeds[: count * (cell.nets_per_ensemble if cell.ensembles else 1)]
    return replace(cell, seeds=seeds, ensembles=count if cell.ensembles else 0)


def compared(committed: Measurement, anew: Measurement) -> Compared:
    """Compare a record with that of its cell's first nets (ensembles), measured anew.

    All must be the same to the last bit where devices, threads and versions are, and what was measured of any net
    before training is: then the CPUs round alike, too. Elsewhere numbers before training without STEPS may differ by
    ROUNDING, or by more where other neurons of the layer are flagged, since rounding makes and breaks ties. Of those
    after it none may be missing in one record for most nets, as happens for a few narrow ones, and the mean difference
    by seed must be within ROUNDING_OF_MEANS, by a t-test at ALPHA over the number of tests.
    """
    cell, places = anew.cell, places_of(anew.cell)
    old, new = numbers_of(committed)[:, : cell.replicates], numbers_of(anew)
    if not (unequal := (old != new) & ~(np.isnan(old) & np.isnan(new))).any():
        return Compared(Agreement.SAME)
    initial = np.array([place.epoch == 0 for place in places])
    facts = differing_facts(committed, anew)
    if not facts and not unequal[initial].any(axis=0).all():
        return Compared(Agreement.DIFFERS, f"unlike other numbers, not the same bit for bit: {listed(places, unequal)}")
    untrained = initial | (steps(cell) == 0)
    difference, size = new - old, np.maximum(1.0, np.abs(old))
    gaps = np.isnan(old) != np.isnan(new)
    steady = untrained[:, None] & ~ties_of(places, unequal)
    gaps &= steady | (2 * gaps.sum(axis=1) > cell.replicates)[:, None]
    if gaps.any():
        return Compared(Agreement.DIFFERS, f"missing in one record: {listed(places, gaps)}")
    smooth = ~np.array([any(name in place.name for name in STEPS) for place in places])
    if (beyond := (np.abs(difference) > ROUNDING * size) & steady & smooth[:, None]).any():
        return Compared(Agreement.DIFFERS, f"before training, by more than rounding: {listed(places, beyond)}")
    largest = np.unravel_index(np.nanargmax(np.abs(difference)), difference.shape)
    texts = [f"largest difference {abs(difference[largest]):.2g} ({places[largest[0]]})", *facts]
    if cell.replicates < FEWEST_NETS and unequal[~untrained].any():
        return Compared(Agreement.UNTESTED, "; ".join([*texts, f"a t-test takes {FEWEST_NETS} nets"]))
    tested = ~untrained & (np.abs(difference) > ROUNDING_OF_MEANS * size).any(axis=1)
    margin, alpha = ROUNDING_OF_MEANS * size.max(axis=1), ALPHA / max(1, tested.sum())
    p = np.where(tested, p_values(difference, margin), np.nan)
    if tested.any():
        texts[1:1] = [f"least p {np.nanmin(p):.2g} of {tested.sum()} ({places[np.nanargmin(p)]})"]
    if (scores := tested & [place.name == "corrected_score" for place in places]).any():
        largest_unseen = np.nanmax(least_noticed(difference, margin, alpha)[scores])
        texts[2:2] = [f"a mean difference of ι_c above {largest_unseen:.2g} nats would be noticed"]
    if (refuted := p < alpha).any():
        return Compared(Agreement.DIFFERS, "; ".join([f"on average: {listed(places, refuted[:, None])}", *texts]))
    return Compared(Agreement.AGREES, "; ".join(texts))


@dataclass(frozen=True)
class Place:
    """The place of a number in a record; layers count from 1, and accuracies have none."""

    name: str
    epoch: int
    layer: int = 0

    def __str__(self) -> str:
        return f"{self.name}{f' of layer {self.layer}' if self.layer else ''} at stage {self.epoch}"


def places_of(cell: Cell) -> list[Place]:
    """The place of each number of a replicate."""
    epochs = cell.protocol.stages
    return [
        Place(name, epochs[stage], *(layer + 1 for layer in inner[:1]))
        for name, (stages, _, *shape) in record_shapes(cell).items()
        for stage, *inner in np.ndindex(stages, *shape)
    ]


def numbers_of(measurement: Measurement) -> np.ndarray:
    """All numbers of a record, (places, R), in the order of `places_of`."""
    arrays = [measurement[name] for name in record_shapes(measurement.cell)]
    return np.concatenate([np.moveaxis(array, 1, -1).reshape(-1, array.shape[1]) for array in arrays])


def ties_of(places: list[Place], unequal: np.ndarray) -> np.ndarray:
    """Whether a number's net has another share of flagged neurons in its layer, at any stage, (places, R)."""
    flags, layers = (np.array(found) for found in zip(*(("flagged" in p.name, p.layer) for p in places), strict=True))
    by_layer = {layer: unequal[flags & (layers == layer)].any(axis=0) for layer in set(layers)}
    return np.array([by_layer[layer] for layer in layers])


def p_values(difference: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """Of t-tests that the mean of each row (places, R), without its NaNs, is within ± margin (places,).

    1 with fewer than FEWEST_NETS.
    """
    from scipy import stats

    n, errors = standard_errors(difference)
    enough, p = np.isfinite(errors), np.ones(len(difference))
    beyond = np.maximum(np.abs(np.nanmean(difference[enough], axis=1)) - margin[enough], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):  # where all differences are the same
        t = np.nan_to_num(beyond / errors[enough], posinf=np.inf)
    p[enough] = 2 * stats.t.sf(t, n[enough] - 1)
    return p


def least_noticed(difference: np.ndarray, margin: np.ndarray, alpha: float) -> np.ndarray:
    """The least mean of each row (places, R) that its t-test would refute at alpha; NaN with fewer than FEWEST_NETS."""
    from scipy import stats

    n, errors = standard_errors(difference)
    return margin + stats.t.ppf(1 - alpha / 2, n - 1) * errors


def standard_errors(difference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of values of each row (places, R) without its NaNs, and the standard error of their mean.

    The latter is NaN with fewer than FEWEST_NETS.
    """
    n, errors = np.isfinite(difference).sum(axis=1), np.full(len(difference), np.nan)
    enough = n >= FEWEST_NETS
    errors[enough] = np.nanstd(difference[enough], axis=1, ddof=1) / np.sqrt(n[enough])
    return n, errors


def listed(places: list[Place], chosen: np.ndarray) -> str:
    """The places of which any net is chosen (places, R), the first of them by name."""
    found = list(dict.fromkeys(str(places[at]) for at in np.flatnonzero(chosen.any(axis=1))))
    more = f" and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
    return ", ".join(found[:MOST_LISTED]) + more


def differing_facts(committed: Measurement, anew: Measurement) -> list[str]:
    """What is recorded of devices, threads and versions, and differs: ``torch 2.15.0, here 2.16.0``."""
    facts, here = facts_of(committed), facts_of(anew)
    return [f"{name} {fact}, here {here.get(name)}" for name, fact in facts.items() if fact != here.get(name)]


def facts_of(measurement: Measurement) -> dict[str, object]:
    provenance = measurement.provenance
    versions = provenance.get("versions")
    facts = {name: provenance.get(name, "not recorded") for name in ("device", "threads")}
    return facts | (versions if isinstance(versions, dict) else {"versions": "not recorded"})
