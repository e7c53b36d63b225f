"""What a probe brings home."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray


class Activations(dict[str, NDArray[np.float32]]):
    """Layer name -> activations (samples, neurons), float32, in the order in which the network reached the layers.

    left_out: layers that were not asked for by name and cannot be measured -> why.
    reached: all layers that were listened to and reached, in order.
    rows_per_sample: layer -> rows that one input gave; the rows of an input stand together, and are not independent.
    """

    def __init__(
        self,
        layers: Mapping[str, NDArray[np.float32]],
        left_out: Mapping[str, str] | None = None,
        rows_per_sample: Mapping[str, int] | None = None,
        reached: Iterable[str] | None = None,
    ) -> None:
        super().__init__(layers)
        self.left_out = dict(left_out or {})
        self.reached = tuple(self if reached is None else reached)
        self.rows_per_sample = dict.fromkeys(self, 1) | dict(rows_per_sample or {})
