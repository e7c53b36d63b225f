"""The report's figures: their numbers in the CSV, and what is drawn of them."""

from __future__ import annotations

from dataclasses import replace
from math import e, log, nan, pi
from typing import Any

import numpy as np
import pytest

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import QUICK
from wndcheck.experiment.records import SAME_IMAGE
from wndcheck.report.data import DATA_READING, FORMS, all_figures, readings_figure, trajectory_figure
from wndcheck.report.measured import Measured
from wndcheck.report.panels import BEFORE, plot_nets, spaced
from wndcheck.report.plots import svg
from wndcheck.report.series import Figure, interval
from wndcheck.tests.factories import make_claim, make_run
from wndcheck.tests.report.reported import (
    STAGES,
    WHOLE,
    WIDTHS,
    ensembles,
    estimator_claims,
    experiment,
    grids,
    made,
    measured,
    measurement,
    planted,
    read,
    trained,
    with_arrays,
)
from wndcheck.verdicts.run import ClaimResult
from wndcheck.verdicts.statistics import mean_interval

COLUMNS = {"": "ensemble, one image each", SAME_IMAGE: "ensemble, the same image"}


def figures(measured: Measured, *claims: ClaimResult) -> dict[str, Any]:
    return {figure.stem: figure for figure in all_figures(make_run(*claims), measured)}


@pytest.fixture(scope="module")
def shown() -> dict[str, Figure]:
    return figures(measured(), *estimator_claims())


def test_figures_bear_missing_nets_widths_and_activations() -> None:
    made = grids()
    first, second, *others = made["relu"].measurements
    single = second["accuracy"].copy()
    single[:, 1:] = 0
    narrow = with_arrays(first, accuracy=np.full_like(first["accuracy"], nan))
    relu = replace(made["relu"], measurements=(narrow, with_arrays(second, accuracy=single), *others))
    without = tuple(with_arrays(m, corrected_score=m["score"] * nan) for m in made["tanh"].measurements)
    shown = figures(Measured(trained={"relu": relu, "tanh": Grid(without, QUICK)}))
    found = [row for row in read(shown["figure-2-entropy"].csv()) if row["activation"] == "relu"]
    assert {(row["value"], row["mean"], row["n"]) for row in found if row["width"] == "5"} == {("", "", "0")}
    alone = [row for row in found if row["width"] == "20" and row["value"]]
    assert all(row["mean"] == row["value"] and row["low"] == "" and row["n"] == "1" for row in alone)
    assert "15 of 64 nets did not train" in shown["figure-2-entropy"].caption
    assert all(svg(figure) for figure in shown.values())


@pytest.mark.parametrize(
    ("stem", "quantity", "epochs"),
    [
        ("figure-2-entropy", "entropy", 12),
        ("figure-2-entropy", "entropy", 0),
        ("figure-3-dependence", "score", 12),
        ("figure-3-dependence", "corrected_score", 12),
    ],
)
def test_csv_of_the_nets_holds_their_numbers(shown: dict[str, Figure], stem: str, quantity: str, epochs: int) -> None:
    made = grids()
    found = [
        row
        for row in read(shown[stem].csv())
        if (row["quantity"], row["epochs"], row["activation"]) == (quantity, str(epochs), "tanh")
    ]
    assert len(found) == len(WIDTHS) * QUICK.nets * 5
    seeds = made["tanh"].measurements[0].cell.seeds
    for row in found:
        nets = measurement("tanh", int(row["width"]))[quantity][0 if epochs == 0 else -1, :, int(row["layer"]) - 1]
        assert float(row["value"]) == nets[seeds.index(int(row["seed"]))]
        assert row | ends(nets) == row


def ends(values: np.ndarray) -> dict[str, str]:
    """The columns of the values' mean and interval."""
    found = mean_interval(values, 0.99)
    return {"mean": repr(found.estimate), "low": repr(found.low), "high": repr(found.high), "n": str(found.n)}


@pytest.mark.parametrize(
    ("stem", "key", "places"), [("a1a-entropy-k", "k", "2 3 5"), ("a1b-entropy-m", "m", "100 1000 10000")]
)
def test_csv_of_the_entropies_adds_the_truth_to_the_bias(
    shown: dict[str, Figure], stem: str, key: str, places: str
) -> None:
    claims = estimator_claims()
    found = read(shown[f"figure-{stem}"].csv())
    assert list(dict.fromkeys(row[key] for row in found)) == places.split()
    truth = log(2 * pi * e) / 2
    checks = {str(c.parameters[key]): c for each in claims for c in each.checks if key in c.parameters}
    for row in found:
        bias = checks[row[key]].values[int(row["experiment"])]
        assert float(row["value"]) == pytest.approx(truth + bias, abs=1e-12)
        assert float(row["mean"]) == pytest.approx(truth + checks[row[key]].interval.estimate, abs=1e-12)
        assert float(row["truth"]) == pytest.approx(truth, abs=1e-12)


def test_csv_of_stabilisation_holds_both_estimators(shown: dict[str, Figure]) -> None:
    found = read(shown["figure-a1c-stabilisation"].csv())
    assert len(found) == 2 * 3 * 16
    for row in found:
        truth = -log(1 - float(row["rho"]) ** 2) / 2
        assert float(row["truth"]) == pytest.approx(truth, abs=1e-12)
        # The made-up experiments scatter by .01: six standard deviations.
        gap = {"vanilla": -3.0, "stabilised": 0.01}[row["estimator"]]
        assert float(row["value"]) - truth == pytest.approx(gap, abs=0.06)


def test_one_estimator_alone_is_drawn() -> None:
    stabilised = [experiment("stabilisation", "stabilised[0.5]", {"rho": 0.5}, 0.01)]
    (figure,) = figures(Measured(), make_claim("stabilisation", *stabilised)).values()
    assert {row["estimator"] for row in read(figure.csv())} == {"stabilised"}
    assert svg(figure)


def readings(data: Grid | None, groups: Grid | None) -> list[dict[str, str]]:
    figure = readings_figure(data, groups, "quick")
    assert figure
    return read(figure.csv())


def test_csv_of_both_readings_holds_their_numbers() -> None:
    data, groups = grids()["relu"], ensembles()
    found = readings(data, groups)
    count = len(WIDTHS) * QUICK.nets + 2 * len(QUICK.ensembles.widths) * QUICK.ensembles.count
    assert len(found) == 2 * 5 * count, "two stages of five layers"
    names = {DATA_READING: "corrected_score"} | {FORMS[form]: form + "corrected_score" for form in FORMS}
    assert FORMS == COLUMNS
    for row in found:
        grid = data if row["reading"] == DATA_READING else groups
        (source,) = grid.at(int(row["width"])).measurements
        stage, layer = source.cell.protocol.stages.index(int(row["epochs"])), int(row["layer"]) - 1
        assert stage in (0, len(source.cell.protocol.stages) - 1)
        values = source[names[row["reading"]]][stage, :, layer]
        place = (
            int(row["replicate"]) // source.cell.nets_per_ensemble if source.cell.ensembles else int(row["replicate"])
        )
        assert float(row["value"]) == values[place]
        assert row | ends(values) == row


@pytest.mark.parametrize("form", FORMS)
def test_a_number_planted_in_an_ensemble_shows_in_its_own_place(form: str) -> None:
    groups = ensembles()
    wrong = planted(groups.measurements[1], form + "corrected_score", (-1, 2, 3), 9.0)
    before, after = (
        readings(None, each) for each in (groups, replace(groups, measurements=(groups.measurements[0], wrong)))
    )
    changed = [row for row, old in zip(after, before, strict=True) if row["value"] != old["value"]]
    expected = {"reading": FORMS[form], "layer": "4", "width": str(wrong.cell.width), "value": "9.0"}
    assert [row | expected == row for row in changed] == [True]
    assert changed[0]["replicate"] == str(2 * wrong.cell.nets_per_ensemble)
    assert sum(row["mean"] != old["mean"] for row, old in zip(after, before, strict=True)) == wrong.cell.ensembles


def test_readings_without_ensembles_or_without_any_that_trained_are_left_out() -> None:
    groups = ensembles()
    failed = tuple(with_arrays(m, accuracy=m["accuracy"] * 0) for m in groups.measurements)
    for absent in (None, Grid((), QUICK), replace(groups, measurements=failed)):
        assert readings_figure(grids()["relu"], absent, "quick") is None
    half = replace(groups, measurements=(failed[0], groups.measurements[1]))
    left_out = [row for row in readings(None, half) if row["width"] == str(failed[0].cell.width)]
    assert {row["value"] for row in left_out} == {""}


def test_both_readings_are_drawn_a_panel_a_layer() -> None:
    figure = readings_figure(grids()["relu"], ensembles(), "quick")
    assert figure
    canvas = plot_nets(figure)
    assert [panel.get_title() for panel in canvas.axes] == ["layer 1", "layer 2", "layer 3", "layer 4", "last layer"]
    assert legend(canvas) == [DATA_READING, *FORMS.values(), BEFORE]
    # Every replicate of three readings, their means, and the means before training; the paper's level.
    errorbars = 3 * 3  # line and two caps
    assert len(canvas.axes[0].lines) == QUICK.nets + 2 * QUICK.ensembles.count + errorbars + 3 + 1
    assert svg(figure) == svg(figure)


def legend(canvas: Any) -> list[str]:
    return [text.get_text() for text in canvas.legends[0].get_texts()]


def test_csv_of_trajectories_holds_the_widest_nets_at_every_stage() -> None:
    figure = trajectory_figure(grids(), "quick")
    assert figure
    found = read(figure.csv())
    assert len(found) == 2 * 2 * 5 * len(STAGES) * QUICK.nets
    for row in found:
        source = measurement(row["activation"], WIDTHS[-1])
        values = source[row["quantity"]][STAGES.index(int(row["epochs"])), :, int(row["layer"]) - 1]
        assert (row["width"], float(row["value"])) == (str(WIDTHS[-1]), values[int(row["seed"])])
        assert row | ends(values) == row
    assert figure.caption.startswith("N = 200; n = 8 nets a width.")


def test_two_stages_are_no_trajectory() -> None:
    made, two = grids(), grids(replace(QUICK, training=replace(QUICK.training, stages=(0, 12))))
    assert trajectory_figure(two, "quick") is None
    assert trajectory_figure({}, "quick") is None
    assert trajectory_figure({"relu": Grid((), WHOLE)}, "quick") is None
    mixed = trajectory_figure({"relu": two["relu"], "tanh": made["tanh"]}, "quick")
    assert mixed
    assert {line.labels["activation"] for line in mixed.lines} == {"tanh"}


def test_a_net_that_ends_untrained_is_left_out_of_its_whole_trajectory() -> None:
    relu = grids()["relu"]
    widest = planted(relu.measurements[-1], "accuracy", (-1, 5), 0.5)
    figure = trajectory_figure({"relu": replace(relu, measurements=(*relu.measurements[:-1], widest))}, "quick")
    assert figure
    assert {(row["seed"], row["value"]) for row in read(figure.csv()) if row["value"] == ""} == {("5", "")}
    assert "1 of 8 nets did not train" in figure.caption


def test_trajectories_are_drawn_from_the_initial_net_on() -> None:
    figure = trajectory_figure(grids(), "quick")
    assert figure
    axes = plot_nets(figure).axes
    panel = axes[2]  # those above it share its ticks
    assert len(axes) == 4
    labels = zip(panel.get_xticks(), panel.get_xticklabels(), strict=True)
    assert [(tick, text.get_text()) for tick, text in labels] == [(0, "0"), (1, "1"), (12, "12")]
    # On a scale that is linear up to 1 and logarithmic from there.
    steps = np.diff(panel.transData.transform([(0, 0), (1, 0), (3, 0), (9, 0)])[:, 0])
    assert steps[2] == pytest.approx(steps[1])
    assert steps[0] > 0
    low, high = panel.get_xlim()
    assert -1 < low < 0
    assert high > 12


def test_a_panel_shows_all_values_of_its_row() -> None:
    relu = Grid((made(trained("relu", 5), corrected_score=4.0),), WHOLE)
    tanh = Grid((made(trained("tanh", 5), corrected_score=-0.5),), WHOLE)
    for nets in ({"relu": relu, "tanh": tanh}, {"tanh": tanh, "relu": relu}):
        for panel in plot_nets(figures(Measured(trained=nets))["figure-3-dependence"]).axes[2:]:
            low, high = panel.get_ylim()
            assert low < -0.5
            assert high > 4


@pytest.mark.parametrize(
    ("widths", "points", "kept"),
    [
        ([5, 10, 20], 100, [5, 10, 20]),
        ([8, 10, 16, 20, 32], 40, [8, 16, 32]),
        ([30, 32], 100, [30, 32]),
        ([7], 100, [7]),
    ],
)
def test_labels_of_widths_do_not_touch(widths: list[int], points: float, kept: list[int]) -> None:
    assert spaced(widths, points) == kept


def test_interval_of_one_and_of_none() -> None:
    alone, none = interval(np.array([nan, 0.5])), interval(np.array([nan]))
    assert (alone.estimate, alone.n, none.n) == (0.5, 1, 0)
    assert np.isnan([alone.low, alone.high, none.estimate, none.low]).all()
