"""Results of `probe` (Activations) and of `dependence_score` (NetworkScore, of LayerScore and DependentPair)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import inf, isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wndcheck.estimators import PairwiseInformation
from wndcheck.verdicts.statistics import Interval, t_quantile


class Activations(dict[str, NDArray[np.float32]]):
    """Layer name -> activations (samples × positions, neurons), in the order in which the network reaches the layers.

    Attributes
    ----------
    left_out : dict
        Default layers that cannot be measured -> why.
    reached : tuple
        All selected layers that the network reached, in order.
    rows_per_sample : dict
        Layer -> number of rows (positions) per input. Rows of an input are consecutive, and are not independent.
    inputs : tuple of str
        What of the inputs was passed to the network and what was left out, and remarks on it.
    groups : (samples,) or None
        The number of each sample's group.
    """

    def __init__(
        self,
        layers: Mapping[str, NDArray[np.float32]],
        left_out: Mapping[str, str] | None = None,
        rows_per_sample: Mapping[str, int] | None = None,
        reached: Iterable[str] | None = None,
        inputs: Iterable[str] = (),
        groups: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(layers)
        self.left_out = dict(left_out or {})
        self.inputs, self.groups = tuple(inputs), groups
        self.reached = tuple(self if reached is None else reached)
        self.rows_per_sample = dict.fromkeys(self, 1) | dict(rows_per_sample or {})


@dataclass(frozen=True)
class DependentPair:
    """Two neurons of a layer: estimated information (mi), also minus the mean of its null (corrected), in nats.

    p and q are those of the rank estimate, `pairwise_mi(..., margins="normal")`.
    """

    neurons: tuple[int, int]
    mi: float
    corrected: float
    p: float
    q: float


@dataclass(frozen=True)
class LayerScore:
    """Score of one layer of one network, in nats; NaN where no pair can be estimated.

    Attributes
    ----------
    score, corrected : float
        ι, the mean information of the pairs (§4), and ι_c, the same minus its null, without the estimator's bias.
    score_se, corrected_se : float
        Standard errors over inputs, from disjoint parts of them; not over networks trained from other seeds.
    rank_score : float
        ι_r, the mean of the same pairs' rank estimates, `pairwise_mi(..., margins="normal")`: marginals, estimator and
        jitter do not change it. Verdicts rest on ι_c.
    rank_dependent : float
        Share of the pairs whose rank estimate is above 0.01 nats plus the 0.99 quantile of independent pairs.
    entropy : float
        Mean over the neurons that have a density.
    dependent : float
        Share of the pairs found dependent at the false-discovery rate, by their rank estimates.
    pairs : tuple of DependentPair
        The most dependent pairs, whether or not they are found dependent.
    identical : tuple
        Pairs of neurons that are equal up to shift, scale and sign.
    flags : dict
        Neuron -> why it has no estimate.
    notes : tuple of str
        Remarks on the score.
    within, within_se, between : float
        ι_c of shuffles that exchange samples of one group only (`pairwise_mi(..., groups=)`), what pairs share beyond
        the groups, with its standard error; and ι_c minus that, what they share through the groups. NaN without groups.
    information, rank_information : PairwiseInformation or None
        All estimated pairs, with their null, and the same pairs' rank estimates; not in `to_dict`.
    """

    layer: str
    neurons: int
    rows: int
    rows_per_sample: int
    pairs_estimated: int
    pairs_possible: int
    estimator: str
    jitter: float | None
    score: float
    score_se: float
    corrected: float
    corrected_se: float
    parts: int
    entropy: float
    rank_score: float
    rank_dependent: float
    dependent: float
    pairs: tuple[DependentPair, ...] = ()
    identical: tuple[tuple[int, int], ...] = ()
    flags: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    within: float = nan
    within_se: float = nan
    between: float = nan
    information: PairwiseInformation | None = field(default=None, repr=False, compare=False)
    rank_information: PairwiseInformation | None = field(default=None, repr=False, compare=False)

    def interval(self, confidence: float = 0.99) -> Interval:
        """Interval of ι_c over inputs, Student's t on the parts; unbounded without a standard error.

        ValueError unless 0 < confidence < 1.
        """
        if not 0 < confidence < 1:
            raise ValueError(f"confidence {confidence}: expected a number between 0 and 1")
        if not isfinite(self.corrected_se) or not isfinite(self.corrected):
            return Interval(self.corrected, -inf, inf, self.parts, confidence)
        half = t_quantile(confidence, self.parts) * self.corrected_se
        return Interval(self.corrected, self.corrected - half, self.corrected + half, self.parts, confidence)


@dataclass(frozen=True)
class NetworkScore:
    """Layer scores by name, in the order in which the network reaches the layers; prints as a table.

    left_out: default layers that could not be measured -> why. meta: the options of `dependence_score`. inputs: what of
    the inputs was passed to the network, and remarks on it.
    """

    layers: dict[str, LayerScore]
    left_out: dict[str, str] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()

    def __getitem__(self, layer: str) -> LayerScore:
        return self.layers[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def to_dict(self) -> dict[str, Any]:
        """The scores in plain types, ready for JSON; NaN and infinity become None."""
        layers = {name: replace(each, information=None, rank_information=None) for name, each in self.layers.items()}
        document = asdict(replace(self, layers=layers))
        for each in document["layers"].values():
            del each["information"], each["rank_information"]
        return plain(document)

    def scalars(self, prefix: str = "") -> dict[str, float]:
        """All layers' numbers in one flat dict, ``{"fc1/corrected": 0.02, …}``, for a logger; without NaN."""
        numbers = {
            f"{prefix}{name}/{key}": float(getattr(layer, key)) for name, layer in self.layers.items() for key in LOGGED
        }
        return {key: value for key, value in numbers.items() if isfinite(value)}

    @property
    def headings(self) -> list[str]:
        """Headings of the table; those of groups only where there are any."""
        grouped = any(isfinite(layer.within) for layer in self.layers.values())
        return [name for name in HEADINGS if grouped or name not in ("within", "between")]

    @property
    def remarks(self) -> list[str]:
        """On the inputs, notes on layers, why layers were left out, and an option without effect, one line each.

        Layers of which the same is said have one line.
        """
        about: dict[str, list[str]] = {}
        said = [(name, note) for name, layer in self.layers.items() for note in layer.notes]
        for name, note in said + [(name, f"left out, {why}") for name, why in self.left_out.items()]:
            about.setdefault(note, []).append(name)
        notes = [f"{_listed(names)}: {note}" for note, names in about.items()]
        return [*self.inputs, *notes, *self.ineffective_options]

    @property
    def ineffective_options(self) -> list[str]:
        """Why `positions` has no effect, if no layer has as many."""
        asked = self.meta.get("positions", 1)
        most = max((layer.rows_per_sample for layer in self.layers.values()), default=1)
        if asked <= most:
            return []
        positions = "1 position" if most == 1 else f"{most} positions"
        return [f"positions={asked} has no effect: no layer's output has more than {positions} per sample"]

    def __str__(self) -> str:
        head = self.headings
        table = [head, *([table_row(layer)[name] for name in head] for layer in self.layers.values())]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        aligned = [str.ljust, *(str.rjust for _ in head[1:-1]), str.ljust]
        lines = ["  ".join(a(c, w) for a, c, w in zip(aligned, row, widths, strict=True)) for row in table]
        return "\n".join(line.rstrip() for line in (*lines, *self.remarks))


HEADINGS = ("layer", "neurons", "rows", "pairs", "ι", "ι_c ± se", "ι_r", "above 0.01")
HEADINGS += ("within", "between", "entropy", "dependent", "most dependent pairs")
LOGGED = ("score", "corrected", "corrected_se", "rank_score", "rank_dependent", "dependent", "entropy")
LOGGED += ("within", "between")


def _listed(names: list[str], most: int = 4) -> str:
    return ", ".join(names) if len(names) <= most else f"{names[0]} and {len(names) - 1} other layers"


def table_row(layer: LayerScore, shown: int = 3) -> dict[str, str]:
    """The cells of a layer by HEADINGS, with its `shown` most dependent pairs."""
    pairs = ", ".join(f"{i}–{j} ({pair.corrected:.2f})" for pair in layer.pairs[:shown] for i, j in [pair.neurons])
    cells = (
        layer.layer,
        str(layer.neurons),
        str(layer.rows),
        f"{layer.pairs_estimated}",
        number(layer.score),
        f"{number(layer.corrected)} ± {number(layer.corrected_se)}" if isfinite(layer.corrected) else "–",
        number(layer.rank_score),
        share(layer.rank_dependent),
        number(layer.within),
        number(layer.between),
        number(layer.entropy, 2),
        share(layer.dependent),
        pairs or "–",
    )
    return dict(zip(HEADINGS, cells, strict=True))


def number(value: float, digits: int = 4) -> str:
    """A number with so many decimal places; a dash for NaN and infinity."""
    return f"{value:.{digits}f}" if isfinite(value) else "–"


def share(value: float) -> str:
    """A share in percent; a dash for NaN."""
    return f"{100 * value:.1f} %" if isfinite(value) else "–"


def plain(value: Any) -> Any:
    """A value with string keys, lists for tuples, and None for NaN and infinity, as JSON has them."""
    text = json.dumps(value, default=lambda number: number.item())  # of numpy
    return json.loads(text, parse_constant=lambda _: None)
