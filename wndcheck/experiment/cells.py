"""A cell: what to train and how to measure it; everything that can change a measurement, and nothing else.

No torch here: the store and the plugin read cells without paying for its import.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from wndcheck.datasets import dataset_digest
from wndcheck.nets.architectures import LAYERS, Architecture

# Raised by hand when code changes what a cell means (training, measuring, the record); comments and speed do not count.
SCHEMA = 4

Activation = Literal["relu", "tanh"]
Scaling = Literal["standardised", "unit"]
ViolationKind = Literal["drift", "shared", "bottleneck", "tied", "constant", "biased"]


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
    ``bottleneck``: the weights of a hidden layer have a rank of `strength`.
    ``tied``: a hidden layer has no more than `strength` different neurons, the others are copies of them.
    ``constant``: a share of `strength` of a hidden layer's neurons takes in nothing, and always puts out the same.
    ``biased``: biases are Gaussian of standard deviation `strength` in place of zero, which the paper takes to be no
    violation (§1).
    """

    kind: ViolationKind
    strength: float
    stages: tuple[int, ...] = (0, 1)

    def __post_init__(self) -> None:
        if self.kind not in get_args(ViolationKind):
            raise ValueError(f"violation {self.kind!r}: expected one of {', '.join(get_args(ViolationKind))}")


@dataclass(frozen=True)
class Probe:
    """The paper's 1000 training images (100 a class), fixed by seed; k of eq. A.1; what is taken of each layer.

    Pairs for its score, for controls and for post-activations; groups of neurons for total correlations; neurons whose
    importance is measured.
    """

    images_per_class: int = 100
    seed: int = 0
    k: int = 3
    most_pairs: int = 5000
    control_pairs: int = 100
    transformed_pairs: int = 100
    groups: int = 4
    ablated: int = 3


@dataclass(frozen=True)
class Unsaid:
    """What the paper leaves open, beside the batch size of `Training`; `profiles.py` gives the reasons.

    initial_gain: factor on the initial weights of He et al. (ReLU) or LeCun et al. (tanh). scaling: "standardised"
    pixels, or "unit" for pixels in [0, 1]. held_out: how many of the training images are kept for validation; 0
    validates on the data set's published test images.
    """

    initial_gain: float = 1.0
    scaling: Scaling = "standardised"
    held_out: int = 0

    def __post_init__(self) -> None:
        if not self.initial_gain > 0 or self.scaling not in ("standardised", "unit") or self.held_out < 0:
            raise ValueError(f"{self}: expected a positive gain, scaling 'standardised' or 'unit', held_out >= 0")

    @property
    def label(self) -> str:
        """What differs from the defaults: `` gain 2``, `` unit pixels``, `` 10000 held out``."""
        gain = f" gain {self.initial_gain:g}" if self.initial_gain != 1 else ""
        scaling = " unit pixels" if self.scaling == "unit" else ""
        return gain + scaling + (f" {self.held_out} held out" if self.held_out else "")


@dataclass(frozen=True)
class Cell:
    """One stack of nets: S seeds of one width, trained together and measured at every stage.

    In the data reading (`ensembles` = 0) a net is a replicate and the probe's images are its samples. In the ensemble
    reading the nets fall into `ensembles` groups, each a replicate whose samples are its nets, one image each.
    """

    dataset: str
    activation: Activation
    width: int
    seeds: tuple[int, ...]
    protocol: Training | Violation
    probe: Probe = Probe()
    architecture: Architecture = "mlp"
    ensembles: int = 0
    unsaid: Unsaid = Unsaid()

    def __post_init__(self) -> None:
        if self.activation not in ("relu", "tanh"):
            raise ValueError(f"activation {self.activation!r}: expected 'relu' or 'tanh'")
        if self.width < 2 or not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"width {self.width}, seeds {self.seeds}: expected a width >= 2 and distinct seeds")
        if self.architecture not in LAYERS:
            raise ValueError(f"architecture {self.architecture!r}: expected 'mlp' or 'convnet'")
        if self.architecture == "convnet" and (self.dataset != "cifar10" or isinstance(self.protocol, Violation)):
            raise ValueError(f"a convnet on {self.dataset}, {self.protocol}: expected cifar10 and Training")
        if self.ensembles and not (
            len(self.seeds) % self.ensembles == 0 and self.nets_per_ensemble <= 10 * self.probe.images_per_class
        ):
            raise ValueError(
                f"{len(self.seeds)} nets in {self.ensembles} ensembles: expected ensembles of one size, of at most the "
                f"probe's {10 * self.probe.images_per_class} images"
            )

    @property
    def layers(self) -> int:
        """How many layers are measured: all five of the perceptron, the three dense ones of the convnet."""
        return LAYERS[self.architecture]

    @property
    def replicates(self) -> int:
        """How many independent numbers each quantity has: nets, or ensembles of nets."""
        return self.ensembles or len(self.seeds)

    @property
    def nets_per_ensemble(self) -> int:
        return len(self.seeds) // max(1, self.ensembles)

    @cached_property
    def key(self) -> str:
        """The name under which the store keeps this cell: a digest of all its fields, the data's and the schema."""
        fields = self.to_dict() | {"schema": SCHEMA, "data_sha256": dataset_digest(self.dataset)}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def kind(self) -> str:
        """What sort of net: mlp, convnet, ensemble, or how it breaks a claim."""
        if isinstance(self.protocol, Violation):
            return self.protocol.kind
        return "ensemble" if self.ensembles else self.architecture

    @property
    def label(self) -> str:
        """A short name for people: ``mnist relu N=200 ×16 300 epochs of 32``."""
        kind = "" if self.kind == "mlp" else f" {self.kind}"
        recipe = ""
        if isinstance(self.protocol, Training):
            recipe = f" {self.protocol.stages[-1]} epochs of {self.protocol.batch_size}"
        return f"{self.dataset} {self.activation}{kind} N={self.width} ×{len(self.seeds)}{recipe}{self.unsaid.label}"

    def to_dict(self) -> dict[str, Any]:
        """Plain fields, from which `from_dict` makes the cell again."""
        return dataclasses.asdict(self) | {"protocol_kind": type(self.protocol).__name__}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Cell:
        """The cell of `to_dict`, also out of JSON. ValueError, TypeError or KeyError on other fields."""
        fields = dict(fields)
        protocols = {"Training": Training, "Violation": Violation}
        protocol = protocols[fields.pop("protocol_kind")](**_with_tuples(fields.pop("protocol")))
        probe, unsaid = Probe(**fields.pop("probe")), Unsaid(**fields.pop("unsaid"))
        return cls(protocol=protocol, probe=probe, unsaid=unsaid, **_with_tuples(fields))


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
