"""The log of measured cells: a line each, appended to a file by the process that measured it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.records import Measurement
from wndcheck.store.filling import Reporter
from wndcheck.store.measurements import Store

FILE = "measure.log"
COLUMNS = (
    "time",
    "cell",
    "seconds",
    "training_seconds",
    "measuring_seconds",
    "device",
    "stacks",
    "accuracy",
    "validation_accuracy",
)


class Journal:
    """A reporter that passes events on to another one, and logs finished cells from their measurements in the store."""

    def __init__(self, path: Path, store: Store, reporter: Reporter) -> None:
        self.path, self.store, self.reporter = path, store, reporter

    def planned(self, cells: list[Cell]) -> None:
        self.reporter.planned(cells)

    def working(self, cell: Cell, doing: str, share: float) -> None:
        self.reporter.working(cell, doing, share)

    def finished(self, cell: Cell, seconds: float) -> None:
        if measurement := self.store.load(cell):
            append_line(self.path, fields_of(measurement, seconds))
        self.reporter.finished(cell, seconds)


def begin(path: Path) -> None:
    """Create the file with its header, if it is new. OSError if it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        is_new = file.tell() == 0
    if is_new:
        append_line(path, COLUMNS)


def append_line(path: Path, fields: tuple[str, ...]) -> None:
    """One write to a file opened for appending, so that lines of several processes do not mix."""
    line = "\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def fields_of(measurement: Measurement, seconds: float) -> tuple[str, ...]:
    """The values of COLUMNS. Stacks: how many nets were trained together, one number a stack. Accuracies: means over
    the replicates at the last stage; empty for nets that were never trained.
    """
    provenance = measurement.provenance
    spent, stacks = provenance["seconds"], provenance["stacks"]
    assert isinstance(spent, dict)
    assert isinstance(stacks, list)
    return (
        datetime.now(UTC).isoformat(timespec="seconds"),
        measurement.cell.label,
        f"{seconds:.2f}",
        f"{spent['training']:.2f}",
        f"{spent['measuring']:.2f}",
        str(provenance["device"]),
        "+".join(map(str, stacks)),
        last_mean(measurement["accuracy"]),
        last_mean(measurement["validation_accuracy"]),
    )


def last_mean(values: np.ndarray) -> str:
    """Mean over the replicates of values (stages, R) at the last stage; empty if there are none."""
    known = values[-1][np.isfinite(values[-1])]
    return f"{known.mean():.4f}" if known.size else ""
