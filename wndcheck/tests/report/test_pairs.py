"""The pairs' information against the null, and information gained against entropy gained."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.records import PAIR_QUANTILES
from wndcheck.report import series
from wndcheck.report.data import lemma_figure, null_of, pairs_figure
from wndcheck.tests.factories import make_finding
from wndcheck.tests.report.reported import STAGES, WIDTHS, finding, grids, measurement, planted, read, with_arrays


def test_quantiles_of_the_last_stage_are_drawn_by_layer() -> None:
    one = planted(measurement("relu", 20), "pair_quantiles", (-1, 3, 2, 4), 0.77)
    found = pairs_figure({"relu": Grid((one,), grids()["relu"].profile)}, (), "quick")
    assert found
    rows = read(found.csv())
    assert len(rows) == len(one.cell.seeds) * one.cell.layers * len(PAIR_QUANTILES)
    place = {"layer": "3", "quantile": "95 %", "width": "20", "seed": str(one.cell.seeds[3]), "value": "0.77"}
    assert [row for row in rows if place.items() <= row.items()]
    assert {row["epochs"] for row in rows} == {str(STAGES[-1])}


def test_the_null_is_this_runs_or_else_the_papers() -> None:
    ours = [finding("mean", 0.013), finding("standard_deviation", 0.041)]
    missing = make_finding("mean", [nan] * 8)
    assert null_of(ours) == (0.013, 0.041)
    assert null_of(ours[:1]) == null_of([]) == null_of([missing, ours[1]]) == (0.012, 0.042)
    found = pairs_figure(grids(), ours, "quick")
    assert found
    assert found.band
    # The 5 and 95 % points of a normal distribution lie 1.645 standard deviations from its mean.
    assert (found.band.low, found.band.high) == pytest.approx((0.013 - 1.645 * 0.041, 0.013 + 1.645 * 0.041), abs=1e-4)


def test_nets_that_did_not_train_are_left_out_of_both() -> None:
    grid = grids()["relu"]
    spoilt = {
        "relu": replace(grid, measurements=tuple(with_arrays(m, accuracy=m["accuracy"] * 0) for m in grid.measurements))
    }
    assert pairs_figure(spoilt, (), "quick") is None
    assert lemma_figure(spoilt, "quick") is None
    assert pairs_figure({}, (), "quick") is lemma_figure({}, "quick") is None


def test_a_point_is_the_change_since_the_beginning() -> None:
    one = measurement("tanh", 20)
    for stage, value in ((0, 0.25), (1, 0.375), (2, 0.75)):
        one = planted(one, "score", (stage, 1, 0), value)
    one = planted(one, "entropy_change", (2, 1, 0), -0.5)
    found = lemma_figure({"tanh": Grid((one,), grids()["tanh"].profile)}, "quick")
    assert found
    at = {"layer": 1, "seed": one.cell.seeds[1]}
    points = [point for point in found.points if {name: getattr(point, name) for name in at} == at]
    assert [(p.epochs, p.score_change) for p in points] == [(STAGES[1], 0.125), (STAGES[2], 0.5)]
    assert points[1].entropy_change == -0.5
    rows = read(found.csv())
    assert len(rows) == len(found.points) == 2 * len(one.cell.seeds) * one.cell.layers
    assert {"layer", "entropy_change", "score_change", "epochs", "width"} < rows[0].keys()


def test_the_words_count_the_points_that_keep_to_the_bound() -> None:
    point = series.Point("relu", 5, 1, 1, 0, entropy_change=0.1, score_change=0.2)
    points = (point, replace(point, seed=1, score_change=0.1), replace(point, layer=2, score_change=-1.0))
    figure = series.Scatter("figure-x", "x", "", points)
    assert figure.description == "Points at or below the bound ΔI ≤ ΔH: layer 1, 1 of 2; layer 2, 1 of 1."


def test_many_points_are_drawn_as_means(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lemma_figure(grids(), "quick")
    assert found
    assert found.shown is found.points
    monkeypatch.setattr(series, "MOST_POINTS", 10)
    shown = found.shown
    layers = grids()["relu"].measurements[0].cell.layers
    assert len(shown) == 2 * len(WIDTHS) * (len(STAGES) - 1) * layers
    alike = [p.entropy_change for p in found.points if (p.activation, p.width, p.epochs, p.layer) == ("relu", 5, 1, 1)]
    assert shown[0].entropy_change == pytest.approx(np.mean(alike))


def test_a_figure_in_words_says_where_its_lines_begin_and_end() -> None:
    one = planted(measurement("relu", 20), "pair_quantiles", (-1, 0, 0, 0), nan)
    found = pairs_figure({"relu": Grid((one,), grids()["relu"].profile)}, (), "quick")
    assert found
    words = found.description
    assert words.startswith("Means by width: pair score relu layer 1 5 %: ")
    assert words.count(" at 20") == one.cell.layers * len(PAIR_QUANTILES)
