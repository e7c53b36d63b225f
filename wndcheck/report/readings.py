"""The data reading and both forms of the ensemble reading in one short table."""

from __future__ import annotations

from collections.abc import Iterable
from math import log2

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.grids import Grid
from wndcheck.report.accuracy import recipe
from wndcheck.report.markdown import Section, escaped, table
from wndcheck.report.nets import DATA_READING, FORMS, has
from wndcheck.report.rows import accuracy_cell, layer_cells, layer_head

TITLE = "Both readings side by side"
QUANTITY = "corrected_score"


def readings_section(data: Grid | None, ensembles: Grid | None) -> Section | None:
    """ι_c after training: ensembles of every width, and the data reading at the widths nearest to these."""
    if not ensembles or not ensembles.measurements:
        return None
    cell = ensembles.measurements[0].cell
    data = data if data and has(data, QUANTITY) else None
    head = ("reading", "N", "replicates", "training accuracy", *layer_head(cell.layers))
    words = introduction(cell, data.measurements[0].cell if data else cell)
    return Section(TITLE, [escaped(words), table(head, rows(data, ensembles))], {})


def introduction(ensemble: Cell, net: Cell) -> str:
    """What the readings are, and how their recipes differ."""
    others = ""
    if recipe(net) != recipe(ensemble):
        others = f", the nets of the data reading for {recipe(net)}: part of a difference can come of that"
    return (
        "Corrected score ι_c (nats) after training, means with 99 % t intervals over replicates. Data reading: the "
        f"samples are {10 * ensemble.probe.images_per_class} images, a replicate is a net. Ensemble reading: the "
        f"samples are {ensemble.nets_per_ensemble} nets, each shown an image of its own, or all of them the same; a "
        f"replicate is an ensemble. Ensembles were trained for {recipe(ensemble)}{others}. Replicates that did not "
        "train are left out. No estimate: none is left, or neurons are constant, tied or a point mass (of a ReLU net "
        "with a dead layer, the next gives exactly 0)."
    )


def rows(data: Grid | None, ensembles: Grid) -> Iterable[list[str]]:
    for width in nearest(data.widths, ensembles.widths) if data else ():
        assert data
        yield row(DATA_READING, data.at(width), QUANTITY)
    for form, reading in FORMS.items():
        for width in ensembles.widths:
            yield row(reading, ensembles.at(width), form + QUANTITY)


def nearest(widths: Iterable[int], others: Iterable[int]) -> list[int]:
    """For each of the other widths the one nearest to it in doublings; every width once."""
    widths = list(widths)
    return sorted({min(widths, key=lambda width: abs(log2(width / other))) for other in others})


def row(reading: str, grid: Grid, quantity: str) -> list[str]:
    """One width's row; nets and ensembles that did not train are left out, as in the figures."""
    (measurement,), untrained = grid.measurements, grid.untrained["untrained"]
    trained = measurement.cell.replicates - untrained
    count = f"{trained} ({untrained} untrained)" if untrained else str(trained)
    accuracy = accuracy_cell(measurement["accuracy"][-1])
    return [escaped(reading), str(measurement.cell.width), count, accuracy, *layer_cells(grid.of(quantity)[0], trained)]
