"""How the information of single pairs is spread, beside that of independent Gaussians (§4)."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist

import numpy as np

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.records import PAIR_QUANTILES
from wndcheck.report.nets import grid_caption
from wndcheck.report.series import Band, Figure, Line
from wndcheck.verdicts.checks import Finding

PAPERS_NULL = (0.012, 0.042)  # §4: mean and standard deviation for independent Gaussians, M = 1000


def pairs_figure(grids: dict[str, Grid], null: Iterable[Finding], profile: str) -> Figure | None:
    """Quantiles over a layer's pairs against the width, layer by layer, with those of the null as a band."""
    shown = {name: grid for name, grid in grids.items() if grid.measurements and np.isfinite(grid.of_pairs()).any()}
    lines = [line for name, grid in shown.items() for line in quantile_lines(name, grid)]
    if not lines:
        return None
    mean, spread = null_of(null)
    within = NormalDist(mean, spread)
    band = Band(within.inv_cdf(PAIR_QUANTILES[0]), mean, within.inv_cdf(PAIR_QUANTILES[-1]), "independent Gaussians")
    title = f"Pairs: information of single pairs against the null ({profile} profile)"
    caption = (
        f"Score ι of each pair of a layer, quantiles over the pairs. {grid_caption(shown)}\n"
        f"Band: 5 to 95 % of the estimates for independent Gaussians, {mean:.3f} ± {spread:.3f}. "
        "Linear up to 0.1, logarithmic above."
    )
    return Figure(
        "figure-pairs", title, caption, "width", "seed", tuple(lines), "layer", "quantile", rows="activation", band=band
    )


def quantile_lines(activation: str, grid: Grid) -> list[Line]:
    """A line for each layer and quantile."""
    values = grid.of_pairs()
    epochs = grid.measurements[0].cell.protocol.stages[grid.stage]
    labels: dict[str, str | int] = {"quantity": "pair_score", "epochs": epochs, "activation": activation}
    return [
        Line(
            labels | {"layer": layer + 1, "quantile": f"{quantile:.0%}".replace("%", " %")},
            grid.widths,
            grid.measurements[0].cell.seeds,
            list(values[:, :, layer, place]),
        )
        for layer in range(values.shape[2])
        for place, quantile in enumerate(PAIR_QUANTILES)
    ]


def null_of(findings: Iterable[Finding]) -> tuple[float, float]:
    """Mean and standard deviation as this run found them, else the paper's."""
    found = {finding.check: finding.estimate for finding in findings if not finding.control}
    ours = found.get("mean", np.nan), found.get("standard_deviation", np.nan)
    return ours if np.isfinite(ours).all() and ours[1] > 0 else PAPERS_NULL
