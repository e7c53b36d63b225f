"""Whether the layers of one network are weakly dependent: the three-way rule on an interval over inputs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from wndcheck.estimators.samples import check_number
from wndcheck.inspect.results import LayerScore, NetworkScore, number, plain
from wndcheck.verdicts.checks import MOST_UNTRAINED, Check, Verdict, verdict_on
from wndcheck.verdicts.claims import roll_up
from wndcheck.verdicts.rules import INDEPENDENT
from wndcheck.verdicts.statistics import Interval, at_most

THRESHOLD = INDEPENDENT.high  # nats


@dataclass(frozen=True)
class LayerVerdict:
    """supported, refuted or inconclusive, and for the last why; score is None for a layer that could not be scored."""

    layer: str
    verdict: Verdict
    interval: Interval
    score: LayerScore | None = None
    cause: str = ""

    def __str__(self) -> str:
        if self.score is None:
            return f"{self.layer}: {self.verdict}: {self.cause}"
        at = self.interval
        said = f"ι_c = {number(at.estimate)} [{number(at.low)}, {number(at.high)}] nats, {self.score.rows} rows"
        worst = ", ".join(
            f"{i}–{j} ({p.corrected:.2f}, q = {p.q:.2g})" for p in self.score.pairs[:5] for i, j in [p.neurons]
        )
        why = f"{self.cause}: " if self.cause else ""
        return f"{self.layer}: {self.verdict}: {why}{said}; most dependent pairs {worst or '–'}"


@dataclass(frozen=True)
class NetworkVerdict:
    """One network's layers, each with its verdict.

    The replicate is a disjoint part of the inputs: an interval says how ι_c would scatter over other inputs of the same
    kind, for this one network, and nothing of the same network trained from another seed.
    """

    margin: float
    confidence: float
    layers: dict[str, LayerVerdict] = field(default_factory=dict)
    scores: NetworkScore | None = None

    @property
    def verdict(self) -> Verdict:
        """refuted if a layer's is, supported if all are, else inconclusive."""
        return roll_up(layer.verdict for layer in self.layers.values())

    def __getitem__(self, layer: str) -> LayerVerdict:
        return self.layers[layer]

    def of(self, verdict: str) -> list[str]:
        """The layers with a verdict."""
        return [name for name, layer in self.layers.items() if layer.verdict == verdict]

    @property
    def remarks(self) -> list[str]:
        """What to know beside the numbers, a line each: of the scores, and why layers are inconclusive."""
        causes = [
            f"{name}: inconclusive, {each.cause}" for name, each in self.layers.items() if each.score and each.cause
        ]
        return [*(self.scores.remarks if self.scores else ()), *causes]

    def to_dict(self) -> dict[str, Any]:
        """The scores with the margin and every layer's verdict and interval, in plain types, ready for JSON."""
        verdicts = {
            name: {
                "verdict": str(layer.verdict),
                "cause": layer.cause,
                "low": layer.interval.low,
                "high": layer.interval.high,
            }
            for name, layer in self.layers.items()
        }
        judged = {"margin": self.margin, "confidence": self.confidence, "verdicts": verdicts}
        return (self.scores.to_dict() if self.scores else {}) | plain(judged)

    def __str__(self) -> str:
        head = f"weak dependence, ι_c ≤ {self.margin:g} nats at {100 * self.confidence:g} %: {self.verdict}"
        return "\n".join([head, *(f"  {layer}" for layer in self.layers.values())])


def weakly_dependent(
    scores: NetworkScore,
    margin: float = THRESHOLD,
    confidence: float = 0.99,
    *,
    beside: Collection[str] = (),
) -> NetworkVerdict:
    """Which layers' corrected score ι_c is at most `margin` nats.

    supported: the whole interval over inputs is; refuted: it lies above; inconclusive: it straddles the margin, there
    is none, or more than a quarter of the neurons have no estimate. Layers that were left out are inconclusive; those
    of `beside` are no part of the question. ValueError for an option out of its range.
    """
    check_number(margin, "margin", least=0, most=100)
    check_number(confidence, "confidence", least=0.5, most=1 - 1e-9)
    check = Check("ι_c", at_most(margin), alpha=1 - confidence, replicate="parts of the inputs")
    layers = {name: _decided(check, layer, confidence) for name, layer in scores.layers.items()}
    for name, why in scores.left_out.items():
        unknown = Interval(float("nan"), -float("inf"), float("inf"), 0, confidence)
        layers[name] = LayerVerdict(name, Verdict.INCONCLUSIVE, unknown, cause=f"not measured, {why}")
    kept = {name: layer for name, layer in layers.items() if name not in beside}
    return NetworkVerdict(margin, confidence, kept, scores)


def _decided(check: Check, layer: LayerScore, confidence: float) -> LayerVerdict:
    interval = layer.interval(confidence)
    if len(layer.flags) > MOST_UNTRAINED * layer.neurons or not isfinite(interval.estimate):
        cause = (
            f"{len(layer.flags)} of {layer.neurons} neurons have no estimate ({next(iter(layer.flags.values()), '')})"
        )
        return LayerVerdict(layer.layer, Verdict.INCONCLUSIVE, interval, layer, cause)
    if not isfinite(interval.low):
        cause = "no standard error: some parts of the inputs leave no pair to estimate"
        return LayerVerdict(layer.layer, Verdict.INCONCLUSIVE, interval, layer, cause)
    verdict = verdict_on(check, interval)
    cause = f"the interval straddles {check.region.high:g}" if verdict is Verdict.INCONCLUSIVE else ""
    return LayerVerdict(layer.layer, verdict, interval, layer, cause)
