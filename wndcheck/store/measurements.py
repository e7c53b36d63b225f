"""Measurements on disk: one file per cell, named by the cell's keys; atomic, locked, verified; no pickle, no torch."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from shlex import quote

import numpy as np
import platformdirs
from filelock import FileLock, Timeout

from wndcheck.experiment import cells
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.pieces import pieces
from wndcheck.experiment.record_schema import Measurement, record_shapes
from wndcheck.nets.specification import NETS
from wndcheck.store.files import DAMAGE, UnwritableStore, content_digest, read_npz, remove_unfinished, write_npz
from wndcheck.store.kept import Checkpoints, Weights

logger = logging.getLogger(__name__)
PROVENANCE, CELL = "provenance", "cell"
DIGEST = "sha256"  # of all the others; records of earlier versions lack it, and are read without
READ_ONLY = "read-only.txt"  # in the root of a store that is committed, and only read
OF_REPORT = "store"  # in the folder of a report, the store that it was decided from
FOLDER = f"v{NETS}"  # of the nets that this version trains, below the store's root; other versions' are not touched


class IncompleteStore(Exception):
    """A store that is only read lacks a cell."""


def store_root(root: str | os.PathLike[str] | None = None) -> Path:
    """The store's folder: the argument, else WNDCHECK_STORE, else a per-user cache folder.

    The folder of its measurements, and that of a report with a committed store, stand for it: none is made inside.
    """
    chosen = root or os.environ.get("WNDCHECK_STORE") or platformdirs.user_cache_path("wndcheck") / "store"
    path = Path(chosen).expanduser()
    if (path / FOLDER).is_dir():
        return path
    if path.resolve().name == FOLDER and path.is_dir():
        return path.resolve().parent
    return path / OF_REPORT if (path / OF_REPORT / READ_ONLY).exists() else path


class Store:
    """Measured cells below one folder, safe for several processes at once.

    A file is written under a unique temporary name and moved into place, so a reader sees a whole file or none.
    Messages about damaged files go to `say`. Without `make` the store is only read, if it exists, and nothing changes.
    A `complete` store is only read, too, and must exist. Nothing is trained to fill a store that is only read.
    UnwritableStore where the others cannot be written, or are committed.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        say: Callable[[str], None] = logger.warning,
        *,
        make: bool = True,
        complete: bool = False,
    ) -> None:
        self.root = folder_of(store_root(root)) if complete else store_root(root) / FOLDER
        self.say = say
        self.is_writable = make and not complete
        if not self.is_writable:
            return
        try:
            make_writable(self.root)
        except OSError as error:
            raise UnwritableStore(self.root, error) from error

    @classmethod
    def to_judge(
        cls,
        root: str | os.PathLike[str] | None = None,
        say: Callable[[str], None] = logger.warning,
        *,
        complete: bool = False,
    ) -> Store:
        """The store of a run of claims: only read if it is named as complete, is committed or cannot be written."""
        try:
            return cls(root, say, complete=complete)
        except UnwritableStore:
            if not any(store_root(root).glob("v*")):
                raise
            return cls(root, say, complete=True)

    def path(self, cell: Cell) -> Path:
        """The file of the cell's measurement: a readable stem and the keys of its nets and of its record."""
        return self.root / f"{cell.dataset}-{cell.activation}-{cell.kind}-n{cell.width:04d}-{cell.key}.npz"

    @property
    def checkpoints(self) -> Checkpoints:
        """The half-trained nets of cells that are not measured yet."""
        return Checkpoints(self.root / "checkpoints", self.say)

    @property
    def weights(self) -> Weights:
        """The nets that were kept to be measured again."""
        return Weights(self.root / "weights", self.say)

    @cached_property
    def pieces(self) -> Store:
        """The store of what is measured of cells that are not whole yet: its cells are pieces of theirs."""
        return Store(self.root / "pieces", self.say, make=self.is_writable)

    def discard_unfinished(self, cell: Cell) -> None:
        """Remove the checkpoints and the measured pieces of a cell, once it is measured."""
        self.checkpoints.discard(cell)
        if (self.root / "pieces").exists() and len(parts := pieces(cell)) > 1:
            for part in parts:
                self.pieces.path(part).unlink(missing_ok=True)
                self.pieces.checkpoints.discard(part)

    def has(self, cell: Cell) -> bool:
        return self.path(cell).exists()

    def is_half_trained(self, cell: Cell) -> bool:
        if self.has(cell):
            return False
        begun = [self.pieces.has(part) or self.pieces.checkpoints.paths(part) for part in pieces(cell)]
        return bool(self.checkpoints.paths(cell)) or any(begun)

    def other_records(self, cell: Cell) -> list[Path]:
        """The files of the same nets' other records: of another probe, or of another version of what is measured."""
        return sorted(set(self.root.glob(f"*-{cell.nets_key}-r*.npz")) - {self.path(cell)})

    def load(self, cell: Cell) -> Measurement | None:
        """The cell's measurement; None if there is none, or if its file is damaged: that one is put aside."""
        path = self.path(cell)
        try:
            return unpacked(cell, read_npz(path))
        except FileNotFoundError:
            return None
        except DAMAGE as error:
            if not self.is_writable:
                self.say(f"{path.name} is damaged ({error})")
                return None
            aside = path.with_suffix(".damaged")
            with suppress(FileNotFoundError):  # another process has put it aside
                path.replace(aside)
            self.say(f"{path.name} is damaged ({error}): put aside as {aside.name}, to be measured again")
            return None

    def require(self, *cells: Cell) -> None:
        """IncompleteStore, which names the cells, where a store that is only read lacks any; others can be filled."""
        if lacking := [] if self.is_writable else [cell for cell in cells if not self.load_readable(cell)]:
            raise IncompleteStore(
                f"the store {self.root} is only read{self._what_it_holds()}, and lacks {len(lacking)} of the cells: "
                + "; ".join(f"{cell.label}, {self._why_lacking(cell)}" for cell in lacking)
                + f". To train and measure them in the usual store, type `wndcheck store merge {quote(str(self.root))}`"
                + ", then this command again without --wnd-store and --wnd-complete"
            )

    def load_readable(self, cell: Cell) -> Measurement | None:
        """As `load`; also None, with a word, for a file that cannot be read now and may be whole."""
        try:
            return self.load(cell)
        except OSError as error:
            self.say(f"{self.path(cell)} cannot be read: {error.strerror or error}")
            return None

    def _what_it_holds(self) -> str:
        """`` (its cells are those of profile medium, base seed 100)``; empty for a store that does not say so."""
        try:
            # The words of `inventory.NOTE`.
            found = re.search(r"of (profile \S+, base seed \d+)", (self.root.parent / READ_ONLY).read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            found = None
        return f" (its cells are those of {found[1]})" if found else ""

    def _why_lacking(self, cell: Cell) -> str:
        if self.has(cell):
            return f"whose file {self.path(cell).name} cannot be used"
        if others := self.other_records(cell):
            return f"of which it has another record ({', '.join(path.name for path in others)}), not {cell.record_key}"
        return f"of which it has nothing ({self.path(cell).name})"

    def save(self, measurement: Measurement) -> Path:
        """Write the measurement, whole or not at all."""
        path = self.path(measurement.cell)
        write_npz(path, packed(measurement))
        return path

    def lock_path(self, cell: Cell) -> Path:
        return self.root / "locks" / f"{cell.nets_key}.lock"

    @contextmanager
    def locked(self, cell: Cell) -> Iterator[bool]:
        """Lock the cell's nets against other processes; yields False when another one has locked them, for this or
        another record. The lock of a killed process is released.
        """
        lock = FileLock(self.lock_path(cell))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise UnwritableStore(self.root, error) from error
        try:
            remove_unfinished(self.path(cell))
            yield True
        finally:
            lock.release()

    def measured(self) -> list[Path]:
        """The files of all measurements of this version of the record, by name."""
        return measured_in(self.root)


def measured_in(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*-r{cells.RECORD}-*.npz"))


def packed(measurement: Measurement) -> dict[str, np.ndarray]:
    """The arrays of the file, with a digest of them; text as numpy strings, which need no pickle."""
    cell = measurement.cell
    texts = {CELL: cell.to_dict() | {"key": cell.key}, PROVENANCE: measurement.provenance}
    arrays = measurement.arrays | {name: np.array(json.dumps(fields)) for name, fields in texts.items()}
    return arrays | {DIGEST: np.array(content_digest(arrays, ""))}


def unpacked(cell: Cell | None, arrays: dict[str, np.ndarray]) -> Measurement:
    """The measurement in a file's arrays, of the cell, or of any without one.

    ValueError when it is another cell's, of another version, an array is missing or misshapen, or a number is not the
    one that was written. No record has infinities.
    """
    digest = arrays.pop(DIGEST, None)
    content = content_digest(arrays, "") if digest is not None else ""
    fields = json.loads(str(arrays.pop(CELL)))
    try:
        key, found = fields.pop("key"), Cell.from_dict(fields)
        wanted = found.key
    except (AttributeError, TypeError, KeyError) as error:  # fields that a cell lacks, or of another kind than its
        raise ValueError(f"it does not hold a cell ({error})") from None
    if (cell and found != cell) or key != wanted:
        raise ValueError(f"it holds cell {key}, expected {cell.key if cell else wanted}")
    provenance = json.loads(str(arrays.pop(PROVENANCE)))
    if not isinstance(provenance, dict):
        raise ValueError(f"its provenance is {provenance!r}, expected named fields")
    expected = record_shapes(found)
    shapes = {name: array.shape for name, array in arrays.items() if array.dtype == np.float64}
    if shapes != expected:
        wrong = sorted(name for name in expected.keys() | shapes.keys() if expected.get(name) != shapes.get(name))
        raise ValueError(f"missing or misshapen arrays: {', '.join(wrong)}")
    if content and str(digest) != content:
        raise ValueError("its content is not what was written")
    if infinite := [name for name in expected if np.isinf(arrays[name]).any()]:
        raise ValueError(f"infinite numbers in {', '.join(infinite)}")
    return Measurement(found, arrays, provenance)


def verified(path: Path) -> Measurement:
    """The measurement in a file, whichever cell's. One of DAMAGE when it is damaged, or has another name."""
    measurement = unpacked(None, read_npz(path))
    if not path.stem.endswith(f"-{measurement.cell.key}"):
        raise ValueError(f"it holds cell {measurement.cell.key}, which does not match its name")
    return measurement


def make_writable(folder: Path) -> None:
    """Make the folder of a store's measurements. OSError if it cannot be written, or belongs to a committed store."""
    if (folder.parent / READ_ONLY).exists():
        raise PermissionError(errno.EROFS, f"its {READ_ONLY} says that it is only read")
    locks = folder / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    for there in (folder, locks):
        if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def folder_of(source: Path) -> Path:
    """The folder of measurements of a store: `source` itself, or the one below it. ValueError where there is none."""
    if not source.is_dir():
        raise ValueError(
            f"{source} is not a folder: name the root of a store, or {FOLDER} in it; `wndcheck measure` makes one"
        )
    if (source / FOLDER).is_dir():
        return source / FOLDER
    if source.resolve().name == FOLDER:
        return source
    names = [source.name, *(path.name for path in source.iterdir() if path.is_dir())]
    versions = sorted(int(name[1:]) for name in names if re.fullmatch(r"v\d+", name))
    if not versions:
        raise ValueError(f"{source} is not a store: expected a folder {FOLDER} in it")
    advice = "use the newer wndcheck that made them"
    if max(versions) <= NETS:
        advice = "measure them again with `wndcheck measure`"
    raise ValueError(
        f"{source} holds only nets of version {', '.join(map(str, versions))}, and this wndcheck reads version {NETS}: "
        + advice
    )
