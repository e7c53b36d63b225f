"""Numbers, lists and text of others in print, for the report, the terminal and the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain, groupby
from math import ceil, inf, isfinite, isnan, log10
from typing import TypeVar

from wndcheck.verdicts.statistics import Interval, Region

T = TypeVar("T")
MISSING = "–"  # in place of a number that is not known
SYMBOLS = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "left": "→", "not run": "–", "error": "!"}

# --- numbers ----------------------------------------------------------------------------------------------------------


def format_interval(interval: Interval, region: Region | None = None) -> str:
    """``0.073 [0.069, 0.078]``: three decimals, or more where the interval is narrower; scientific when tiny.

    Up to five where an end would otherwise be rounded to a border of the region. Where the ends are NaN, only the
    estimate.
    """
    if not isfinite(interval.estimate):
        return "no estimate"
    if isnan(interval.low):
        return format(interval.estimate, number_format([interval.estimate], inf))
    numbers = [interval.estimate, interval.low, interval.high]
    style = number_format(numbers, (interval.high - interval.low) / 2)
    borders = (region.low, region.high) if region else ()
    while style in ("z.3f", "z.4f") and any(
        end != border and format(end, style) == format(border, style) for end in numbers[1:] for border in borders
    ):
        style = f"z.{int(style[2]) + 1}f"
    shown = [format(x, style) if isfinite(x) else "∞" if x > 0 else "-∞" for x in numbers]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def number_format(numbers: Sequence[float], half_width: float) -> str:
    """Return the format of numbers that are shown together and known to within `half_width`."""
    largest = max(abs(x) for x in numbers if isfinite(x))
    if 0 < largest < 1e-3:
        return ".1e"
    if largest >= 1e5:
        return ".4g"
    decimals = ceil(-log10(half_width)) if 0 < half_width < 1 else 3
    return f"z.{min(max(decimals, 3), 5)}f"


def format_number(x: float, digits: int = 4) -> str:
    """The number with so many decimals; a dash where it is not finite."""
    return f"{x:.{digits}f}" if isfinite(x) else MISSING


def format_accuracy(interval: Interval) -> str:
    """``99.1 % [98.7, 99.4]``: one decimal, two where the interval is narrower; ends beyond 0 and 100 % are cut."""
    if not interval.n:
        return "no estimate"
    style = ".2f" if interval.high - interval.low < 0.01 else ".1f"
    low, high = (format(100 * min(max(end, 0.0), 1.0), style) for end in (interval.low, interval.high))
    return f"{100 * interval.estimate:{style}} %" + (f" [{low}, {high}]" if interval.n > 1 else "")


def two_digits(x: float) -> str:
    """Two significant digits: ``0.052``."""
    if not isfinite(x):
        return "∞" if x > 0 else "-∞"
    return f"{x:.0f}" if abs(x) >= 100 else f"{x:.2g}"


def three_digits(x: float) -> str:
    """Three significant digits; a dash for NaN."""
    return MISSING if isnan(x) else f"{x:.3g}" if x else "0"


def percent(rate: float) -> str:
    """``0.5 %``; a rate that is nearly, but not quite, 0 or 1 is not rounded to it."""
    if isnan(rate):
        return MISSING
    if 0 < rate < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= rate < 1:
        return "> 99.9 %"
    return f"{100 * rate:.3g} %"


def format_seeds(seeds: Sequence[int]) -> str:
    """``0, 3 and 17``; ``0 to 19 and 100`` where more than three follow one another."""
    runs = [[seed for _, seed in run] for _, run in groupby(enumerate(seeds), lambda each: each[1] - each[0])]
    words = [[f"{run[0]} to {run[-1]}"] if len(run) > 3 else list(map(str, run)) for run in runs]
    return join_words(list(chain.from_iterable(words)))


def layer_name(layer: int, last: int) -> str:
    """Layers are counted from 1; the last gives the logits."""
    return "last layer" if layer == last else f"layer {layer}"


def count_of(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"


def join_words(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def join_few(names: Iterable[str], most: int = 5) -> str:
    """Names with commas, the first few of many."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def group_by(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Return groups of items with the same key, in the order of first occurrence."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


# --- printable text and Markdown --------------------------------------------------------------------------------------

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but tabs and line breaks


def printable(text: str) -> str:
    """The text with U+FFFD in place of control characters, which a terminal obeys and no HTML may hold."""
    return CONTROL.sub("\ufffd", text)


def one_line(text: object) -> str:
    """Printable text with a space in place of each run of white space."""
    return " ".join(printable(str(text)).split())


def escape_markdown(text: object) -> str:
    """Text that Markdown shows as it is, in a table too: on one line, special characters behind a backslash."""
    return SPECIAL.sub(r"\\\1", one_line(text))


class Strong(str):
    """A cell that stands out."""

    __slots__ = ()


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of plain text, each line of a cell on a line of its own."""
    lines = [list(map(escape_markdown, head)), ["---"] * len(head), *(list(map(markdown_cell, row)) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markdown_cell(cell: str) -> str:
    text = "<br>".join(map(escape_markdown, cell.split("\n")))
    return f"**{text}**" if isinstance(cell, Strong) else text
