"""The lines a run prints about its training: what, how far, how long."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from wndcheck.experiment.families import perceptron
from wndcheck.experiment.profiles import QUICK
from wndcheck.store.progress import EventReporter, Lines, Watcher, append, format_duration

CELLS = [perceptron(QUICK, "relu", 50, 0), perceptron(QUICK, "relu", 100, 0)]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(clock: Clock) -> tuple[Lines, list[str]]:
    written: list[str] = []
    return Lines(written.append, clock), written


def test_time_left_follows_the_share_of_the_work_done():
    clock = Clock()
    progress, written = lines(clock)
    progress.handle({"event": "planned", "costs": {"a": 1.0, "b": 3.0}})
    clock.now += 20
    progress.handle({"event": "finished", "key": "a", "label": "a", "seconds": 20.0})
    progress.handle({"event": "working", "key": "b", "label": "b", "doing": "training", "share": 0.0})
    clock.now += 20
    progress.handle({"event": "working", "key": "b", "label": "b", "doing": "training", "share": 0.5})
    clock.now += 20
    progress.handle({"event": "finished", "key": "b", "label": "b", "seconds": 40.0})
    assert written == [
        "wndcheck: 2 cells to train and measure (a cell: one width, all its seeds)",
        "wndcheck: [1/2] a: 20 s, about 1 min 0 s left",
        "wndcheck: b: training, 50%, about 24 s left",
        "wndcheck: [2/2] b: 40 s",
    ]


def test_time_left_ignores_work_of_an_earlier_run():
    clock = Clock()
    progress, written = lines(clock)
    progress.planned({"a": 1.0})
    progress.working("a", "a", "training", 0.8)  # from a checkpoint
    clock.now += 20
    progress.working("a", "a", "training", 0.85)  # a twentieth of the work in 20 s
    assert written[-1] == "wndcheck: a: training, 85%, about 1 min 0 s left"


def test_a_failure_of_several_workers_is_printed_once():
    progress, written = lines(Clock())
    reporters = [EventReporter(progress.handle) for _ in range(3)]
    for reporter, text in zip(reporters, ("no data", "no data", "no memory"), strict=True):
        reporter.failed(text)
    assert progress.failures == ["no data", "no memory"]
    assert written == ["wndcheck: error: no data", "wndcheck: error: no memory"]


def test_progress_of_a_cell_is_printed_at_intervals():
    clock = Clock()
    progress, written = lines(clock)
    progress.planned({"a": 1.0})
    for _ in range(30):
        clock.now += 1
        progress.working("a", "a", "training", 0.01)
    assert len(written) == 1 + 3


def test_cells_that_two_workers_plan_are_counted_once():
    progress, written = lines(Clock())
    progress.planned({"a": 1.0})
    progress.planned({"a": 1.0})
    assert len(written) == 1


def test_cells_of_one_label_are_counted_separately():
    """Their probes differ, which the label does not show."""
    cells = [replace(CELLS[0], probe=replace(CELLS[0].probe, images_per_class=n)) for n in (100, 200)]
    assert cells[0].label == cells[1].label
    progress, written = lines(Clock())
    reporter = EventReporter(progress.handle)
    reporter.planned(cells)
    reporter.finished(cells[0], 3.0)
    assert written[0].startswith("wndcheck: 2 cells to train")
    assert written[1].startswith(f"wndcheck: [1/2] {cells[0].label}: 3 s, about ")


@pytest.mark.parametrize(("seconds", "text"), [(45.2, "45 s"), (150, "2 min 30 s"), (11100, "3 h 5 min")])
def test_durations_as_text(seconds, text):
    assert format_duration(seconds) == text


def test_events_of_two_workers_reach_their_parent_whole(tmp_path):
    path = tmp_path / "events.jsonl"
    path.touch()
    progress, written = lines(Clock())
    watcher = Watcher(path, progress)
    watcher.start()
    reporters = [EventReporter(append(path)) for _ in range(2)]
    reporters[0].planned(CELLS)
    threads = [threading.Thread(target=lambda r=r: [r.note("x" * 500) for _ in range(50)]) for r in reporters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reporters[1].finished(CELLS[0], 3.0)
    watcher.stop()
    assert written.count("wndcheck: " + "x" * 500) == 100
    assert written[-1].startswith(f"wndcheck: [1/2] {CELLS[0].label}: 3 s")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_where_the_events_have_no_room_messages_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = EventReporter(append(Path("/dev/full")))
    reporter.working(CELLS[0], "training", 0.5)
    reporter.failed("the store is full")
    assert capsys.readouterr() == ("", "wndcheck: the store is full\n")


def test_half_a_line_of_a_full_disk_is_left_out(tmp_path: Path) -> None:
    written: list[str] = []
    path = tmp_path / "events"
    path.write_text('{"event": "note", "te\n{"event": "note", "text": "whole"}\n')
    watcher = Watcher(path, Lines(written.append))
    watcher.start()
    watcher.stop()
    assert written == ["wndcheck: whole"]
