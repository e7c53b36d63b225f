"""Where data sets lie on disk, torchvision's layout under one root, and how they are found, read and verified."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wndcheck.datasets.catalogue import (
    Arrays,
    DamagedData,
    Dataset,
    MissingData,
    Specification,
    specification_of,
    verified,
)
from wndcheck.datasets.formats import read_cifar_binary, read_cifar_pickles, read_mnist
from wndcheck.datasets.subset import CIFAR10_SUBSET, SUBSET, build_cifar10_subset, load_subset


@dataclass(frozen=True)
class Layout:
    """One way in which a data set lies in a root: these files in this folder, each under one of the suffixes."""

    folder: str
    files: tuple[str, ...]
    read: Callable[[Sequence[Path]], Arrays]
    suffixes: tuple[str, ...] = ("",)

    def paths(self, root: Path) -> list[Path]:
        """Each file under the first suffix that exists, or under the first suffix if none does."""
        return [self._path(root / self.folder, file) for file in self.files]

    def missing(self, root: Path) -> list[Path]:
        """Those of `paths` that do not exist."""
        return [path for path in self.paths(root) if not path.is_file()]

    def _path(self, folder: Path, file: str) -> Path:
        candidates = [folder / f"{file}{suffix}" for suffix in self.suffixes]
        return next((path for path in candidates if path.is_file()), candidates[0])


_TRAINING_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))

MNIST_IDX = Layout(
    folder="MNIST/raw",
    files=("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    read=read_mnist,
    suffixes=("", ".gz"),
)
CIFAR10_PICKLES = Layout(
    folder="cifar-10-batches-py",
    files=(*_TRAINING_BATCHES, "test_batch", "batches.meta"),
    read=read_cifar_pickles,
)
CIFAR10_BINARY = Layout(
    folder="cifar-10-batches-bin",
    files=tuple(f"{batch}.bin" for batch in (*_TRAINING_BATCHES, "test_batch")),
    read=read_cifar_binary,
)
LAYOUTS: dict[str, tuple[Layout, ...]] = {"mnist": (MNIST_IDX,), "cifar10": (CIFAR10_PICKLES, CIFAR10_BINARY)}


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder that data sets lie in: the argument, else $WNDCHECK_DATA, else the user's cache folder."""
    chosen = root or os.environ.get("WNDCHECK_DATA")
    if chosen:
        return Path(chosen).expanduser()

    from platformdirs import user_cache_path

    return user_cache_path("wndcheck") / "data"


def load(name: str, root: str | os.PathLike[str] | None = None) -> Dataset:
    """Read and verify "mnist-subset", "mnist", "cifar10" or "cifar10-subset": shapes, class counts and the sha256.

    Raises MissingData or DamagedData with the command that mends it, ValueError if the name is unknown.
    """
    specification = specification_of(name)
    if name == SUBSET:
        return load_subset(specification)
    if name == CIFAR10_SUBSET:
        return verified(specification, build_cifar10_subset(load("cifar10", root)))
    try:
        return load_from(specification, data_root(root))[0]
    except MissingData as error:
        raise MissingData(f"{error}\nTo fetch it, type: {_command(name, root)}") from None
    except DamagedData as error:
        raise DamagedData(f"{error}\nTo fetch it anew, type: {_command(name, root)} --force") from error


def load_from(specification: Specification, root: Path) -> tuple[Dataset, Layout]:
    """The data set from the first layout under `root` that verifies, and that layout."""
    name = specification.name
    layouts = LAYOUTS[name]
    complete = [layout for layout in layouts if not layout.missing(root)]
    if not complete:
        sought = "".join(f"\n  {path}" for layout in layouts for path in layout.missing(root))
        raise MissingData(f"{name} is not in {root}. Not found:{sought}")
    reasons = []
    for layout in complete:
        try:
            return verified(specification, layout.read(layout.paths(root))), layout
        except DamagedData as error:
            reasons.append(f"\n  {layout.folder}: {error}")
    raise DamagedData(f"{name} in {root} is damaged:{''.join(reasons)}")


def is_available(name: str, root: str | os.PathLike[str] | None = None) -> bool:
    """Whether the files of the data set are there; what they hold is looked at by `load` only."""
    if specification_of(name).name == SUBSET:
        return True
    whole = "cifar10" if name == CIFAR10_SUBSET else name
    return any(not layout.missing(data_root(root)) for layout in LAYOUTS[whole])


def _command(name: str, root: str | os.PathLike[str] | None) -> str:
    return f"wndcheck fetch {name}" + (f" --data {shlex.quote(str(root))}" if root else "")
