"""`wndcheck claims`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wndcheck.cli.console import columns, print_entries, print_status, print_table

if TYPE_CHECKING:
    from wndcheck.verdicts.coverage.claim_files import ClaimFile
    from wndcheck.verdicts.coverage.statements import Statement

PIPED = 200  # columns where the output is not a terminal
NARROW = 130  # columns; on a narrower terminal the rows are printed one below the other
CLAIMS_HEAD = ("claim", "paper", "statement", "checks", "controls", "nets", "decided by")
STATEMENTS_HEAD = ("section", "the paper says", "tested by")


@click.command(short_help="Show which claims of the paper are tested, by which checks.")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("claims"))
@click.option("--statements", is_flag=True, help="Show the paper's statements, with the checks that test each.")
@click.option("--markdown", is_flag=True, help="Print a Markdown table.")
@click.pass_context
def claims(context: click.Context, folder: Path, statements: bool, markdown: bool) -> None:
    """Show the claims of FOLDER, each with its place in the paper, its checks, controls and nets, and the profiles that
    decide it.

    FOLDER is `claims` by default. A check is primary (the claim's verdict rests on it) or secondary, and has a scope:
    estimator, trend, level or recipe. A profile that decides a claim in part is shown with the scopes it decides. A
    narrow terminal gets a list instead of a table.

    Exit status: 0; 1 if a statement names a check that does not exist, a check has no statement or a claim no control,
    all named on standard error; 2 if the command line is wrong, FOLDER holds no claims, or a module in it does not
    import.
    """
    from wndcheck.report.format import count_of, markdown_table
    from wndcheck.verdicts.coverage.claim_files import CoverageError, claims_in
    from wndcheck.verdicts.coverage.statements import FILE, gaps, read, tally

    try:
        found = claims_in(folder)
        listed = read(folder / FILE) if statements or (folder / FILE).exists() else None
    except (CoverageError, OSError) as error:
        raise click.UsageError(str(error)) from None
    head = STATEMENTS_HEAD if statements else CLAIMS_HEAD
    rows = list(map(statement_row, listed or ()) if statements else map(claim_row, found))
    if markdown:
        click.echo(markdown_table(head, rows))
    elif (width := columns(PIPED)) < NARROW:
        print_entries(head, rows, width)
    else:
        print_table(head, rows, unbroken=("claim", "section", "decided by"), spaced=True, piped=PIPED)
    print_status(tally(listed or ()) if statements else count_of(len(found), "claim"))
    missing = gaps(found, listed)
    for gap in missing:
        print_status(f"Gap: {gap}")
    context.exit(1 if missing else 0)


def claim_row(claim: ClaimFile) -> tuple[str, ...]:
    """Return a claim's cells in the order of CLAIMS_HEAD, with one line per item of a cell."""
    return (
        claim.id,
        claim.claim.paper,
        claim.claim.statement,
        "\n".join(f"{check.name} ({check.counts}, {check.scopes})" for check in claim.checks),
        "\n".join(f"{control.name.replace('_', ' ')}: {control.must_be}" for control in claim.controls),
        "\n".join(claim.claim.families),
        "\n".join(claim.decided_by),
    )


def statement_row(statement: Statement) -> tuple[str, ...]:
    """Return a statement's cells in the order of STATEMENTS_HEAD."""
    return statement.section, statement.quote, "\n".join(statement.checks) or statement.reason
