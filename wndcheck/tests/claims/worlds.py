"""Made-up measurements of a whole profile: a world in which all the paper says holds, and one in which nothing does;
and worlds in which all holds but at single places.

They hold the record's quantities, so that the claims' own code reads them from a store as it reads real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wndcheck.experiment import profiles
from wndcheck.experiment.cells import Cell, Violation
from wndcheck.experiment.families import FAMILIES, cells_of, parts
from wndcheck.experiment.profiles import FULL, VIOLATIONS, Profile
from wndcheck.experiment.record_schema import (
    PAIR_QUANTILES,
    QUANTILES,
    SAME_IMAGE,
    SCORES,
    Measurement,
    on_images,
    record_shapes,
)
from wndcheck.pytest_plugin.hooks import NAME
from wndcheck.seeds import derived_seed
from wndcheck.store.measurements import Store
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import ClaimResult

FOLDER = Path(__file__).parents[3] / "claims"
OF_NETS = "not (estimator_null or stabilisation or entropy_against)"  # claims, with -k
Findings = dict[tuple[str, str], Finding]  # by claim and name
SMALL_FULL = replace(  # decides what the full profile decides, from fewer widths
    FULL,
    widths=(5, 10, 50, 100, 200, 500, 1000),
    ensembles=replace(FULL.ensembles, widths=(8, 64, 128), nets=20, count=5),
    cifar10=replace(FULL.cifar10, widths=(5, 10, 15, 50, 200, 500, 1000), nets=16),
    nets=16,
)
AT_THE_END = ("post_", "folded_", "total_correlation_", "within_class_")  # quantities of the last stage alone
NOISE = 0.02  # of a value, from net to net: far less than any margin
QUIET = 1e-4  # of what is compared by its order


def claims_all_true(cell: Cell, stage: int) -> dict[str, object]:
    """Values of a layer, or (hidden, last): dependence and change vanish with the width."""
    n, begun = cell.width, stage > 0
    vanishing, floor = 0.5 / n, 0.008
    is_initial = not isinstance(cell.protocol, Violation) and cell.protocol.stages == (0,)
    return {
        "accuracy": 1 - 0.2 / n if begun else 0.1,
        "validation_accuracy": 0.97 - 0.2 / n if begun else 0.1,
        "entropy": (1.4 - 1 / n, 3.0),
        "entropy_change": (0.3 + 0.05 * np.log2(n) if cell.architecture == "convnet" else 2 / n**0.7, 2.0)
        if begun
        else 0.0,
        "score": (0.012 + vanishing, 0.3),
        "corrected_score": (floor if is_initial else vanishing, 0.25),
        "image_floor": floor,
        "within_class_score": vanishing / 2,
        "rank_score": vanishing,
        "rank_gaussian_score": 0.8 * vanishing,
        "rank_dependent": vanishing,
        "lemma_excess": -0.2 if begun else 0.0,
        "lemma_broken": 0.01,
        "negentropy": 0.3 / n,
        "gaussian_score": vanishing,
        "correlation": (0.0, -0.1),
        "distribution_change": 5 / n if begun else 0.0,
        "post_score": 0.012 + vanishing,
        "post_corrected_score": vanishing,
        "post_change": -0.001,
        "post_change_3h": 0.0005,
        "folded_change_3h": -0.05,
        "total_correlation_3": 1 / n,
        "total_correlation_5": 3 / n,
        "importance": 1 / n,
        "scale_ratio": 1.2 if cell.dataset == "cifar10" else 0.15,
        "offset": 0.001,
        "lowest_pairs": -0.05,  # on the probe's images; in inverse proportion to their number
        "lowest_ranks": vanishing,
        "irregular": 4 if n < 20 else 1,
    }


def claims_all_false(cell: Cell, stage: int) -> dict[str, object]:
    """The opposite of it, value by value: dependence and change grow with the width."""
    n, begun = cell.width, stage > 0
    growing = 0.1 + 0.05 * np.log2(n)
    return claims_all_true(cell, stage) | {
        "accuracy": 0.999 - 0.003 * np.log2(n) if begun else 0.1,
        "validation_accuracy": 0.7 if n <= 20 else 0.5 if n < 1000 else 0.8,
        "entropy": (0.2 * np.log2(n) + (cell.activation == "tanh") + (cell.dataset == "cifar10"), 3.0),
        "entropy_change": 0.0 if not begun else 0.1 / n if cell.architecture == "convnet" else growing,
        "score": (-0.5 + 0.001 * np.log2(n) if cell.dataset == "cifar10" and n < 50 else growing, 0.01),
        "corrected_score": (growing * (2 if begun else 0.5), 0.01),
        "within_class_score": growing * 2,
        "rank_score": growing,
        "rank_gaussian_score": growing / 5,
        "rank_dependent": growing,
        "lemma_excess": 0.3 if begun else 0.0,
        "lemma_broken": 0.5,
        "negentropy": growing,
        "gaussian_score": 0.0,
        "correlation": 0.1,
        "distribution_change": growing if begun else 0.0,
        "post_score": growing,
        "post_corrected_score": growing,
        "post_change": 0.05,
        "post_change_3h": 0.05,
        "total_correlation_3": growing,
        "total_correlation_5": growing * 3,
        "importance": growing / 10,
        "scale_ratio": 0.3,
        "offset": 0.5,
        "lowest_pairs": 0.3 if n >= 50 else -0.5,
        "lowest_ranks": growing,
        "irregular": 8 if n >= 200 else 1,
    }


def nets_untrained(cell: Cell, stage: int) -> dict[str, object]:
    """As the paper says but for the accuracies, which are those of chance."""
    return claims_all_true(cell, stage) | {"accuracy": 0.1, "validation_accuracy": 0.1}


CONTROLLED = {
    "shuffled_score": 0.0,
    "planted_score": 0.047,
    "planted_strong_score": 0.223,
    "latent_score": 0.047,
    "duplicated_score": 6.0,
}


def controlled(cell: Cell) -> dict[str, float]:
    """What the controls measure, in every world."""
    return CONTROLLED


def violated(cell: Cell, stage: int) -> dict[str, object]:
    """What nets do that break a claim by construction."""
    kind, begun, growing = cell.kind, stage > 0, 0.1 * np.log2(cell.width)
    if isinstance(cell.protocol, Violation) and cell.protocol.strength == VIOLATIONS["still"].strength:
        return claims_all_true(cell, stage) | {"entropy_change": 0.007 if begun else 0.0}
    if kind == "constant":
        return dict.fromkeys(claims_all_true(cell, stage), np.nan)
    broken = {"score": growing, "corrected_score": growing, "post_score": growing, "post_corrected_score": growing}
    broken |= {"lemma_excess": 0.3, "total_correlation_3": growing, "total_correlation_5": 3 * growing}
    broken |= {"within_class_score": growing, "rank_dependent": growing, "lowest_ranks": growing}
    broken |= {"entropy_change": 0.05, "distribution_change": 0.05}
    if kind == "drift":
        broken = {"entropy_change": growing, "entropy": growing, "distribution_change": growing}
    return claims_all_true(cell, stage) | (broken if begun else {"entropy_change": 0.0, "lemma_excess": 0.0})


def is_planted(cell: Cell) -> bool:
    """Does it break a claim by construction, in every world?"""
    return isinstance(cell.protocol, Violation) and cell.kind != "biased"


def made(cell: Cell, world) -> Measurement:
    """The record of a cell in a world, each replicate with a little noise of its own."""
    values_at = violated if is_planted(cell) else world
    rng = np.random.default_rng(derived_seed("world", cell.key))
    further = {on_images(name, images): (name, images) for images in cell.probe.further_images for name in SCORES}
    arrays = {}
    for name, shape in record_shapes(cell).items():
        quantity, images = further.get(name, (name.removeprefix(SAME_IMAGE), cell.probe.images))
        array = np.zeros(shape)
        for stage in range(shape[0]):
            values = values_at(cell, stage) | controlled(cell)
            values["lowest_pairs"] *= cell.probe.images / images
            array[stage] = laid_out(values, quantity, shape[1:])
        noise = QUIET if name in ("entropy", "accuracy", "validation_accuracy") else NOISE
        if name == "score":
            noise *= values.get("irregular", 1)
        if name.startswith(AT_THE_END):
            array[:-1] = np.nan
        arrays[name] = array * (1 + noise * rng.standard_normal(shape[: min(len(shape), 3)] + (1,) * (len(shape) - 3)))
    arrays["flagged"] = np.zeros_like(arrays["flagged"])
    return Measurement(cell, arrays, {"made": "up", "seconds": {"training": 1.0, "measuring": 1.0}})


def laid_out(values: dict[str, object], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One stage of an array: (R,), (R, layers) or (R, layers, quantiles)."""
    if name in QUANTILES:
        lowest = values["lowest_pairs" if name == "pair_quantiles" else "lowest_ranks"]
        return np.full(shape, lowest) + np.arange(shape[-1]) * 0.02
    value = values.get(name, 0.0)
    array = np.full(shape, value[0] if isinstance(value, tuple) else value, dtype=float)
    if isinstance(value, tuple):
        array[:, -1] = value[1]
    return array


def fill(store: Store, world, profile: Profile = SMALL_FULL) -> None:
    """Put the records of all cells in a world into a store."""
    for cell in cells_of(FAMILIES, profile, 0):
        store.save(made(cell, world))


class Listener:
    """Takes the claims of a run as it ends."""

    claims: tuple[ClaimResult, ...]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        run: Any = session.config.pluginmanager.get_plugin(NAME)
        self.claims = run.results.claims


def run_claims(root: Path, profile: Profile, *options: str, file: str = "") -> tuple[ClaimResult, ...]:
    """What the claims, or those of one file, come to in a run in this process that reads the store in `root`."""
    listener = Listener()
    settings = [
        f"--wnd-profile={profile.name}",
        "--wnd-seed=0",
        f"--wnd-store={root}",
        "--wnd-mode=report",
        f"--rootdir={FOLDER.parent}",
    ]
    quiet = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "no:xdist"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(profiles.PROFILES, profile.name, profile)
        pytest.main([str(FOLDER / file), *settings, *quiet, *options], plugins=[listener])
    return listener.claims


def findings_in(root: Path, *options: str) -> Findings:
    """What the claims about nets find in a filled store."""
    claims = run_claims(root, SMALL_FULL, "-k", OF_NETS, *options)
    assert not [error for claim in claims for error in (*claim.errors, *claim.not_run)]
    return {finding.key: finding for claim in claims for finding in claim.findings}


@dataclass(frozen=True)
class Place:
    """One quantity of some layers at one stage, and the value it is given there in every net.

    `part` is the profile's; all widths and kinds of net unless some are given. A quantity that is not a layer's has no
    layers; a quantile is one of the pairs'.
    """

    part: str
    quantity: str
    value: float | Callable[[int], float]  # or of the width
    layers: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    stage: int = -1
    activation: str = "relu"
    quantile: float | None = None
    kind: str = ""  # of net; any

    def holds(self, cell: Cell) -> bool:
        return (
            not is_planted(cell)
            and cell.activation == self.activation
            and self.kind in ("", cell.kind)
            and (not self.widths or cell.width in self.widths)
        )

    def put_into(self, measurement: Measurement) -> None:
        array, width = measurement[self.quantity][self.stage], measurement.cell.width
        value = self.value(width) if callable(self.value) else self.value
        if self.quantile is not None:
            array = array[..., QUANTILES.get(self.quantity, PAIR_QUANTILES).index(self.quantile)]
        if self.layers:
            array[:, [layer - 1 for layer in self.layers]] = value
        else:
            array[:] = value


def made_apart(profile: Profile, places: list[Place]) -> Iterator[Measurement]:
    """The records that differ, where all holds but at some places, from those of the world in which all holds."""
    cells = parts(profile, 0)
    there = {place: [cell for cell in cells[place.part] if place.holds(cell)] for place in places}
    assert all(there.values()), [place for place, cells in there.items() if not cells]
    for cell in dict.fromkeys(cell for cells in there.values() for cell in cells):
        measurement = made(cell, claims_all_true)
        for place in places:
            if cell in there[place]:
                place.put_into(measurement)
        yield measurement
