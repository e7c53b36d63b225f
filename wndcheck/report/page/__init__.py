"""One HTML page of a run that needs nothing beside it: no network, no other file, no script but its own few lines."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from wndcheck.report.markdown import Section
from wndcheck.report.page.claim import claim_section
from wndcheck.report.page.elements import Markup, joined, slugs, tag
from wndcheck.report.page.figure import rules, whole
from wndcheck.report.page.markdown import html_of
from wndcheck.report.page.pictures import Picture, PictureError, left_out, picture
from wndcheck.report.page.run_facts import environment, not_run, problems, tally, verdicts

__all__ = ["FILE", "Picture", "PictureError", "page", "picture"]

FILE = "index.html"
LARGEST = 3_000_000  # bytes of a page
DRAWINGS = 2_000_000  # bytes of them for its drawings; those beyond are left to the files beside it
TITLE = "On the weak neural dependence phenomenon: verdicts"


def page(document: dict[str, Any], pictures: Sequence[Picture] = (), sections: Sequence[Section] = ()) -> str:
    """The whole page; figures that no claim names follow after the claims."""
    claims = document["claims"]
    anchors = [f"claim-{slug}" for slug in slugs(claim["id"] for claim in claims)]
    pictures = fitting(pictures)
    by_stem, drawn = {each.stem: each for each in pictures}, set()
    parts = {
        "Verdicts": joined([tally(claims), verdicts(document, anchors)]),
        "Claims": joined(
            claim_section(claim, document, anchor, by_stem, drawn)
            for claim, anchor in zip(claims, anchors, strict=True)
        ),
        "Further figures": joined(whole(each) for each in pictures if each.stem not in drawn),
        **{section.title: joined(map(html_of, section.paragraphs)) for section in sections},
        "What was not run, and why": not_run(document),
        "Environment": environment(document),
    }
    parts = {title: part for title, part in parts.items() if part}
    places = ["verdicts", *(f"part-{slug}" for slug in slugs(list(parts)[1:]))]
    body = [
        tag("section", tag("h2", title), part, id=place, aria_label=title)
        for place, (title, part) in zip(places, parts.items(), strict=True)
    ]
    shown = joined(
        [header(document), contents(dict(zip(places, parts, strict=True))), tag("main", problems(document), *body)]
    )
    return "<!doctype html>\n" + tag("html", head(list(pictures)), tag("body", shown), lang="en") + "\n"


def fitting(pictures: Sequence[Picture], room: int = DRAWINGS) -> list[Picture]:
    """The pictures in their order; in place of the drawing of one for which there is no room, a word that says so."""
    kept: list[Picture] = []
    for each in pictures:
        size = len(each.drawing.encode())
        kept.append(each if size <= room else left_out(each))
        room -= size if size <= room else 0
    return kept


def head(pictures: list[Picture]) -> Markup:
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
        tag("title", TITLE),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(text_of("page.css") + rules(pictures))),
        tag("script", Markup(text_of("page.js"))),
    )


def header(document: dict[str, Any]) -> Markup:
    run = f"Profile {document['profile']}, base seed {document['base_seed']}, {document['created']}"
    choice = [tag("option", name, value=name) for name in ("automatic", "light", "dark")]
    switch = tag("label", "Colours ", tag("select", *choice, id="theme"), class_="switch")
    return tag("header", tag("h1", TITLE), tag("p", run, class_="soft"), switch)


def contents(titles: dict[str, str]) -> Markup:
    links = [tag("li", tag("a", title, href=f"#{place}")) for place, title in titles.items()]
    return tag("nav", tag("ul", *links), aria_label="Contents")


@cache
def text_of(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")
