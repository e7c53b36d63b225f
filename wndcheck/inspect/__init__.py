"""Any network: what its neurons do on given inputs, and how dependent they are. Importing it imports no torch."""

from __future__ import annotations

from wndcheck.inspect.activations import Activations
from wndcheck.inspect.results import DependentPair, LayerScore, NetworkScore
from wndcheck.inspect.scoring import dependence_score
from wndcheck.inspect.verdicts import LayerVerdict, NetworkVerdict, weakly_dependent

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
