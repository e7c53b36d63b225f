"""The closing table: every claim, what was found, what was expected."""

from __future__ import annotations

from collections import Counter

import pytest
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wndcheck.experiment.profiles import Profile
from wndcheck.pytest_plugin.ledger import ClaimEntry, Ledger
from wndcheck.report.summary import deciding_check, format_interval

STYLE = {"supported": "green", "refuted": "red", "inconclusive": "yellow", "error": "bold red", "not run": "dim"}
LOG_WIDTH = 140  # columns where the output is no terminal


def print_table(terminal: pytest.TerminalReporter, ledger: Ledger, profile: Profile) -> None:
    """Print the table and a line that counts verdicts."""
    terminal.section(f"verdicts, profile {profile.name}")
    console = Console(
        file=terminal._tw._file,
        width=terminal._tw.fullwidth if terminal.isatty else LOG_WIDTH,
        force_terminal=terminal.hasmarkup,
        no_color=not terminal.hasmarkup,
        highlight=False,
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for heading in ("claim", "statement", "estimate [99 %]", "margin", "nets", "verdict", "expected"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("claim", "margin", "expected"))
    for entry in ledger.in_order:
        table.add_row(*row(entry))
    console.print(table)
    counts = Counter(entry.verdict[0] for entry in ledger.in_order)
    console.print("claims: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items())))
    if not profile.decides_levels:
        console.print(
            f"The {profile.name} profile decides closed forms, trends and orderings; what the paper says of its widest "
            "nets needs --wnd-profile=full."
        )


def row(entry: ClaimEntry) -> list[Text]:
    """A claim's cells; the estimate is that of the check its verdict rests on."""
    verdict, cause = entry.verdict
    finding = deciding_check(entry.checks)
    estimate = margin = replicates = ""
    if finding:
        estimate = f"{format_interval(finding)}\n{finding.check}"
        margin, replicates = f"{finding.margin} {finding.unit}".strip(), f"{finding.n} {finding.replicate}"
    shown = Text(verdict, style=STYLE[verdict])
    if cause:
        shown.append(f"\n{cause}", style="dim")
    return [
        Text(entry.id),
        Text(f"{entry.statement} ({entry.paper})"),
        Text(estimate),
        Text(margin),
        Text(replicates),
        shown,
        Text(entry.expected),
    ]
