from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.grids import Grid, grid, is_trained
from wndcheck.experiment.profiles import NARROW, QUICK
from wndcheck.experiment.record_schema import Measurement
from wndcheck.nets.specification import Training, Violation
from wndcheck.tests.tiny import TINY_CELL, random_measurement
from wndcheck.verdicts.checks import CauseKind, Check, Verdict, decide
from wndcheck.verdicts.statistics import at_most, slope_per_doubling

PROFILE = replace(QUICK, trained_accuracy=0.9, narrow_accuracy=0.2)
WIDTHS = (5, 20, 50)
CELLS = [replace(TINY_CELL, width=width, seeds=(0, 1, 2)) for width in WIDTHS]
LAST = {5: [0.2, 0.1, np.nan], 20: [0.5, 0.6, 0.7], 50: [0.9, 0.89, 0.99]}


def measured(cell: Cell) -> Measurement:
    measurement = random_measurement(cell, cell.width)
    measurement["accuracy"][-1] = LAST[cell.width]
    return measurement


@pytest.fixture
def three() -> Grid:
    return grid(CELLS[::-1], measured, PROFILE)


def test_a_grid_runs_from_narrow_to_wide(three: Grid) -> None:
    assert three.widths == list(WIDTHS)
    assert three.at(20).widths == [20]
    assert three.at(20).raw("entropy").shape == (1, 3, 5)


def test_nets_are_those_that_all_widths_have(three: Grid) -> None:
    fewer = [replace(cell, seeds=(0, 1) if cell.width == 20 else (0, 1, 2)) for cell in CELLS]

    def made(cell: Cell) -> Measurement:
        measurement = random_measurement(cell, cell.width)
        measurement["accuracy"][-1] = 1
        return measurement

    several = grid(fewer, made, PROFILE)
    assert (several.nets, three.nets) == (2, 3)
    assert several.trained.shape == (3, 2)
    assert several.untrained["nets"] == 6
    for name in ("entropy", "pair_quantiles"):
        values = several.of(name)
        for row, measurement in enumerate(several.measurements):
            np.testing.assert_array_equal(values[row], measurement[name][-1, :2])
    np.testing.assert_array_equal(several.at(50).of("entropy")[0], several.measurements[2]["entropy"][-1])


def test_scores_by_the_number_of_images(three: Grid) -> None:
    probes = [replace(TINY_CELL.probe, more_images=more) for more in ((40, 60), (60, 80), (30, 60))]
    cells = [replace(cell, probe=probe) for cell, probe in zip(CELLS, probes, strict=True)]
    more = grid(cells, measured, PROFILE)
    found = more.by_images("corrected_score")
    assert list(found) == [200, 600]  # those that all widths share
    np.testing.assert_array_equal(found[600], more.of("corrected_score_600"))
    np.testing.assert_array_equal(found[200], more.of("corrected_score"))
    assert np.isnan(found[600][0, 1:]).all()  # not trained
    quantiles = more.at(20).by_images("pair_quantiles", layer=2)
    assert [(images, array.shape) for images, array in quantiles.items()] == [
        (200, (1, 3, 5)),
        (600, (1, 3, 5)),
        (800, (1, 3, 5)),
    ]
    assert list(three.by_images("score")) == [200]
    with pytest.raises(ValueError, match="quantity 'entropy_600': expected one of"):
        more.by_images("entropy")


def test_quantiles_of_pairs_have_an_axis_more(three: Grid) -> None:
    values = three.of("rank_quantiles")
    assert values.shape == (3, 3, 5, 7)
    np.testing.assert_array_equal(np.isnan(values).all(axis=(2, 3)), ~three.trained)
    np.testing.assert_array_equal(three.of("rank_quantiles", layer=5), values[:, :, 4])
    with pytest.raises(ValueError, match="layer 6: expected 1 to 5"):
        three.of("rank_quantiles", layer=6)


def test_wide_nets_are_those_that_the_paper_does_not_call_narrow(three: Grid) -> None:
    assert three.wide.widths == [20, 50]
    assert three.from_width(21).widths == [50]
    assert three.wide.untrained == {"nets": 6, "untrained": 1}


def test_a_trend_without_trained_widest_nets_is_not_measured() -> None:
    cells = [replace(TINY_CELL, width=width, seeds=tuple(range(8))) for width in (20, 50, 100, 200)]

    def measured(cell: Cell) -> Measurement:
        measurement = random_measurement(cell, cell.width)
        measurement["accuracy"][-1] = 0.5 if cell.width == 200 else 1.0
        return measurement

    trained = grid(cells, measured, PROFILE)
    slopes = slope_per_doubling(trained.widths, trained.of("score", 1))
    verdict, cause, *_ = decide(Check("slope", at_most(0)), slopes, **trained.untrained)
    assert (verdict, cause and cause.kind) == (Verdict.INCONCLUSIVE, CauseKind.NOT_MEASURED)


def test_trained_nets_reach_the_accuracy_of_the_profile_for_their_width(three: Grid) -> None:
    assert NARROW == 20
    assert three.trained.tolist() == [[True, False, False], [True, True, True], [True, False, True]]
    assert three.untrained == {"nets": 9, "untrained": 3}
    assert three.at(50).untrained == {"nets": 3, "untrained": 1}


def test_values_of_untrained_nets_are_nan(three: Grid) -> None:
    raw, kept = three.raw("entropy"), three.of("entropy")
    assert raw.shape == kept.shape == (3, 3, 5)
    assert np.isfinite(raw).all()
    np.testing.assert_array_equal(np.isnan(kept).all(axis=-1), ~three.trained)
    np.testing.assert_array_equal(kept[three.trained], raw[three.trained])
    np.testing.assert_array_equal(raw[1], measured(CELLS[1])["entropy"][-1])


def test_layers_count_from_one(three: Grid) -> None:
    for layer in range(1, 6):
        np.testing.assert_array_equal(three.of("score", layer), three.of("score")[:, :, layer - 1])
    for layer in (-1, 0, 6):
        with pytest.raises(ValueError, match=f"layer {layer}: expected 1 to 5"):
            three.of("score", layer)


def test_stages_of_a_grid() -> None:
    initial = grid(CELLS, measured, PROFILE).at_stage(0)
    np.testing.assert_array_equal(initial.raw("entropy")[2], measured(CELLS[2])["entropy"][0])
    assert initial.untrained["untrained"] == 3  # whether a net trained shows at its last stage
    assert initial.at(20).stage == initial.wide.widest.stage == 0
    np.testing.assert_array_equal(initial.at_stage(-1).raw("entropy"), grid(CELLS, measured, PROFILE).raw("entropy"))


@pytest.mark.parametrize("protocol", [Training(0.1, 64, (0,)), Violation("drift", 0.1)])
def test_nets_without_training_count_as_trained(protocol: Training | Violation) -> None:
    measurement = random_measurement(replace(CELLS[2], protocol=protocol))
    measurement["accuracy"][:] = 0.1
    assert is_trained(measurement, PROFILE).tolist() == [True] * 3


def test_what_a_grid_does_not_have_is_refused_with_what_it_has(three: Grid) -> None:
    for read in (three.of, three.raw):
        with pytest.raises(ValueError, match=r"quantity 'scores': expected one of accuracy, .*score"):
            read("scores")
    for stage in (2, -2):
        with pytest.raises(ValueError, match=rf"stage {stage}: expected 0 to 1, or -1 for the last"):
            three.at_stage(stage)
    np.testing.assert_array_equal(three.at_stage(1).raw("score"), three.at_stage(-1).raw("score"))
