"""Averages that leave out what is not a number."""

from __future__ import annotations

import numpy as np


def mean(values: np.ndarray | None) -> float:
    """Mean over what is not NaN; NaN, without a warning, when nothing is left."""
    kept = np.asarray(values, dtype=float)
    kept = kept[np.isfinite(kept)]
    return float(kept.mean()) if kept.size else float("nan")


def quantiles(values: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """Quantiles over what is not NaN."""
    kept = values[np.isfinite(values)]
    return np.quantile(kept, at) if kept.size else np.full(len(at), np.nan)


def exceeds(values: np.ndarray, bound: float) -> np.ndarray:
    """1 where a value lies above the bound, 0 where not, NaN where it is NaN."""
    return np.where(np.isfinite(values), values > bound, np.nan)
