"""What every page is made of: one file that loads nothing, its parts under a list of contents, light or dark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files

from wndcheck.report.page.elements import Markup, slugs, tag
from wndcheck.report.page.figure import rules
from wndcheck.report.page.pictures import Picture, left_out

FILE = "index.html"
LARGEST = 3_000_000  # bytes of a page
DRAWINGS = 2_000_000  # bytes of them for its drawings; those beyond are left to the files beside it


def shell(
    title: str, subtitle: str, parts: Mapping[str, Markup], pictures: Sequence[Picture], above: Markup | None = None
) -> str:
    """The whole page; parts without content are left out, and `above` stands before the first."""
    parts = {name: part for name, part in parts.items() if part}
    first, *others = parts
    places = [slugs([first])[0], *(f"part-{slug}" for slug in slugs(others))]
    body = [
        tag("section", tag("h2", name), part, id=place, aria_label=name)
        for place, (name, part) in zip(places, parts.items(), strict=True)
    ]
    shown = [header(title, subtitle), contents(dict(zip(places, parts, strict=True))), tag("main", above or "", *body)]
    html = tag("html", head(title, pictures), tag("body", *shown), lang="en")
    return f"<!doctype html>\n{html}\n"


def fitting(pictures: Sequence[Picture], room: int = DRAWINGS) -> list[Picture]:
    """The pictures in their order; in place of the drawing of one for which there is no room, a word that says so."""
    kept: list[Picture] = []
    for each in pictures:
        size = len(each.drawing.encode())
        kept.append(each if size <= room else left_out(each))
        room -= size if size <= room else 0
    return kept


def head(title: str, pictures: Sequence[Picture]) -> Markup:
    """The policy forbids to load anything, whatever a message or a name may hold."""
    digest = b64encode(sha256(text_of("page.js").encode()).digest()).decode()
    policy = {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "script-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content="; ".join(map(" ".join, policy.items()))),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(text_of("page.css") + rules(pictures))),
        tag("script", Markup(text_of("page.js"))),
    )


def header(title: str, subtitle: str) -> Markup:
    choice = [tag("option", name, value=name) for name in ("automatic", "light", "dark")]
    switch = tag("label", "Colours ", tag("select", *choice, id="theme"), class_="switch")
    return tag("header", tag("h1", title), tag("p", subtitle, class_="soft"), switch)


def contents(titles: dict[str, str]) -> Markup:
    links = [tag("li", tag("a", title, href=f"#{place}")) for place, title in titles.items()]
    return tag("nav", tag("ul", *links), aria_label="Contents")


@cache
def text_of(name: str) -> str:
    return (files("wndcheck.report.page") / name).read_text(encoding="utf-8")
