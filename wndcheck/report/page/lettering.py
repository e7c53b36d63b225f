"""Words that matplotlib has drawn as outlines, as words again: found by a search, read aloud, and quick to draw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Comment, Element, TreeBuilder, XMLParser, fromstring

PLACE = re.compile(r"(translate\([-\d. ]+\)(?: rotate\([-\d. ]+\))?) scale\(([\d.]+) -[\d.]+\)$")
ALONG = re.compile(r"translate\(([-\d.]+) ")
GREEK = {r"\Delta": "Δ", r"\iota": "ι", r"\rho": "ρ"}
ADVANCE = 58.0  # of a usual letter, in hundredths of the font's size: of the last one, whose own is not written down


def parsed(svg: bytes) -> Element:
    """The file with its comments, which hold the words."""
    return fromstring(svg, XMLParser(target=TreeBuilder(insert_comments=True)))


def lettered(children: list[Element]) -> Iterator[Element]:
    """The same elements, with a text in place of each comment and the outlines that follow it."""
    words = ""
    for child in children:
        if child.tag is Comment:
            words = (child.text or "").strip()
            continue
        text = text_of(words, child) if words else None
        yield child if text is None else text
        words = ""


def text_of(words: str, outlines: Element) -> Element | None:
    """The words in the place, size and length of their outlines; None where these are something else."""
    if not (placed := PLACE.match(outlines.get("transform", ""))):
        return None
    size = 100 * float(placed[2])
    text = Element("text", {"transform": placed[1], "style": f"{outlines.get('style', '')}; font-size: {size:g}px"})
    # Another font than matplotlib's is set as wide as that one, so that what was centred stays so.
    if ends := [float(found[1]) for each in outlines if (found := ALONG.match(each.get("transform", "")))]:
        text.set("textLength", f"{(max(ends) + ADVANCE) * size / 100:.1f}")
        text.set("lengthAdjust", "spacingAndGlyphs")
    text.text = plain(words)
    return text


def plain(words: str) -> str:
    """``score $\\iota_c$`` as ``score ι_c``."""
    for name, letter in GREEK.items():
        words = words.replace(name, letter)
    return words.replace("$", "")
