"""Both readings in one table."""

from __future__ import annotations

from math import nan

import pytest

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import QUICK
from wndcheck.experiment.records import SAME_IMAGE, Measurement
from wndcheck.report.tables import nearest, readings_section
from wndcheck.tests.report.reported import WHOLE, ensemble, ensembles, grids, made, planted, trained

SAME = SAME_IMAGE + "corrected_score"


def group(width: int, **constant: float) -> Measurement:
    constant = {"corrected_score": 0.25, SAME: 0.5, "accuracy": 0.9} | constant
    return made(ensemble(width), **constant)


def test_readings_stand_side_by_side() -> None:
    data = Grid(tuple(made(trained("relu", n), corrected_score=n / 1000, accuracy=0.98) for n in (20, 50, 125)), WHOLE)
    groups = [str(WHOLE.ensembles.count), "90.00 % [90.00, 90.00]"]
    nets = ["8", "98.00 % [98.00, 98.00]"]
    section = readings_section(data, Grid((group(16), group(100)), WHOLE))
    assert section
    assert section.tables[0].rows == [
        ["data", "20", *nets, *["0.020 [0.020, 0.020]"] * 5],
        ["data", "125", *nets, *["0.125 [0.125, 0.125]"] * 5],
        ["ensemble, one image each", "16", *groups, *["0.250 [0.250, 0.250]"] * 5],
        ["ensemble, one image each", "100", *groups, *["0.250 [0.250, 0.250]"] * 5],
        ["ensemble, the same image", "16", *groups, *["0.500 [0.500, 0.500]"] * 5],
        ["ensemble, the same image", "100", *groups, *["0.500 [0.500, 0.500]"] * 5],
    ]


def test_readings_leave_out_ensembles_that_did_not_train() -> None:
    count = WHOLE.ensembles.count
    one = planted(planted(group(16), "corrected_score", (-1, 1, 0), 7.0), "accuracy", (-1, 1), 0.1)
    unknown = planted(one, "corrected_score", (-1, 0, 3), nan)
    section = readings_section(None, Grid((unknown, group(100, accuracy=0.1)), WHOLE))
    assert section
    (_, _, nets, _, *layers), none, *_ = section.tables[0].rows
    assert nets == f"{count - 1} (1 untrained)"
    assert layers[0] == "0.250 [0.250, 0.250]"
    assert layers[3] == f"0.250 [0.250, 0.250] (n = {count - 2})"
    assert none[2:] == [f"0 ({count} untrained)", "10.00 % [10.00, 10.00]", *["no estimate"] * 5]


def test_without_ensembles_there_is_nothing_to_set_side_by_side() -> None:
    for absent in (None, Grid((), QUICK)):
        assert readings_section(grids()["relu"], absent) is None
    alone = readings_section(None, ensembles())
    spoilt = readings_section(
        Grid(tuple(made(trained("relu", n, QUICK), accuracy=0.0) for n in (5, 50)), QUICK), ensembles()
    )
    assert alone
    assert spoilt
    assert alone.tables == spoilt.tables
    assert "nets of the data reading for" not in alone.words


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
