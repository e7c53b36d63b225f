"""Models of the figures of a user's own network: its layers, a layer's pairs, and layers over checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from wndcheck.estimators import PairwiseInformation
from wndcheck.inspect import LayerScore, LayerVerdict, NetworkVerdict
from wndcheck.report.figure_model import csv_text
from wndcheck.report.format import format_interval, format_number

HEAD = ("layer", "verdict", "neurons", "rows", "pairs", "score", "corrected_score", "low", "high", "confidence")
HEAD += ("rank_score", "rank_dependent", "entropy", "dependent_share", "estimator")
PAIR_HEAD = ("layer", "first", "second", "score", "null", "corrected_score", "rank_score", "p", "q")
STRONGEST = 100  # pairs of the heat map
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # no SVG may hold them


@dataclass(frozen=True)
class Layers:
    """A figure with a line for each scored layer, in the order of the forward pass."""

    title: str
    caption: str
    margin: float
    last: str  # the layer reached last, which the paper finds dependent
    layers: tuple[LayerVerdict, ...]

    @property
    def scored(self) -> list[tuple[LayerVerdict, LayerScore]]:
        return [(each, each.score) for each in self.layers if each.score]

    @property
    def description(self) -> str:
        parts = [f"{each.layer} {format_interval(each.interval)}, {each.verdict}" for each in self.layers]
        return svg_text(f"Corrected score of each layer, in nats: {'; '.join(parts)}.")

    def csv(self) -> str:
        return csv_text(HEAD, [layer_row(each, score) for each, score in self.scored])


def layer_row(each: LayerVerdict, score: LayerScore) -> list[object]:
    """A layer's numbers, under HEAD."""
    at = each.interval
    sizes = score.neurons, score.rows, score.pairs_estimated
    numbers = score.score, score.corrected, at.low, at.high, at.confidence
    ranks = score.rank_score, score.rank_dependent
    return [each.layer, each.verdict, *sizes, *numbers, *ranks, score.entropy, score.dependent, score.estimator]


def layers_figure(found: NetworkVerdict, last: str) -> Layers | None:
    """None where no layer has a number to show."""
    layers = tuple(each for each in found.layers.values() if isfinite(each.interval.estimate))
    if not layers:
        return None
    caption = (
        f"Filled: ι_c, the mean information of pairs above its null, with {100 * found.confidence:g} % intervals over "
        "inputs; hollow: ι, with the estimator's bias.\n"
        f"Dotted: {format_number(found.margin, 3)}. Thin: 0.054, what ι of independent neurons seldom exceeds. "
        "Linear up to 0.1, logarithmic above."
    )
    return Layers("Dependence of each layer", caption, found.margin, last, layers)


@dataclass(frozen=True, eq=False)
class Pairs:
    """A figure of a layer's pairs: against their null, and the strongest by their neurons. The CSV has all pairs."""

    title: str
    caption: str
    layer: str
    found: PairwiseInformation  # with a null
    ranks: PairwiseInformation

    @property
    def corrected(self) -> NDArray[np.float64]:
        assert self.found.pair_corrected is not None
        return self.found.pair_corrected

    @property
    def null(self) -> NDArray[np.float64]:
        """Estimates of the shuffled pairs, (n_shuffles, P)."""
        assert self.found.null_mi is not None
        return self.found.null_mi

    @property
    def strongest(self) -> NDArray[np.int64]:
        """Indices of the most dependent pairs, the first the most."""
        known = np.flatnonzero(np.isfinite(self.corrected))
        return known[np.argsort(-self.corrected[known], kind="stable")][:STRONGEST]

    @property
    def description(self) -> str:
        most = [f"{i} and {j} {self.corrected[p]:.3g}" for p in self.strongest[:10] for i, j in [self.found.pairs[p]]]
        return svg_text(f"Most dependent pairs of {self.layer}, in nats above their null: {', '.join(most)}.")

    def csv(self) -> str:
        numbers = (self.found.pair_mi, self.null.mean(axis=0), self.corrected)
        numbers += (self.ranks.pair_mi, self.ranks.p_values, self.ranks.q_values)
        return csv_text(
            PAIR_HEAD,
            ([self.layer, *map(int, pair), *row] for pair, *row in zip(self.found.pairs, *numbers, strict=True)),
        )


def pairs_figure(score: LayerScore) -> Pairs | None:
    """None for a layer whose pairs were not kept, or have no estimate."""
    if score.information is None or score.rank_information is None or not isfinite(score.corrected):
        return None
    caption = (
        f"Left: information of {score.pairs_estimated:,} pairs, and of the same with their neurons permuted; the last "
        f"bin has all beyond.\nRight: the {STRONGEST} most dependent pairs at most, by their neurons, in nats "
        "above their null."
    )
    return Pairs(f"Pairs of {score.layer}", caption, score.layer, score.information, score.rank_information)


@dataclass(frozen=True)
class Checkpoints:
    """A figure of layers over checkpoints, at the steps that their names say or else one after the other."""

    title: str
    caption: str
    margin: float
    found: Mapping[str, NetworkVerdict]  # by name, in order

    @property
    def steps(self) -> list[int]:
        return steps_of(list(self.found))

    @property
    def layers(self) -> list[str]:
        """The layers with a number at some checkpoint."""
        known = (name for found in self.found.values() for name, each in found.layers.items() if each.score)
        return list(dict.fromkeys(known))

    @property
    def description(self) -> str:
        parts = [
            f"{name} " + ", ".join(format_number(found[name].interval.estimate, 3) for found in self.of(name).values())
            for name in self.layers
        ]
        return svg_text(f"Corrected score of each layer at {len(self.found)} checkpoints, in nats: {'; '.join(parts)}.")

    def of(self, layer: str) -> dict[int, NetworkVerdict]:
        """The checkpoints at which a layer has a number, by step, in ascending order."""
        at = sorted(zip(self.steps, self.found.values(), strict=True), key=lambda each: each[0])
        has = [(step, found) for step, found in at if layer in found.layers]
        return {step: found for step, found in has if isfinite(found[layer].interval.estimate)}

    def csv(self) -> str:
        rows = [
            [name, step, *layer_row(each, each.score)]
            for step, (name, found) in zip(self.steps, self.found.items(), strict=True)
            for each in found.layers.values()
            if each.score
        ]
        return csv_text(("checkpoint", "step", *HEAD), rows)


def checkpoints_figure(found: Mapping[str, NetworkVerdict]) -> Checkpoints:
    margin = next(iter(found.values())).margin
    caption = (
        f"ι_c with intervals over inputs. Dotted: {format_number(margin, 3)}. Linear up to 0.1, logarithmic above."
    )
    return Checkpoints("Dependence of each layer over checkpoints", caption, margin, found)


def steps_of(names: Sequence[str]) -> list[int]:
    """The last number in each name of a file, if those differ; otherwise 1, 2, …"""
    numbers = [re.findall(r"\d+", PurePath(name).stem) for name in names]
    steps = [int(each[-1]) for each in numbers if each]
    return steps if len(set(steps)) == len(names) else list(range(1, len(names) + 1))


def svg_text(text: str) -> str:
    return UNPRINTABLE.sub("\ufffd", text)
