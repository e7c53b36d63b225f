"""`wndcheck compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import click

from wndcheck.cli.console import columns, print_error, print_table, with_cli_options

if TYPE_CHECKING:
    from wndcheck.verdicts.comparison import Comparison, Pair
    from wndcheck.verdicts.run import ClaimResult, Run

STACKED = 120  # columns; on a narrower terminal two cells of the widest tables are printed one below the other
Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]  # title, headings, rows


@click.command(short_help="Compare two runs.")
@click.argument("one", metavar="A", type=click.Path(path_type=Path))
@click.argument("other", metavar="B", type=click.Path(path_type=Path))
@click.option("--markdown", "as_markdown", is_flag=True, help="As Markdown.")
@click.pass_context
def compare(context: click.Context, one: Path, other: Path, as_markdown: bool) -> None:
    """Compare two runs: verdicts that changed, intervals that do not overlap, checks that only one has, and
    differences in machine, version, commit, seed and cost.

    A and B are folders of reports, with their verdicts.json. Few intervals of 99 % should be disjoint by chance, even
    with other seeds: about 3 in 10,000. Where $GITHUB_STEP_SUMMARY is set, the tables are added to that file, too.

    Exit status: 0 if both have the same claims with the same verdicts, and the intervals of every check overlap; 1 if
    not, if a run was stopped, or if the file of $GITHUB_STEP_SUMMARY cannot be written; 2 if the command line is wrong
    or a folder has no verdicts.json.
    """
    from wndcheck.report.format import escape_markdown, markdown_table
    from wndcheck.report.step_summary import append
    from wndcheck.verdicts.comparison import Comparison
    from wndcheck.verdicts.run_files import RunError, read_run

    try:
        found = Comparison(read_run(one), read_run(other))
    except RunError as error:
        raise click.UsageError(with_cli_options(error)) from None
    tables = tables_of(found, one, other)
    parts = [f"{escape_markdown(summary(found))}."]
    for title, head, rows in tables:
        parts += [f"### {title}", markdown_table(head, rows) if rows else "None."]
    markdown = "\n\n".join(parts)
    if as_markdown:
        click.echo(markdown)
    else:
        width = columns()
        for title, head, rows in tables:
            if rows:
                print_table(*(stacked(head, rows) if width < STACKED else (head, rows)), title=title)
        click.echo(fill(summary(found), width))
    status = int(bool(found.claims or found.disjoint))
    for folder, run in ((one, found.one), (other, found.other)):
        if run.stopped:
            print_error(f"{folder} is not a whole run: {run.stopped}")
            status = 1
    try:
        append("wndcheck: two runs compared", markdown)
    except OSError as error:
        print_error(f"the tables could not be added to $GITHUB_STEP_SUMMARY ({error}): unset it")
        status = 1
    context.exit(status)


def tables_of(found: Comparison, folder: Path, other_folder: Path) -> list[Table]:
    """Return the tables of differences; one without rows means that there are none."""
    from wndcheck.report.format import format_interval
    from wndcheck.report.wording import describe_verdict, format_margin
    from wndcheck.verdicts.comparison import only_in

    def verdicts(pair: Pair) -> list[str]:
        return [
            *pair.one.key,
            *(text for f in pair for text in (format_interval(f.interval, f.check.region), str(f.verdict))),
        ]

    def verdict(claim: ClaimResult | None) -> str:
        return f"{describe_verdict(claim)}; m = {claim.m}" if claim else "absent"

    claims = [(name, *map(verdict, pair)) for name, pair in found.claims.items()]
    sides, head = ("A", "B"), ("claim", "check", "A", "verdict of A", "B", "verdict of B")
    runs = [("folder", str(folder), str(other_folder)), *differing_facts(found.one, found.other)]
    margins = [(*pair.one.key, *map(format_margin, pair)) for pair in found.moved]
    return [
        ("Runs", ("", *sides), runs),
        ("Claims whose verdicts differ, or that one run lacks", ("claim", *sides), claims),
        ("Checks whose verdicts differ", head, list(map(verdicts, found.changed))),
        ("Intervals that do not overlap", head, list(map(verdicts, found.disjoint))),
        ("Margins that differ", ("claim", "check", *sides), margins),
        ("Checks only in A", ("claim", "check"), only_in(found.one, found.other)),
        ("Checks only in B", ("claim", "check"), only_in(found.other, found.one)),
    ]


def stacked(head: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Return a table of six columns as one of three, with two cells in one; any other table as it is."""
    if len(head) < 6:
        return head, rows
    return head[::2], [[f"{row[i]}\n  {row[i + 1]}" for i in (0, 2, 4)] for row in rows]


def differing_facts(one: Run, other: Run) -> list[tuple[str, str, str]]:
    """Return profile and seed of both runs, and whatever else is recorded of them and differs."""
    facts, others = facts_of(one), facts_of(other)
    rows = [(name, facts.get(name, ""), others.get(name, "")) for name in {**facts, **others}]
    return [row for row in rows if row[1] != row[2] or row[0] in ("profile", "base seed")]


def facts_of(run: Run) -> dict[str, str]:
    """Return what is recorded of a run, by name."""
    from wndcheck.authoring.comparable_runs import why_unusable
    from wndcheck.report.pages import facts

    why = why_unusable(run)
    return facts(run) | ({"not usable": why} if why else {})


def summary(found: Comparison) -> str:
    """``24 claims, 1 with another verdict or in one run only; 623 checks in both, 12 with another verdict, …``."""
    from wndcheck.report.format import count_of

    claims = {claim.id for run in (found.one, found.other) for claim in run.claims}
    only = [len(run.findings) - len(found.pairs) for run in (found.one, found.other)]
    return (
        f"{count_of(len(claims), 'claim')}, {len(found.claims)} with another verdict or in one run only; "
        f"{count_of(len(found.pairs), 'check')} in both, {len(found.changed)} with another verdict, "
        f"{len(found.disjoint)} with disjoint intervals; {only[0]} only in A, {only[1]} only in B"
    )
