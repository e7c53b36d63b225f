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
UNITS = {"hours": 3600.0, "minutes": 60.0}

Parts = Mapping[str, Sequence[Measurement | None]]  # by part, None for a cell that is not measured


def cost_section(parts: Parts, profile: str, base_seed: int) -> Section | None:
    """A row for each part of the profile; None where no cell says what it took."""
    if not any(m and "core_seconds" in m.provenance for found in parts.values() for m in found):
        return None
    missing = [part for part, found in parts.items() if None in found]
    known = [*{m.cell: m for found in parts.values() for m in found if m}.values()]  # a cell may be of two parts
    unit = "hours" if sum(map(seconds_taken, known)) > UNITS["hours"] else "minutes"
    head = ("part", "cells", "nets", f"core {unit} training", "measuring", "million matrix products")
    text = (
        f"Core {unit} are those of the processes that trained and measured the nets, whatever else the machine did. "
        "The last column compares machines: the same core seconds in products of two 512 × 512 float32 matrices, "
        "timed by each of these processes as it began. Cells that belong to two parts count once in the total."
    )
    rows = [row(part, found, UNITS[unit]) for part, found in [*parts.items(), ("total", known)] if found]
    return Section(
        COST,
        text,
        [Table(head, rows)],
        missing=f"Not all of {', '.join(missing)} is measured. To measure the rest:" if missing else "",
        command=measure_command(profile, base_seed, missing) if missing else "",
    )


def seconds_taken(measurement: Measurement) -> float:
    """Core seconds that training and measuring the nets took; 0 where they are not recorded."""
    provenance: dict[str, Any] = measurement.provenance
    return sum(provenance.get("core_seconds", {}).values())


def row(part: str, found: Sequence[Measurement | None], unit: float) -> list[str]:
    """The cells of a table's row, times in units of so many seconds."""
    known = [m for m in found if m]
    took: list[dict[str, Any]] = [m.provenance for m in known if "core_seconds" in m.provenance]
    times = [sum(each["core_seconds"][work] for each in took) / unit for work in WORK]
    products = sum(sum(each["core_seconds"].values()) / fmean(each["matrix_product"]) for each in took) / 1e6
    cells = str(len(found)) if len(known) == len(found) else f"{len(known)} of {len(found)}"
    nets = sum(len(m.cell.seeds) for m in known)
    numbers = [f"{number:.2f}" for number in (*times, products)] if took else [MISSING] * 3
    return [part, cells, str(nets), *numbers]
