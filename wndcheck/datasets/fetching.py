"""Fetch a data set: one process at a time, verified before it is put in place, nothing half-done left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wndcheck.datasets.catalogue import DamagedData, MissingData, Specification, specification_of
from wndcheck.datasets.layout import LAYOUTS, Layout, data_root, load_from
from wndcheck.datasets.progress import Progress

if TYPE_CHECKING:
    from wndcheck.datasets.sources import Source


class FetchFailed(RuntimeError):
    """No source delivered the data set; the message lists each source and why it failed."""


def fetch(
    name: str,
    root: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
    sources: Sequence[Source] | None = None,
) -> Path:
    """Fetch "mnist" or "cifar10" into `data_root(root)` unless it is there and verifies; the folder it lies in.

    `force` fetches it anew in any case. `sources` are tried in turn, by default `sources.SOURCES[name]`. What a source
    delivers is verified in a temporary folder of the root, then moved. Raises FetchFailed if no source delivers,
    OSError if the root cannot be written, ValueError if the name is not one of the two.
    """
    if name not in LAYOUTS:
        raise ValueError(f"{name!r} cannot be fetched: expected one of {', '.join(LAYOUTS)}")
    specification = specification_of(name)
    progress = progress or Progress()
    target = data_root(root).absolute()
    target.mkdir(parents=True, exist_ok=True)
    with _only_process(name, target, progress):
        layout = None if force else _present(specification, target, progress)
        if layout is None:
            layout = _fetch_from_first(specification, target, progress, sources)
    return target / layout.folder


@contextmanager
def _only_process(name: str, root: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of the data set in this root, and remove what a killed fetch has left there."""
    import filelock

    lock = filelock.FileLock(root / f".fetch-{name}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        progress.say(f"another process is fetching {name} into {root}: waiting for it")
        lock.acquire()
    try:
        for leftover in root.glob(f"{_temporary_prefix(name)}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        lock.release()


def _present(specification: Specification, root: Path, progress: Progress) -> Layout | None:
    try:
        layout = load_from(specification, root)[1]
    except MissingData:
        return None
    except DamagedData as error:
        progress.say(str(error))
        return None
    progress.say(f"{specification.name} is already in {root / layout.folder}, verified")
    return layout


def _fetch_from_first(
    specification: Specification, root: Path, progress: Progress, sources: Sequence[Source] | None
) -> Layout:
    """Put the data set of the first source that delivers it in place; the layout it came in."""
    if sources is None:
        from wndcheck.datasets.sources import SOURCES

        sources = SOURCES[specification.name]
    failures = []
    for source in sources:
        start = time.monotonic()
        with _temporary_folder(specification.name, root) as folder:
            # Whatever goes wrong with one source, the next may do, and the last error tells it all.
            try:
                source.deliver(folder, progress)
                layout = load_from(specification, folder)[1]
            except Exception as error:
                failures.append(f"{source.label} failed: {str(error) or type(error).__name__}")
                progress.say(failures[-1])
                continue
            _install(layout, folder, root)
        progress.say(f"{specification.name} fetched in {time.monotonic() - start:.0f} s, verified")
        return layout
    reasons = "".join(f"\n  {failure}" for failure in failures)
    raise FetchFailed(f"{specification.name} could not be fetched:{reasons}\n{_by_hand(specification, root)}")


def _temporary_prefix(name: str) -> str:
    return f".fetch-{name}-"


@contextmanager
def _temporary_folder(name: str, root: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=_temporary_prefix(name), dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _install(layout: Layout, source: Path, root: Path) -> None:
    """Move the files of the layout from one root to another on the same file system.

    Where the folder is new it appears at once, complete; where it is there, file replaces file.
    """
    ready = source / "ready"
    ready.mkdir()
    for path in layout.paths(source):
        path.replace(ready / path.name)
    target = root / layout.folder
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        ready.replace(target)
    except OSError:
        target.mkdir(exist_ok=True)
        for path in ready.iterdir():
            path.replace(target / path.name)


def _by_hand(specification: Specification, root: Path) -> str:
    folders = " or ".join(layout.folder for layout in LAYOUTS[specification.name])
    return (
        f"Other ways: install npm and type the command again, or put the published files into {folders} "
        f"under {root} yourself"
    )
