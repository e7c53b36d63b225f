"""`wndcheck claims`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import click

from wndcheck.cli.console import say

PIPED_WIDTH = 200  # columns where the output is no terminal


@click.command(short_help="Show what of the paper is tested, by which checks and controls.")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("claims"))
@click.option("--statements", is_flag=True, help="The paper's statements in its order, with what tests each.")
@click.option("--markdown", "form", flag_value="markdown", help="As a Markdown table.")
@click.option("--json", "form", flag_value="json", help="As JSON.")
@click.pass_context
def claims(context: click.Context, folder: Path, statements: bool, form: str | None) -> None:
    """Show the claims of FOLDER: where the paper has each, its checks and controls, and the profiles that decide it.

    FOLDER is `claims` unless said otherwise. A check is primary (the claim's verdict rests on it) or secondary; "full
    profile" marks those about the paper's widest nets, which the quick profile does not train.

    Exit status: 0; 1 if a statement has no test that exists, a check no statement, or a claim no control, each named on
    standard error; 2 if the command line is wrong, FOLDER holds no claims, or a module of it does not import.
    """
    from wndcheck.verdicts.coverage import gaps, rows
    from wndcheck.verdicts.coverage.modules import MatrixError, claim_modules
    from wndcheck.verdicts.coverage.statements import FILE, read

    try:
        modules = claim_modules(folder)
        said = read(folder / FILE) if statements or (folder / FILE).exists() else None
    except (MatrixError, OSError) as error:
        raise click.UsageError(str(error)) from None
    if form == "json":
        from wndcheck.report.files import strict_json

        key, shown = (
            ("statements", list(map(rows.statement_json, said or ())))
            if statements
            else ("claims", list(map(rows.matrix_json, modules)))
        )
        click.echo(strict_json({key: shown}), nl=False)
    else:
        head = rows.STATEMENTS_HEAD if statements else rows.MATRIX_HEAD
        body = list(map(rows.statement_row, said or ()) if statements else map(rows.matrix_row, modules))
        (print_markdown if form == "markdown" else print_table)(head, body)
        say(rows.tally(said or ()) if statements else f"{len(modules)} claims")
    missing = gaps.gaps(modules, said) if said is not None else gaps.uncontrolled(modules)
    for gap in missing:
        say(f"Gap: {gap}")
    context.exit(1 if missing else 0)


def print_markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    from wndcheck.report.format import escape_markdown

    lines = [["<br>".join(map(escape_markdown, cell.split("\n"))) for cell in row] for row in body]
    click.echo("\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *lines]))


def print_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal; plain, and without blanks at the ends of lines, where there is none."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in head:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("claim", "section"))
    for row in body:
        table.add_row(*[Text(cell) for cell in row], end_section=True)
    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    console = Console(file=StringIO(), highlight=False, width=PIPED_WIDTH)
    with console.capture() as printed:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))
