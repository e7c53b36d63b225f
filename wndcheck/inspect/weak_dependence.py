"""Verdicts on whether the layers of one network are weakly dependent, from intervals over inputs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import isfinite
from typing import Any

from wndcheck.estimators.validation import check_number
from wndcheck.inspect.results import LayerScore, NetworkScore, number, plain, share
from wndcheck.verdicts.checks import MOST_UNTRAINED, Check, Verdict, verdict_on
from wndcheck.verdicts.claims import roll_up
from wndcheck.verdicts.shared_checks import INDEPENDENT
from wndcheck.verdicts.statistics import Interval, at_most

THRESHOLD = INDEPENDENT.high  # nats


@dataclass(frozen=True)
class LayerVerdict:
    """Verdict on one layer, with the cause if inconclusive; score is None for a layer that could not be scored."""

    layer: str
    verdict: Verdict
    interval: Interval
    score: LayerScore | None = None
    cause: str = ""

    def __str__(self) -> str:
        if self.score is None:
            return f"{self.layer}: {self.verdict}: {self.cause}"
        at = self.interval
        measured = (
            f"ι_c = {number(at.estimate)} [{number(at.low)}, {number(at.high)}] nats, ι_r = "
            f"{number(self.score.rank_score)} ({share(self.score.rank_dependent)} of pairs above 0.01), "
            f"{self.score.rows} rows"
        )
        worst = ", ".join(
            f"{i}–{j} ({p.corrected:.2f}, q = {p.q:.2g})" for p in self.score.pairs[:5] for i, j in [p.neurons]
        )
        why = f"{self.cause}: " if self.cause else ""
        return f"{self.layer}: {self.verdict}: {why}{measured}; most dependent pairs {worst or '–'}"


@dataclass(frozen=True)
class NetworkVerdict:
    """Verdicts on the layers of one network.

    The replicates are disjoint parts of the inputs: an interval covers the variation of ι_c over other inputs of the
    same kind, for this one network, not over networks trained from other seeds.
    """

    margin: float
    confidence: float
    layers: dict[str, LayerVerdict]
    scores: NetworkScore

    @property
    def verdict(self) -> Verdict:
        """refuted if that of a layer is, supported if those of all layers are, otherwise inconclusive."""
        return roll_up(layer.verdict for layer in self.layers.values())

    def __getitem__(self, layer: str) -> LayerVerdict:
        return self.layers[layer]

    def of(self, verdict: str) -> list[str]:
        """Names of the layers with this verdict."""
        return [name for name, layer in self.layers.items() if layer.verdict == verdict]

    @property
    def remarks(self) -> list[str]:
        """Remarks on the scores, and why layers are inconclusive, one line each."""
        causes = [
            f"{name}: inconclusive, {layer.cause}" for name, layer in self.layers.items() if layer.score and layer.cause
        ]
        return [*self.scores.remarks, *causes]

    def to_dict(self) -> dict[str, Any]:
        """The scores, the margin, and each layer's verdict and interval, in plain types, ready for JSON."""
        verdicts = {
            name: {"verdict": each.verdict, "cause": each.cause, "low": each.interval.low, "high": each.interval.high}
            for name, each in self.layers.items()
        }
        judged = {"margin": self.margin, "confidence": self.confidence, "verdicts": verdicts}
        return self.scores.to_dict() | plain(judged)

    def scalars(self, prefix: str = "") -> dict[str, float]:
        """`NetworkScore.scalars`, the ends of the layers' intervals, and how many layers have each verdict."""
        ends = {
            f"{prefix}{name}/{end}": getattr(each.interval, end)
            for name, each in self.layers.items()
            for end in ("low", "high")
            if isfinite(getattr(each.interval, end))
        }
        counts = {f"{prefix}{verdict}": float(len(self.of(verdict))) for verdict in Verdict}
        return self.scores.scalars(prefix) | ends | counts

    def __str__(self) -> str:
        head = f"weak dependence, ι_c ≤ {self.margin:g} nats at {100 * self.confidence:g} %: {self.verdict}"
        return "\n".join([head, *(f"  {layer}" for layer in self.layers.values())])


def weakly_dependent(
    scores: NetworkScore, margin: float = THRESHOLD, confidence: float = 0.99, *, exclude: str | Collection[str] = ()
) -> NetworkVerdict:
    """Decide for each layer whether its corrected score ι_c is at most `margin` nats.

    supported: the whole interval over inputs is at most the margin; refuted: the whole interval is above it;
    inconclusive: the interval includes the margin, there is no interval, or more than a quarter of the neurons have no
    estimate. Layers that were left out of the scores are inconclusive; those in `exclude`, one name or several, get no
    verdict. ValueError for a margin or confidence out of range, and for a name in `exclude` that is no layer's.
    """
    check_number(margin, "margin", least=0, most=100)
    check_number(confidence, "confidence", least=0.5, most=1 - 1e-9)
    check = Check("ι_c", at_most(margin), alpha=1 - confidence, replicate="parts of the inputs")
    layers = {name: _decide(check, layer, confidence) for name, layer in scores.layers.items()}
    for name, why in scores.left_out.items():
        unknown = Interval(float("nan"), -float("inf"), float("inf"), 0, confidence)
        layers[name] = LayerVerdict(name, Verdict.INCONCLUSIVE, unknown, cause=f"not measured, {why}")
    excluded = {exclude} if isinstance(exclude, str) else set(exclude)
    if unknown := sorted(excluded - set(layers), key=str):
        raise ValueError(f"exclude: there is no layer {unknown[0]!r}: expected names among {', '.join(layers)}")
    kept = {name: layer for name, layer in layers.items() if name not in excluded}
    return NetworkVerdict(margin, confidence, kept, scores)


def _decide(check: Check, layer: LayerScore, confidence: float) -> LayerVerdict:
    interval, verdict = layer.interval(confidence), Verdict.INCONCLUSIVE
    if len(layer.flags) > MOST_UNTRAINED * layer.neurons or not isfinite(interval.estimate):
        why = next(iter(layer.flags.values()), "")
        cause = f"{len(layer.flags)} of {layer.neurons} neurons have no estimate ({why})"
    elif not isfinite(interval.low):
        cause = "no standard error: some parts of the inputs leave no pair to estimate"
    else:
        verdict = verdict_on(check, interval)
        cause = f"the interval includes the margin {check.region.high:g}" if verdict is Verdict.INCONCLUSIVE else ""
    return LayerVerdict(layer.layer, verdict, interval, layer, cause)
