"""Comparison of what is measured of a network with activations taken by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from wndcheck import dependence_score, probe
from wndcheck.inspect import Activations

FEW: dict[str, Any] = {"n_parts": 2, "n_shuffles": 2, "max_pairs": 3}


def assert_measured(
    net: nn.Module, x: Any, expected: dict[str, Tensor], layers: str | list[str] | None = None, **options: Any
) -> None:
    """The layers measured are the expected ones, (samples, neurons) or (samples, positions, neurons), and so is ι."""
    positions = max(tensor[0, ..., 0].numel() for tensor in expected.values())
    found = probe(net, x, layers, positions=positions, **options)
    assert list(found) == list(expected)
    rows, by_name = {}, {}
    for name, tensor in expected.items():
        rows[name] = tensor.detach().flatten(0, -2).numpy()
        by_name[name] = len(rows[name]) // len(tensor)
        np.testing.assert_allclose(found[name], rows[name], atol=1e-5)
    scores = dependence_score(net, x, layers, positions=positions, **options, **FEW)
    by_hand = dependence_score(Activations(rows, rows_per_sample=by_name), **FEW)
    for name in expected:
        assert scores[name].score == pytest.approx(by_hand[name].score, abs=1e-3, nan_ok=True)  # of rounded values
