"""The log of measured cells."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck.store import measure_log
from wndcheck.store.measure_log import COLUMNS, Journal
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL, Log, random_measurement

PROVENANCE = {"seconds": {"training": 1.5, "measuring": 0.25}, "device": "an\told one", "stacks": [1, 1]}


def lines(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_finished_cell_is_logged_from_its_measurement(tmp_path):
    store, log, path = Store(tmp_path, pytest.fail), Log(), tmp_path / "logs" / "cells.tsv"
    measurement = replace(random_measurement(TINY_CELL), provenance=PROVENANCE)
    measurement["accuracy"][-1] = (0.25, 0.75)
    measurement["validation_accuracy"][-1] = np.nan
    store.save(measurement)
    measure_log.begin(path)
    reporter = Journal(path, store, log)
    reporter.planned([TINY_CELL])
    reporter.working(TINY_CELL, "training", 0.5)
    reporter.finished(TINY_CELL, 2.0)
    assert (log.plans, log.shares, log.done) == ([[TINY_CELL]], [0.5], [TINY_CELL])
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
    measure_log.begin(path)  # writes no second header
    assert len(lines(path)) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_log_costs_no_cell(tmp_path):
    said: list[str] = []
    store, log = Store(tmp_path, said.append), Log()
    store.save(replace(random_measurement(TINY_CELL), provenance=PROVENANCE))
    Journal(Path("/dev/full"), store, log).finished(TINY_CELL, 3.0)
    assert log.done == [TINY_CELL]
    assert said == [f"{TINY_CELL.label} is measured, but not in the log /dev/full (No space left on device)"]


def test_a_cell_whose_file_is_damaged_has_no_line(tmp_path):
    messages: list[str] = []
    store, log, path = Store(tmp_path, messages.append), Log(), tmp_path / "log"
    store.path(TINY_CELL).write_bytes(b"PK half")
    Journal(path, store, log).finished(TINY_CELL, 2.0)
    assert (len(messages), path.exists(), log.done) == (1, False, [TINY_CELL])


def test_lines_of_several_writers_do_not_mix(tmp_path):
    path = tmp_path / "log"

    def write(name: str) -> None:
        for _ in range(100):
            measure_log.append_fields(path, (name * 300, name * 300))

    writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(lines(path)) == [[name * 300] * 2 for name in "abc" for _ in range(100)]


def test_an_unwritable_log_is_an_error(tmp_path):
    with pytest.raises(OSError, match="Is a directory"):
        measure_log.begin(tmp_path)
