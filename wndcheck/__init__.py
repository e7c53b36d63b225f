"""Tests the claims of "On the Weak Neural Dependence Phenomenon in Deep Learning", and scores networks of your own.

Public names are loaded on first use: importing wndcheck imports neither torch nor numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wndcheck.estimators import (
        PairwiseInformation,
        knn_entropy,
        mutual_information,
        normalize_mi,
        pairwise_mi,
    )
    from wndcheck.inspect.network_scoring import dependence_score
    from wndcheck.inspect.probing import probe
    from wndcheck.sweep.widths import width_sweep

__all__ = [
    "PairwiseInformation",
    "dependence_score",
    "knn_entropy",
    "mutual_information",
    "normalize_mi",
    "pairwise_mi",
    "probe",
    "width_sweep",
]
_MODULES = {
    "dependence_score": "wndcheck.inspect.network_scoring",
    "probe": "wndcheck.inspect.probing",
    "width_sweep": "wndcheck.sweep.widths",
}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(_MODULES.get(name, "wndcheck.estimators")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
