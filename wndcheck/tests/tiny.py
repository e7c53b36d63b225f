"""Small things the tests share: a data set of thirty images in MNIST's files, cells, records, processes."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import wndcheck
from wndcheck.datasets.catalogue import Dataset, Specification, digest
from wndcheck.datasets.loading import MNIST
from wndcheck.experiment.cells import Cell, Probe, Training, Violation
from wndcheck.experiment.record_schema import RANK_SAMPLES, SAME_IMAGE, Measurement, record_shapes

_RNG = np.random.default_rng(0)
TINY = Dataset(
    _RNG.integers(0, 256, (20, 28, 28), np.uint8),
    _RNG.permutation(np.arange(20, dtype=np.uint8) % 10),
    _RNG.integers(0, 256, (10, 28, 28), np.uint8),
    _RNG.permutation(np.arange(10, dtype=np.uint8)),
)
TINY_MNIST = Specification("mnist", (28, 28), (2,) * 10, (1,) * 10, digest(TINY))


def idx(array: NDArray[np.uint8]) -> bytes:
    """The bytes of an idx file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_tiny(root: Path, arrays: Dataset = TINY) -> Path:
    """Write arrays in MNIST's layout under `root`; return the folder they are in."""
    folder = root / MNIST.folder
    folder.mkdir(parents=True, exist_ok=True)
    for file, array in zip(MNIST.files, arrays, strict=True):
        (folder / file).write_bytes(idx(array))
    return folder


# Nets small enough to train and measure in a fraction of a second.
TINY_PROBE = Probe(images_per_class=20, most_pairs=10, control_pairs=8)
TINY_TRAINING = Training(0.1, 64, (0, 1))
TINY_CELL = Cell("mnist-subset", "tanh", 6, (0, 1), TINY_TRAINING, TINY_PROBE)
LAST_STAGE = ("post_", "folded_", "total_correlation", "within_class")  # what begins so is measured at no other
UNTRAINED = replace(TINY_CELL, protocol=replace(TINY_TRAINING, stages=(0,)))


def random_measurement(cell: Cell, seed: int = 0) -> Measurement:
    """Random numbers in the shapes of the cell's record, one of them NaN."""
    rng = np.random.default_rng(seed)
    arrays = {name: rng.standard_normal(shape) for name, shape in record_shapes(cell).items()}
    arrays["score"][-1, 0, 0] = np.nan
    return Measurement(cell, arrays, {"made": "then", "seconds": {"training": 1.5}})


def unmeasured(cell: Cell) -> dict[str, NDArray[np.bool_]]:
    """Masks of the record of a cell that trained well where no number is meant to be."""
    masks = {name: np.zeros(shape, dtype=bool) for name, shape in record_shapes(cell).items()}
    for form in ("", SAME_IMAGE) if cell.ensembles else ("",):
        for name in masks:
            if name.startswith(tuple(form + start for start in LAST_STAGE)):
                masks[name][:-1] = True
            if name.startswith(f"{form}rank_") and not name.endswith("gaussian_score"):
                masks[name][...] = (cell.nets_per_ensemble if cell.ensembles else cell.probe.images) < RANK_SAMPLES
            if name.startswith((f"{form}post_", f"{form}folded_")):
                masks[name][:, :, -1] = True  # nothing comes after logits
                masks[name][...] |= cell.activation == "relu" and name.endswith("_3h")
    if not cell.ensembles:
        masks["importance"][:, :, -1] = True
        masks["image_floor"][:, :, 1:] = True
        masks["image_floor"][...] |= isinstance(cell.protocol, Violation)
    if len(cell.protocol.stages) == 1:  # never trained
        for name in {"accuracy", "validation_accuracy", "importance"} & set(masks):
            masks[name][...] = True
    return masks


def assert_same_numbers(found: Measurement | None, expected: Measurement) -> None:
    """AssertionError unless all arrays are equal to the last bit."""
    assert found
    assert found.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].tobytes() == array.tobytes(), name


class Log:
    """A reporter that keeps the events of filling a store."""

    def __init__(self) -> None:
        self.plans: list[list[Cell]] = []
        self.done: list[Cell] = []
        self.shares: list[float] = []

    def planned(self, cells: list[Cell], device: str = "cpu") -> None:
        self.plans.append(cells)

    def working(self, cell: Cell, doing: str, share: float) -> None:
        self.shares.append(share)

    def finished(self, cell: Cell, seconds: float) -> None:
        self.done.append(cell)


INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


def start_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process of this Python, on one thread, that sees this package and can be interrupted.

    What a shell starts in the background, as CI may do, ignores SIGINT, and so would what it starts in its turn.
    """
    package = str(Path(wndcheck.__file__).parents[1])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-c", f"{INTERRUPTIBLE}\n{code}", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process; return what it printed. AssertionError with its standard error if it failed."""
    try:
        out, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    return out


def wait_for(happened: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something has happened; AssertionError when it takes too long."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.001)
