"""Cells of the summary's tables."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from wndcheck.report.rows import accuracy_cell, layer_cells


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.95, 0.97] * 4, "96.0 % [94.7, 97.3]"),
        ([0.9999, 1.0] * 4, "100.00 % [99.99, 100.00]"),
        ([0.99, 1.0] * 4, "99.5 % [98.8, 100.0]"),  # 100.2 %, cut
        ([0.95, nan], "95.0 %"),
        ([nan, nan], "no estimate"),
    ],
)
def test_accuracies_in_words(values: list[float], text: str) -> None:
    assert accuracy_cell(values) == text


@pytest.mark.parametrize(
    ("values", "replicates", "text"),
    [
        ([0.5, 0.5], 2, "**0.500 [0.500, 0.500]**"),
        ([0.5, -0.5], 2, "0.000 [-31.828, 31.828]"),  # t of one degree of freedom, 63.657, by .5
        ([0.5, nan], 1, "0.500"),
        ([0.5, nan], 2, "0.500 (n = 1)"),
        ([nan, nan], 0, "no estimate"),
    ],
)
def test_cells_of_layers(values: list[float], replicates: int, text: str) -> None:
    assert layer_cells(np.array([values]).T, replicates, bold=True) == [text]
