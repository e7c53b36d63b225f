"""A page taken apart, and a run whose every text would do harm if it were not escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from wndcheck.report.page.elements import VOID
from wndcheck.tests.report.reported import claim, document, finding

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\x00"
LOADS = ("src", "srcset", "poster", "data", "action", "formaction", "background")


class Page(HTMLParser):
    """All elements of a page with their attributes, its text, and what is wrong with its nesting."""

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

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes another")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    @property
    def loads(self) -> list[str]:
        """Everything that a browser would fetch unasked, but what is in the page itself."""
        found = [value for _, given in self.elements for name, value in given.items() if name in LOADS]
        found += [given.get("href", "") for name, given in self.elements if name in ("link", "use", "image", "script")]
        found += re.findall(r"url\(\s*['\"]?([^)'\"]*)", self.html)
        found += re.findall(r"@import[^;]*", self.html)
        return [value for value in found if value and not value.startswith(("#", "data:"))]


def tables(html: str) -> list[list[dict[str, str]]]:
    """The rows of every table: what stands under each of its heads."""
    found = []
    for each in re.findall(r"<table\b.*?</table>", html, re.DOTALL):
        rows = re.findall(r"<tr>.*?</tr>", each, re.DOTALL)
        head, *body = [[Page(cell).text for cell in re.findall(r"<t[hd]\b.*?</t[hd]>", row, re.DOTALL)] for row in rows]
        found.append([dict(zip(head, cells, strict=True)) for cells in body])
    return found


def hostile_document() -> dict[str, Any]:
    """A run with the same text wherever a run has any."""
    texts = dict.fromkeys(("check", "estimand", "unit", "replicate", "cause", "reason", "test"), HOSTILE)
    bad = finding(**texts, claim=HOSTILE, parameters={HOSTILE: HOSTILE}, verdict="inconclusive")
    control = finding(**texts, claim=HOSTILE, parameters={HOSTILE: HOSTILE}, control="refuted")
    whole = claim(
        HOSTILE,
        [bad],
        [control],
        paper=HOSTILE,
        statement=HOSTILE,
        cause=HOSTILE,
        verdict=HOSTILE,
        expected=HOSTILE,
        about=HOSTILE,
        figures=[HOSTILE],
        errors=[{"test": HOSTILE, "message": HOSTILE}],
        not_run=[{"test": HOSTILE, "reason": HOSTILE}],
    )
    return document(
        whole,
        whole,  # two of one name
        profile=HOSTILE,
        mode=HOSTILE,
        created=HOSTILE,
        environment={HOSTILE: HOSTILE},
        problems=[HOSTILE],
        seconds={HOSTILE: 1.0},
    )
