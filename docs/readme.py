"""Write the parts of README.md that follow from other files: `python docs/readme.py`.

A part is between two comments, <!-- NAME --> and <!-- end of NAME -->; `wndcheck/tests/test_readme.py` fails where
one is stale.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wndcheck import pytest_plugin
from wndcheck.cli import main as cli
from wndcheck.report.format import MISSING, SYMBOLS, count_of
from wndcheck.report.wording import (
    count_verdicts,
    describe_first_fixed,
    describe_scopes,
    format_estimate,
    format_margin,
)
from wndcheck.verdicts.run import ClaimResult, ClaimVerdict, Run
from wndcheck.verdicts.run_files import read_run

ROOT = Path(__file__).parents[1]
README = "README.md"
RUN = "reports/medium-seed100"
FIGURE = f"{RUN}/figure-3-dependence.svg"
HEAD = ("as revised", "as first fixed", "the claim", "found", "claimed")
ASKED = (ClaimVerdict.REFUTED, ClaimVerdict.SUPPORTED, ClaimVerdict.INCONCLUSIVE)


def run_part(run: Run) -> str:
    """The outcome of a run's claims, one row for each with a verdict, and the paper's Figure 3 redrawn."""
    words = (
        f"A run of the {run.profile} profile on {run.created[:10]}, "
        f"{count_of(int(run.environment['cores']), 'core')}, base seed {run.base_seed}: "
        f"{count_verdicts(run)} ([its summary]({RUN}/summary.md))."
    )
    rules = (
        "Some rules were changed after a look at pilots ([which, and why](docs/verdicts.md)): beside each verdict is "
        "that of the same measurements by the rules as first fixed (–: none). In brackets are the primary checks that "
        "are supported; what was found is the check that the verdict rests on, or that nearest to its margin."
    )
    asked = [claim for verdict in ASKED for claim in run.claims if claim.verdict == verdict]
    ours = [claim for claim in asked if claim.paper.endswith("(ours)")]
    tables = [table(HEAD, [row(run, claim) for claim in asked if claim not in ours])]
    if ours:
        counts = Counter(claim.verdict for claim in ours)
        text = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ASKED if counts[verdict])
        summary = f"<summary>Claims of ours, beyond the paper's: {text}</summary>"
        tables += [f"<details>\n{summary}", table(HEAD, [row(run, claim) for claim in ours]), "</details>"]
    remarks = {ClaimVerdict.LEFT: " to another profile, which trains the nets that they are about"}
    ids = {verdict: [name(run, claim) for claim in run.claims if claim.verdict == verdict] for verdict in run.counts}
    rest = [
        f"{verdict}{remarks.get(verdict, '')}: {', '.join(ids[verdict])}." for verdict in ids if verdict not in ASKED
    ]
    figure = f"![Dependence against the width, layer by layer]({FIGURE})"
    return "\n\n".join([words, rules, *tables, *(line[0].upper() + line[1:] for line in rest), figure])


def name(run: Run, claim: ClaimResult) -> str:
    """A claim without a verdict, with that as first fixed where it has one."""
    former = describe_first_fixed(run, claim)
    return f"`{claim.id}`" + (f" (as first fixed: {former})" if former not in (MISSING, claim.verdict) else "")


def row(run: Run, claim: ClaimResult) -> list[str]:
    """A claim with the check that its verdict rests on."""
    found = claim.decisive
    return [
        f"{SYMBOLS[claim.verdict]} {claim.verdict}: {describe_scopes(claim)}",
        describe_first_fixed(run, claim),
        f"`{claim.id}`: {claim.statement} ({claim.paper})",
        f"{found.check.estimand}: {format_estimate(found)}" if found else MISSING,
        format_margin(found) if found else MISSING,
    ]


class Options(list[tuple[str, str]]):
    """In place of pytest's parser, a list of the options that the plugin adds."""

    def getgroup(self, *_: str) -> Options:
        return self

    def addoption(self, name: str, help: str = "", metavar: str = "", choices: tuple[str, ...] = (), **_: Any) -> None:
        value = metavar or "|".join(choices)
        self.append((f"`{name}={value}`" if value else f"`{name}`", help))


def options_part() -> str:
    """The plugin's options."""
    found = Options()
    pytest_plugin.pytest_addoption(found)  # type: ignore[arg-type]
    return table(("", ""), found)


def commands_part() -> str:
    """The commands of the command line."""
    rows = [(f"`wndcheck {name}`", command.short_help or "") for name, command in sorted(cli.commands.items())]
    return table(("", ""), rows)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    cells = [[cell.replace("|", r"\|") for cell in row] for row in [head, *rows]]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([lines[0], "|---" * len(cells[0]) + "|", *lines[1:]])


def replaced(text: str, name: str, part: str) -> str:
    """The text with a new part. ValueError where the text has no place for it, or several."""
    whole = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    text, count = whole.subn(lambda found: f"{found[1]}{part}\n{found[2]}", text)
    if count != 1:
        raise ValueError(f"{README} has {count} parts <!-- {name} --> … <!-- end of {name} -->, expected one")
    return text


def readme(root: Path = ROOT) -> str:
    """README.md as it should be."""
    text = (root / README).read_text(encoding="utf-8")
    parts = {"a run": run_part(read_run(root / RUN)), "commands": commands_part(), "options": options_part()}
    for name, part in parts.items():
        text = replaced(text, name, part)
    return text


if __name__ == "__main__":
    (ROOT / README).write_text(readme(), encoding="utf-8")
