"""Tables on the terminal, as wide as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import click

WIDTH = 150  # columns where the output is no terminal


def width() -> int:
    """The columns that there are."""
    from rich.console import Console

    console = Console()
    return console.width if console.is_terminal else WIDTH


def print_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str = "",
    right: Collection[str] = (),
    no_wrap: Collection[str] = (),
    leading: int = 0,
) -> int:
    """Print rows of plain text under their headings; return the columns that there are.

    Headings in `right` are flush right, those in `no_wrap` never broken; `leading` blank lines lie between rows.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    console.width = width()
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, padding=(0, 1, leading, 1))
    for heading in head:
        justify = "right" if heading in right else "left"
        table.add_column(heading, overflow="fold", justify=justify, no_wrap=heading in no_wrap)
    for row in rows:
        table.add_row(*map(Text, row))
    with console.capture() as printed:
        if title:
            console.print(Text(f"\n{title}", style="bold"))
        console.print(table)
    lines = printed.get().splitlines()
    click.echo("\n".join(lines if console.is_terminal else map(str.rstrip, lines)))
    return console.width
