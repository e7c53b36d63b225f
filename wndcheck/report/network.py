"""The report of a user's own network: a page, and beside it the numbers and the figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wndcheck.inspect import NetworkVerdict
from wndcheck.report.files import encoded, strict_json, write_atomically
from wndcheck.report.layers import STEM, layers_figure
from wndcheck.report.page.network import network_page
from wndcheck.report.page.pictures import picture
from wndcheck.report.page.shell import FILE

NUMBERS = "score.json"
VERDICTS = "verdicts.json"  # of a run of claims


class OccupiedError(ValueError):
    """The folder holds a report of something else."""


def write_network(
    folder: Path,
    found: NetworkVerdict,
    how: Mapping[str, object],
    environment: Mapping[str, object],
    command: str = "",
) -> list[Path]:
    """Write `score.json`, the figure of the layers as SVG and CSV, and `index.html`; their paths, the page last.

    `how` and `environment` are shown as they are; `command` repeats the measurement. OccupiedError where the folder
    holds the report of a run of claims, or a page that is none of ours.
    """
    if (folder / VERDICTS).exists():
        raise OccupiedError(f"{folder} holds the report of a run of claims ({VERDICTS}): name another folder")
    if (folder / FILE).exists() and not (folder / NUMBERS).exists():
        raise OccupiedError(f"{folder} holds an {FILE} of something else (no {NUMBERS} beside it): name another folder")
    assert found.scores is not None
    folder.mkdir(parents=True, exist_ok=True)
    last = str(found.scores.meta["last_layer"])
    document = {"how": dict(how), "environment": dict(environment), **found.to_dict()}
    contents = {NUMBERS: encoded(strict_json(document))}
    pictures = []
    if figure := layers_figure(found, last):
        from wndcheck.report.figures import svg

        drawing = svg(figure)
        contents |= {f"{STEM}.csv": encoded(figure.csv()), f"{STEM}.svg": drawing}
        pictures = [picture(STEM, drawing)]
    for name in {f"{STEM}.csv", f"{STEM}.svg"}.difference(contents):
        (folder / name).unlink(missing_ok=True)
    contents[FILE] = encoded(network_page(found, last, pictures, how, environment, command))
    return [write_atomically(folder / name, content) for name, content in contents.items()]
