"""Progress of a run in lines of text: what is trained and measured, how far it is and how long it will take.

Workers append events to a file that their parent process reads, because nothing that a worker of pytest-xdist prints
reaches the terminal. The same lines appear on a terminal, in a log, under xdist and of `wndcheck measure`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import cost

INTERVAL = 0.5  # seconds between two events of one cell: a GPU takes a few milliseconds for a stretch of steps
SILENCE = 10.0  # seconds without a line after which a cell's progress is printed


@dataclass
class Lines:
    """Turns events into lines; predicts the time left from the share of the planned work that is done.

    Work that is in an earlier run's checkpoint is left out.
    """

    write: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    costs: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    found: dict[str, float] = field(default_factory=dict)  # the shares that were done when a cell's work began
    done: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    started: float = 0.0
    spoken: float = 0.0

    def tell(self, event: dict) -> None:
        """Take one event: {"event": "planned" | "working" | "finished" | "note" | "failed", ...}."""
        fields = dict(event)
        getattr(self, fields.pop("event"))(**fields)

    def planned(self, costs: dict[str, float]) -> None:
        fresh = {label: cost for label, cost in costs.items() if label not in self.costs}
        self.started = self.started or self.clock()
        self.costs |= fresh
        if fresh:
            self.say(
                f"{len(fresh)} cell{'s' * (len(fresh) > 1)} to train and measure (a cell: one width, all its seeds)"
            )

    def working(self, label: str, doing: str, share: float) -> None:
        if doing == "training":
            self.found.setdefault(label, share)
            self.shares[label] = share
        if self.clock() - self.spoken >= SILENCE:
            self.say(f"{label}: {doing}, {share:.0%}{self.time_left()}")

    def finished(self, label: str, seconds: float) -> None:
        self.shares[label] = 1.0
        self.done.add(label)
        self.say(f"[{len(self.done)}/{len(self.costs)}] {label}: {seconds:.0f} s{self.time_left()}")

    def note(self, text: str) -> None:
        self.say(text)

    def failed(self, text: str) -> None:
        """An error of several workers is printed once."""
        if text not in self.failures:
            self.failures.append(text)
            self.say(f"error: {text}")

    def say(self, line: str) -> None:
        self.spoken = self.clock()
        self.write(f"wndcheck: {line}")

    def time_left(self) -> str:
        """The text ``, about 2 min 30 s left``, once enough is done to predict it."""
        total = sum(cost * (1 - self.found.get(label, 0.0)) for label, cost in self.costs.items())
        done = total - sum(cost * (1 - self.shares.get(label, 0.0)) for label, cost in self.costs.items())
        if not total or done < 0.02 * total or len(self.done) == len(self.costs):
            return ""
        return f", about {spelled((self.clock() - self.started) * (total - done) / done)} left"


def spelled(seconds: float) -> str:
    """A duration in words: 45 s, 2 min 30 s, 3 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


class EventReporter:
    """A reporter that passes on events: to `Lines` in one process, to a file in a worker."""

    def __init__(self, tell: Callable[[dict], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.tell = tell
        self.clock = clock
        self.told: dict[str, float] = {}

    def planned(self, cells: list[Cell]) -> None:
        self.tell({"event": "planned", "costs": {cell.label: cost(cell) for cell in cells}})

    def working(self, cell: Cell, doing: str, share: float) -> None:
        if self.clock() - self.told.get(cell.key, -INTERVAL) >= INTERVAL:
            self.told[cell.key] = self.clock()
            self.tell({"event": "working", "label": cell.label, "doing": doing, "share": share})

    def finished(self, cell: Cell, seconds: float) -> None:
        self.tell({"event": "finished", "label": cell.label, "seconds": seconds})

    def note(self, text: str) -> None:
        self.tell({"event": "note", "text": text})

    def failed(self, text: str) -> None:
        self.tell({"event": "failed", "text": text})


def append(path: Path) -> Callable[[dict], None]:
    """A function that appends events to a file; one write a line, so that lines of several workers do not mix."""

    def tell(event: dict) -> None:
        with path.open("ab", buffering=0) as file:
            file.write(json.dumps(event).encode() + b"\n")

    return tell


class Watcher(threading.Thread):
    """Reads the workers' events in their parent process and turns them into lines."""

    def __init__(self, path: Path, lines: Lines) -> None:
        super().__init__(daemon=True, name="wndcheck progress")
        self.path = path
        self.lines = lines
        self.stopped = threading.Event()

    def run(self) -> None:
        with self.path.open(encoding="utf-8") as file:
            pending = ""
            while True:
                last = self.stopped.is_set()
                pending += file.read()
                *whole, pending = pending.split("\n")
                for line in whole:
                    self.lines.tell(json.loads(line))
                if last:
                    return
                self.stopped.wait(0.3)

    def stop(self) -> None:
        """Read the remaining events and end."""
        self.stopped.set()
        self.join()
