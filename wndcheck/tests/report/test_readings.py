"""The table of both readings."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.record_schema import SAME_IMAGE, Measurement
from wndcheck.report.stored_nets import Measured
from wndcheck.report.tables import READINGS, nearest
from wndcheck.tests.report.example_results import WHOLE, ensemble, grid, make_measurement, sections, trained, with_value

COUNT = WHOLE.ensembles.count


def group(width: int, **constant: float) -> Measurement:
    constant = {"corrected_score": 0.25, SAME_IMAGE + "corrected_score": 0.5, "accuracy": 0.9} | constant
    return make_measurement(ensemble(width), **constant)


def section_of(ensembles: Grid | None, nets: dict[str, Grid] | None = None) -> Any:
    return sections(Measured(trained=nets or {}, ensembles=ensembles)).get(READINGS)


def test_readings_are_side_by_side() -> None:
    data = grid(*(make_measurement(trained("relu", n), corrected_score=n / 1000, accuracy=0.98) for n in (20, 50, 125)))
    groups, nets = [str(COUNT), "90.00 % [90.00, 90.00]"], ["8", "98.00 % [98.00, 98.00]"]
    assert section_of(grid(group(16), group(100)), {"relu": data}).tables[0].rows == [
        ["data", "20", *nets, *["0.020 [0.020, 0.020]"] * 5],
        ["data", "125", *nets, *["0.125 [0.125, 0.125]"] * 5],
        ["ensemble, one image each", "16", *groups, *["0.250 [0.250, 0.250]"] * 5],
        ["ensemble, one image each", "100", *groups, *["0.250 [0.250, 0.250]"] * 5],
        ["ensemble, the same image", "16", *groups, *["0.500 [0.500, 0.500]"] * 5],
        ["ensemble, the same image", "100", *groups, *["0.500 [0.500, 0.500]"] * 5],
    ]


def test_ensembles_that_did_not_train_are_left_out() -> None:
    one = with_value(with_value(group(16), "corrected_score", (-1, 1, 0), 7.0), "accuracy", (-1, 1), 0.1)
    unknown = with_value(one, "corrected_score", (-1, 0, 3), nan)
    (_, _, nets, _, *layers), none, *_ = section_of(grid(unknown, group(100, accuracy=0.1))).tables[0].rows
    assert nets == f"{COUNT - 1} (1 untrained)"
    assert layers[0] == "0.250 [0.250, 0.250]"
    assert layers[3] == f"0.250 [0.250, 0.250] (n = {COUNT - 2})"
    assert none[2:] == [f"0 ({COUNT} untrained)", "10.00 % [10.00, 10.00]", *["no estimate"] * 5]


def test_missing_ensembles_and_missing_nets() -> None:
    nets = {"relu": grid(*(make_measurement(trained("relu", n), accuracy=0.0) for n in (5, 50)))}
    assert section_of(None, nets) is None
    single, untrained = section_of(grid(group(16))), section_of(grid(group(16)), nets)
    assert single.tables == untrained.tables
    assert "nets of the data reading for" not in single.text


@pytest.mark.parametrize(
    ("widths", "others", "near"),
    [
        ([5, 10, 20, 50], [8, 32], [10, 50]),  # log2 of 32/20 is .678, of 50/32 .644
        ([5, 10, 20, 50], [8, 9, 10], [10]),
        ([200], [8, 32], [200]),
    ],
)
def test_widths_nearest_in_doublings(widths: list[int], others: list[int], near: list[int]) -> None:
    assert nearest(widths, others) == near
