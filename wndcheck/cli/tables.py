"""Tables on the terminal, as wide as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

WIDTH = 150  # columns where the output is no terminal


def width() -> int:
    """The columns that there are."""
    from rich.console import Console

    console = Console()
    return console.width if console.is_terminal else WIDTH


def print_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", right: Collection[str] = ()
) -> int:
    """Print rows of plain text under their headings, those named in `right` flush right; the columns that there are."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    console.width = width()
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    for heading in head:
        table.add_column(heading, overflow="fold", justify="right" if heading in right else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    if title:
        console.print(Text(f"\n{title}", style="bold"))
    console.print(table)
    return console.width
