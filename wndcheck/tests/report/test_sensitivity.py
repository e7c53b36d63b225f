"""The table of what the paper leaves unspecified: changes net by net, and how to measure what is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from math import nan
from typing import Any

import pytest

from wndcheck.experiment.families import sensitivity_choices
from wndcheck.experiment.profiles import QUICK
from wndcheck.experiment.record_schema import Measurement
from wndcheck.report.format import Strong
from wndcheck.report.stored_nets import Measured
from wndcheck.report.tables import SENSITIVITY
from wndcheck.tests.report.example_results import make_measurement, read, rows, sections, with_arrays, with_value
from wndcheck.verdicts.statistics import mean_interval

CELLS = sensitivity_choices(QUICK, 0)
USUAL, *OTHERS = CELLS


def section_of(given: dict[str, Measurement | None], profile: str = "quick", base_seed: int = 0) -> Any:
    return sections(Measured(sensitivity=given), profile, base_seed).get(SENSITIVITY)


def shifted(by: float) -> tuple[Measurement, Measurement]:
    """The profile's own nets, and the same nets in the reverse order with all numbers moved."""
    usual = make_measurement(CELLS[USUAL], accuracy=0.98)
    moved = with_arrays(usual, corrected_score=usual["corrected_score"] + by, accuracy=usual["accuracy"] - 0.01)
    arrays = {name: array[:, ::-1] for name, array in moved.arrays.items()}
    return usual, Measurement(replace(moved.cell, seeds=moved.cell.seeds[::-1]), arrays, {})


def without_zeros(cells: list[str]) -> list[str]:
    """Numbers that differ only by rounding can be shown with three to five decimals."""
    return [re.sub(r"(0\.05)0+", r"\1", cell) for cell in cells]


def test_changes_are_taken_net_by_net() -> None:
    usual, varied = shifted(0.05)
    section = section_of({USUAL: usual, OTHERS[0]: varied})
    # The nets scatter by .01; paired by their seeds they all change by the same.
    scores, entropies = rows(section, 0), rows(section, 1)
    assert without_zeros(scores[OTHERS[0]]) == ["8", "97.00 % [97.00, 97.00]", *["0.05 [0.05, 0.05]"] * 5]
    assert {type(cell) for cell in scores[OTHERS[0]][2:]} == {Strong}
    assert {type(cell) for cell in entropies[OTHERS[0]][2:]} == {str}
    assert entropies[OTHERS[0]][2:] == ["0.000 [0.000, 0.000]"] * 5
    own = mean_interval(usual["corrected_score"][-1, :, 0], 0.99)
    assert scores[USUAL][2] == f"{own.estimate:.3f} [{own.low:.3f}, {own.high:.3f}]"


def test_csv_of_the_changes_holds_both_sides() -> None:
    usual, reverse = shifted(0.05)
    measured = {name: make_measurement(cell) for name, cell in CELLS.items()} | {USUAL: usual, OTHERS[0]: reverse}
    found = read(section_of(measured).files["sensitivity.csv"])
    assert len(found) == len(OTHERS) * 2 * 5 * QUICK.nets
    assert list(dict.fromkeys(row["variation"] for row in found)) == OTHERS
    for row in found:
        pair = usual, measured[row["variation"]]
        seed, layer = int(row["seed"]), int(row["layer"]) - 1
        by_seed = [dict(zip(m.cell.seeds, m[row["quantity"]][-1, :, layer], strict=True)) for m in pair]
        assert [float(row["usual"]), float(row["varied"])] == [values[seed] for values in by_seed]
        assert float(row["change"]) == by_seed[1][seed] - by_seed[0][seed]
        accuracies = [m["accuracy"][-1, m.cell.seeds.index(seed)] for m in pair]
        assert [float(row["usual_training"]), float(row["training"])] == accuracies
        mean = mean_interval([by_seed[1][each] - by_seed[0][each] for each in usual.cell.seeds], 0.99)
        assert [float(row[key]) for key in ("mean", "low", "high", "n")] == [mean.estimate, mean.low, mean.high, 8]


def test_nets_that_diverged_or_gave_no_number_are_counted() -> None:
    usual, varied = shifted(0.05)
    for place in range(3):
        varied = with_value(with_value(varied, "accuracy", (-1, place), nan), "corrected_score", (-1, place), nan)
    varied = with_value(varied, "corrected_score", (-1, 4, 1), nan)
    row = rows(section_of({USUAL: usual, OTHERS[0]: varied}))[OTHERS[0]]
    assert row[0] == "5 (3 diverged)"
    assert without_zeros(row[2:4]) == ["0.05 [0.05, 0.05]", "0.05 [0.05, 0.05] (n = 4)"]


@pytest.mark.parametrize(
    ("there", "cells", "has_table"),
    [
        ([], "--cells=mlp --cells=sensitivity", False),
        ([USUAL], "--cells=sensitivity", False),
        (OTHERS, "--cells=mlp", False),
        ([USUAL, OTHERS[2]], "--cells=sensitivity", True),
        ([USUAL, *OTHERS], "", True),
    ],
)
def test_a_command_measures_what_is_missing(there: list[str], cells: str, has_table: bool) -> None:
    section = section_of({name: make_measurement(cell) if name in there else None for name, cell in CELLS.items()})
    assert section.command == (f"wndcheck measure --profile=quick --seed=0 {cells}" if cells else "")
    assert bool(section.missing) == bool(cells)
    assert bool(section.files) == bool(section.tables) == has_table
    if has_table:
        assert list(rows(section)) == [name for name in CELLS if name in there]


def test_the_command_names_the_profile_and_the_seed() -> None:
    section = section_of(dict.fromkeys(CELLS), "full", 3)
    assert section.command == "wndcheck measure --profile=full --seed=3 --cells=mlp --cells=sensitivity"
    assert section_of({}) is None
