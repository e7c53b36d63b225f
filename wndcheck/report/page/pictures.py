"""SVG files as parts of a page: only what draws, ids of their own, and colours that follow the page's."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
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
SPACE = re.compile(r"\s+(?=[MLHVCSQTAZz])|(?<=[MLHVCSQTAZz])\s+|(?<=\s)\s+")
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


@dataclass(frozen=True)
class Within:
    """What an element needs to know of its picture; `rules` is filled as elements are drawn."""

    stem: str
    used: set[str]  # ids that something refers to
    markers: dict[str, Element]  # paths that are drawn in many places
    rules: dict[str, str]


def picture(stem: str, svg: bytes) -> Picture:
    """An SVG file taken apart. PictureError where it is none."""
    try:
        root = parsed(svg)
    except ParseError as error:
        raise PictureError(f"{stem}.svg is no SVG ({error})") from None
    if local(root.tag) != "svg" or not re.fullmatch(r"(-?[\d.]+\s+){3}[\d.]+", root.get("viewBox", "")):
        raise PictureError(f"{stem}.svg is no SVG with a viewBox")
    words = {local(each.tag): "".join(each.itertext()) for each in root.iter() if each.text}
    used = {name for each in root.iter() for value in each.attrib.values() for name in referred(value)}
    within = Within(stem, used, markers_of(root), {})
    parts = [drawn(child, within) for child in lettered(list(root))]
    title = words.get("title", stem)
    return Picture(stem, title, words.get("description", ""), root.get("viewBox", ""), joined(parts), within.rules)


def left_out(picture: Picture) -> Picture:
    """The same without its drawing, which is in the file beside the page."""
    words = f"Too large for this page: see {picture.stem}.svg beside it."
    return replace(picture, box="0 0 600 30", drawing=tag("text", words, x=8, y=20), rules={})


def local(name: object) -> str:
    return str(name).rpartition("}")[2]


def referred(value: str) -> list[str]:
    """The ids that an attribute speaks of."""
    return [value[1:]] if value.startswith("#") else re.findall(r"url\(#([^)]*)\)", value)


def markers_of(root: Element) -> dict[str, Element]:
    """Paths in the definitions, by their ids."""
    paths = [each for part in root.iter() if local(part.tag) == "defs" for each in part if local(each.tag) == "path"]
    return {path.get("id", ""): path for path in paths if "transform" not in path.attrib}


def drawn(element: Element, within: Within) -> Markup:
    """An element with all inside it; nothing for one that does more than draw."""
    name = local(element.tag)
    if name not in DRAWING or within.markers.get(element.get("id", "")) is element:
        return Markup()
    if name == "use" and (marker := within.markers.get(reference(element)[1:])) is not None:
        return drawn(in_place(marker, element), within)
    inner = [drawn(child, within) for child in lettered(list(element))]
    text = [element.text.strip()] if name in ("text", "tspan") and element.text else []
    given = attributes(element, within)
    if name in ("g", "defs") and not any(inner):
        return Markup()
    if name == "g" and not given:
        return joined(inner)
    return tag(name, *text, *inner, **given)


def reference(use: Element) -> str:
    return next((value for key, value in use.attrib.items() if local(key) == "href"), "")


def in_place(marker: Element, use: Element) -> Element:
    """The marker itself where it is used: a browser draws thousands of paths sooner than as many references."""
    style = ";".join(filter(None, (use.get("style"), marker.get("style"))))
    place = f"translate({use.get('x', '0')} {use.get('y', '0')})"
    return Element("path", {"d": marker.get("d", ""), "transform": LONG.sub(rounded, place), "style": style})


def attributes(element: Element, within: Within) -> dict[str, str]:
    """What an element draws with; references stay within the picture."""
    kept: dict[str, str] = {}
    declarations: list[str] = []
    for key, value in element.attrib.items():
        name = local(key)
        if name == "id" and value in within.used:
            kept["id"] = own(within.stem, value)
        elif name == "href" and value.startswith("#"):
            kept["href"] = f"#{own(within.stem, value[1:])}"
        elif name == "clip-path" and (inner := INNER.match(value)):
            kept["clip-path"] = f"url(#{own(within.stem, inner[1])})"
        elif name in NUMBERS:
            kept[name] = SPACE.sub("", LONG.sub(rounded, value)).strip()
        elif name in ("transform", *SAFE):
            kept[name] = value
        elif name == "style":
            found = [declaration(*part.partition(":")[::2]) for part in value.split(";")]
            declarations += {plain.partition(":")[0]: plain for plain in found if plain}.values()
        elif plain := declaration(name, value):
            declarations.append(plain)
    if declarations:
        style = ";".join(declarations)
        kept["class"] = "p" + sha256(style.encode()).hexdigest()[:7]
        within.rules[kept["class"]] = style
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
