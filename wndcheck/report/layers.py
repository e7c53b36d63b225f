"""The layers of a user's network beside each other: their scores, with intervals over inputs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite

from wndcheck.inspect import LayerVerdict, NetworkVerdict
from wndcheck.inspect.results import LayerScore, number
from wndcheck.report.deciding import interval_text
from wndcheck.report.series import csv_text
from wndcheck.report.series import number as exact

STEM = "figure-layers"
HEAD = ("layer", "verdict", "neurons", "rows", "pairs", "score", "corrected_score", "low", "high", "confidence")
HEAD += ("entropy", "dependent_share", "estimator")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # no SVG may hold them


@dataclass(frozen=True)
class Layers:
    """A figure with a line for each scored layer, in the order in which the network reaches them."""

    title: str
    caption: str
    margin: float
    last: str  # the layer reached last, which the paper finds dependent
    layers: tuple[LayerVerdict, ...]
    stem: str = STEM

    @property
    def scored(self) -> list[tuple[LayerVerdict, LayerScore]]:
        return [(each, each.score) for each in self.layers if each.score]

    @property
    def description(self) -> str:
        parts = [f"{each.layer} {estimate(each)}, {each.verdict}" for each in self.layers]
        return printable(f"Corrected score of each layer, in nats: {'; '.join(parts)}.")

    def csv(self) -> str:
        return csv_text(HEAD, (row(each, score) for each, score in self.scored))


def estimate(each: LayerVerdict) -> str:
    return interval_text(each.interval.estimate, each.interval.low, each.interval.high)


def row(each: LayerVerdict, score: LayerScore) -> list[object]:
    at = each.interval
    numbers = [exact(x) for x in (score.score, score.corrected, at.low, at.high, at.confidence)]
    ends = [exact(score.entropy), exact(score.dependent), score.estimator]
    return [each.layer, str(each.verdict), score.neurons, score.rows, score.pairs_estimated, *numbers, *ends]


def layers_figure(found: NetworkVerdict, last: str) -> Layers | None:
    """None where no layer has a number to show."""
    layers = tuple(each for each in found.layers.values() if isfinite(each.interval.estimate))
    if not layers:
        return None
    caption = (
        f"Filled: ι_c, the mean information of pairs above its null, with {100 * found.confidence:g} % intervals over "
        "inputs; hollow: ι, with the estimator's bias.\n"
        f"Dotted: {number(found.margin, 3)}. Thin: 0.054, what ι of independent neurons seldom exceeds. "
        "Linear up to 0.1, logarithmic above."
    )
    return Layers("Dependence of each layer", caption, found.margin, last, layers)


def printable(text: str) -> str:
    return UNPRINTABLE.sub("\ufffd", text)
