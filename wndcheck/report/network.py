"""The report of a user's own network: page, numbers and figure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from wndcheck.inspect import LayerScore, LayerVerdict, NetworkVerdict
from wndcheck.report.figure_model import csv_text
from wndcheck.report.files import encoded, write_together
from wndcheck.report.format import format_interval, format_number
from wndcheck.report.pages import PAGE, anchors, render
from wndcheck.report.svg_images import Picture, picture, scale_over
from wndcheck.verdicts.run_files import FILE as VERDICTS
from wndcheck.verdicts.run_files import encode
from wndcheck.verdicts.statistics import at_most

NUMBERS = "score.json"
STEM = "figure-layers"
HEAD = ("layer", "verdict", "neurons", "rows", "pairs", "score", "corrected_score", "low", "high", "confidence")
HEAD += ("rank_score", "rank_dependent", "entropy", "dependent_share", "estimator")
TITLE = "Dependence of a network's neurons"
MOST_FLAGS = 50  # neurons named one by one
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # no SVG may hold them


class OccupiedError(ValueError):
    """The folder holds a report of something else."""


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
        rows = []
        for each, score in self.scored:
            at = each.interval
            sizes = score.neurons, score.rows, score.pairs_estimated
            numbers = score.score, score.corrected, at.low, at.high, at.confidence
            ranks = score.rank_score, score.rank_dependent
            rest = score.entropy, score.dependent, score.estimator
            rows.append([each.layer, each.verdict, *sizes, *numbers, *ranks, *rest])
        return csv_text(HEAD, rows)


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


def svg_text(text: str) -> str:
    return UNPRINTABLE.sub("\ufffd", text)


def network_page(
    found: NetworkVerdict,
    last: str,
    figure: Picture | None,
    how: Mapping[str, object],
    environment: Mapping[str, object],
    command: str = "",
) -> str:
    """The whole page; `last` is the layer that the network reaches last."""
    scored = [each for each in found.layers.values() if each.score]
    region = at_most(found.margin)
    left_out = [(each.layer, each.cause) for each in found.layers.values() if not each.score]
    contents = {
        "scores": "Scores",
        "figure": "Figure" if figure else "",
        "layers": "Layers" if scored else "",
        "left-out": "What was left out, and why" if left_out else "",
        "how": "How it was measured",
        "environment": "Environment" if environment else "",
    }
    return render(
        "network.html.j2",
        TITLE,
        str(how.get("model", "")),
        {id: title for id, title in contents.items() if title},
        found=found,
        last=last,
        picture=figure,
        scored=scored,
        left_out=left_out,
        region=region,
        scale=scale_over((each.interval, region) for each in scored),
        anchors=anchors((each.layer for each in scored), "layer"),
        how={name.replace("_", " "): value for name, value in how.items() if value is not None},
        environment=environment,
        command_line=command,
        most_flags=MOST_FLAGS,
    )


def write_network(
    folder: Path,
    found: NetworkVerdict,
    how: Mapping[str, object],
    environment: Mapping[str, object],
    command: str = "",
) -> list[Path]:
    """Write `score.json`, the figure of the layers as SVG and CSV, and `index.html`; their paths, the page last.

    `how` and `environment` are shown as they are; `command` repeats the measurement. OccupiedError where the folder
    holds the report of a run of claims, or a page of something else.
    """
    if (folder / VERDICTS).exists():
        raise OccupiedError(f"{folder} holds the report of a run of claims ({VERDICTS}): name another folder")
    if (folder / PAGE).exists() and not (folder / NUMBERS).exists():
        raise OccupiedError(f"{folder} holds an {PAGE} of something else (there is no {NUMBERS}): name another folder")
    assert found.scores is not None
    folder.mkdir(parents=True, exist_ok=True)
    last = str(found.scores.meta["last_layer"])
    document = {"how": dict(how), "environment": dict(environment), **found.to_dict()}
    contents = {NUMBERS: encode(document)}
    shown = None
    if figure := layers_figure(found, last):
        from wndcheck.report.plots import svg

        drawing = svg(figure)
        contents |= {f"{STEM}.csv": encoded(figure.csv()), f"{STEM}.svg": drawing}
        shown = picture(STEM, drawing)
    contents[PAGE] = encoded(network_page(found, last, shown, how, environment, command))
    return write_together(folder, contents, instead_of=(PAGE, f"{STEM}.csv", f"{STEM}.svg"))  # of an earlier network
