"""A clock that goes backwards while a store is filled, and files dated in the future: the same numbers, and no wait."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

from wndcheck.experiment.measurement.measuring import measure
from wndcheck.nets.specification import Training
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL, UNTRAINED, assert_same_numbers, finish, start_python

TRAINED = replace(TINY_CELL, protocol=Training(0.05, 64, (0, 3)))
CELLS = (TRAINED, replace(UNTRAINED, width=9), replace(UNTRAINED, width=8))

# Each look at the clock is an hour before the last. A first run ends after it has kept nets between stages; what it
# leaves is dated a year ahead, with an unfinished file of a killed process, and a second run goes on.
BACKWARDS = """
import datetime, itertools, json, os, sys, time
from pathlib import Path
began, looks = time.time(), itertools.count()
time.time = lambda: began - 3600 * next(looks)
time.time_ns = lambda: int(time.time() * 1e9)
class Clock(datetime.datetime):
    @classmethod
    def now(cls, zone=None):
        return cls.fromtimestamp(time.time(), zone)
datetime.datetime = Clock
import torch
from wndcheck.experiment.measurement import measuring
from wndcheck.store import progress
from wndcheck.store.engines import Task, in_this_process
from wndcheck.store.measurements import Store
from wndcheck.tests.store.test_clock import CELLS, TRAINED
torch.set_num_threads(1)
root, lines = Path(sys.argv[1]), []
measuring.PAUSE, progress.LINE_INTERVAL = 0.0, 0.0
progress.EventReporter.__init__.__defaults__ = (0.0,)  # seconds between events
task = Task(root, root / "log", "cpu", None)

def say(line):
    lines.append(line)
    if "training, 67%" in line and not resumed:
        raise KeyboardInterrupt

resumed = False
try:
    in_this_process(CELLS, task, say)
except KeyboardInterrupt:
    resumed = True
store = Store(root)
(kept,) = store.checkpoints.paths(TRAINED)
kept.with_name(f".{kept.stem}.1.part").touch()
for path in root.rglob("*"):
    os.utime(path, (began + 3e7, began + 3e7))
in_this_process(CELLS, task, say)
print(json.dumps(lines))
"""


def test_a_clock_that_goes_backwards_changes_no_number_and_no_time_left(tmp_path: Path) -> None:
    began = time.monotonic()
    lines = json.loads(finish(start_python(BACKWARDS, tmp_path)))
    store = Store(tmp_path)
    for cell in CELLS:
        found = store.load(cell)
        assert_same_numbers(found, measure(cell))
        assert found
        seconds = found.provenance["seconds"]
        assert all(0 <= each < time.monotonic() - began for each in seconds.values())  # type: ignore[attr-defined]
    found = store.load(TRAINED)
    assert found
    assert found.provenance["resumed_at_epochs"] in ([1], [2])
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".part", ".safetensors")]
    times = re.findall(r"(-?\d+) (?:s|min|h)\b", " ".join(lines))
    assert any("left" in line for line in lines)
    assert all(0 <= int(each) < 120 for each in times), lines
    assert len((tmp_path / "log").read_text().splitlines()) == len(CELLS)


def test_the_clock_of_the_injection_goes_backwards(tmp_path: Path) -> None:
    """Or the test above could not fail."""
    code = BACKWARDS.partition("import torch")[0]
    code += (
        "print(datetime.datetime.now(datetime.UTC) > datetime.datetime.now(datetime.UTC), time.time() > time.time())"
    )
    assert finish(start_python(code, tmp_path)).split() == ["True", "True"]
