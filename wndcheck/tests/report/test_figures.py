"""The numbers and words of the report's figures."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import e, log, nan, pi
from typing import Any

import numpy as np
import pytest

from wndcheck.experiment.families import cells_of
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import MEDIUM, QUICK
from wndcheck.experiment.record_schema import PAIR_QUANTILES, SAME_IMAGE, Measurement
from wndcheck.report import figure_model
from wndcheck.report.figure_model import interval
from wndcheck.report.figures import null_of
from wndcheck.report.plots import svg
from wndcheck.report.stored_nets import Measured
from wndcheck.tests.factories import make_claim, make_finding
from wndcheck.tests.report.example_results import (
    STAGES,
    WIDTHS,
    estimator_claims,
    experiment,
    figures,
    finding,
    grid,
    grids,
    make_measurement,
    measured,
    read,
    trained,
    with_arrays,
    with_value,
)
from wndcheck.verdicts.statistics import mean_interval

READINGS = {
    "data": "corrected_score",
    "ensemble, one image each": "corrected_score",
    "ensemble, the same image": SAME_IMAGE + "corrected_score",
}


@pytest.fixture(scope="module")
def whole() -> Measured:
    return measured()


@pytest.fixture(scope="module")
def shown(whole: Measured) -> dict[str, Any]:
    return figures(whole, *estimator_claims())


def untrained(grid: Grid) -> Grid:
    """The same nets with an accuracy of 0."""
    return replace(grid, measurements=tuple(with_arrays(m, accuracy=m["accuracy"] * 0) for m in grid.measurements))


def assert_holds(row: dict[str, str], source: Measurement, quantity: str, replicate: int) -> None:
    """The row of a CSV has the number of this replicate, and the mean and interval of all."""
    stage = source.cell.protocol.stages.index(int(row["epochs"]))
    values = source[quantity][stage, :, int(row["layer"]) - 1]
    found = mean_interval(values, 0.99)
    expected = {"mean": found.estimate, "low": found.low, "high": found.high, "n": found.n}
    assert float(row["value"]) == values[replicate]
    assert row | {name: repr(value) for name, value in expected.items()} == row


# --- trained nets -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stem", "shown_at"),
    [
        ("figure-2-entropy", {("entropy", 0), ("entropy", 12)}),
        ("figure-3-dependence", {("score", 12), ("corrected_score", 12)}),
        ("figure-trajectories", set(product(("corrected_score", "entropy_change"), STAGES))),
        ("figure-b1-cifar10", {("entropy", 0), ("entropy", 12), ("score", 12), ("corrected_score", 12)}),
        ("figure-b2-convnets", {("entropy", 0), ("entropy", 1)}),
    ],
)
def test_csv_of_the_nets_holds_their_numbers(
    shown: dict[str, Any], whole: Measured, stem: str, shown_at: set[tuple[str, int]]
) -> None:
    found = read(shown[stem].csv())
    sources = {"figure-b1-cifar10": {"relu": whole.cifar10}, "figure-b2-convnets": {"relu": whole.convnets}}
    nets: dict[str, Any] = sources.get(stem, whole.trained)
    if stem == "figure-trajectories":
        nets = {name: grid.widest for name, grid in nets.items()}
    assert {(row["quantity"], int(row["epochs"])) for row in found} == shown_at
    assert len(found) == len(shown_at) * sum(m["entropy"][0].size for grid in nets.values() for m in grid.measurements)
    for row in found:
        (source,) = nets[row["activation"]].at(int(row["width"])).measurements
        assert_holds(row, source, row["quantity"], source.cell.seeds.index(int(row["seed"])))


def test_missing_nets_widths_and_activations_leave_gaps() -> None:
    nets = grids()
    first, second, *others = nets["relu"].measurements
    single = second["accuracy"].copy()
    single[:, 1:] = 0
    narrow = with_arrays(first, accuracy=np.full_like(first["accuracy"], nan))
    without = (with_arrays(m, corrected_score=m["score"] * nan) for m in nets["tanh"].measurements)
    relu = grid(narrow, with_arrays(second, accuracy=single), *others)
    shown = figures(Measured(trained={"relu": relu, "tanh": grid(*without)}))
    found = [row for row in read(shown["figure-2-entropy"].csv()) if row["activation"] == "relu"]
    assert {(row["value"], row["mean"], row["n"]) for row in found if row["width"] == "5"} == {("", "", "0")}
    only = [row for row in found if row["width"] == "20" and row["value"]]
    assert all(row["mean"] == row["value"] and row["low"] == "" and row["n"] == "1" for row in only)
    assert "15 of 64 nets did not train" in shown["figure-2-entropy"].caption
    assert all(svg(figure) for figure in shown.values())


def test_without_nets_that_trained_there_is_no_figure() -> None:
    nets = {name: untrained(grid) for name, grid in grids().items()}
    assert figures(Measured(trained=nets, ensembles=untrained(measured().ensembles))) == {}  # type: ignore[arg-type]
    assert figures(Measured()) == {}


def test_trajectories_need_a_stage_between_the_first_and_the_last() -> None:
    two = grids(replace(QUICK, training=replace(QUICK.training, stages=(0, 12))))
    assert "figure-trajectories" not in figures(Measured(trained=two))
    mixed = figures(Measured(trained={"relu": two["relu"], "tanh": grids()["tanh"]}))["figure-trajectories"]
    assert {line.labels["activation"] for line in mixed.lines} == {"tanh"}
    assert mixed.caption.startswith("N = 200; n = 8 nets per width.")


def test_a_net_that_ends_untrained_is_left_out_of_its_whole_trajectory() -> None:
    widest = with_value(make_measurement(trained("relu", 200)), "accuracy", (-1, 5), 0.5)
    figure = figures(Measured(trained={"relu": grid(widest)}))["figure-trajectories"]
    assert {row["seed"] for row in read(figure.csv()) if row["value"] == ""} == {"5"}
    assert "1 of 8 nets did not train" in figure.caption


def test_csv_of_architectures_holds_their_numbers() -> None:
    """A transformer's third layer is its logits, in the place of the perceptron's fifth."""
    kinds = {kind: cells_of([f"architectures/{kind}"], MEDIUM, 0) for kind in ("mlp", "adam", "transformer")}
    nets = {kind: grid(*map(make_measurement, cells), profile=MEDIUM) for kind, cells in kinds.items()}
    figure = figures(Measured(architectures=nets))["figure-architectures"]
    found = read(figure.csv())
    assert {(row["quantity"], row["epochs"]) for row in found} == {("corrected_score", "10"), ("entropy_change", "10")}
    assert len(found) == 2 * 5 * 8 * (5 + 5 + 3)  # quantities, widths, nets, layers
    assert {row["layer"] for row in found if row["architecture"] == "transformer"} == {"1", "2", "5"}
    assert figure.columns == "architecture"
    for row in found:
        (source,) = nets[row["architecture"]].at(int(row["width"])).measurements
        place = row | {"layer": "3" if (row["architecture"], row["layer"]) == ("transformer", "5") else row["layer"]}
        assert_holds(place, source, row["quantity"], source.cell.seeds.index(int(row["seed"])))
    assert figures(Measured(architectures={"mlp": nets["mlp"]})) == {}


# --- both readings ----------------------------------------------------------------------------------------------------


def test_csv_of_both_readings_holds_their_numbers(shown: dict[str, Any], whole: Measured) -> None:
    found = read(shown["figure-both-readings"].csv())
    count = len(WIDTHS) * QUICK.nets + 2 * len(QUICK.ensembles.widths) * QUICK.ensembles.count
    assert len(found) == 2 * 5 * count, "two stages of five layers"
    assert list(dict.fromkeys(row["reading"] for row in found)) == list(READINGS)
    for row in found:
        grid: Any = whole.trained["relu"] if row["reading"] == "data" else whole.ensembles
        (source,) = grid.at(int(row["width"])).measurements
        size = source.cell.nets_per_ensemble if source.cell.ensembles else 1
        assert int(row["epochs"]) in (0, source.cell.protocol.stages[-1])
        assert_holds(row, source, READINGS[row["reading"]], int(row["replicate"]) // size)


def test_readings_leave_out_ensembles_that_did_not_train(whole: Measured) -> None:
    assert whole.ensembles
    failed, trained = untrained(whole.ensembles).measurements[0], whole.ensembles.measurements[1]
    figure = figures(Measured(ensembles=grid(failed, trained)))["figure-both-readings"]
    rows = read(figure.csv())
    assert {row["value"] for row in rows if row["width"] == str(failed.cell.width)} == {""}
    assert "" not in {row["value"] for row in rows if row["width"] == str(trained.cell.width)}


# --- experiments of the estimators ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stem", "parameter", "places"),
    [
        ("figure-a1a-entropy-k", "k", ["2", "3", "5"]),
        ("figure-a1b-entropy-m", "m", ["100", "1000", "10000"]),
        ("figure-a1c-stabilisation", "rho", ["0.0", "0.5", "0.9"]),
    ],
)
def test_csv_of_experiments_adds_the_truth_to_the_bias(
    shown: dict[str, Any], stem: str, parameter: str, places: list[str]
) -> None:
    found = read(shown[stem].csv())
    assert list(dict.fromkeys(row[parameter] for row in found)) == places
    checks = [c for claim in estimator_claims() for c in claim.checks if parameter in c.parameters]
    by_place = {(check.function, str(check.parameters[parameter])): check for check in checks}
    assert len(found) == 16 * len(checks)
    for row in found:
        check = by_place[row["estimator"] if parameter == "rho" else "bias", row[parameter]]
        truth = -log(1 - float(row["rho"]) ** 2) / 2 if parameter == "rho" else log(2 * pi * e) / 2
        expected = truth + check.values[int(row["experiment"])], truth + check.interval.estimate, truth
        assert [float(row[name]) for name in ("value", "mean", "truth")] == pytest.approx(expected, abs=1e-12)


def test_a_single_estimator_is_drawn() -> None:
    stabilised = experiment("stabilisation", "stabilised[0.5]", {"rho": 0.5}, 0.01)
    (figure,) = figures(Measured(), make_claim("stabilisation", stabilised)).values()
    assert {row["estimator"] for row in read(figure.csv())} == {"stabilised"}
    assert svg(figure)


# --- pairs and the lemma ----------------------------------------------------------------------------------------------


def test_csv_of_the_pairs_holds_the_quantiles_of_the_last_stage() -> None:
    one = with_value(make_measurement(trained("relu", 20)), "pair_quantiles", (-1, 3, 2, 4), 0.77)
    rows = read(figures(Measured(trained={"relu": grid(one)}))["figure-pairs"].csv())
    assert len(rows) == len(one.cell.seeds) * one.cell.layers * len(PAIR_QUANTILES)
    place = {"layer": "3", "quantile": "95 %", "width": "20", "seed": str(one.cell.seeds[3]), "value": "0.77"}
    assert [row for row in rows if place.items() <= row.items()]
    assert {row["epochs"] for row in rows} == {str(STAGES[-1])}


def test_the_null_is_that_of_the_run_or_else_the_papers(whole: Measured) -> None:
    ours = [finding(name, x, claim="estimator_null") for name, x in (("mean", 0.013), ("standard_deviation", 0.041))]
    missing = make_finding("mean", [nan] * 8)
    assert null_of(ours) == (0.013, 0.041)
    below = finding("mean", -0.001, claim="estimator_null")  # the mean can be, the deviation cannot
    assert null_of([below, ours[1]]) == (-0.001, 0.041)
    assert null_of([ours[0], finding("standard_deviation", 0.0)]) == (0.012, 0.042)
    assert null_of(ours[:1]) == null_of([]) == null_of([missing, ours[1]]) == (0.012, 0.042)
    null = make_claim("estimator_null", *ours)
    band = figures(whole, null)["figure-pairs"].band
    # The 5 and 95 % points of a normal distribution lie 1.645 standard deviations from its mean.
    assert (band.low, band.high) == pytest.approx((0.013 - 1.645 * 0.041, 0.013 + 1.645 * 0.041), abs=1e-4)


def test_a_point_of_the_lemma_is_the_change_since_the_first_stage() -> None:
    one = make_measurement(trained("tanh", 20))
    for stage, value in ((0, 0.25), (1, 0.375), (2, 0.75)):
        one = with_value(one, "score", (stage, 1, 0), value)
    one = with_value(one, "entropy_change", (2, 1, 0), -0.5)
    figure = figures(Measured(trained={"tanh": grid(one)}))["figure-information-entropy"]
    points = [point for point in figure.points if (point.layer, point.seed) == (1, one.cell.seeds[1])]
    assert [(p.epochs, p.score_change) for p in points] == [(STAGES[1], 0.125), (STAGES[2], 0.5)]
    assert points[1].entropy_change == -0.5
    rows = read(figure.csv())
    assert len(rows) == len(figure.points) == 2 * len(one.cell.seeds) * one.cell.layers
    expected = {"activation": "tanh", "width": "20", "epochs": "12", "layer": "1", "seed": str(one.cell.seeds[1])}
    assert expected | {"entropy_change": "-0.5", "score_change": "0.5"} in rows


def test_many_points_are_drawn_as_means(shown: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    figure = shown["figure-information-entropy"]
    assert figure.plotted_points is figure.points
    monkeypatch.setattr(figure_model, "MOST_POINTS", 10)
    assert len(figure.plotted_points) == 2 * len(WIDTHS) * (len(STAGES) - 1) * 5
    group = [p.entropy_change for p in figure.points if (p.activation, p.width, p.epochs, p.layer) == ("relu", 5, 1, 1)]
    assert figure.plotted_points[0].entropy_change == pytest.approx(np.mean(group))


# --- words ------------------------------------------------------------------------------------------------------------


def test_the_description_of_the_lemma_counts_points_within_the_bound() -> None:
    point = figure_model.Point("relu", 5, 1, 1, 0, entropy_change=0.1, score_change=0.2)
    points = (point, replace(point, seed=1, score_change=0.1), replace(point, layer=2, score_change=-1.0))
    figure = figure_model.Scatter("x", "", points)
    assert figure.description == "Points at or below the bound ΔI ≤ ΔH: layer 1, 1 of 2; layer 2, 1 of 1."


def test_a_description_gives_both_ends_of_each_line() -> None:
    one = with_value(make_measurement(trained("relu", 20)), "pair_quantiles", (-1, 0, 0, 0), nan)
    words = figures(Measured(trained={"relu": grid(one)}))["figure-pairs"].description
    assert words.startswith("Means by width: pair score relu layer 1 5 %: ")
    assert words.count(" at 20") == one.cell.layers * len(PAIR_QUANTILES)


def test_interval_of_one_and_of_none() -> None:
    single, none = interval(np.array([nan, 0.5])), interval(np.array([nan]))
    assert (single.estimate, single.n, none.n) == (0.5, 1, 0)
    assert np.isnan([single.low, single.high, none.estimate, none.low]).all()
