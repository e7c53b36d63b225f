"""`wndcheck compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wndcheck.cli.tables import print_table
from wndcheck.cli.words import complain, here

if TYPE_CHECKING:
    from wndcheck.authoring.comparison_tables import Table

MOST = 20  # rows of a table, without --all


@click.command(short_help="Two runs side by side.")
@click.argument("one", metavar="A", type=click.Path(path_type=Path))
@click.argument("other", metavar="B", type=click.Path(path_type=Path))
@click.option("--markdown", "as_markdown", is_flag=True, help="As Markdown, with every row.")
@click.option("--all", "every", is_flag=True, help=f"Every row of a table, not the first {MOST}.")
@click.pass_context
def compare(context: click.Context, one: Path, other: Path, as_markdown: bool, every: bool) -> None:
    """Set two runs side by side: verdicts that changed, intervals that do not overlap, checks that only one has, and
    in which machine, version, commit, seed and cost they differ.

    A and B are folders of reports, with their verdicts.json. Of intervals of 99 %, few should lie apart by chance, even
    with other seeds: about 3 in 10,000. Where $GITHUB_STEP_SUMMARY is set, the tables are added to that file, too.

    Exit status: 0 if every claim has the same verdict in both and no check's intervals lie apart; 1 if not, or if the
    file of $GITHUB_STEP_SUMMARY cannot be written; 2 if the command line is wrong or a folder has no verdicts.json.
    """
    from wndcheck.authoring import comparison_tables
    from wndcheck.authoring.comparing import read_sides
    from wndcheck.report.step_summary import append

    try:
        found = read_sides((one, other))
    except ValueError as error:
        raise click.UsageError(here(error)) from None
    markdown = comparison_tables.markdown(found)
    if as_markdown:
        click.echo(markdown)
    else:
        for table in comparison_tables.tables(found):
            show(table, len(table.rows) if every else MOST)
        click.echo(comparison_tables.in_a_line(found))
    status = int(found.differs)
    try:
        append("wndcheck: two runs side by side", markdown)
    except OSError as error:
        complain(f"the tables could not be added to $GITHUB_STEP_SUMMARY ({error}): unset it")
        status = 1
    context.exit(status)


def show(table: Table, most: int) -> None:
    """Print a table with rows; how many there are beyond the most that are wanted."""
    if not table.rows:
        return
    print_table(table.head, table.rows[:most], title=table.title)
    if len(table.rows) > most:
        click.echo(f"and {len(table.rows) - most} more: --all shows them")
