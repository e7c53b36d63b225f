"""The report of a user's own network: page, numbers and figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wndcheck.inspect import NetworkVerdict
from wndcheck.report.files import encoded, write_together
from wndcheck.report.network_figures import (
    Checkpoints,
    Layers,
    Pairs,
    checkpoints_figure,
    layers_figure,
    pairs_figure,
)
from wndcheck.report.pages import PAGE, anchors, render
from wndcheck.report.svg_images import Picture, picture, scale_over
from wndcheck.verdicts.run_files import FILE as VERDICTS
from wndcheck.verdicts.run_files import encode
from wndcheck.verdicts.statistics import at_most

NUMBERS = "score.json"
LAYERS, CHECKPOINTS, PAIRS = "figure-layers", "figure-checkpoints", "figure-pairs"  # the last with a number
TITLE = "Dependence of a network's neurons"
MOST_FLAGS = 50  # neurons named one by one


class OccupiedError(ValueError):
    """The folder holds a report of something else."""


def network_page(
    found: NetworkVerdict,
    last: str,
    pictures: Mapping[str, Picture],
    how: Mapping[str, object],
    environment: Mapping[str, object],
    command: str = "",
) -> str:
    """The whole page; `last` is the layer that the network reaches last.

    pictures: of the layers and of the checkpoints by their stem, of a layer's pairs by its name.
    """
    scored = [each for each in found.layers.values() if each.score]
    region = at_most(found.margin)
    left_out = [(each.layer, each.cause) for each in found.layers.values() if not each.score]
    contents = {
        "scores": "Scores",
        "figure": "Figure" if LAYERS in pictures else "",
        "checkpoints": "Checkpoints" if CHECKPOINTS in pictures else "",
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
        pictures=pictures,
        grouped="within" in (found.scores.headings if found.scores else ()),
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


def refuse_occupied(folder: Path, numbers: str) -> None:
    """OccupiedError where the folder holds the report of a run of claims, or a page that is not beside `numbers`."""
    if (folder / VERDICTS).exists():
        raise OccupiedError(f"{folder} holds the report of a run of claims ({VERDICTS}): name another folder")
    if (folder / PAGE).exists() and not (folder / numbers).exists():
        raise OccupiedError(f"{folder} holds an {PAGE} of something else (there is no {numbers}): name another folder")


def write_network(
    folder: Path,
    found: NetworkVerdict,
    how: Mapping[str, object],
    environment: Mapping[str, object],
    command: str = "",
    checkpoints: Mapping[str, NetworkVerdict] | None = None,
) -> list[Path]:
    """Write `score.json`, figures of layers and pairs as SVG and CSV, and `index.html`; their paths, the page last.

    checkpoints: all of them by name, if there are several, of which `found` is the last.

    `how` and `environment` are shown as they are; `command` repeats the measurement. OccupiedError where the folder
    holds the report of a run of claims, or a page of something else.
    """
    refuse_occupied(folder, NUMBERS)
    assert found.scores is not None
    folder.mkdir(parents=True, exist_ok=True)
    last = str(found.scores.meta["last_layer"])
    document = {"how": dict(how), "environment": dict(environment), **found.to_dict()}
    figures: dict[str, Layers | Pairs | Checkpoints | None] = {LAYERS: layers_figure(found, last)}
    if checkpoints:
        document["checkpoints"] = {name: each.to_dict() for name, each in checkpoints.items()}
        figures[CHECKPOINTS] = checkpoints_figure(checkpoints)
    shown = {stem: stem for stem in figures}  # name of the picture on the page -> stem of its files
    for number, (name, each) in enumerate(found.layers.items(), start=1):
        figures[f"{PAIRS}-{number}"] = pairs_figure(each.score) if each.score else None
        shown[name] = f"{PAIRS}-{number}"
    contents = {NUMBERS: encode(document)}
    for stem, figure in figures.items():
        if figure is not None:
            from wndcheck.report.plots import svg

            contents |= {f"{stem}.csv": encoded(figure.csv()), f"{stem}.svg": svg(figure)}
    pictures = {n: picture(stem, contents[f"{stem}.svg"]) for n, stem in shown.items() if f"{stem}.svg" in contents}
    contents[PAGE] = encoded(network_page(found, last, pictures, how, environment, command))
    earlier = [path.name for path in folder.glob("figure-*")]
    return write_together(folder, contents, instead_of=(PAGE, *earlier))
