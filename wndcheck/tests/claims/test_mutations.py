"""Faults planted in the suite, one by one; each is noticed by a control of the claims, or by a check that is always on.

A check that always complains would notice anything: it is first seen to be silent without the fault.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from msgspec import structs
from scipy import stats

from wndcheck.estimators import PairwiseInformation, pairwise, pairwise_mi
from wndcheck.estimators.formulas import entropy_from_log_distance
from wndcheck.estimators.layer import Method, estimate
from wndcheck.estimators.resampling import shuffles
from wndcheck.experiment import grids
from wndcheck.experiment.grids import Grid, is_trained
from wndcheck.experiment.measurement import layers, measuring, readings, sampling, transformed
from wndcheck.nets import mlp
from wndcheck.nets.training import Steps
from wndcheck.seeds import derived_seed
from wndcheck.tests.claims.mutations import (
    FOLDER,
    Watch,
    altered,
    comes_to,
    controls_of_nets,
    coverage,
    ensembles,
    everywhere,
    holds,
    initial_nets,
    of_samples,
    scales,
    trained_nets,
)
from wndcheck.tests.claims.worlds import as_nothing_is_learnt, made
from wndcheck.verdicts import checks as verdicts
from wndcheck.verdicts import statistics
from wndcheck.verdicts.checks import CauseKind, Check, Verdict, decide, verdict_on
from wndcheck.verdicts.run import ClaimResult, ClaimVerdict, claim_verdict, judged
from wndcheck.verdicts.statistics import Region

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the claims lie in the repository, not in the package"),
]
Patch = pytest.MonkeyPatch

# What watches.
INITIAL_CONTROLS = controls_of_nets("initial_independence", "tanh")
VIOLATION_CONTROLS = controls_of_nets("constant_entropy", "drifting or constant")
VANILLA_CONTROL = of_samples("cifar_negative_estimates", "vanilla", "control")
STABILISED = of_samples("stabilisation", "test_stabilised[0.5]")
BIAS = of_samples("entropy_against_k", "test_bias[3]")
DEPENDENCE = holds("weak_dependence", "relu and (trend or literal)")
DEPENDENCE_CONTROLS = holds("weak_dependence", "not tanh", "control")
ENSEMBLES = holds("ensemble_lemma", "trend or level")
LAST_LAYER = holds("last_layer", "relu and contrast")
UNLEARNT = holds(
    "weak_dependence",
    "relu and trend",
    source=lambda cell: made(cell, as_nothing_is_learnt),
    wanted="inconclusive",
)
NOT_FOUND = comes_to(
    "weak_dependence",
    "relu and (trend or planted)",
    altered(planted_score=0),
    ClaimVerdict.INCONCLUSIVE,
    CauseKind.FAILED_CONTROLS,
)
SECONDARY = comes_to("last_layer", "relu", altered(correlation=0.1), ClaimVerdict.SUPPORTED, None)


# --- estimators -----------------------------------------------------------------------------------------------------


def clip(patch: Patch) -> None:
    everywhere(patch, estimate, lambda *of, **how: np.maximum(estimate(*of, **how), 0))


def clip_beside_the_null(patch: Patch) -> None:
    def clipped(*of, **how) -> PairwiseInformation:
        found = pairwise_mi(*of, **how)
        return replace(found, pair_mi=np.maximum(found.pair_mi, 0))

    patch.setattr(layers, "pairwise_mi", clipped)


def leave_scales(patch: Patch) -> None:
    patch.setattr(pairwise, "Method", lambda k, name, standardize, *more: Method(k, name, False, *more))


def leave_scales_of_layers(patch: Patch) -> None:
    patch.setattr(layers, "pairwise_mi", partial(pairwise_mi, standardize=False))


def forget_dimensions(patch: Patch) -> None:
    everywhere(patch, entropy_from_log_distance, lambda logs, m, k, d: entropy_from_log_distance(logs, m, k, 1))


def take_the_next_k(patch: Patch) -> None:
    everywhere(patch, entropy_from_log_distance, lambda logs, m, k, d: entropy_from_log_distance(logs, m, k + 1, d))


def do_not_shuffle(patch: Patch) -> None:
    everywhere(patch, shuffles, lambda z, n_shuffles, random_state: [z] * n_shuffles)


def shuffle_together(patch: Patch) -> None:
    def together(z: np.ndarray, n_shuffles: int, random_state: int) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(random_state)
        for _ in range(n_shuffles):
            yield z[:, rng.permutation(z.shape[1])]

    everywhere(patch, shuffles, together)


def correct_the_other_way(patch: Patch) -> None:
    right = PairwiseInformation.pair_corrected.fget
    patch.setattr(PairwiseInformation, "pair_corrected", property(lambda found: -right(found)))


# --- measuring ------------------------------------------------------------------------------------------------------


class Still(np.random.Generator):
    """Shuffles nothing."""

    def permuted(self, x, *, axis=None, out=None):
        return x


def leave_controls_together(patch: Patch) -> None:
    random = SimpleNamespace(default_rng=lambda seed: Still(np.random.PCG64(seed)))
    patch.setattr(transformed, "np", SimpleNamespace(**vars(np) | {"random": random}))


def plant_nothing(patch: Patch) -> None:
    patch.setattr(transformed, "PLANTED_CORRELATION", 0)


def measure_the_first_nets_again(patch: Patch) -> None:
    seen, probed = {}, readings.pre_activations
    patch.setattr(readings, "pre_activations", lambda stack, images: seen.setdefault(stack, probed(stack, images)))


def take_post_activations(patch: Patch) -> None:
    probed = readings.pre_activations
    patch.setattr(readings, "pre_activations", lambda stack, images: [np.tanh(z) for z in probed(stack, images)])


def probe_other_images(patch: Patch) -> None:
    def load(*of):
        data = loaded(*of)
        return replace(data, probe=data.validation_images[: len(data.probe)])

    loaded = measuring.load
    patch.setattr(measuring, "load", load)


def show_one_image(patch: Patch) -> None:
    shown = readings.images_shown
    patch.setattr(readings, "images_shown", lambda cell: (shown(cell)[1],) * 2)


def turn_the_change(patch: Patch) -> None:
    def compared(*of):
        numbers = right(*of)
        return numbers | {"entropy_change": -numbers["entropy_change"]}

    right = layers.compared
    patch.setattr(layers, "compared", compared)


def average_nan_as_0(patch: Patch) -> None:
    everywhere(patch, sampling.mean, lambda values: float(np.nan_to_num(values).mean()))


# --- nets and training ----------------------------------------------------------------------------------------------


def take_one_seed(patch: Patch) -> None:
    patch.setattr(mlp, "derived_seed", lambda seed, *purpose: derived_seed(0, *purpose))


def train_nothing(patch: Patch) -> None:
    patch.setattr(Steps, "step", lambda steps, batch: None)


def train_on_other_labels(patch: Patch) -> None:
    usual = measuring.steps_on
    patch.setattr(
        measuring,
        "steps_on",
        lambda stack, images, labels, training: usual(stack, images, torch.roll(labels, 1), training),
    )


# --- grids ----------------------------------------------------------------------------------------------------------


def quantity(patch: Patch, fault: Callable[[np.ndarray, int | None], np.ndarray]) -> None:
    """A fault in what a grid gives of a quantity; `layer` is None where all are asked for."""
    right = Grid.of
    patch.setattr(Grid, "of", lambda grid, name, layer=None: fault(right(grid, name, layer), layer))


def pool_pairs(patch: Patch) -> None:
    quantity(patch, lambda values, layer: values if layer is None else np.repeat(values, 100, axis=1))


def pool_layers(patch: Patch) -> None:
    right = Grid.of
    patch.setattr(Grid, "of", lambda grid, name, layer=None: np.hstack([right(grid, name, n) for n in (1, 2, 3, 4)]))


def count_layers_from_0(patch: Patch) -> None:
    right = Grid.of
    patch.setattr(Grid, "of", lambda grid, name, layer: right(grid, name)[:, :, layer])


def take_logits_for_hidden(patch: Patch) -> None:
    quantity(patch, lambda values, layer: np.concatenate([values, values[..., -1:]], axis=-1))


def turn_widths(patch: Patch) -> None:
    patch.setattr(Grid, "widths", property(lambda grid: [m.cell.width for m in grid.measurements][::-1]))


def sort_widths_as_text(patch: Patch) -> None:
    patch.setattr(grids, "sorted", lambda cells, key: builtins.sorted(cells, key=lambda c: str(c.width)), raising=False)


def take_stage_0(patch: Patch) -> None:
    patch.setattr(Grid, "raw", lambda grid, name: np.stack([m[name][0] for m in grid.measurements]))


def count_all_as_trained(patch: Patch) -> None:
    everywhere(patch, is_trained, lambda measurement, profile: np.ones(measurement.cell.replicates, dtype=bool))


# --- verdicts -------------------------------------------------------------------------------------------------------


def turn_margins(patch: Patch) -> None:
    def turned(check: Check, interval: statistics.Interval) -> Verdict:
        return verdict_on(replace(check, region=Region(-check.region.high, -check.region.low)), interval)

    patch.setattr(verdicts, "verdict_on", turned)


def exchange_inside_and_outside(patch: Patch) -> None:
    contains, excludes = Region.contains, Region.excludes
    patch.setattr(Region, "contains", excludes)
    patch.setattr(Region, "excludes", contains)


def decide_nan_as_0(patch: Patch) -> None:
    everywhere(patch, decide, lambda check, values, **nets: decide(check, np.nan_to_num(values), **nets))


def take_the_deviation_for_the_error(patch: Patch) -> None:
    patch.setattr(statistics, "sqrt", lambda n: 1.0)


def take_one_side(patch: Patch) -> None:
    patch.setattr(statistics, "stdtrit", lambda freedom, p: stats.t.ppf(2 * p - 1, freedom))


def ignore_controls(patch: Patch) -> None:
    def ignored(primary, controls, *others) -> tuple[ClaimVerdict, object]:
        return claim_verdict(primary, [control for control in controls if not control.failed], *others)

    everywhere(patch, claim_verdict, ignored)


def count_secondary_checks(patch: Patch) -> None:
    def counted(*, findings, **fields) -> ClaimResult:
        primary = [structs.replace(each, check=replace(each.check, primary=True)) for each in findings]
        return judged(findings=primary, **fields)

    everywhere(patch, judged, counted)


class Fault(NamedTuple):
    plant: Callable[[Patch], None]
    watch: Watch


FAULTS = {
    "information is clipped at 0": Fault(clip, VANILLA_CONTROL),
    "information is clipped at 0, its null is not": Fault(clip_beside_the_null, ensembles),
    "samples are not standardised": Fault(leave_scales, STABILISED),
    "layers are not standardised": Fault(leave_scales_of_layers, scales),
    "eq. A.1 without the number of dimensions": Fault(forget_dimensions, STABILISED),
    "k is off by one": Fault(take_the_next_k, BIAS),
    "the null is not permuted": Fault(do_not_shuffle, INITIAL_CONTROLS),
    "all neurons are permuted alike": Fault(shuffle_together, INITIAL_CONTROLS),
    "the null minus the estimate": Fault(correct_the_other_way, INITIAL_CONTROLS),
    "controls are not independently permuted": Fault(leave_controls_together, INITIAL_CONTROLS),
    "no correlation is planted": Fault(plant_nothing, INITIAL_CONTROLS),
    "the initial nets are measured twice": Fault(measure_the_first_nets_again, VIOLATION_CONTROLS),
    "NaN is averaged as 0": Fault(average_nan_as_0, VIOLATION_CONTROLS),
    "post-activations for pre-activations": Fault(take_post_activations, initial_nets),
    "images that nobody trained on": Fault(probe_other_images, initial_nets),
    "one seed for a whole stack": Fault(take_one_seed, initial_nets),
    "one seed for a whole ensemble": Fault(take_one_seed, ensembles),
    "one image for all in either form": Fault(show_one_image, ensembles),
    "the entropy's change has the wrong sign": Fault(turn_the_change, trained_nets),
    "nothing is trained": Fault(train_nothing, trained_nets),
    "images have the labels of others": Fault(train_on_other_labels, trained_nets),
    "pairs are pooled as replicates": Fault(pool_pairs, DEPENDENCE),
    "layers are pooled as replicates": Fault(pool_layers, DEPENDENCE),
    "layers are counted from 0": Fault(count_layers_from_0, DEPENDENCE),
    "logits are a hidden layer": Fault(take_logits_for_hidden, LAST_LAYER),
    "labels of widths are exchanged": Fault(turn_widths, DEPENDENCE_CONTROLS),
    "widths are sorted as text": Fault(sort_widths_as_text, ENSEMBLES),
    "stage 0 stands for the last": Fault(take_stage_0, DEPENDENCE_CONTROLS),
    "untrained nets count as trained": Fault(count_all_as_trained, UNLEARNT),
    "margins have the wrong sign": Fault(turn_margins, DEPENDENCE_CONTROLS),
    "inside and outside are exchanged": Fault(exchange_inside_and_outside, DEPENDENCE_CONTROLS),
    "NaN decides as 0": Fault(decide_nan_as_0, DEPENDENCE_CONTROLS),
    "the deviation for the standard error": Fault(take_the_deviation_for_the_error, coverage),
    "one side for two": Fault(take_one_side, coverage),
    "controls that fail are ignored": Fault(ignore_controls, NOT_FOUND),
    "secondary checks count": Fault(count_secondary_checks, SECONDARY),
}


@pytest.fixture(scope="module")
def silent() -> dict[Watch, list[str]]:
    """What every watch complains of when there is no fault: seen once, and nothing."""
    return {}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(
    name: str, silent: dict[Watch, list[str]], tmp_path: Path, monkeypatch: Patch
) -> None:
    plant, watch = FAULTS[name]
    if watch not in silent:
        silent[watch] = watch(tmp_path)
    assert silent[watch] == []
    plant(monkeypatch)
    assert watch(tmp_path)
