"""SVG files as parts of a page: only what draws, ids of their own, and colours that follow the page's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from xml.etree.ElementTree import Element, ParseError

from wndcheck.report.page.elements import Markup, joined, tag
from wndcheck.report.page.lettering import lettered, parsed

DRAWING = {"g", "path", "defs", "use", "clipPath", "rect", "circle", "ellipse", "line", "polyline", "polygon"}
DRAWING |= {"text", "tspan"}
NUMBERS = ("d", "x", "y", "width", "height", "points", "cx", "cy", "r", "rx", "ry", "x1", "x2", "y1", "y2")
SAFE = ("textLength", "lengthAdjust")
STYLES = re.compile(r"(fill|stroke|opacity|clip|font|text|stop|mix)[a-z-]*$")
VALUE = re.compile(r"[#\w.,%()\s+-]*$")
INNER = re.compile(r"url\(#([^)]*)\)$")
LONG = re.compile(r"-?\d+\.\d{3,}")
SPACE = re.compile(r"\s*\n\s*")
# matplotlib's colours (see report/style.py) by the page's names for them, whose values differ in light and dark.
COLOURS = {
    "#ffffff": "card",
    "#000000": "ink",
    "black": "ink",
    "white": "card",
    "#333333": "ink",
    "#444444": "ink",
    "#555555": "soft",
    "#ebebeb": "grid",
    "#0072b2": "blue",
    "#56b4e9": "sky",
    "#009e73": "green",
    "#cc79a7": "pink",
    "#e69f00": "orange",
    "#d55e00": "red",
    "#999999": "grey",
}


class PictureError(ValueError):
    """A file that is no SVG; the message says which."""


@dataclass(frozen=True)
class Picture:
    """A drawing with its words. `rules` are the CSS declarations of the classes that `drawing` uses."""

    stem: str
    title: str
    description: str
    box: str
    drawing: Markup
    rules: dict[str, str]

    @property
    def anchor(self) -> str:
        return f"drawing-{self.stem}"


def picture(stem: str, svg: bytes) -> Picture:
    """An SVG file taken apart. PictureError where it is none."""
    try:
        root = parsed(svg)
    except ParseError as error:
        raise PictureError(f"{stem}.svg is no SVG ({error})") from None
    if local(root.tag) != "svg" or not re.fullmatch(r"(-?[\d.]+\s+){3}[\d.]+", root.get("viewBox", "")):
        raise PictureError(f"{stem}.svg is no SVG with a viewBox")
    words = {local(each.tag): "".join(each.itertext()) for each in root.iter() if each.text}
    rules: dict[str, str] = {}
    used = {name for each in root.iter() for value in each.attrib.values() for name in referred(value)}
    parts = [drawn(child, stem, used, rules) for child in lettered(list(root))]
    title = words.get("title", stem)
    return Picture(stem, title, words.get("description", ""), root.get("viewBox", ""), joined(parts), rules)


def local(name: object) -> str:
    return str(name).rpartition("}")[2]


def referred(value: str) -> list[str]:
    """The ids that an attribute speaks of."""
    return [value[1:]] if value.startswith("#") else re.findall(r"url\(#([^)]*)\)", value)


def drawn(element: Element, stem: str, used: set[str], rules: dict[str, str]) -> Markup:
    """An element with all inside it; nothing for one that does more than draw."""
    name = local(element.tag)
    if name not in DRAWING:
        return Markup()
    inner = [drawn(child, stem, used, rules) for child in lettered(list(element))]
    text = [element.text.strip()] if name in ("text", "tspan") and element.text else []
    given = attributes(element, stem, used, rules)
    if name in ("g", "defs") and not any(inner):
        return Markup()
    if name == "g" and not given:
        return joined(inner)
    return tag(name, *text, *inner, **given)


def attributes(element: Element, stem: str, used: set[str], rules: dict[str, str]) -> dict[str, str]:
    """What an element draws with; references stay within the picture."""
    kept: dict[str, str] = {}
    declarations: list[str] = []
    for key, value in element.attrib.items():
        name = local(key)
        if name == "id" and value in used:
            kept["id"] = own(stem, value)
        elif name == "href" and value.startswith("#"):
            kept["href"] = f"#{own(stem, value[1:])}"
        elif name == "clip-path" and (inner := INNER.match(value)):
            kept["clip-path"] = f"url(#{own(stem, inner[1])})"
        elif name in NUMBERS:
            kept[name] = SPACE.sub(" ", LONG.sub(rounded, value)).strip()
        elif name in ("transform", *SAFE):
            kept[name] = value
        elif name == "style":
            declarations += [plain for part in value.split(";") if (plain := declaration(*part.partition(":")[::2]))]
        elif plain := declaration(name, value):
            declarations.append(plain)
    if declarations:
        style = ";".join(declarations)
        kept["class"] = "p" + sha256(style.encode()).hexdigest()[:7]
        rules[kept["class"]] = style
    return kept


def declaration(name: str, value: str) -> str:
    """One CSS declaration that draws and refers to nothing; empty for any other."""
    name, value = name.strip(), value.strip()
    if not STYLES.match(name) or not VALUE.match(value) or re.search(r"url|var|attr|image", value, re.IGNORECASE):
        return ""
    colour = COLOURS.get(value.lower())
    return f"{name}:var(--{colour})" if colour else f"{name}:{value}"


def own(stem: str, name: str) -> str:
    """An id that no other picture of the page has."""
    return re.sub(r"[^\w-]", "-", f"{stem}-{name}")


def rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")
