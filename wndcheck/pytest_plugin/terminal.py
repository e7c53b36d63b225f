"""The closing table of a run: one line per claim, and below it only what was not expected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

import pytest
from rich.cells import cell_len, set_cell_size

from wndcheck.experiment.profiles import Scope
from wndcheck.report.format import SYMBOLS, count_of, format_interval, group_by, join_few, join_words, one_line
from wndcheck.report.wording import (
    count_verdicts,
    describe_cause,
    describe_scopes,
    first_and_last_line,
    format_margin,
    verdict_word,
)
from wndcheck.verdicts.checks import CauseKind
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import ClaimResult, ClaimVerdict, Run

COLOURS = {
    ClaimVerdict.SUPPORTED: {"green": True},
    ClaimVerdict.REFUTED: {"red": True},
    ClaimVerdict.INCONCLUSIVE: {"yellow": True},
    ClaimVerdict.LEFT: {},
    ClaimVerdict.NOT_RUN: {},
    ClaimVerdict.ERROR: {"red": True, "bold": True},
}
NARROWEST, LOG_WIDTH = 80, 140  # columns; the latter where the output is not a terminal
WORDS, UNITS = 100, 120  # columns from which verdicts are words, not the symbols of the last line; margins have units
SHORTEST = 8  # columns that an estimand takes; it is left out where there are fewer


class Line(NamedTuple):
    """A line of the table; `start` has the colour of the verdict, if there is one."""

    start: str
    rest: str
    verdict: ClaimVerdict | None = None


def print_table(terminal: pytest.TerminalReporter, run: Run) -> None:
    """Print one line per claim, what was not expected below it, and how many claims have each verdict."""
    terminal.section(f"verdicts, profile {run.profile}")
    for line in lines(run, width_of(terminal)):
        terminal._tw.write(line.start, **COLOURS[line.verdict] if line.verdict else {"bold": True})
        terminal._tw.line(line.rest)


def print_run(terminal: pytest.TerminalReporter, run: Run, reports: Sequence[Path]) -> None:
    """Print the table of a run, what it leaves to another profile, and the folders of its reports."""
    print_table(terminal, run)
    if left := [each for claim in run.claims for each in claim.left]:
        scopes = join_words([scope for scope in Scope if scope in {each.check.scope for each in left}])
        print_wrapped(
            terminal,
            f"Checks of {scopes} are left to --wnd-profile={left[0].profile}; a claim with such checks is decided in "
            "part.",
        )
    if run.selection:
        unchanged = "" if reports else "; reports/latest is not changed"
        print_wrapped(terminal, f"wndcheck: a selection of checks: other checks and controls did not run{unchanged}")
    for folder in reports:
        terminal.write_line(f"wndcheck: report in {folder}/ (index.html, summary.md, verdicts.json, figures)")


def print_wrapped(terminal: pytest.TerminalReporter, text: str) -> None:
    """Print a sentence in lines of the terminal's width."""
    for line in wrap(text, width_of(terminal), break_on_hyphens=False):
        terminal.write_line(line)


def width_of(terminal: pytest.TerminalReporter) -> int:
    return max(terminal._tw.fullwidth, NARROWEST) if terminal.isatty else LOG_WIDTH


def lines(run: Run, width: int) -> Iterator[Line]:
    """Return the table in `width` columns, 80 at least: a heading, the claims with remarks, and a tally."""
    width = max(width, NARROWEST)
    rows = [("", "claim", "asked", "estimand", "estimate [interval]", "margin")]
    rows += [tuple(map(one_line, row(claim, width))) for claim in run.claims]
    gap = 2 if width >= WORDS else 1
    columns = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    columns[1] = min(columns[1], width // 3)
    room = width - columns[0] - columns[1] - columns[4] - columns[5] - gap * (len(columns) - 1)
    columns[2] = min(columns[2], max(room, SHORTEST))
    columns[3] = min(columns[3], room - columns[2]) if room - columns[2] >= SHORTEST else 0
    for claim, cells in zip([None, *run.claims], rows, strict=True):
        shown = [cell for cell in zip(cells, columns, strict=True) if cell[1] or cell[0] == rows[0][0]]
        start, *others = (set_cell_size(shortened(*cell), cell[1]) for cell in shown)
        rest = shortened((" " * gap).join(["", *others]).rstrip(), width - cell_len(start))
        yield Line(start, rest, claim.verdict) if claim else Line(start + rest, "")
        for remark in remarks(claim) if claim else ():
            yield from (Line("", f"    {part}") for part in wrap(one_line(remark), width - 4, break_on_hyphens=False))
    yield Line("", f"{count_of(len(run.claims), 'claim')}: {count_verdicts(run, symbols=True)}")


def row(claim: ClaimResult, width: int) -> tuple[str, str, str, str, str, str]:
    """Return verdict, id and scopes, and estimand, estimate and margin of the check that the verdict rests on."""
    symbol, asked = SYMBOLS[claim.verdict], describe_scopes(claim, "{}/{}")
    verdict = f"{symbol} {verdict_word(claim)}" if width >= WORDS else symbol
    if not (decisive := claim.decisive):
        return verdict, claim.id, asked, "", "", ""
    margin = format_margin(decisive) if width >= UNITS else str(decisive.check.region)
    found = format_interval(decisive.interval, decisive.check.region)
    return verdict, claim.id, asked, decisive.check.estimand, found, margin


def shortened(text: str, room: int) -> str:
    """Return the text in at most that many columns, with an ellipsis in place of an end that does not fit."""
    return text if cell_len(text) <= room else set_cell_size(text, max(0, room - 1)).rstrip() + "…"[:room]


def remarks(claim: ClaimResult) -> Iterator[str]:
    """Return what was not expected, one line per verdict, and why there is no verdict."""
    unexpected = [finding for finding in claim.findings if is_unexpected(finding)]
    for found in group_by(unexpected, lambda finding: (finding.verdict, wanted(finding))):
        yield f"{join_few(finding.name for finding in found)}: {found[0].verdict}, {wanted(found[0])}"
    for errors in group_by(claim.errors, lambda error: last_line(error.reason)):
        yield f"{join_few(error.name for error in errors)}: error: {last_line(errors[0].reason)}"
    if claim.not_run:
        reason = first_and_last_line(claim.not_run[0].reason).removeprefix("not run: ")
        yield f"{count_of(len(claim.not_run), 'test')} not run: {reason}"
    elif claim.cause and claim.cause.kind is CauseKind.NO_PRIMARY_CHECK:
        ran = "secondary checks" if claim.checks else "controls" if claim.controls else "none of its checks"
        yield f"{'only ' * bool(claim.findings)}{ran} ran, and a claim is decided by primary checks"
    elif claim.cause and claim.cause.kind in (CauseKind.NO_CONTROL, CauseKind.ONE_OF_MANY):
        yield describe_cause(claim.cause)


def is_unexpected(finding: Finding) -> bool:
    return finding.failed if finding.must_be else finding.verdict not in finding.expected


def wanted(finding: Finding) -> str:
    """``expected supported``, or of a control ``must be refuted``."""
    return f"must be {finding.must_be}" if finding.must_be else f"expected {' or '.join(finding.expected)}"


def last_line(reason: str) -> str:
    """Return the last line of an error's message, which pytest follows by the place of the error."""
    marked = [line for line in reason.splitlines() if line.startswith("E ")]
    return (marked or reason.splitlines() or [""])[-1].removeprefix("E").strip()
