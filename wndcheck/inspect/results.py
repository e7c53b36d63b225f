"""What `dependence_score` returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from typing import Any

from wndcheck.verdicts.statistics import Interval, t_quantile


@dataclass(frozen=True)
class DependentPair:
    """Two neurons of a layer: information in nats, above the mean of its own null too, and p- and q-value."""

    neurons: tuple[int, int]
    mi: float
    corrected: float
    p: float
    q: float


@dataclass(frozen=True)
class LayerScore:
    """One layer of one network, in nats; NaN where neurons without a density leave nothing to estimate.

    score: ι, mean information of the pairs (§4). corrected: ι_c, the same above its null, without the estimator's bias.
    score_se, corrected_se: standard errors over inputs, from disjoint parts of them; they say nothing of nets trained
    from other seeds. entropy: mean over the neurons that have a density. dependent: share of the pairs found dependent
    at a false-discovery rate; pairs: the most dependent of them and of the others, whichever were estimated.
    flags: neuron -> why it has no estimate. notes: what else to know.
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
    dependent: float
    pairs: tuple[DependentPair, ...] = ()
    identical: tuple[tuple[int, int], ...] = ()
    flags: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def interval(self, confidence: float = 0.99) -> Interval:
        """Of ι_c over inputs, Student's t on the parts; unbounded where there is no standard error."""
        if not 0 < confidence < 1:
            raise ValueError(f"confidence {confidence}: expected a number between 0 and 1")
        if not isfinite(self.corrected_se) or not isfinite(self.corrected):
            return Interval(self.corrected, -inf, inf, self.parts, confidence)
        half = t_quantile(confidence, self.parts) * self.corrected_se
        return Interval(self.corrected, self.corrected - half, self.corrected + half, self.parts, confidence)


@dataclass(frozen=True)
class NetworkScore:
    """Layer scores by name, in the order in which the network reaches the layers.

    left_out: layers not asked for by name that could not be measured -> why. meta: how it was measured.
    """

    layers: dict[str, LayerScore]
    left_out: dict[str, str] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, layer: str) -> LayerScore:
        return self.layers[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def to_dict(self) -> dict[str, Any]:
        """Plain types alone, ready for JSON; what is not a number is None."""
        return plain(asdict(self))

    @property
    def remarks(self) -> list[str]:
        """What to know beside the numbers, a line each."""
        said = [f"{name}: {note}" for name, layer in self.layers.items() for note in layer.notes]
        return said + [f"{name}: left out, {why}" for name, why in self.left_out.items()]

    def __str__(self) -> str:
        table = [HEADINGS, *(cells(layer) for layer in self.layers.values())]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        aligned = [str.ljust, *(str.rjust for _ in HEADINGS[1:-1]), str.ljust]
        lines = ["  ".join(a(c, w) for a, c, w in zip(aligned, row, widths, strict=True)) for row in table]
        return "\n".join(line.rstrip() for line in (*lines, *self.remarks))


HEADINGS = ("layer", "neurons", "rows", "pairs", "ι", "ι_c ± se", "entropy", "dependent", "most dependent pairs")


def cells(layer: LayerScore, shown: int = 3) -> tuple[str, ...]:
    """A layer's line of a table, in words."""
    pairs = ", ".join(f"{i}–{j} ({pair.corrected:.2f})" for pair in layer.pairs[:shown] for i, j in [pair.neurons])
    return (
        layer.layer,
        str(layer.neurons),
        str(layer.rows),
        f"{layer.pairs_estimated}",
        number(layer.score),
        f"{number(layer.corrected)} ± {number(layer.corrected_se)}",
        number(layer.entropy, 2),
        f"{100 * layer.dependent:.1f} %" if isfinite(layer.dependent) else "–",
        pairs or "–",
    )


def number(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}f}" if isfinite(value) else "–"


def plain(value: Any) -> Any:
    """Lists, dicts with text for keys, numbers, text and None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
