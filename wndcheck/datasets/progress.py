"""Tells how a fetch goes: a live line on a terminal, plain lines in a log, nothing at all without a console."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

SECONDS_BETWEEN_LINES = 30.0


class Progress:
    """What `fetch` reports to. `console` is a rich Console, or None to say nothing."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """Print one line."""
        if self._console is not None:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def download(self, label: str) -> Iterator[Callable[[int], None]]:
        """Show a download while the context lasts; call what it yields with the bytes that have come so far."""
        self.say(f"trying {label}")
        if self._console is None:
            yield lambda _: None
        elif self._console.is_terminal:
            with _live_line(self._console, label) as update:
                yield update
        else:
            yield self._now_and_then(label)

    def _now_and_then(self, label: str) -> Callable[[int], None]:
        last = time.monotonic()

        def update(size: int) -> None:
            nonlocal last
            if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                self.say(f"{label}: {size / 1e6:.0f} MB so far")

        return update


@contextmanager
def _live_line(console: Console, label: str) -> Iterator[Callable[[int], None]]:
    from rich import progress

    columns = (
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.FileSizeColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda size: bar.update(task, completed=size)
