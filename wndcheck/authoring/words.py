"""Numbers of the reliability tables, as text."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from wndcheck.authoring.power import MOST

if TYPE_CHECKING:
    from wndcheck.authoring.repeats import CheckRepeats

NOTHING = "–"


def percent(rate: float) -> str:
    """``0.5 %``; what is not quite nothing or everything says so."""
    if isnan(rate):
        return NOTHING
    if 0 < rate < 0.0005:
        return "< 0.1 %"
    if 0.9995 < rate < 1:
        return "> 99.9 %"
    return f"{100 * rate:.3g} %"


def value(number: float) -> str:
    """Three digits; a minus sign that shows nothing is left out."""
    return NOTHING if isnan(number) else f"{number:.3g}" if number else "0"


def nets(needed: float) -> str:
    if isnan(needed):
        return NOTHING
    return f"{needed:,.0f}" if needed <= MOST else f"> {MOST:,}"


def needed(each: CheckRepeats) -> str:
    """Nets for a verdict, or why more of them would not give one."""
    if not each.decided:
        return "not decided"
    return each.hindrance or nets(each.reliability.nets)


def seeds(numbers: list[int]) -> str:
    """``0, 3 and 17``; ``0 to 19`` where more than three follow one another."""
    if len(numbers) > 3 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"{numbers[0]} to {numbers[-1]}"
    texts = list(map(str, numbers))
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)
