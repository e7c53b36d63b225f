"""Intervals drawn against the claimed region, those of one check on one scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, isnan

from wndcheck.report.deciding import format_interval, number_format
from wndcheck.report.page.elements import Markup, tag
from wndcheck.verdicts.checks import Finding

WIDTH, HEIGHT, EDGE = 160, 16, 6  # EDGE: room at either side, where what goes on has its arrow
SHAPES = {"supported": "circle", "refuted": "cross", "inconclusive": "ring"}


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


def scale_of(findings: Iterable[Finding]) -> Scale:
    """A scale on which every finite interval and margin has its place."""
    findings = list(findings)
    ends = [x for f in findings for x in (f.estimate, f.low, f.high, *f.region) if isfinite(x)]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    room = 0.05 * (high - low) or max(abs(high), 1.0)
    return Scale(low - room, high + room)


def drawing(finding: Finding, scale: Scale) -> Markup:
    """The claimed region shaded, the interval as a line, the estimate as a mark that differs between verdicts."""
    label = f"{format_interval(finding)}, claimed {finding.margin}"
    return tag(
        "svg",
        region(finding, scale),
        *interval(finding, scale),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_=f"forest {SHAPES.get(finding.verdict, 'ring')}",
        role="img",
        aria_label=label,
    )


def region(finding: Finding, scale: Scale) -> Markup:
    low, high = (scale.place(end) for end in finding.region)
    low, high = (0 if low == EDGE else low), (WIDTH if high == WIDTH - EDGE else high)
    return tag("rect", x=low, width=max(round(high - low, 1), 1), height=HEIGHT)


def interval(finding: Finding, scale: Scale) -> Sequence[Markup]:
    if not isfinite(finding.estimate):
        return ()
    at = scale.place(finding.estimate)
    low, high = (at if isnan(x) else scale.place(x) for x in (finding.low, finding.high))
    y = HEIGHT / 2
    if finding.verdict == "refuted":
        mark = tag("path", d=f"M{at - 3:g} {y - 3:g}l6 6m0-6l-6 6", class_="mark")
    else:
        mark = tag("circle", cx=at, cy=y, r=3, class_="mark")
    return tag("path", d=f"M{low} {y:g}H{high}"), mark
