"""A record compared with one that is measured anew: really trained nets, and records that are not what they say."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from wndcheck.experiment.cells import Training, Violation
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.profiles import VIOLATIONS
from wndcheck.experiment.record_schema import Measurement
from wndcheck.store.audit import Agreement, compared, first_nets, numbers_of, places_of
from wndcheck.tests.tiny import TINY_CELL, TINY_PROBE, UNTRAINED

pytestmark = pytest.mark.usefixtures("one_thread")
CELL = replace(TINY_CELL, seeds=tuple(range(6)))
ENSEMBLES = replace(CELL, seeds=tuple(range(12)), ensembles=3, probe=replace(TINY_PROBE, images_per_class=4))


@pytest.fixture(scope="module")
def record(one_thread: None) -> Measurement:
    return measure(CELL)


def changed(measurement: Measurement, name: str, change: Callable[[np.ndarray], object]) -> Measurement:
    """The measurement with an array that `change` has changed in place."""
    arrays = measurement.arrays | {name: measurement[name].copy()}
    change(arrays[name])
    return replace(measurement, arrays=arrays)


def elsewhere(measurement: Measurement, amplified: float = 0.01) -> Measurement:
    """As of a machine with another torch, whose roundings training amplifies."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, array in measurement.arrays.items():
        by_stage = np.array([1e-7, amplified]).reshape(2, *[1] * (array.ndim - 1))
        arrays[name] = array + ("flagged" not in name) * by_stage * rng.standard_normal(array.shape)
    return Measurement(measurement.cell, arrays, measurement.provenance | {"versions": {"torch": "2.0"}})


@pytest.mark.parametrize("count", [1, 4, None])
def test_nets_trained_anew_are_the_same_bit_for_bit_also_fewer_of_them(record: Measurement, count: int | None) -> None:
    part = first_nets(CELL, count)
    assert part.seeds == CELL.seeds[:count]
    assert compared(record, measure(part)) == compared(record, record)
    assert compared(record, measure(part)).agreement is Agreement.SAME


def test_fewer_ensembles_are_the_same_bit_for_bit() -> None:
    part = first_nets(ENSEMBLES, 2)
    assert (len(part.seeds), part.ensembles) == (8, 2)
    assert compared(measure(ENSEMBLES), measure(part)).agreement is Agreement.SAME


def test_as_many_nets_are_trained_as_a_core_trains_in_a_minute() -> None:
    long = replace(CELL, protocol=Training(0.1, 64, (0, 10_000)))
    assert first_nets(long).replicates == 1
    assert first_nets(long, 9).replicates == 6


def test_places_name_the_numbers(record: Measurement) -> None:
    places, numbers = places_of(CELL), numbers_of(record)
    assert numbers.shape == (len(places), 6)
    at = [str(place) for place in places].index("score of layer 2 at stage 1")
    assert np.array_equal(numbers[at], record["score"][1, :, 1])
    at = [str(place) for place in places].index("accuracy at stage 1")
    assert np.array_equal(numbers[at], record["accuracy"][1])


# --- on the machine that measured -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [(1, 2, 3), (0, 5, 0)])
def test_one_altered_number_differs(record: Measurement, place: tuple[int, ...]) -> None:
    altered = changed(record, "corrected_score", lambda array: array.__setitem__(place, np.nextafter(array[place], 1)))
    result = compared(altered, record)
    assert result.agreement is Agreement.DIFFERS
    stage, _, layer = place
    assert result.evidence.endswith(f"bit for bit: corrected_score of layer {layer + 1} at stage {stage}")


def test_numbers_without_a_value_count(record: Measurement) -> None:
    result = compared(changed(record, "entropy", lambda array: array.__setitem__((1, 0, 0), np.nan)), record)
    assert result.agreement is Agreement.DIFFERS
    assert "entropy of layer 1 at stage 1" in result.evidence


def swapped(record: Measurement) -> Measurement:
    order = [1, 0, *range(2, 6)]
    return replace(record, arrays={name: array[:, order] for name, array in record.arrays.items()})


def test_swapped_seeds_differ(record: Measurement) -> None:
    result = compared(swapped(record), record)
    assert result.agreement is Agreement.DIFFERS
    assert "not the same bit for bit" in result.evidence


def test_a_record_of_another_recipe_differs(record: Measurement) -> None:
    other = measure(replace(CELL, protocol=Training(0.09, 64, (0, 1))))
    result = compared(replace(other, cell=CELL), record)
    assert result.agreement is Agreement.DIFFERS
    assert "at stage 0" not in result.evidence


# --- on another machine -----------------------------------------------------------------------------------------------


def test_other_roundings_agree_and_say_by_how_much(record: Measurement) -> None:
    result = compared(elsewhere(record), record)
    assert result.agreement is Agreement.AGREES
    assert "largest difference 0.0" in result.evidence
    assert "least p 0.0" in result.evidence
    assert "torch 2.0, here " in result.evidence


def test_what_would_be_noticed_is_said_and_noticed(record: Measurement) -> None:
    def spread(array: np.ndarray) -> None:
        array[1, :, 2] = record["corrected_score"][1, :, 2] + np.linspace(-0.1, 0.1, CELL.replicates)

    other = changed(elsewhere(record), "corrected_score", spread)
    found = re.search(r"ι_c above ([0-9.]+) nats would be noticed", compared(other, record).evidence)
    assert found
    for share, agreement in ((0.9, Agreement.AGREES), (1.1, Agreement.DIFFERS)):

        def shift(array: np.ndarray, by: float = share * float(found[1])) -> None:
            array[1, :, 2] += by

        assert compared(changed(other, "corrected_score", shift), record).agreement is agreement


def test_a_shift_after_training_differs_and_is_named(record: Measurement) -> None:
    def shift(array: np.ndarray) -> None:
        array[1, :, 2] += 0.5

    result = compared(changed(elsewhere(record), "entropy", shift), record)
    assert result.agreement is Agreement.DIFFERS
    assert result.evidence.startswith("on average: entropy of layer 3 at stage 1; ")


def test_what_rounding_shifts_and_what_it_makes_step_agrees(record: Measurement) -> None:
    shifted = changed(elsewhere(record, amplified=1e-6), "offset", lambda array: array.__iadd__(5e-5))
    assert compared(shifted, record).agreement is Agreement.AGREES
    stepped = changed(shifted, "rank_dependent", lambda array: array.__setitem__((0, 0, 0), array[0, 0, 0] + 0.1))
    assert compared(stepped, record).agreement is Agreement.AGREES
    by_net = 1e-4 * np.linspace(0.7, 1.05, 6)[:, None]
    shifted = changed(elsewhere(record, amplified=1e-6), "offset", lambda array: array[1].__iadd__(by_net))
    assert compared(shifted, record).agreement is Agreement.AGREES
    shifted = changed(shifted, "offset", lambda array: array[1].__iadd__(2e-4))
    assert compared(shifted, record).evidence.startswith("on average: offset of layer 1 at stage 1, ")


def test_few_nets_are_not_tested_after_training(record: Measurement) -> None:
    few = measure(first_nets(CELL, 4))
    assert compared(elsewhere(record), few).agreement is Agreement.UNTESTED
    assert compared(elsewhere(record, amplified=0), few).agreement is Agreement.AGREES


def test_swapped_seeds_differ_before_training(record: Measurement) -> None:
    result = compared(elsewhere(swapped(record)), record)
    assert result.agreement is Agreement.DIFFERS
    assert result.evidence.startswith("before training, by more than rounding: entropy of layer 1 at stage 0, ")


def test_a_record_of_another_recipe_differs_on_average(record: Measurement) -> None:
    other = measure(replace(CELL, protocol=Training(0.2, 64, (0, 1))))
    result = compared(elsewhere(replace(other, cell=CELL), amplified=1e-4), record)
    assert result.agreement is Agreement.DIFFERS
    assert result.evidence.startswith("on average: ")


def test_numbers_missing_for_most_nets_differ(record: Measurement) -> None:
    def lose(count: int) -> Callable[[np.ndarray], object]:
        return lambda array: array.__setitem__((1, slice(count), 0), np.nan)

    assert compared(changed(elsewhere(record), "score", lose(3)), record).agreement is Agreement.AGREES
    result = compared(changed(elsewhere(record), "score", lose(4)), record)
    assert (result.agreement, result.evidence) == (
        Agreement.DIFFERS,
        "missing in one record: score of layer 1 at stage 1",
    )


def test_a_tie_that_rounding_makes_agrees(record: Measurement) -> None:
    def of_one_layer(array: np.ndarray) -> None:
        array[0, 2, 1] += 0.05

    changed_once = changed(elsewhere(record, amplified=1e-6), "entropy", of_one_layer)
    assert compared(changed_once, record).agreement is Agreement.DIFFERS
    tied = changed(changed_once, "flagged", of_one_layer)
    assert compared(tied, record).agreement is Agreement.AGREES
    other_net = changed(tied, "score", lambda array: array.__setitem__((0, 3, 1), array[0, 3, 1] + 0.05))
    assert "score of layer 2 at stage 0" in compared(other_net, record).evidence
    other_layer = changed(tied, "score", lambda array: array.__setitem__((0, 2, 2), array[0, 2, 2] + 0.05))
    assert "score of layer 3 at stage 0" in compared(other_layer, record).evidence


def test_the_same_bits_before_training_prove_nothing_of_another_version(record: Measurement) -> None:
    other = changed(record, "entropy", lambda array: array.__setitem__((1, 0, 0), array[1, 0, 0] + 0.01))
    other = replace(other, provenance=other.provenance | {"versions": {"torch": "2.0"}})
    assert compared(other, record).agreement is Agreement.AGREES


@pytest.mark.parametrize("protocol", [UNTRAINED.protocol, VIOLATIONS["shared"]], ids=["initial", "violation"])
def test_untrained_nets_need_no_test(protocol: Training | Violation) -> None:
    record = measure(replace(UNTRAINED, protocol=protocol))
    other = replace(record, provenance={"device": "an abacus"})
    other = changed(other, "score", lambda array: array.__iadd__(1e-5))
    assert compared(other, record).agreement is Agreement.AGREES
    other = changed(other, "score", lambda array: array[-1].__iadd__(0.01))
    assert compared(other, record).evidence.startswith("before training, by more than rounding: score of layer 1 ")
