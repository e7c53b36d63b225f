"""What the workers of a run report is printed by its controller."""

from __future__ import annotations

from types import SimpleNamespace

from wndcheck.pytest_plugin.worker_messages import EVENTS, Messages


class Printed(Messages):
    def __init__(self, **config) -> None:
        super().__init__(SimpleNamespace(**config))  # type: ignore[arg-type]
        self.lines: list[str] = []

    def write_line(self, line: str) -> None:
        self.lines.append(line)


def test_events_of_workers_are_all_printed_before_the_run_ends():
    controller = Printed(option=SimpleNamespace(numprocesses=1))
    controller.start()
    worker = Printed(workerinput={EVENTS: str(controller.events_path)})
    worker.start()
    worker.reporter.note("the last words")
    controller.stop()
    worker.stop()
    assert controller.watcher is not None
    assert not controller.watcher.is_alive()
    assert (controller.lines, worker.lines) == (["wndcheck: the last words"], [])


def test_without_workers_events_are_printed_at_once():
    alone = Printed(option=SimpleNamespace(numprocesses=None))
    alone.start()
    alone.reporter.note("a word")
    assert alone.lines == ["wndcheck: a word"]
    assert alone.watcher is None
    alone.stop()
