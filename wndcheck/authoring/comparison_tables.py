"""A comparison of two runs as tables: titles, heads and rows of plain text; and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wndcheck.authoring.comparing import Changed, Comparison, Key
from wndcheck.report.deciding import format_interval
from wndcheck.report.markdown import escaped, table


@dataclass(frozen=True)
class Table:
    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(found: Comparison) -> list[Table]:
    """All that differs; a table without rows says that nothing does."""
    verdicts = ("claim", "check", "A", "verdict of A", "B", "verdict of B")
    return [
        Table(
            "Runs", ("", "A", "B"), [("folder", *map(str, (found.one.run.path, found.other.run.path))), *found.facts]
        ),
        Table("Claims whose verdicts differ, or that one run lacks", ("claim", "A", "B"), found.claims),
        Table("Checks whose verdicts differ", verdicts, list(map(verdict_row, found.checks))),
        Table("Intervals that do not overlap", verdicts, list(map(verdict_row, found.apart))),
        Table("Margins that differ", ("claim", "check", "A", "B"), list(map(margin_row, found.moved))),
        Table("Checks in A alone", ("claim", "check"), only(found.only_in_one)),
        Table("Checks in B alone", ("claim", "check"), only(found.only_in_other)),
    ]


def verdict_row(each: Changed) -> tuple[str, ...]:
    one, other = each.one, each.other
    return (*each.key, format_interval(one), one.verdict, format_interval(other), other.verdict)


def margin_row(each: Changed) -> tuple[str, ...]:
    return (*each.key, each.one.margin, each.other.margin)


def only(keys: Sequence[Key]) -> list[tuple[str, ...]]:
    return [tuple(key) for key in keys]


def in_a_line(found: Comparison) -> str:
    """``24 claims, 1 with another verdict; 623 checks in both, 12 with another verdict, 0 with intervals apart``."""
    claims = {*found.one.claims, *found.other.claims}
    return (
        f"{len(claims)} claims, {len(found.changed)} with another verdict; {len(found.both)} checks in both, "
        f"{len(found.checks)} with another verdict, {len(found.apart)} with intervals apart; "
        f"{len(found.only_in_one)} in A alone, {len(found.only_in_other)} in B alone"
    )


def markdown(found: Comparison) -> str:
    parts = [escaped(in_a_line(found)) + "."]
    for each in tables(found):
        rows = [[escaped(cell) for cell in row] for row in each.rows]
        parts += [f"### {escaped(each.title)}", table(each.head, rows) if rows else "None."]
    return "\n\n".join(parts)
