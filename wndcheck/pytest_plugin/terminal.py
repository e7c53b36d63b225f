"""The closing table of a run: one line a claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from rich.cells import cell_len, set_cell_size

from wndcheck.report.format import (
    SYMBOLS,
    count_of,
    describe_cause,
    describe_finding,
    format_interval,
    format_margin,
    without_leading_zeros,
)
from wndcheck.verdicts.run import ClaimResult, ClaimVerdict, Outcome, Run

COLOURS = {
    ClaimVerdict.SUPPORTED: {"green": True},
    ClaimVerdict.REFUTED: {"red": True},
    ClaimVerdict.INCONCLUSIVE: {"yellow": True},
    ClaimVerdict.NOT_RUN: {},
    ClaimVerdict.ERROR: {"red": True, "bold": True},
}
NARROWEST, LOG_WIDTH = 80, 120  # columns; the latter where the output is not a terminal


def print_table(terminal: pytest.TerminalReporter, run: Run) -> None:
    """Print a line a claim, what failed or was not expected below it, and how many claims have each verdict."""
    width = max(NARROWEST, terminal._tw.fullwidth if terminal.isatty else LOG_WIDTH)
    terminal.section(f"verdicts, profile {run.profile}")
    columns = [max(map(cell_len, texts)) for texts in zip(*map(cells, run.claims), strict=True)]
    for claim in run.claims:
        sign, verdict, name, asked, found = cells(claim)
        room = width - sum(columns) + columns[3] - 5
        terminal._tw.write(f"{sign} {set_cell_size(verdict, columns[1])}", **COLOURS[claim.verdict])
        asked = set_cell_size(shortened(asked, room), min(room, columns[3]))
        terminal._tw.line(f" {set_cell_size(name, columns[2])} {asked}  {found}".rstrip())
        for line in remarks(claim):
            terminal._tw.line(f"  {line}")
    terminal._tw.line(f"{count_of(len(run.claims), 'claim')}: {tally(run)}")


def tally(run: Run) -> str:
    """``7 supported, 3 refuted``."""
    return ", ".join(f"{count} {verdict}" for verdict, count in run.counts.items())


def cells(claim: ClaimResult) -> Sequence[str]:
    """Sign, verdict, id, what was asked of the decisive check, and its estimate with its interval."""
    start = [SYMBOLS[claim.verdict], claim.verdict, claim.id]
    if not (decisive := claim.decisive):
        return [*start, "", ""]
    asked = f"{decisive.check.estimand} {format_margin(decisive)}"
    return [*start, asked, without_leading_zeros(format_interval(decisive.interval))]


def shortened(asked: str, room: int) -> str:
    """The text in so many columns: of one that is too long the end, which is the margin, and the beginning."""
    if cell_len(asked) <= room:
        return asked
    end = asked[-min(len(asked), max(8, room // 2)) :].lstrip()
    return f"{set_cell_size(asked, max(0, room - cell_len(end) - 1)).rstrip()}…{end}"


def remarks(claim: ClaimResult) -> Iterator[str]:
    """What failed or was not expected, a line each; why a claim was not run."""
    if claim.verdict in (ClaimVerdict.NOT_RUN, ClaimVerdict.ERROR):
        yield describe_cause(claim.cause)
    for finding in claim.findings:
        if finding.outcome is Outcome.FAILED:
            expected = f"must be {finding.must_be}" if finding.must_be else f"expected {' or '.join(finding.expected)}"
            yield f"{finding.name}, {expected}: {describe_finding(finding)}"
    if claim.verdict is ClaimVerdict.INCONCLUSIVE and not claim.primary:
        yield describe_cause(claim.cause)
