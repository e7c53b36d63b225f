"""What a profile's nets took to train and to measure, part by part, and which of them are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from wndcheck.experiment.record_schema import Measurement
from wndcheck.report.format import MISSING
from wndcheck.report.section_model import Section, Table, measure_command

COST = "What it took"
WORK = ("training", "measuring")
HEAD = ("part", "cells", "nets", "core hours training", "measuring", "million matrix products")

Parts = Mapping[str, Sequence[Measurement | None]]  # by part, None for a cell that is not measured


def cost_section(parts: Parts, profile: str, base_seed: int) -> Section | None:
    """A row for each part of the profile; None where no cell says what it took."""
    if not any(m and "core_seconds" in m.provenance for found in parts.values() for m in found):
        return None
    missing = [part for part, found in parts.items() if None in found]
    text = (
        "Core hours are those of the processes that trained and measured the nets, whatever else the machine did. The "
        "last column compares machines: the same core seconds in products of two 512 × 512 float32 matrices, timed by "
        "each of these processes as it began."
    )
    known = [m for found in parts.values() for m in found if m]
    rows = [row(part, found) for part, found in parts.items() if found] + [row("total", known)]
    return Section(
        COST,
        text,
        [Table(HEAD, rows)],
        missing=f"Not all of {', '.join(missing)} is measured. To measure the rest:" if missing else "",
        command=measure_command(profile, base_seed, missing) if missing else "",
    )


def row(part: str, found: Sequence[Measurement | None]) -> list[str]:
    known = [m for m in found if m]
    took: list[dict[str, Any]] = [m.provenance for m in known if "core_seconds" in m.provenance]
    hours = [sum(each["core_seconds"][work] for each in took) / 3600 for work in WORK]
    products = sum(sum(each["core_seconds"].values()) / fmean(each["matrix_product"]) for each in took) / 1e6
    cells = str(len(found)) if len(known) == len(found) else f"{len(known)} of {len(found)}"
    nets = sum(len(m.cell.seeds) for m in known)
    numbers = [f"{number:.2f}" for number in (*hours, products)] if took else [MISSING] * 3
    return [part, cells, str(nets), *numbers]
