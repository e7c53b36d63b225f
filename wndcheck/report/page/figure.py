"""Figures on the page: drawn once, and shown again where another claim rests on the same."""

from __future__ import annotations

from collections.abc import Iterable

from wndcheck.report.page.elements import Markup, joined, tag
from wndcheck.report.page.pictures import Picture


def whole(picture: Picture) -> Markup:
    """The drawing itself, under an id that `again` refers to."""
    return figure(picture, tag("g", picture.drawing, id=picture.anchor))


def again(picture: Picture) -> Markup:
    return figure(picture, tag("use", href=f"#{picture.anchor}"))


def figure(picture: Picture, inner: Markup) -> Markup:
    label = " ".join(filter(None, (picture.title + ".", picture.description)))
    width = float(picture.box.split()[2])  # in points; beyond half as much again in pixels letters grow too large
    size = f"max-width:{1.6 * width:.0f}px;min-width:min(34rem,{width:.0f}px)"
    svg = tag("svg", inner, viewBox=picture.box, role="img", aria_label=label, class_="picture", style=size)
    numbers = tag("a", "numbers (CSV)", href=f"{picture.stem}.csv")
    alone = tag("a", "figure (SVG)", href=f"{picture.stem}.svg")
    caption = tag("figcaption", picture.title, ": ", joined([numbers, alone], ", "))
    return tag("figure", tag("div", svg, class_="wide", tabindex=0), caption)


def rules(pictures: Iterable[Picture]) -> str:
    """The CSS of all drawings."""
    found = {name: style for picture in pictures for name, style in picture.rules.items()}
    return "\n".join(f".{name}{{{style}}}" for name, style in sorted(found.items()))
