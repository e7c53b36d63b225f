"""Progress events of a run's processes, which only the controller prints."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from functools import cached_property
from pathlib import Path

import pytest

from wndcheck.pytest_plugin import workers
from wndcheck.store.files import temporary_folder
from wndcheck.store.progress import EventReporter, Lines, Watcher, append

EVENTS = "wnd_events"


class Messages:
    """Workers append events to a file, which the controller watches; without workers they are printed at once."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.watcher: Watcher | None = None
        self._folder = ExitStack()

    def start(self) -> None:
        """Watch the workers' file, where this is their controller."""
        if not workers.is_worker(self.config) and getattr(self.config.option, "numprocesses", None):
            self.watcher = Watcher(self.events_path, Lines(self.write_line))
            self.watcher.start()

    def stop(self) -> None:
        """Print what the workers have still written, and remove their file."""
        if self.watcher:
            self.watcher.stop()
            self._folder.close()

    @cached_property
    def reporter(self) -> EventReporter:
        if workers.is_worker(self.config):
            return EventReporter(append(Path(self.config.workerinput[EVENTS])))  # type: ignore[attr-defined]
        return EventReporter(Lines(self.write_line).handle)

    @cached_property
    def events_path(self) -> Path:
        path = self._folder.enter_context(temporary_folder()) / "events.jsonl"
        path.touch()
        return path

    def write_line(self, line: str) -> None:
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        capture = self.config.pluginmanager.get_plugin("capturemanager")
        if terminal is None:
            return
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            terminal.ensure_newline()
            terminal.write_line(line)
            terminal.flush()
