"""A cell: what to train and how to measure it; everything that can change a measurement, and nothing else.

No torch here: the store and the plugin read cells without paying for its import.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Literal

from wndcheck.datasets import dataset_digest

# Raised by hand when code changes what a cell means (training, measuring, the record); comments and speed do not count.
SCHEMA = 2

Activation = Literal["relu", "tanh"]


@dataclass(frozen=True)
class Training:
    """Plain SGD on the mean cross-entropy, probed after each number of epochs in `stages` (0 is the initial net)."""

    learning_rate: float
    batch_size: int
    stages: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.stages[:1] != (0,) or list(self.stages) != sorted(set(self.stages)):
            raise ValueError(f"stages {self.stages}: expected epochs that start at 0 and rise, e.g. (0, 10)")
        if not (self.learning_rate > 0 and self.batch_size >= 1):
            raise ValueError(
                f"learning rate {self.learning_rate} and batch size {self.batch_size}: expected both positive"
            )


@dataclass(frozen=True)
class Violation:
    """Nets that break a claim by construction: stage 0 is the initial net, stage 1 the net with the violation.

    ``drift``: every weight grows by the factor N**strength, so entropies move by more in wider nets.
    ``shared``: all neurons of a layer share one input direction, whose part of the variance grows with the width.
    """

    kind: Literal["drift", "shared"]
    strength: float
    stages: tuple[int, ...] = (0, 1)

    def __post_init__(self) -> None:
        if self.kind not in ("drift", "shared"):
            raise ValueError(f"violation {self.kind!r}: expected 'drift' or 'shared'")


@dataclass(frozen=True)
class Probe:
    """The paper's 1000 training images (100 a class), fixed by seed; k of eq. A.1; the pairs taken of each layer."""

    images_per_class: int = 100
    seed: int = 0
    k: int = 3
    most_pairs: int = 5000
    control_pairs: int = 100


@dataclass(frozen=True)
class Cell:
    """One stack of nets: S seeds of one width, trained together and measured at every stage."""

    dataset: str
    activation: Activation
    width: int
    seeds: tuple[int, ...]
    protocol: Training | Violation
    probe: Probe = Probe()
    architecture: Literal["mlp"] = "mlp"
    layers: int = 5

    def __post_init__(self) -> None:
        if self.activation not in ("relu", "tanh"):
            raise ValueError(f"activation {self.activation!r}: expected 'relu' or 'tanh'")
        if self.width < 2 or not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"width {self.width}, seeds {self.seeds}: expected a width >= 2 and distinct seeds")

    @property
    def key(self) -> str:
        """The name under which the store keeps this cell: a digest of all its fields, the data's and the schema."""
        fields = dataclasses.asdict(self) | {
            "schema": SCHEMA,
            "protocol_kind": type(self.protocol).__name__,
            "data_sha256": dataset_digest(self.dataset),
        }
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """A short name for people: ``mnist relu N=200 ×8``."""
        planted = f" {self.protocol.kind}" if isinstance(self.protocol, Violation) else ""
        return f"{self.dataset} {self.activation} N={self.width} ×{len(self.seeds)}{planted}"

    @property
    def parameters_per_net(self) -> int:
        """Hidden weights count; enough to order cells by cost."""
        return 784 * self.width + (self.layers - 2) * self.width**2 + 10 * self.width
