"""What each part of a profile took, in core hours and in matrix products, and what is missing of it."""

from __future__ import annotations

from dataclasses import replace

from wndcheck.experiment.families import cells_of, parts
from wndcheck.experiment.record_schema import Measurement
from wndcheck.report.cost import COST, cost_section
from wndcheck.report.stored_nets import gathered
from wndcheck.tests.report.example_results import WHOLE, make_measurement, sections

TOOK = {"core_seconds": {"training": 7200.0, "measuring": 1800.0}, "matrix_product": [0.004, 0.006]}


def taken(cell, **provenance: object) -> Measurement:
    return replace(make_measurement(cell), provenance=provenance)


def test_a_row_for_each_part_and_the_total() -> None:
    (one, *others), (two, *_) = (cells_of([name], WHOLE, 0) for name in ("trained/relu", "cifar10"))
    found = {"mlp": (taken(one, **TOOK), *[None] * len(others)), "cifar10": (taken(two, **TOOK),), "convnets": ()}
    section = cost_section(found, "medium", 100)
    assert section
    (table,) = section.tables
    nets = len(one.seeds), len(two.seeds)
    assert table.rows == [
        ["mlp", f"1 of {1 + len(others)}", str(nets[0]), "2.00", "0.50", "1.80"],
        ["cifar10", "1", str(nets[1]), "2.00", "0.50", "1.80"],
        ["total", "2", str(sum(nets)), "4.00", "1.00", "3.60"],
    ]
    assert "mlp" in section.missing
    assert section.command == "wndcheck measure --profile=medium --cells=mlp"


def test_a_cell_of_two_parts_counts_once_in_the_total() -> None:
    one, two, *_ = (taken(cell, **TOOK) for cell in cells_of(["trained/relu"], WHOLE, 0))
    section = cost_section({"mlp": (one, two), "architectures": (two,)}, "medium", 100)
    assert section
    nets = len(one.cell.seeds) + len(two.cell.seeds)
    assert section.tables[0].rows[-1] == ["total", "2", str(nets), "4.00", "1.00", "3.60"]


def test_short_times_are_in_minutes() -> None:
    (one, *_) = cells_of(["trained/relu"], WHOLE, 0)
    short = {"core_seconds": {"training": 90.0, "measuring": 30.0}, "matrix_product": [0.004]}
    section = cost_section({"mlp": (taken(one, **short),)}, "quick", 100)
    assert section
    (table,) = section.tables
    assert table.head[3] == "core minutes training"
    assert table.rows[0][3:] == ["1.50", "0.50", "0.03"]


def test_nothing_is_said_where_no_cell_says_what_it_took() -> None:
    (one, *_) = cells_of(["trained/relu"], WHOLE, 0)
    assert cost_section({"mlp": (taken(one), None)}, "quick", 100) is None
    assert cost_section({}, "quick", 100) is None


def test_the_report_shows_all_cells_of_the_profile() -> None:
    store = {cell: taken(cell, **TOOK) for part in parts(WHOLE, 0).values() for cell in part}
    section = sections(gathered(WHOLE, 0, store.get))[COST]
    assert not section.missing
    assert section.tables[0].rows[-1][1] == str(len(store))
