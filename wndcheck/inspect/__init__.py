"""Dependence scores of any network's layers on given inputs. Importing this package does not import torch.

`network_scoring` (dependence_score) uses `probing` (probe) to run a network, and `layer_scoring` for each layer;
`weak_dependence` derives verdicts from the scores.
"""

from __future__ import annotations

from wndcheck.inspect.network_scoring import dependence_score
from wndcheck.inspect.results import Activations, DependentPair, LayerScore, NetworkScore
from wndcheck.inspect.weak_dependence import LayerVerdict, NetworkVerdict, weakly_dependent

__all__ = [
    "Activations",
    "DependentPair",
    "LayerScore",
    "LayerVerdict",
    "NetworkScore",
    "NetworkVerdict",
    "dependence_score",
    "weakly_dependent",
]
