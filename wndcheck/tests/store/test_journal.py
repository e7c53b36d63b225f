"""The log of measured cells."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck.experiment.records import Measurement
from wndcheck.store import journal
from wndcheck.store.journal import COLUMNS, Journal
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL, Log, random_measurement

TOLD = {"seconds": {"training": 1.5, "measuring": 0.25}, "device": "an\told one", "stacks": [1, 1]}


def made(cell=TINY_CELL) -> Measurement:
    found = random_measurement(cell)
    found["accuracy"][-1] = (0.25, 0.75)
    found["validation_accuracy"][-1] = np.nan
    return replace(found, provenance=TOLD)


def lines(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_finished_cell_is_one_line_of_what_the_store_has(tmp_path):
    kept, heard, path = Store(tmp_path, pytest.fail), Log(), tmp_path / "logs" / "cells.tsv"
    kept.save(made())
    journal.begin(path)
    noted = Journal(path, kept, heard)
    noted.planned([TINY_CELL])
    noted.working(TINY_CELL, "training", 0.5)
    noted.finished(TINY_CELL, 2.0)
    assert (heard.plans, heard.shares, heard.done) == ([[TINY_CELL]], [0.5], [TINY_CELL])
    header, line = lines(path)
    assert header == list(COLUMNS)
    fields = dict(zip(COLUMNS, line, strict=True))
    assert fields.pop("time").startswith("20")
    assert fields == {
        "cell": TINY_CELL.label,
        "seconds": "2.00",
        "training_seconds": "1.50",
        "measuring_seconds": "0.25",
        "device": "an old one",
        "stacks": "1+1",
        "accuracy": "0.5000",
        "validation_accuracy": "",
    }


def test_the_header_is_written_once(tmp_path):
    path = tmp_path / "log"
    path.touch()
    journal.begin(path)
    journal.append_line(path, ("a", "b"))
    journal.begin(path)
    assert lines(path) == [list(COLUMNS), ["a", "b"]]


def test_a_cell_whose_file_is_damaged_at_once_has_no_line(tmp_path):
    said: list[str] = []
    kept, heard, path = Store(tmp_path, said.append), Log(), tmp_path / "log"
    kept.path(TINY_CELL).write_bytes(b"PK half")
    Journal(path, kept, heard).finished(TINY_CELL, 2.0)
    assert (len(said), path.exists(), heard.done) == (1, False, [TINY_CELL])


def test_lines_of_several_writers_do_not_mix(tmp_path):
    path = tmp_path / "log"

    def write(name: str) -> None:
        for _ in range(100):
            journal.append_line(path, (name * 300, name * 300))

    writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(lines(path)) == [[name * 300] * 2 for name in "abc" for _ in range(100)]


def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OSError, match="Is a directory"):
        journal.begin(tmp_path)
