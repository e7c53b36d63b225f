"""A parser of pages, and a run whose every text would be harmful if it were not escaped."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

from msgspec import structs

from wndcheck.tests.factories import SMALL, STRADDLES, make_claim, make_finding, make_run
from wndcheck.verdicts.findings import Left, Unfinished
from wndcheck.verdicts.run import Problem, ProblemKind, Run

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\x00"
LOADS = ("src", "srcset", "poster", "data", "action", "formaction", "background")
VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}


class Page(HTMLParser):
    """All elements of a page with their attributes, its text, and faults of its nesting."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.wrong: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        self.wrong += [f"<{name}> stays open" for name in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if len({name for name, _ in attrs}) < len(attrs):
            self.wrong.append(f"<{tag}> has an attribute twice")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # <path/>, in a drawing
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes another")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of all elements of a kind."""
        return [given for name, given in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    @property
    def files(self) -> set[str]:
        """The files that links lead to."""
        return {given["href"] for given in self.all("a") if not given["href"].startswith("#")}

    @property
    def loads(self) -> list[str]:
        """The addresses that a browser would fetch with the page."""
        found = [value for _, given in self.elements for name, value in given.items() if name in LOADS]
        found += [given.get("href", "") for name, given in self.elements if name in ("link", "use", "image", "script")]
        found += re.findall(r"url\(\s*['\"]?([^)'\"]*)", re.sub(r'"data:[^"]*"', "", self.html))
        found += re.findall(r"@import[^;]*", self.html)
        return [value for value in found if value and not value.startswith(("#", "data:"))]

    @property
    def faults(self) -> list[str]:
        """Wrong nesting, what it loads, scripts other than its own, odd or repeated ids, dangling links."""
        links = {given["href"][1:] for given in self.all("a") if given["href"].startswith("#")}
        handlers = [f"{name} on <{tag}>" for tag, given in self.elements for name in given if name.startswith("on")]
        scripts = [f"{len(self.all('script'))} scripts"] * (len(self.all("script")) != 1)
        repeated = [name for name, count in Counter(self.ids).items() if count > 1]
        odd = [name for name in self.ids if not re.fullmatch(r"[A-Za-z][\w-]*", name)]
        return [*self.wrong, *self.loads, *handlers, *scripts, *repeated, *odd, *links.difference(self.ids)]


def tables(html: str) -> list[list[dict[str, str]]]:
    """The rows of every table: the cell below each of its headings."""
    found = []
    for each in re.findall(r"<table\b.*?</table>", html, re.DOTALL):
        rows = re.findall(r"<tr>.*?</tr>", each, re.DOTALL)
        head, *body = [[Page(cell).text for cell in re.findall(r"<t[hd]\b.*?</t[hd]>", row, re.DOTALL)] for row in rows]
        found.append([dict(zip(head, cells, strict=True)) for cells in body])
    return found


def section(html: str, id: str) -> str:
    """The section with that id."""
    (start,) = re.findall(rf'<section [^>]*\bid="{re.escape(id)}".*', html, re.DOTALL)
    return start.partition("</section>")[0] + "</section>"


def hostile_run() -> Run:
    """A run with the same text wherever a run has any."""
    check = replace(SMALL, estimand=HOSTILE, unit=HOSTILE, replicate=HOSTILE)
    texts = {"claim": HOSTILE, "test": HOSTILE, "reason": HOSTILE, "parameters": {HOSTILE: HOSTILE}}
    bad = make_finding(HOSTILE, STRADDLES, check, **texts)
    control = make_finding(f"{HOSTILE}2", STRADDLES, check, must_be="refuted", **texts)
    texts = {"paper": HOSTILE, "statement": HOSTILE, "about": HOSTILE}
    whole = make_claim(HOSTILE, bad, control, errors=[HOSTILE], figures=(HOSTILE,), **texts)
    lost, left = Unfinished(HOSTILE, HOSTILE), Left(f"{HOSTILE}3", check, HOSTILE)
    return make_run(
        structs.replace(whole, errors=(lost,), not_run=(lost,), left=(left,), whole=False),
        make_claim(f"{HOSTILE}!"),  # whose anchor is the same
        profile=HOSTILE,
        environment={HOSTILE: HOSTILE},
        problems=(Problem(ProblemKind.REPORT, HOSTILE),),
        seconds={HOSTILE: 1.0},
    )
