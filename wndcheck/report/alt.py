"""What a figure shows, in words, for those who cannot see it."""

from __future__ import annotations

from math import isfinite

from wndcheck.report.series import Figure, Line

MOST = 40  # lines that are told one by one; the CSV has all


def description(figure: Figure) -> str:
    """Where each line begins and ends: ``score relu layer 1: 0.21 at 5, 0.056 at 200``."""
    end = max((int(line.labels.get("epochs", 0)) for line in figure.lines), default=0)
    shown = [line for line in figure.lines if int(line.labels.get("epochs", 0)) == end and line.measured]
    told = "; ".join(map(ends, shown[:MOST]))
    more = f"; and {len(shown) - MOST} more lines" if len(shown) > MOST else ""
    return f"Means by {figure.x}: {told}{more}."


def ends(line: Line) -> str:
    name = " ".join(
        f"layer {value}" if key == "layer" else str(value).replace("_", " ")
        for key, value in line.labels.items()
        if key != "epochs"
    )
    known = [(x, mean.estimate) for x, mean in zip(line.x, line.intervals, strict=True) if isfinite(mean.estimate)]
    places = dict.fromkeys([known[0], known[-1]])
    return f"{name}: " + ", ".join(f"{mean:.3g} at {x:g}" for x, mean in places)
