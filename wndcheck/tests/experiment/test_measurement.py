from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch

from wndcheck.estimators import PairwiseInformation
from wndcheck.experiment.measurement.layers import Layer, compared, image_floor, information, scores, within_classes
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.measurement.probing import accuracy, importance, load, pre_activations
from wndcheck.experiment.measurement.sampling import DrawKey, layer_pairs, sampled_neurons
from wndcheck.experiment.record_schema import (
    DATA_QUANTITIES,
    LAYER_QUANTITIES,
    QUANTILES,
    SCORES,
    Measurement,
    on_images,
    record_shapes,
)
from wndcheck.nets.specification import Activation, Training, Violation
from wndcheck.nets.stacks import build
from wndcheck.nets.training import BatchOrder, steps_on, train
from wndcheck.seeds import derived_seed
from wndcheck.tests.tiny import LAST_STAGE, TINY_CELL, TINY_TRAINING, UNTRAINED, assert_same_numbers, unmeasured

pytestmark = pytest.mark.usefixtures("one_thread")
nan = float("nan")


@pytest.fixture(scope="module")
def measured() -> Measurement:
    return measure(TINY_CELL)


def test_a_small_cell_gives_finite_numbers_in_the_records_shapes(measured: Measurement) -> None:
    assert {name: array.shape for name, array in measured.arrays.items()} == record_shapes(TINY_CELL)
    others = {"accuracy", "validation_accuracy"}
    assert set(measured.arrays) == {*LAYER_QUANTITIES, *QUANTILES, *DATA_QUANTITIES, *others}
    for name, blank in unmeasured(TINY_CELL).items():
        assert measured[name].dtype == np.float64, name
        np.testing.assert_array_equal(np.isnan(measured[name]), blank, err_msg=name)
        assert not np.isinf(measured[name]).any(), name


def test_numbers_are_in_their_ranges(measured: Measurement) -> None:
    assert (measured["accuracy"][1] > measured["accuracy"][0] + 0.2).all()
    assert (np.abs(measured["accuracy"] - measured["validation_accuracy"]) < 0.1).all()
    assert (np.diff(measured["pair_quantiles"], axis=-1) >= 0).all()
    assert (np.diff(measured["rank_quantiles"], axis=-1) >= 0).all()
    for score, quantiles in (("score", "pair_quantiles"), ("rank_score", "rank_quantiles")):
        assert (measured[score] > measured[quantiles][..., 0]).all()
        assert (measured[score] < measured[quantiles][..., -1]).all()
    for name in ("lemma_broken", "flagged", "rank_dependent"):
        assert ((measured[name] >= 0) & (measured[name] <= 1)).all(), name
    assert not measured["flagged"].any()


def test_accuracies_and_importance_are_those_of_the_nets_and_the_images(measured: Measurement) -> None:
    cpu, seeds = torch.device("cpu"), TINY_CELL.seeds
    data = load(TINY_CELL, cpu, None)
    stack = build(TINY_CELL, seeds, data.images.shape[1], cpu)
    steps = steps_on(stack, data.images, data.labels, TINY_TRAINING)
    ablated = [sampled_neurons("ablated", 6, TINY_CELL.probe.ablated, layer) for layer in range(4)]
    stages = []
    for epoch, is_stage in train(steps, BatchOrder(seeds, len(data.images)), TINY_TRAINING):
        if not is_stage:
            continue
        row = TINY_TRAINING.stages.index(int(epoch))
        is_last = epoch == 1  # before, accuracies are those of a sample
        probe = data.probe(TINY_CELL.probe, seeds)
        some = slice(None if is_last else 200)
        on_probe = accuracy(stack, *probe)
        trained_on = accuracy(stack, data.images, data.labels) if is_last else on_probe
        validated_on = accuracy(stack, data.validation_images[some], data.validation_labels[some])
        assert (trained_on != validated_on).all()  # else either could stand for the other
        assert (trained_on != on_probe).all() == is_last
        np.testing.assert_allclose(measured["accuracy"][row], trained_on, rtol=0, atol=1e-9)
        np.testing.assert_allclose(measured["validation_accuracy"][row], validated_on, rtol=0, atol=1e-9)
        matters = importance(stack, probe.x, ablated)
        assert (matters > 0).all()
        np.testing.assert_allclose(measured["importance"][row, :, :-1], matters, rtol=0, atol=1e-9)
        stages.append(row)
    assert stages == [0, 1]


def test_every_net_is_measured_on_its_own_images(measured: Measurement) -> None:
    """Its last member, on the images and classes of its seed."""
    cpu, seed, cell = torch.device("cpu"), TINY_CELL.seeds[-1], UNTRAINED
    data, found = load(cell, cpu, None), measure(cell)
    probe = data.probe(cell.probe, (seed,)).of(0)
    for layer, z in enumerate(pre_activations(build(cell, (seed,), 784, cpu), probe.x)):
        draw_key = DrawKey(seed, layer, 0)
        pairs = layer_pairs(z.shape[2], cell.probe.most_pairs, layer)
        now = Layer(z[0], pairs, draw_key, cell.probe, None, True, "cpu", probe.labels.numpy())
        assert found["score"][0, -1, layer] == pytest.approx(information(now).score, abs=1e-4)
        within = within_classes(now)["within_class_score"]
        assert found["within_class_score"][0, -1, layer] == pytest.approx(within, abs=1e-4)
    floor = image_floor(probe.x.numpy(), derived_seed(seed, "image floor"))
    for each in (found, measured):
        assert (each["image_floor"][:, -1, 0] == floor).all()
    assert found["image_floor"][0, 0, 0] != floor
    fixed = measure(replace(cell, probe=replace(cell.probe, sampling="fixed")))
    assert (fixed["score"] != found["score"]).all()


def test_changes_are_zero_at_stage_0(measured: Measurement) -> None:
    for name in ("entropy_change", "lemma_excess", "lemma_broken", "distribution_change"):
        assert not measured[name][0].any(), name
    np.testing.assert_allclose(measured["entropy_change"][1], measured["entropy"][1] - measured["entropy"][0])
    assert (np.abs(measured["entropy_change"][1]) > 1e-3).all()


def test_measuring_again_gives_the_same_bits(measured: Measurement) -> None:
    assert_same_numbers(measure(TINY_CELL), measured)


def test_scores_on_more_images_are_those_of_a_larger_probe(measured: Measurement) -> None:
    more = replace(TINY_CELL, probe=replace(TINY_CELL.probe, more_images=(25, 40)))
    found = measure(more)
    assert {name: array.shape for name, array in found.arrays.items()} == record_shapes(more)
    for name, array in measured.arrays.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    for per_class in more.probe.more_images:
        larger = measure(replace(TINY_CELL, probe=replace(TINY_CELL.probe, images_per_class=per_class)))
        for name in SCORES:
            of_more = found[on_images(name, 10 * per_class)]
            np.testing.assert_array_equal(of_more, larger[name], err_msg=name)
            assert np.isfinite(of_more).all()
            assert name == "rank_dependent" or (of_more != measured[name]).any(), name


@pytest.mark.parametrize("member", [0, 1])
def test_a_net_measures_the_same_in_a_stack_of_one(measured: Measurement, member: int) -> None:
    alone = measure(replace(TINY_CELL, seeds=(TINY_CELL.seeds[member],)))
    # A stack of one may take its sums in another order: single precision, made larger by the steps of an epoch.
    for name in ("entropy", "entropy_change", "score", "corrected_score", "lemma_excess", "accuracy"):
        np.testing.assert_allclose(alone[name][:, 0], measured[name][:, member], atol=2e-4, err_msg=name)


def test_stage_0_does_not_depend_on_later_stages(measured: Measurement) -> None:
    stage_0 = measure(UNTRAINED)
    for name in LAYER_QUANTITIES:
        if name.startswith(LAST_STAGE):  # which stage 0 is here, and is not there
            assert np.isfinite(stage_0[name][0, :, 0]).all(), name
        else:
            np.testing.assert_array_equal(stage_0[name][0], measured[name][0], err_msg=name)
    for name, blank in unmeasured(UNTRAINED).items():
        np.testing.assert_array_equal(np.isnan(stage_0[name]), blank, err_msg=name)


def test_provenance(measured: Measurement) -> None:
    found = dict(measured.provenance)
    assert found.pop("made")
    assert found.pop("device")
    for name in ("seconds", "core_seconds"):
        spent = found.pop(name)
        assert set(spent) == {"training", "measuring"}  # type: ignore[call-overload]
        assert all(seconds > 0 for seconds in spent.values())  # type: ignore[attr-defined]
    assert all(0 < seconds < 10 for seconds in found.pop("matrix_product"))  # type: ignore[attr-defined]
    assert set(found.pop("versions")) == {"wndcheck", "torch", "numpy", "numba"}  # type: ignore[call-overload]
    assert found == {
        "threads": 1,
        "stacks": [2],
        "stacks_from_kept_nets": 0,
        "out_of_memory": 0,
        "resumed_at_epochs": [],
    }


def test_progress_runs_through_the_stages() -> None:
    reported: list[tuple[str, float]] = []
    measure(TINY_CELL, progress=lambda doing, share: reported.append((doing, share)))
    assert [share for doing, share in reported if doing == "training"][::7] == [0, 1]  # 157 steps are seven stretches
    assert all(0 <= share <= 1 for _, share in reported)
    assert {doing for doing, _ in reported} == {"training", "measuring stage 0", "measuring stage 1", "measuring"}


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_diverged_nets_leave_nan_and_no_warning(activation: Activation) -> None:
    wild = replace(TINY_CELL, activation=activation, protocol=Training(1e6, 64, (0, 1)))
    found = measure(wild)
    assert not (found["accuracy"][1] > 0.3).any()
    diverged = np.isnan(found["accuracy"][1])
    # Tanh bounds what it passes on and a ReLU net may die instead: worthless, not infinite.
    assert diverged.any() == (activation == "relu")
    for name in LAYER_QUANTITIES:
        assert np.isnan(found[name][1, diverged]).all(), name
    for name in ("entropy", "score", "planted_score", "accuracy") if activation == "tanh" else ("accuracy",):
        assert np.isfinite(found[name][0]).all(), name


def test_planted_violations_are_measured_as_planted() -> None:
    drifted = measure(replace(TINY_CELL, protocol=Violation("drift", 0.2)))
    np.testing.assert_allclose(drifted["entropy_change"][1, :, 0], 0.2 * log(6), atol=1e-4)
    np.testing.assert_allclose(drifted["score"][1, :, 0], drifted["score"][0, :, 0], atol=1e-4)
    shared = measure(replace(TINY_CELL, protocol=Violation("shared", 0.5)))  # a correlation of .79
    assert (shared["score"][1, :, 0] > shared["score"][0, :, 0] + 0.1).all()


def result(entropy: list[float], pair_mi: list[float], flags: dict[int, str] | None = None) -> PairwiseInformation:
    """Three neurons and their three pairs, nulls 0, .1 and .2."""
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    return PairwiseInformation(
        pairs=pairs,
        pair_mi=np.array(pair_mi),
        entropy=np.array(entropy),
        null_mi=np.array([[0.0, 0.1, 0.2]]),
        subsample_mi=None,
        labels=(0, 1, 2),
        flags=dict(flags or {}),
        identical=pairs[:0],
        meta={},
    )


def test_summaries_by_hand() -> None:
    before, now = result([1, 2, 3], [0.1, 0.2, 0.3]), result([2, 2, 3.5], [0.5, 0.1, 1.05])
    found = compared(now, before)
    assert found == pytest.approx(
        {
            "entropy": 2.5,
            "entropy_change": 0.5,
            # ΔH = (1, 0, .5), ΔI = (.4, -.1, .75): minus the mean ΔH of the pair, (.5, .75, .25).
            "lemma_excess": np.mean([-0.1, -0.85, 0.5]),
            "lemma_broken": 3 / 6,  # of pair 01 neuron 1, of pair 12 both
            "flagged": 0,
        }
    )
    of_pairs = scores(now)
    del of_pairs["pair_quantiles"]
    assert of_pairs == pytest.approx({"score": 0.55, "corrected_score": 0.45})  # nulls 0, .1 and .2
    now = result([2, 2, nan], [0.5, nan, nan], {2: "constant"})
    assert scores(now)["score"] == 1 / 2
    flagged = compared(now, before)
    for name, value in {"entropy_change": 1 / 2, "lemma_broken": 1 / 2, "flagged": 1 / 3}.items():
        assert flagged[name] == pytest.approx(value), name
    dead = result([nan] * 3, [nan] * 3, dict.fromkeys(range(3), "constant"))
    found = compared(dead, dead) | scores(dead)
    assert found.pop("flagged") == 1
    assert all(np.isnan(value).all() for value in found.values())  # type: ignore[call-overload]


# Of TINY_CELL's last stage, means over its two nets, by layer: drawn by the same words since the first version,
# but for permutations, which are those of `random_order` since RECORD 2.
PINNED = {
    "entropy": [2.525993654281277, 1.0348921850250055, 0.825566659742901, 0.8551627968424862, 1.008820348046401],
    "corrected_score": [0.1175052577, 1.3927147255, 1.5466906192, 1.7304500728, 2.1599531771],
    "planted_score": [0.0576388105, 0.2146717277, 0.274410787, 0.3523249308, 0.4060180734],
    "total_correlation_3": [0.33606136924, 3.16227164631, 3.7777749562192384, 4.160115179729418, 5.214964603152705],
}


def test_no_draw_has_changed() -> None:
    """Nets, batches, probe, pairs, nulls, controls and groups: another draw of any would show."""
    found = measure(replace(TINY_CELL, probe=replace(TINY_CELL.probe, sampling="fixed")))
    assert found["accuracy"][1].mean() == pytest.approx(0.6966)
    for name, values in PINNED.items():
        assert found[name][1].mean(axis=0) == pytest.approx(values, abs=1e-3), name
