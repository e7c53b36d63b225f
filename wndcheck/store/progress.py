"""Progress of a run in lines of text: the cell at work, the share that is done and the time left.

Workers append events to a file that their parent process reads, because nothing that a worker of pytest-xdist prints
reaches the terminal. The same lines appear on a terminal, in a log, under xdist and of `wndcheck measure`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import device_seconds
from wndcheck.store.files import append_line

EVENT_INTERVAL = 0.5  # seconds between two events of one cell: a GPU takes a few milliseconds for a stretch of steps
LINE_INTERVAL = 10.0  # seconds without a line after which a cell's progress is printed


@dataclass
class Lines:
    """Turns events into lines; predicts the time left from the share of the planned work that is done.

    Work that is in an earlier run's checkpoint is left out. Cells go by their keys: two may have the same label.
    """

    write: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    costs: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    resumed: dict[str, float] = field(default_factory=dict)  # the shares that were done when a cell's work began
    done: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    started: float = 0.0
    last_line: float = 0.0

    def handle(self, event: dict) -> None:
        """Handle one event: {"event": "planned" | "working" | "finished" | "note" | "failed", ...}."""
        fields = dict(event)
        getattr(self, fields.pop("event"))(**fields)

    def planned(self, costs: dict[str, float]) -> None:
        new = costs.keys() - self.costs.keys()
        self.started = self.started or self.clock()
        self.costs |= costs
        if new:
            self.note(f"{len(new)} cell{'s' * (len(new) > 1)} to train and measure (a cell: one width, all its seeds)")

    def working(self, key: str, label: str, doing: str, share: float) -> None:
        if doing == "training":
            self.resumed.setdefault(key, share)
            self.shares[key] = share
        if self.clock() - self.last_line >= LINE_INTERVAL:
            self.note(f"{label}: {doing}, {share:.0%}{self.time_left()}")

    def finished(self, key: str, label: str, seconds: float) -> None:
        self.shares[key] = 1.0
        self.done.add(key)
        self.note(f"[{len(self.done)}/{len(self.costs)}] {label}: {seconds:.0f} s{self.time_left()}")

    def failed(self, text: str) -> None:
        """An error of several workers is printed once."""
        if text not in self.failures:
            self.failures.append(text)
            self.note(f"error: {text}")

    def note(self, text: str) -> None:
        self.last_line = self.clock()
        self.write(f"wndcheck: {text}")

    def time_left(self) -> str:
        """The text ``, about 2 min 30 s left``, once enough is done to predict it."""
        total = sum(cost * (1 - self.resumed.get(key, 0.0)) for key, cost in self.costs.items())
        left = sum(cost * (1 - self.shares.get(key, 0.0)) for key, cost in self.costs.items())
        done = total - left
        if not total or done < 0.02 * total or len(self.done) == len(self.costs):
            return ""
        return f", about {format_duration((self.clock() - self.started) * left / done)} left"


def format_duration(seconds: float) -> str:
    """A duration as text: 45 s, 2 min 30 s, 3 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


class EventReporter:
    """A reporter that sends events: to `Lines` in one process, to a file in a worker."""

    def __init__(self, send: Callable[[dict], None], interval: float = EVENT_INTERVAL) -> None:
        self.send, self.interval = send, interval
        self.last_event: dict[str, float] = {}

    def planned(self, cells: list[Cell], device: str = "cpu") -> None:
        self.send({"event": "planned", "costs": {cell.key: device_seconds(cell, device) for cell in cells}})

    def working(self, cell: Cell, doing: str, share: float) -> None:
        if (now := time.monotonic()) - self.last_event.get(cell.key, -EVENT_INTERVAL) >= self.interval:
            self.last_event[cell.key] = now
            fields = {"key": cell.key, "label": cell.label, "doing": doing, "share": share}
            self.send({"event": "working"} | fields)

    def finished(self, cell: Cell, seconds: float) -> None:
        self.send({"event": "finished", "key": cell.key, "label": cell.label, "seconds": seconds})

    def note(self, text: str) -> None:
        self.send({"event": "note", "text": text})

    def failed(self, text: str) -> None:
        self.send({"event": "failed", "text": text})


def append(path: Path) -> Callable[[dict], None]:
    """A function that appends events to a file; where that is full, messages go to standard error."""

    def send(event: dict) -> None:
        try:
            append_line(path, json.dumps(event))
        except OSError:
            if "text" in event:
                print(f"wndcheck: {event['text']}", file=sys.stderr, flush=True)

    return send


class Watcher(threading.Thread):
    """Reads the workers' events in their parent process and turns them into lines."""

    def __init__(self, path: Path, lines: Lines) -> None:
        super().__init__(daemon=True, name="wndcheck progress")
        self.path = path
        self.lines = lines
        self.stopped = threading.Event()

    def run(self) -> None:
        with self.path.open(encoding="utf-8") as file:
            pending, is_last = "", False
            while not is_last:
                is_last = self.stopped.wait(0.3)
                *whole, pending = (pending + file.read()).split("\n")
                for line in whole:
                    with suppress(json.JSONDecodeError):  # half a line, of a disk that is full
                        self.lines.handle(json.loads(line))

    def stop(self) -> None:
        """Read the remaining events and end."""
        self.stopped.set()
        self.join()
