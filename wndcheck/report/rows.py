"""Cells of the summary's tables: means with their intervals, accuracies, counts."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from wndcheck.experiment.records import Measurement
from wndcheck.report.deciding import interval_text
from wndcheck.report.series import interval
from wndcheck.verdicts.statistics import Interval


def layer_head(layers: int) -> list[str]:
    return [layer_name(layer + 1, layers) for layer in range(layers)]


def layer_name(layer: int, last: int) -> str:
    """Layers are counted from 1; the last gives the logits."""
    return "last layer" if layer == last else f"layer {layer}"


def layer_cells(values: np.ndarray, replicates: int, bold: bool = False) -> list[str]:
    """The mean of each layer of (R, layers), with how many replicates it is of where that is not what the row says.

    `bold` marks means whose interval leaves out 0.
    """
    return [layer_cell(interval(column), replicates, bold) for column in values.T]


def layer_cell(found: Interval, replicates: int, bold: bool) -> str:
    text = interval_text(found.estimate, found.low, found.high)
    clear = bold and isfinite(found.low) and not found.low <= 0 <= found.high
    return (f"**{text}**" if clear else text) + (f" (n = {found.n})" if found.n != replicates else "")


def known(measurement: Measurement) -> int:
    """How many nets, or ensembles, have an accuracy at the last stage: those in which nothing has diverged."""
    return int(np.isfinite(measurement["accuracy"][-1]).sum())


def count(measurement: Measurement) -> str:
    """``8``, or ``5 (3 diverged)``."""
    whole, left = measurement.cell.replicates, known(measurement)
    return f"{left} ({whole - left} diverged)" if left < whole else str(whole)


def accuracy_cell(values: Sequence[float] | np.ndarray) -> str:
    """``99.1 % [98.7, 99.4]``: one decimal, two where the interval is narrower; ends beyond 0 and 100 % are cut."""
    found = interval(np.asarray(values, dtype=float))
    if not found.n:
        return "no estimate"
    style = ".2f" if found.high - found.low < 0.01 else ".1f"
    low, high = (format(100 * min(max(end, 0.0), 1.0), style) for end in (found.low, found.high))
    return f"{100 * found.estimate:{style}} %" + (f" [{low}, {high}]" if found.n > 1 else "")
