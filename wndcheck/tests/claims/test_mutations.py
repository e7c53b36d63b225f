"""Faults planted in the suite, one by one; each is noticed by a control of the claims, or by a check that is always on.

A detector that always reports a problem would notice anything, so each must first report none without the fault.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from msgspec import structs
from scipy import stats

from wndcheck.estimators import PairwiseInformation, pairwise_mi
from wndcheck.estimators.estimation import Method, estimate
from wndcheck.estimators.formulas import entropy_from_log_distance
from wndcheck.estimators.resampling import permutations
from wndcheck.experiment import grids
from wndcheck.experiment.grids import Grid, is_trained
from wndcheck.experiment.measurement import layers, measuring, readings, sampling, transformed
from wndcheck.experiment.measurement.probing import Data, Images
from wndcheck.nets import mlp
from wndcheck.nets.training import Steps
from wndcheck.seeds import derived_seed
from wndcheck.tests.claims.mutations import (
    STILL,
    Detector,
    Plant,
    altered,
    altered_at,
    at,
    controls_of_nets,
    coverage,
    ensembles,
    has_verdict,
    holds,
    initial_nets,
    instead_of,
    margins,
    of_samples,
    scales,
    trained_nets,
)
from wndcheck.tests.claims.worlds import FOLDER, made, nets_untrained
from wndcheck.tests.factories import one_of
from wndcheck.verdicts import checks as verdicts
from wndcheck.verdicts import shared_checks, statistics
from wndcheck.verdicts.checks import CauseKind, Check, Verdict, decide, verdict_on
from wndcheck.verdicts.run import ClaimResult, ClaimVerdict, claim_result, claim_verdict
from wndcheck.verdicts.shared_checks import change, hidden_mean, of_one_width, values
from wndcheck.verdicts.statistics import Region, at_most

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the claims are in the repository, not in the package"),
]
Patch = pytest.MonkeyPatch

# Detectors.
INITIAL_CONTROLS = controls_of_nets("initial_data_reading", "tanh")
VIOLATION_CONTROLS = controls_of_nets("constant_entropy", "drifting or constant")
VANILLA_CONTROL = of_samples("cifar_negative_estimates", "vanilla", "control")
STABILISED = of_samples("stabilisation", "test_stabilised[0.5]")
BIAS = of_samples("entropy_against_k", "test_bias[3]")
DEPENDENCE = holds("weak_dependence", "relu and (trend or vicinity)")
DEPENDENCE_CONTROLS = holds("weak_dependence", "not tanh", "control")
ENSEMBLES = holds("ensemble_lemma", "trend or level")
LAST_LAYER = holds("last_layer", "relu and contrast")
UNLEARNT = holds(
    "weak_dependence",
    "relu and trend",
    source=lambda cell: made(cell, nets_untrained),
    wanted="inconclusive",
)
NOT_FOUND = has_verdict(
    "weak_dependence",
    "relu and (trend or planted)",
    altered(planted_strong_score=0),
    ClaimVerdict.INCONCLUSIVE,
    CauseKind.FAILED_CONTROLS,
)
CHANGES = holds("conditional_entropy", "relu and rises", source=altered_at(np.s_[1:-1], corrected_score=-9))
HIDDEN_LAYERS = holds("weak_dependence", "relu and permuted", "control", altered_at(np.s_[:, :, -1], shuffled_score=9))
EVERY_WIDTH = holds(
    "two_hundred_suffice",
    "relu and vicinity and 500",
    source=lambda cell: altered(score=0.1 if cell.width == 500 else 0.01)(cell),
    wanted="refuted",
)
SECONDARY = has_verdict("last_layer", "relu", altered(correlation=0.1), ClaimVerdict.SUPPORTED, None)


METHOD = Method.checked

# --- faults that take more than a line --------------------------------------------------------------------------------


def clip_estimates(*of, **how) -> PairwiseInformation:
    found = pairwise_mi(*of, **how)
    return replace(found, pair_mi=np.maximum(found.pair_mi, 0))


def permute_nothing(n_neurons: int, members: list[np.ndarray], n_shuffles: int, seed: int) -> list[np.ndarray]:
    return [np.tile(np.arange(len(members[0]), dtype=np.uint32), (n_neurons, 1))] * n_shuffles


def permute_all_neurons_alike(*of) -> list[np.ndarray]:
    rng = np.random.default_rng(of[-1])
    return [places[:, rng.permutation(places.shape[1])] for places in permute_nothing(*of)]


def measure_the_first_nets_again(patch: Patch) -> None:
    seen, probed = {}, readings.pre_activations
    patch.setattr(readings, "pre_activations", lambda stack, images: seen.setdefault(stack, probed(stack, images)))


class ValidationProbe(Data):
    def sample(self, per_class: int, seed: int, number: int = 0) -> Images:
        return Images(self.validation_images[: 10 * per_class], self.validation_labels[: 10 * per_class])


def probe_validation_images(*of, load=measuring.load):
    return ValidationProbe(**vars(load(*of)))


def roll_labels(stack, images, labels, training, steps_on=measuring.steps_on):
    return steps_on(stack, images, torch.roll(labels, 1), training)


def turn_entropy_change(*of, compared=layers.compared):
    numbers = compared(*of)
    return numbers | {"entropy_change": -numbers["entropy_change"]}


def add_logits_to_all_layers(grid: Grid, name: str, layer: int | None = None, of=Grid.of) -> np.ndarray:
    values = of(grid, name, layer)
    return np.concatenate([values, values[..., -1:]], axis=-1)


def change_since_the_last_stage(grid: Grid, quantity: str, layer: int) -> np.ndarray:
    return values(grid, quantity, layer) - values(grid.at_stage(-2), quantity, layer)


def compare_with_the_last_stage(layer, initial, summarised=readings.summarised):
    return summarised(layer, initial)[0], summarised(layer, None)[1]


def mean_of_all_layers(grid: Grid, quantity: str) -> np.ndarray:
    return of_one_width(grid, grid.of(quantity).mean(axis=-1))


def negate_margins(check: Check, interval: statistics.Interval) -> Verdict:
    return verdict_on(replace(check, region=Region(-check.region.high, -check.region.low)), interval)


def exchange_inside_and_outside(patch: Patch) -> None:
    contains, excludes = Region.contains, Region.excludes
    patch.setattr(Region, "contains", excludes)
    patch.setattr(Region, "excludes", contains)


def ignore_failed_controls(primary, controls, *others) -> tuple[ClaimVerdict, object]:
    return claim_verdict(primary, [control for control in controls if not control.failed], *others)


def count_secondary_checks(*, findings, asked, **fields) -> ClaimResult:
    primary = [structs.replace(each, check=replace(each.check, primary=True)) for each in findings]
    asked = Counter(each.check.scope for each in primary if not each.must_be)
    counted = [each if each.must_be else one_of(asked.total(), each) for each in primary]
    return claim_result(findings=counted, asked=asked, **fields)


ONE_SEED = at(mlp, "derived_seed", lambda seed, *purpose: derived_seed(0, *purpose))
of, pre_activations, images_shown = Grid.of, readings.pre_activations, readings.images_shown
corrected = PairwiseInformation.pair_corrected.fget

FAULTS: dict[str, tuple[Detector, Plant]] = {
    # estimators
    "information is clipped at 0": (
        VANILLA_CONTROL,
        instead_of(estimate, lambda *of, **how: np.maximum(estimate(*of, **how), 0)),
    ),
    "information is clipped at 0, its null is not": (ensembles, at(layers, "pairwise_mi", clip_estimates)),
    "samples are not standardised": (
        STABILISED,
        at(Method, "checked", lambda k, name, margins, *more, **how: METHOD(k, name, "none", *more, **how)),
    ),
    "layers are not standardised": (scales, at(layers, "pairwise_mi", partial(pairwise_mi, margins="none"))),
    "eq. A.1 without the number of dimensions": (
        STABILISED,
        instead_of(entropy_from_log_distance, lambda logs, m, k, d: entropy_from_log_distance(logs, m, k, 1)),
    ),
    "k is off by one": (
        BIAS,
        instead_of(entropy_from_log_distance, lambda logs, m, k, d: entropy_from_log_distance(logs, m, k + 1, d)),
    ),
    "the null is not permuted": (
        INITIAL_CONTROLS,
        instead_of(permutations, permute_nothing),
    ),
    "all neurons are permuted alike": (INITIAL_CONTROLS, instead_of(permutations, permute_all_neurons_alike)),
    "the null minus the estimate": (
        INITIAL_CONTROLS,
        at(PairwiseInformation, "pair_corrected", property(lambda found: -corrected(found))),
    ),
    # measuring
    "controls are not independently permuted": (
        INITIAL_CONTROLS,
        at(transformed, "np", SimpleNamespace(**vars(np) | {"random": STILL})),
    ),
    "no correlation is planted": (INITIAL_CONTROLS, at(transformed, "PLANTED_CORRELATION", 0)),
    "the initial nets are measured twice": (VIOLATION_CONTROLS, measure_the_first_nets_again),
    "NaN is averaged as 0": (
        VIOLATION_CONTROLS,
        instead_of(sampling.mean, lambda values: float(np.nan_to_num(values).mean())),
    ),
    "post-activations for pre-activations": (
        initial_nets,
        at(readings, "pre_activations", lambda stack, images: [np.tanh(z) for z in pre_activations(stack, images)]),
    ),
    "images that nobody trained on": (initial_nets, at(measuring, "load", probe_validation_images)),
    "one image for all in either form": (
        ensembles,
        at(readings, "images_shown", lambda *of: (images_shown(*of)[1],) * 2),
    ),
    "the entropy's change is taken from the stage before": (
        trained_nets,
        at(readings, "summarised", compare_with_the_last_stage),
    ),
    "the entropy's change has the wrong sign": (trained_nets, at(layers, "compared", turn_entropy_change)),
    # nets and training
    "one seed for a whole stack": (initial_nets, ONE_SEED),
    "one seed for a whole ensemble": (ensembles, ONE_SEED),
    "nothing is trained": (trained_nets, at(Steps, "step", lambda steps, block, batch: None)),
    "images have the labels of others": (trained_nets, at(measuring, "steps_on", roll_labels)),
    # grids
    "pairs are pooled as replicates": (
        DEPENDENCE,
        at(Grid, "of", lambda grid, name, layer: np.repeat(of(grid, name, layer), 100, axis=1)),
    ),
    "layers are pooled as replicates": (
        DEPENDENCE,
        at(Grid, "of", lambda grid, name, layer: np.hstack([of(grid, name, n) for n in (1, 2, 3, 4)])),
    ),
    "layers are counted from 0": (DEPENDENCE, at(Grid, "of", lambda grid, name, layer: of(grid, name)[:, :, layer])),
    "logits are a hidden layer": (LAST_LAYER, at(Grid, "of", add_logits_to_all_layers)),
    "a change is taken from the stage before": (CHANGES, instead_of(change, change_since_the_last_stage)),
    "logits are in a mean over hidden layers": (HIDDEN_LAYERS, instead_of(hidden_mean, mean_of_all_layers)),
    "labels of widths are exchanged": (
        DEPENDENCE_CONTROLS,
        at(Grid, "widths", property(lambda grid: [m.cell.width for m in grid.measurements][::-1])),
    ),
    "widths are sorted as text": (
        ENSEMBLES,
        lambda patch: patch.setattr(
            grids, "sorted", lambda cells, key: sorted(cells, key=lambda c: str(c.width)), raising=False
        ),
    ),
    "stage 0 stands for the last": (
        DEPENDENCE_CONTROLS,
        at(Grid, "raw", lambda grid, name: np.stack([m[name][0] for m in grid.measurements])),
    ),
    "untrained nets count as trained": (
        UNLEARNT,
        instead_of(is_trained, lambda measurement, profile: np.ones(measurement.cell.replicates, dtype=bool)),
    ),
    "a check reads one width of several": (EVERY_WIDTH, at(Grid, "at", lambda grid, *widths: grid.widest)),
    # verdicts
    ".02 for the paper's .01": (margins, at(shared_checks, "INDEPENDENT", at_most(0.02))),
    ".081 for .054": (margins, at(shared_checks, "NEAR_INDEPENDENT", at_most(0.081))),
    ".03 for KSG1's .021": (margins, at(shared_checks, "NEAR_INDEPENDENT_BY_KSG1", at_most(0.03))),
    "margins have the wrong sign": (DEPENDENCE_CONTROLS, at(verdicts, "verdict_on", negate_margins)),
    "inside and outside are exchanged": (DEPENDENCE_CONTROLS, exchange_inside_and_outside),
    "NaN decides as 0": (
        DEPENDENCE_CONTROLS,
        instead_of(decide, lambda check, values, **nets: decide(check, np.nan_to_num(values), **nets)),
    ),
    "the deviation for the standard error": (coverage, at(statistics, "sqrt", lambda n: 1.0)),
    "one side for two": (coverage, at(statistics, "stdtrit", lambda freedom, p: stats.t.ppf(2 * p - 1, freedom))),
    "controls that fail are ignored": (NOT_FOUND, instead_of(claim_verdict, ignore_failed_controls)),
    "secondary checks count": (SECONDARY, instead_of(claim_result, count_secondary_checks)),
}


@pytest.fixture(scope="module")
def without_fault() -> dict[Detector, list[str]]:
    """The problems that each detector reported without a fault."""
    return {}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(name: str, without_fault, tmp_path: Path, monkeypatch: Patch) -> None:
    detector, plant = FAULTS[name]
    if detector not in without_fault:
        without_fault[detector] = detector(tmp_path)
    assert without_fault[detector] == []
    plant(monkeypatch)
    assert detector(tmp_path)
