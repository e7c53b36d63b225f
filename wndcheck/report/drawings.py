"""What a page shows as a picture: SVG files as images, and intervals drawn against the region that is claimed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite, isnan
from urllib.parse import quote
from xml.etree.ElementTree import ParseError, fromstring

from wndcheck.report.format import format_interval, number_format
from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.statistics import Interval, Region

MOST_DRAWN = 2_000_000  # bytes of a page's figures; those beyond are left to the files beside it
POINTS = re.compile(r"(\d+(?:\.\d+)?)pt")
WIDTH, EDGE = 160, 6  # of the drawing of an interval; room at either side, where what goes on beyond it ends
SHAPES = {Verdict.SUPPORTED: "circle", Verdict.REFUTED: "cross", Verdict.INCONCLUSIVE: "ring"}


class FigureError(ValueError):
    """A file that is not an SVG; the message says which."""


# --- figures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """An SVG file on a page: as an image, it can neither run nor load anything. `uri` is empty if it is too large.

    `size` is its width and height in pixels, so that the page does not move when it is there.
    """

    stem: str
    title: str
    description: str
    uri: str
    size: tuple[int, int] | None = None


def picture(stem: str, svg: bytes) -> Picture:
    """FigureError for a file that is not an SVG."""
    try:
        root = fromstring(svg)
    except ParseError as error:
        raise FigureError(f"{stem}.svg is not an SVG file ({error}): remove it, and it is drawn again") from None
    if root.tag != "{http://www.w3.org/2000/svg}svg":
        raise FigureError(f"{stem}.svg is not an SVG file (it is <{root.tag}>): remove it, and it is drawn again")
    found = {each.tag.rpartition("}")[2]: each.text for each in root.iter() if isinstance(each.tag, str) and each.text}
    text = " ".join(svg.decode("utf-8", "replace").split())
    uri = "data:image/svg+xml," + quote(text, safe=" !$()*+,/:;=?@-._~")
    lengths = [POINTS.fullmatch(root.get(name, "")) for name in ("width", "height")]
    size = tuple(round(4 / 3 * float(length[1])) for length in lengths if length)
    return Picture(stem, found.get("title", stem), found.get("description", ""), uri, size if len(size) == 2 else None)


def fitting(pictures: Iterable[Picture], room: int = MOST_DRAWN) -> list[Picture]:
    """The pictures in their order, without the drawings for which there is no room."""
    kept = []
    for each in pictures:
        fits = len(each.uri) <= room
        room -= len(each.uri) * fits
        kept.append(each if fits else replace(each, uri=""))
    return kept


# --- intervals against their regions ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """From numbers to places on a drawing."""

    low: float
    high: float

    def place(self, number: float) -> float:
        """Within the drawing, whatever the number."""
        share = (min(max(number, self.low), self.high) - self.low) / (self.high - self.low)
        return round(EDGE + share * (WIDTH - 2 * EDGE), 1)

    def __str__(self) -> str:
        style = number_format([self.low, self.high], self.high - self.low)
        return f"{self.low:{style}} to {self.high:{style}}"


def scale_over(pairs: Iterable[tuple[Interval, Region]]) -> Scale:
    """A scale on which every finite interval and border has its place."""
    ends = [x for at, region in pairs for x in (at.estimate, at.low, at.high, region.low, region.high) if isfinite(x)]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    room = 0.05 * (high - low) or max(abs(high), 1.0)
    return Scale(low - room, high + room)


@dataclass(frozen=True)
class Drawing:
    """Places of an interval (low, estimate, high) and of the shaded region (left end, width); None without a number."""

    shape: str
    label: str
    shaded: tuple[float, float]
    line: tuple[float, float, float] | None
    width: int = WIDTH


def drawing(interval: Interval, region: Region, verdict: Verdict, scale: Scale) -> Drawing:
    """An interval whose mark differs between verdicts; a region that goes on reaches the drawing's edge."""
    left, right = scale.place(region.low), scale.place(region.high)
    left, right = (0 if left == EDGE else left), (WIDTH if right == WIDTH - EDGE else right)
    line = None
    if isfinite(interval.estimate):
        at = scale.place(interval.estimate)
        low, high = (at if isnan(x) else scale.place(x) for x in (interval.low, interval.high))
        line = low, at, high
    label = f"{format_interval(interval)}, claimed {region}"
    return Drawing(SHAPES[verdict], label, (left, max(round(right - left, 1), 1)), line)
