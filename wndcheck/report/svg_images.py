"""Pictures on a page: SVG files as images, and intervals drawn against the region that is claimed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite, isnan
from pathlib import Path
from urllib.parse import quote
from xml.etree.ElementTree import ParseError, fromstring

from wndcheck.report.format import number_format
from wndcheck.verdicts.statistics import Interval, Region

POINTS = re.compile(r"(\d+(?:\.\d+)?)pt")
LONGEST_TITLE, LONGEST_DESCRIPTION = 200, 10_000  # characters; our own have up to 80 and 2,500
WIDTH = 160  # of the drawing of an interval


class FigureError(ValueError):
    """A figure's file that cannot be read, or is not an SVG; the message names it."""


# --- figures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """An SVG file on a page: as an image, it can neither run nor load anything. `uri` is empty if it is too large.

    `size` is its width and height in pixels, so that the page does not move once it is loaded.
    """

    stem: str
    title: str
    description: str
    uri: str
    size: tuple[int, int] | None = None


def read_picture(path: Path) -> Picture:
    """Read the picture of an SVG file. FigureError for a file that is not one or cannot be read."""
    try:
        return picture(path.stem, path.read_bytes())
    except OSError as error:
        raise FigureError(f"{path} cannot be read ({error.strerror}): remove it, and it is drawn again") from None


def picture(stem: str, svg: bytes) -> Picture:
    """The picture of an SVG, its title and description shortened if need be. FigureError for what is not an SVG."""
    try:
        root = fromstring(svg)
    except ParseError as error:
        raise FigureError(f"{stem}.svg is not an SVG file ({error}): remove it, and it is drawn again") from None
    if root.tag != "{http://www.w3.org/2000/svg}svg":
        raise FigureError(f"{stem}.svg is not an SVG file (it is <{root.tag}>): remove it, and it is drawn again")
    texts = (" ".join((root.findtext(f".//{{*}}{name}") or "").split()) for name in ("title", "description"))
    title, description = map(shortened, texts, (LONGEST_TITLE, LONGEST_DESCRIPTION))
    text = " ".join(svg.decode("utf-8", "replace").split())
    uri = "data:image/svg+xml," + quote(text, safe=" !$()*+,/:;=?@-._~")
    lengths = [POINTS.fullmatch(root.get(name, "")) for name in ("width", "height")]
    size = tuple(round(4 / 3 * float(length[1])) for length in lengths if length)
    return Picture(stem, title or stem, description, uri, size if len(size) == 2 else None)


def shortened(text: str, longest: int) -> str:
    """The text with an ellipsis in place of what is too long."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def fitting(pictures: Iterable[Picture], room: int) -> list[Picture]:
    """The pictures in their order, without the images of those that do not fit into `room` bytes."""
    kept = []
    for each in pictures:
        fits = len(each.uri) <= room
        room -= len(each.uri) * fits
        kept.append(each if fits else replace(each, uri=""))
    return kept


# --- intervals against their regions ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """Maps numbers to places on a drawing; numbers beyond either end to its edge."""

    low: float
    high: float

    def place(self, number: float) -> float:
        share = (number - self.low) / (self.high - self.low)
        return round(WIDTH * min(max(share, 0), 1), 1)

    def shaded(self, region: Region) -> tuple[float, float]:
        """Where a region begins, and its width, at least 1."""
        left = self.place(region.low)
        return left, max(round(self.place(region.high) - left, 1), 1)

    def line(self, interval: Interval) -> tuple[float, float, float] | None:
        """Where an interval begins, has its estimate and ends; None without an estimate."""
        if not isfinite(interval.estimate):
            return None
        at = self.place(interval.estimate)
        low, high = (at if isnan(end) else self.place(end) for end in (interval.low, interval.high))
        return low, at, high

    def __str__(self) -> str:
        style = number_format([self.low, self.high], self.high - self.low)
        return f"{self.low:{style}} to {self.high:{style}}"


def scale_over(pairs: Iterable[tuple[Interval, Region]]) -> Scale:
    """A scale on which every finite interval and border has its place, those aside whose distance would overflow."""
    numbers = (x for at, region in pairs for x in (at.estimate, at.low, at.high, region.low, region.high))
    ends = [x for x in numbers if abs(x) < 1e300]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    room = 0.05 * (high - low) or max(abs(high), 1.0)
    return Scale(low - room, high + room)
