"""Null of the estimates with normal margins: placeholder until the table is merged."""

from __future__ import annotations

from typing import NamedTuple


class RankNull(NamedTuple):
    correction: float
    mean: float
    sd: float
    skewness: float


def rank_null(estimator: str, m: int, k: int, d: int = 2) -> RankNull:
    raise NotImplementedError
