"""The parts of README.md that follow from other files, and its picture of the verdicts: `python docs/readme.py`.

A part stands between two comments, <!-- NAME --> and <!-- end of NAME -->; `wndcheck/tests/test_readme.py` fails where
one is stale.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from wndcheck import pytest_plugin as plugin
from wndcheck.authoring.documents import read_document
from wndcheck.authoring.runs import restored_document
from wndcheck.cli import main as cli
from wndcheck.report.page.elements import Markup, joined, tag
from wndcheck.report.page.shell import text_of
from wndcheck.report.page.words import SYMBOLS, counts, our_number, papers_number

ROOT = Path(__file__).parents[1]
README = "README.md"
RUN = "reports/quick-seed0"
PICTURE = "docs/verdicts.svg"
FIGURE = f"{RUN}/figure-3-dependence.svg"

LETTER, LINE, EDGE = 7.3, 24, 16  # of a monospaced letter of 12 pixels; of a row; around the table
COLUMNS = (0, 122, 322, 462)  # left ends: verdict, claim, claimed, found
WIDTH = 780
INKS = {  # of the page's badges, by their names in page.css
    "supported": ("good", "good-ground"),
    "refuted": ("bad", "bad-ground"),
    "error": ("bad", "bad-ground"),
    "inconclusive": ("open", "open-ground"),
    "not-run": ("soft", "grid"),
}
LIGHT, DARK = ":root {", ':root[data-theme="dark"] {'  # where page.css has its colours


def verdicts_svg(document: dict[str, Any]) -> str:
    """The closing table of a run, a line a claim."""
    claims = document["claims"]
    height = LINE * (len(claims) + 1) + 2 * EDGE
    rows = [row(place, claim) for place, claim in enumerate(claims, 1)]
    heads = [cell(0, column, name, "soft") for column, name in enumerate(("verdict", "claim", "claimed", "found"))]
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts(claims).items())
    parts = [
        tag("title", f"Verdicts on {len(claims)} claims: {told}"),
        tag("style", Markup(style())),
        tag("rect", width=WIDTH, height=height, rx=8, class_="ground"),
        *heads,
        *rows,
    ]
    size = {"viewBox": f"0 0 {WIDTH} {height}", "width": WIDTH, "height": height}
    return tag("svg", "\n", joined(parts, "\n"), "\n", xmlns="http://www.w3.org/2000/svg", **size) + "\n"


def row(place: int, claim: dict[str, Any]) -> Markup:
    verdict = claim["verdict"]
    words = f"{SYMBOLS.get(verdict, '?')} {verdict}"
    name = verdict.replace(" ", "-")
    y = EDGE + LINE * place
    width = round(LETTER * len(words) + 14)
    badge = tag("rect", x=EDGE, y=y + 3, width=width, height=18, rx=9, class_=f"{name}-ground")
    numbers = [cell(place, 2, papers_number(claim)), cell(place, 3, our_number(claim))]
    return joined([badge, cell(place, 0, words, name, indent=7), cell(place, 1, claim["id"]), *numbers], "\n")


def cell(place: int, column: int, words: str, name: str = "", indent: int = 0) -> Markup:
    x, y = EDGE + COLUMNS[column] + indent, EDGE + LINE * place + 16
    return tag("text", words, x=x, y=y, class_=name or None) if words else Markup()


def style() -> str:
    """The page's colours, light and dark as the reader's system has it."""
    inks = [f".{name}{{fill:var(--{ink})}}.{name}-ground{{fill:var(--{under})}}" for name, (ink, under) in INKS.items()]
    font = "font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace"
    return (
        f":root{{{colours(LIGHT)}}}@media(prefers-color-scheme:dark){{:root{{{colours(DARK)}}}}}"
        f"text{{{font};white-space:pre;fill:var(--ink)}}.soft{{fill:var(--soft)}}.ground{{fill:var(--ground)}}"
        f"{''.join(inks)}"
    )


def colours(block: str) -> str:
    """Those of a block of page.css that the picture uses."""
    used = {"ink", "soft", "ground", *(name for pair in INKS.values() for name in pair)}
    found = re.findall(r"--([a-z-]+): (#\w+)", text_of("page.css").partition(block)[2].partition("}")[0])
    return ";".join(f"--{name}:{value}" for name, value in found if name in used)


class Options(list[tuple[str, str]]):
    """What the plugin tells a parser."""

    def getgroup(self, *_: str) -> Options:
        return self

    def addoption(self, name: str, help: str = "", metavar: str = "", choices: tuple[str, ...] = (), **_: Any) -> None:
        value = metavar or "|".join(choices)
        self.append((f"{name}={value}" if value else name, help))


def options() -> str:
    """The plugin's options."""
    found = Options()
    plugin.pytest_addoption(found)  # type: ignore[arg-type]
    return markdown((f"`{name}`", words) for name, words in found)


def commands() -> str:
    return markdown((f"`wndcheck {name}`", command.short_help or "") for name, command in sorted(cli.commands.items()))


def markdown(rows: Any) -> str:
    lines = ["| {} | {} |".format(*(cell.replace("|", r"\|") for cell in row)) for row in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def example(document: dict[str, Any]) -> str:
    """The run's pictures, and what they are of."""
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts(document["claims"]).items())
    environment = document["environment"]
    words = (
        f"A run of the {document['profile']} profile on {document['created'][:10]}, {environment['cores']} cores, base "
        f"seed {document['base_seed']}: {told}. [Its summary]({RUN}/summary.md)."
    )
    return f"![{told}]({PICTURE})\n\n![Dependence against the width, layer by layer]({FIGURE})\n\n{words}"


def replaced(text: str, name: str, part: str) -> str:
    """The text with a part anew. ValueError where the text has no place for it."""
    whole = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    text, count = whole.subn(lambda found: f"{found[1]}{part}\n{found[2]}", text)
    if count != 1:
        raise ValueError(f"{README} has {count} parts <!-- {name} --> … <!-- end of {name} -->, expected one")
    return text


def files(root: Path = ROOT) -> dict[str, str]:
    """What the generated files should hold, by path."""
    document = read_document(root / RUN, restored_document)
    readme = (root / README).read_text(encoding="utf-8")
    for name, part in {"a run": example(document), "commands": commands(), "options": options()}.items():
        readme = replaced(readme, name, part)
    return {README: readme, PICTURE: verdicts_svg(document)}


if __name__ == "__main__":
    for path, text in files().items():
        (ROOT / path).write_text(text, encoding="utf-8")
