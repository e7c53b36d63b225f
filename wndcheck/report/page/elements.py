"""HTML as nested calls: whatever is not markup already is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape

VOID = {"meta", "link", "br", "img", "input", "hr"}
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # no HTML may hold them


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def shown(text: object) -> Markup:
    """Any text as HTML that shows it and does nothing else, between tags or in a quoted attribute."""
    return text if isinstance(text, Markup) else Markup(escape(CONTROL.sub("\ufffd", str(text)), quote=True))


def joined(parts: Iterable[object], between: str = "") -> Markup:
    return Markup(between.join(shown(part) for part in parts))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element. ``class_`` and ``aria_label`` are class and aria-label; None and False leave an attribute out."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    texts = [
        f" {key}" if value is True else f' {key}="{shown(value)}"'
        for key, value in given.items()
        if value is not None and value is not False
    ]
    start = f"<{name}{''.join(texts)}>"
    return Markup(start if name in VOID else f"{start}{joined(children)}</{name}>")


def table(head: Iterable[object], rows: Iterable[Iterable[object]], **attributes: object) -> Markup:
    """A table that scrolls sideways where the page is too narrow for it."""
    first = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    return tag("div", tag("table", tag("thead", first), tag("tbody", *body), **attributes), class_="wide", tabindex=0)


def facts(told: Mapping[str, object]) -> Markup:
    """Names with what each is, a line each."""
    return tag("dl", *(joined([tag("dt", name), tag("dd", value)]) for name, value in told.items()))


def slugs(names: Iterable[str]) -> list[str]:
    """A name for each that an anchor may have: the same where that is safe, and no two alike."""
    found: list[str] = []
    for name in names:
        slug = base = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "unnamed"
        number = 1
        while slug in found:
            number += 1
            slug = f"{base}-{number}"
        found.append(slug)
    return found
