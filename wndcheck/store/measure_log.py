"""The log of measured cells: one line per cell, appended to a file by the process that measured it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.record_schema import Measurement
from wndcheck.store.files import append_line
from wndcheck.store.filling import Reporter
from wndcheck.store.measurements import Store

FILE = "measure.log"
COLUMNS = ("time", "cell", "seconds", "training_seconds", "measuring_seconds")
COLUMNS += ("device", "stacks", "accuracy", "validation_accuracy")


class Journal:
    """A reporter that passes events on to another one, and logs finished cells from their measurements in the store."""

    def __init__(self, path: Path, store: Store, reporter: Reporter) -> None:
        self.path, self.store, self.reporter = path, store, reporter
        self.planned, self.working = reporter.planned, reporter.working

    def finished(self, cell: Cell, seconds: float) -> None:
        try:
            if measurement := self.store.load(cell):
                append_fields(self.path, fields_of(measurement, seconds))
        except OSError as error:  # the cell is in the store all the same
            self.store.say(f"{cell.label} is measured, but not in the log {self.path} ({error.strerror or error})")
        self.reporter.finished(cell, seconds)


def begin(path: Path) -> None:
    """Create the file with its header, if it is new. OSError if it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        is_new = file.tell() == 0
    if is_new:
        append_fields(path, COLUMNS)


def append_fields(path: Path, fields: tuple[str, ...]) -> None:
    append_line(path, "\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields))


def fields_of(measurement: Measurement, seconds: float) -> tuple[str, ...]:
    """The values of COLUMNS. Stacks: how many nets were trained together, one number per stack. Accuracies: means over
    the replicates at the last stage; empty for nets that were never trained.
    """
    provenance: dict[str, Any] = measurement.provenance
    spent = provenance["seconds"]
    return (
        datetime.now(UTC).isoformat(timespec="seconds"),
        measurement.cell.label,
        *(f"{number:.2f}" for number in (seconds, spent["training"], spent["measuring"])),
        provenance["device"],
        "+".join(map(str, provenance["stacks"])),
        *(last_mean(measurement[name]) for name in ("accuracy", "validation_accuracy")),
    )


def last_mean(values: np.ndarray) -> str:
    """Mean over the replicates of values (stages, R) at the last stage; empty if there are none."""
    known = values[-1][np.isfinite(values[-1])]
    return f"{known.mean():.4f}" if known.size else ""
