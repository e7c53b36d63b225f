"""Mutual information on the scale of a correlation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .formulas import nats_per_unit
from .samples import check_base


def normalize_mi(mi: ArrayLike, *, base: float | None = None) -> NDArray[np.float64]:
    """√(1 − exp(−2 I)), the |ρ| of a Gaussian pair with that information (Linfoot 1957); of any shape.

    mi: in nats, or in units of the base. A negative estimate keeps its sign, −√(1 − exp(−2 |I|)), so that means over
    pairs stay near 0 for independent ones; NaN stays NaN.

    >>> normalize_mi(0.5 * np.log(1 / (1 - 0.6**2))).round(6)
    np.float64(0.6)
    """
    check_base(base)
    nats = np.asarray(mi, dtype=np.float64) * nats_per_unit(base)
    return np.sign(nats) * np.sqrt(-np.expm1(-2 * np.abs(nats)))
