"""The Markdown of the summary's sections as HTML: headings, tables, bold, code and paragraphs, as they are made there.

What stands behind a backslash is plain text; what is not Markdown of this kind shows as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wndcheck.report.page.elements import Markup, joined, shown, table, tag

INLINE = re.compile(r"\\(?P<plain>[^\w\s])|\*\*(?P<bold>(?:\\.|[^*\\])+)\*\*|`(?P<code>[^`]+)`")
CELL = re.compile(r"(?<!\\)\|")


def html_of(paragraph: str) -> Markup:
    """A paragraph, a heading or a table."""
    lines = paragraph.strip().splitlines()
    if lines and lines[0].startswith("#"):
        level, _, words = lines[0].partition(" ")
        return joined([tag(f"h{min(len(level), 6)}", inline(words)), *map(html_of, lines[1:])])
    if len(lines) > 1 and all(line.startswith("|") for line in lines):
        return table(cells(lines[0]), map(cells, lines[2:]))
    return tag("p", inline(" ".join(lines)))


def cells(row: str) -> list[Markup]:
    return [inline(cell.strip()) for cell in CELL.split(row.strip())[1:-1]]


def inline(text: str) -> Markup:
    parts: list[object] = []
    end = 0
    for match in INLINE.finditer(text):
        parts += [text[end : match.start()], spoken(match)]
        end = match.end()
    return joined([*parts, text[end:]])


def spoken(match: re.Match[str]) -> Markup:
    if match["bold"]:
        return tag("strong", inline(match["bold"]))
    return tag("code", match["code"]) if match["code"] else shown(match["plain"])


def sections_of(summary: str, titles: Sequence[str]) -> dict[str, list[str]]:
    """The paragraphs of those sections of a summary.md that bear one of the titles."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^## ", summary, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        if title.strip() in titles:
            found[title.strip()] = [paragraph for paragraph in rest.strip().split("\n\n") if paragraph.strip()]
    return found
