"""A cell: nets, and what is measured of them. It has two keys, so that nets can be measured again.

No torch here: the store and the plugin read cells without paying for its import.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, get_args

from wndcheck.nets.specification import BEYOND_PAPER, Activation, NetSpec, Training, Unspecified, Violation, digest

__all__ = ["Activation", "Cell", "NetSpec", "Probe", "Training", "Unspecified", "Violation"]  # what describes a cell

# Version of the record. Raised by hand when a change of code measures other quantities, or the same ones otherwise.
RECORD = 2
# Version of what is kept of an ensemble's nets: their accuracies and their pre-activations on the probe's images.
KEPT_ACTIVATIONS = 2

Sampling = Literal["own", "fixed"]


@dataclass(frozen=True)
class Probe:
    """1000 training images (100 per class, §4); k of eq. A.1; what is taken of each layer.

    `sampling`: "own" images of every net, drawn from its seed, so that an interval over nets covers the choice of
    images, too; those of a seed are the same at every width, of every activation and recipe. Ensembles draw theirs
    from the images that earlier ones have left. Or the same "fixed" images for all nets, as the paper has it.

    Pairs for its score, for the rank estimator, whose spread is a fifth, for controls and for post-activations; groups
    of neurons for total correlations; neurons whose importance is measured. `more_images`: further numbers of images
    per class, ascending, on which the scores alone are measured; the probe's images are among them.
    """

    images_per_class: int = 100
    seed: int = 0
    k: int = 3
    most_pairs: int = 5000
    control_pairs: int = 100
    transformed_pairs: int = 100
    groups: int = 4
    ablated: int = 3
    more_images: tuple[int, ...] = ()
    sampling: Sampling = "own"
    rank_pairs: int = 5000

    def __post_init__(self) -> None:
        if self.sampling not in get_args(Sampling):
            raise ValueError(f"sampling {self.sampling!r}: expected 'own' or 'fixed'")
        numbers = (self.images_per_class, *self.more_images)
        if any(more <= fewer for fewer, more in pairwise(numbers)):
            raise ValueError(
                f"more_images {self.more_images} per class: expected ascending numbers, more than the probe's "
                f"{self.images_per_class}"
            )

    @property
    def images(self) -> int:
        """Number of images, of all ten classes."""
        return 10 * self.images_per_class

    @property
    def further_images(self) -> tuple[int, ...]:
        """The further numbers of images, of all ten classes."""
        return tuple(10 * per_class for per_class in self.more_images)


@dataclass(frozen=True)
class Cell(NetSpec):
    """One stack of nets (see `NetSpec`), trained together and measured at every stage.

    In the data reading (`ensembles` = 0) a net is a replicate and the probe's images are its samples. In the ensemble
    reading the nets fall into `ensembles` groups, each a replicate whose samples are its nets, one image each.
    """

    probe: Probe = Probe()
    ensembles: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ensembles and not (
            len(self.seeds) % self.ensembles == 0 and self.nets_per_ensemble <= self.probe.images
        ):
            raise ValueError(
                f"{len(self.seeds)} nets in {self.ensembles} ensembles: expected ensembles of one size, of at most the "
                f"probe's {self.probe.images} images"
            )
        if self.ensembles and self.probe.more_images:
            raise ValueError(
                f"more_images {self.probe.more_images} in {self.ensembles} ensembles: expected none, since their "
                "samples are nets, not images"
            )
        if self.architecture in BEYOND_PAPER and (self.ensembles or self.probe.ablated or self.probe.transformed_pairs):
            raise ValueError(
                f"{self.architecture} in {self.ensembles} ensembles, {self.probe}: expected none, ablated=0 and "
                "transformed_pairs=0, since only the paper's nets have neurons ablated and post-activations measured"
            )

    @property
    def replicates(self) -> int:
        """Number of independent values of each quantity: nets, or ensembles of nets."""
        return self.ensembles or len(self.seeds)

    @property
    def nets_per_ensemble(self) -> int:
        return len(self.seeds) // max(1, self.ensembles)

    @cached_property
    def record_key(self) -> str:
        """The version RECORD and a digest of what is measured of the nets: ``r1-0123abcd``."""
        measured = {"probe": asdict(self.probe), "ensembles": self.ensembles, "record": RECORD}
        return f"r{RECORD}-{digest(measured, 8)}"

    @property
    def key(self) -> str:
        """The name under which the store keeps this cell's measurement: the keys of its nets and of its record."""
        return f"{self.nets_key}-{self.record_key}"

    @cached_property
    def kept_key(self) -> str:
        """The name of what is kept to measure the cell again.

        That of its nets; in the ensemble reading activations are kept in place of the nets' weights, and these depend
        on the images that each net sees.
        """
        if not self.ensembles:
            return self.nets_key
        probe = self.probe
        images = probe.images_per_class, probe.seed, probe.sampling, self.ensembles, KEPT_ACTIVATIONS
        return f"{self.nets_key}-e{digest({'images': images}, 8)}"

    @property
    def kind(self) -> str:
        """The kind of net: mlp, convnet, ensemble, or the violation of a claim."""
        if isinstance(self.protocol, Violation):
            return self.protocol.kind
        return "ensemble" if self.ensembles else self.architecture

    @property
    def label(self) -> str:
        """A short name for people: ``mnist relu N=200 ×16 300 epochs of 32``."""
        kind = "" if self.kind == "mlp" else f" {self.kind}"
        if self.architecture == "convnet":
            kind += f" {'-'.join(map(str, self.channels))}"
        recipe = ""
        if isinstance(self.protocol, Training):
            recipe = f" {self.protocol.stages[-1]} epochs of {self.protocol.batch_size}"
        nets = f"{self.dataset} {self.activation}{kind} N={self.width} ×{len(self.seeds)}"
        return nets + recipe + self.unspecified.label

    def to_dict(self) -> dict[str, Any]:
        """Plain fields, from which `from_dict` makes the cell again."""
        return asdict(self) | {"protocol_kind": type(self.protocol).__name__}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Cell:
        """The cell of `to_dict`, also out of JSON. ValueError, TypeError or KeyError on other fields."""
        fields = dict(fields)
        protocols = {"Training": Training, "Violation": Violation}
        protocol = protocols[fields.pop("protocol_kind")](**_with_tuples(fields.pop("protocol")))
        probe, unspecified = Probe(**_with_tuples(fields.pop("probe"))), Unspecified(**fields.pop("unspecified"))
        return cls(protocol=protocol, probe=probe, unspecified=unspecified, **_with_tuples(fields))


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
