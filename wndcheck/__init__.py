"""Puts the claims of "On the Weak Neural Dependence Phenomenon in Deep Learning" to the test.

Public names load on first use: importing wndcheck imports neither torch nor numba.
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
    from wndcheck.inspect.probing import probe
    from wndcheck.inspect.scoring import dependence_score

__all__ = [
    "PairwiseInformation",
    "dependence_score",
    "knn_entropy",
    "mutual_information",
    "normalize_mi",
    "pairwise_mi",
    "probe",
]
_HOMES = {"dependence_score": "wndcheck.inspect.scoring", "probe": "wndcheck.inspect.probing"}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "wndcheck.estimators")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
