"""Nets made otherwise where the paper leaves it open: changes net by net, and what is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from math import nan

import pytest

from wndcheck.experiment.profiles import QUICK
from wndcheck.experiment.records import Measurement
from wndcheck.report.tables import Strong, sensitivity_section
from wndcheck.tests.report.reported import choices, made, planted, read, rows, with_arrays
from wndcheck.verdicts.statistics import mean_interval

VARIED = choices(QUICK)
USUAL, *OTHERS = VARIED


def reversed_seeds(measurement: Measurement) -> Measurement:
    """The same nets in the other order."""
    arrays = {name: array[:, ::-1] for name, array in measurement.arrays.items()}
    cell = replace(measurement.cell, seeds=measurement.cell.seeds[::-1])
    return replace(measurement, cell=cell, arrays=arrays)


def shifted(by: float) -> dict[str, Measurement | None]:
    """The profile's own nets and the same nets, in another order, with all numbers moved."""
    usual = made(VARIED[USUAL], accuracy=0.98)
    moved = with_arrays(usual, corrected_score=usual["corrected_score"] + by, accuracy=usual["accuracy"] - 0.01)
    return {USUAL: usual, OTHERS[0]: reversed_seeds(moved)}


def test_changes_are_taken_net_by_net() -> None:
    section = sensitivity_section(shifted(0.05), "quick", 0)
    # The nets scatter by .01; paired by their seeds they all change by the same.
    scores, entropies = rows(section, 0), rows(section, 1)
    assert without_zeros(scores[OTHERS[0]]) == ["8", "97.00 % [97.00, 97.00]", *["0.05 [0.05, 0.05]"] * 5]
    assert {type(cell) for cell in scores[OTHERS[0]][2:]} == {Strong}
    assert {type(cell) for cell in entropies[OTHERS[0]][2:]} == {str}
    assert entropies[OTHERS[0]][2:] == ["0.000 [0.000, 0.000]"] * 5
    own = mean_interval(made(VARIED[USUAL])["corrected_score"][-1, :, 0], 0.99)
    assert scores[USUAL][2] == f"{own.estimate:.3f} [{own.low:.3f}, {own.high:.3f}]"


def without_zeros(cells: list[str]) -> list[str]:
    """Numbers that differ by rounding alone can be shown with three to five decimals."""
    return [re.sub(r"(0\.05)0+", r"\1", cell) for cell in cells]


def test_csv_of_the_changes_holds_both_sides() -> None:
    section = sensitivity_section({name: made(cell) for name, cell in VARIED.items()}, "quick", 0)
    assert section
    found = read(section.files["sensitivity.csv"])
    assert len(found) == len(OTHERS) * 2 * 5 * QUICK.nets
    assert list(dict.fromkeys(row["variation"] for row in found)) == OTHERS
    for row in found:
        usual, varied = made(VARIED[USUAL]), made(VARIED[row["variation"]])
        place, layer = usual.cell.seeds.index(int(row["seed"])), int(row["layer"]) - 1
        values = [m[row["quantity"]][-1, :, layer] for m in (usual, varied)]
        assert [float(row["usual"]), float(row["varied"])] == [values[0][place], values[1][place]]
        assert float(row["change"]) == values[1][place] - values[0][place]
        assert float(row["usual_training"]) == usual["accuracy"][-1, place]
        assert float(row["training"]) == varied["accuracy"][-1, place]
        mean = mean_interval(values[1] - values[0], 0.99)
        assert [float(row[key]) for key in ("mean", "low", "high", "n")] == [mean.estimate, mean.low, mean.high, 8]


def test_a_number_planted_in_one_net_shows_in_its_own_change() -> None:
    def changes(number: float) -> list[dict[str, str]]:
        given = shifted(0.05)
        varied = given[OTHERS[0]]
        assert varied
        given[OTHERS[0]] = planted(varied, "corrected_score", (-1, 1, 4), number)  # of seed 6, the last but one
        section = sensitivity_section(given, "quick", 0)
        assert section
        return read(section.files["sensitivity.csv"])

    before, after = changes(1.0), changes(2.0)
    differing = [row for row, old in zip(after, before, strict=True) if row["change"] != old["change"]]
    assert [(row["quantity"], row["layer"], row["seed"], row["varied"]) for row in differing] == [
        ("corrected_score", "5", "6", "2.0")
    ]


def test_nets_that_diverged_or_gave_no_number_are_counted() -> None:
    given = shifted(0.05)
    varied = given[OTHERS[0]]
    assert varied
    for place in range(3):
        varied = planted(planted(varied, "accuracy", (-1, place), nan), "corrected_score", (-1, place), nan)
    given[OTHERS[0]] = planted(varied, "corrected_score", (-1, 4, 1), nan)
    row = rows(sensitivity_section(given, "quick", 0))[OTHERS[0]]
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
def test_what_is_not_measured_says_what_to_type(there: list[str], cells: str, has_table: bool) -> None:
    given = {name: made(cell) if name in there else None for name, cell in VARIED.items()}
    section = sensitivity_section(given, "quick", 0)
    assert section
    assert section.command == (f"wndcheck measure --profile=quick {cells}" if cells else "")
    assert bool(section.missing) == bool(cells)
    assert bool(section.files) == bool(section.tables) == has_table
    if has_table:
        assert list(rows(section)) == [name for name in VARIED if name in there]


def test_the_command_names_the_profile_and_the_seed() -> None:
    section = sensitivity_section(dict.fromkeys(VARIED), "full", 3)
    assert section
    assert section.command == "wndcheck measure --profile=full --seed=3 --cells=mlp --cells=sensitivity"


def test_a_profile_without_other_choices_has_no_such_section() -> None:
    assert sensitivity_section({}, "quick", 0) is None
