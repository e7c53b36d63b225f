"""A measurement that is killed again and again ends with the bits of an uninterrupted one."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from math import inf
from pathlib import Path

import numpy as np
import pytest

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.measurement import measuring
from wndcheck.experiment.measurement.provenance import State
from wndcheck.experiment.record_schema import Measurement
from wndcheck.nets.specification import Training, Unspecified
from wndcheck.store.filling import fill
from wndcheck.store.kept import Checkpoints, StateFile
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL, Log, assert_same_numbers, finish, start_python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked, which spares them the imports")
KILLS = 20
# Half a second or so of training, in six epochs of 79 steps.
PROTOCOL = Training(0.05, 64, (0, 1, 3, 6))
CELL = replace(TINY_CELL, activation="relu", seeds=(3, 1), protocol=PROTOCOL, unspecified=Unspecified(held_out=5000))


class Piped(Log):
    """Writes to a pipe what it is about to do: a letter each time."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self.pipe = pipe

    def working(self, cell: Cell, doing: str, share: float) -> None:
        os.write(self.pipe, doing[:1].encode())


def forked(work: Callable[[], object]) -> int:
    """The id of a copy of this process that does the work and ends, well or with its failt."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def filled(root: Path, pipe: int) -> None:
    measuring.PAUSE = -1.0  # nets are kept after every epoch, not only at stages
    fill([CELL], Store(root), Piped(pipe), device="cpu", data_root=None)


def unfinished(root: Path) -> list[str]:
    """Names of half-written files, and of checkpoints."""
    return sorted(path.name for path in root.rglob("*") if path.suffix == ".part" or path.parent.name == "checkpoints")


def is_writing(root: Path) -> bool:
    return any(root.rglob("*.part"))


def attempt(root: Path, most: float = inf, seconds: float = 0, *, at_a_write: bool = False) -> tuple[str | None, int]:
    """Start a process that fills the store; kill it when it has written so many letters, some seconds later.

    With `at_a_write` it is killed at its first write after that. Returns what it was doing, training, measuring,
    writing or starting, or None if it was done before; and how many letters it wrote.
    """
    reader, writer = os.pipe()
    child = forked(lambda: filled(root, writer))
    os.close(writer)
    written = b""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while len(written) < most:
            written += (piece := pipe.read(1))
            if not piece:
                assert os.waitpid(child, 0)[1] == 0, "a process ended badly"
                return None, len(written)
        time.sleep(seconds)
        ended, status = 0, 0
        while at_a_write and not ended and not is_writing(root):
            ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        written += pipe.read(1000)
    if status == 0:
        return None, len(written)
    assert status == signal.SIGKILL
    letter = b"w" if is_writing(root) else written[-1:]
    return {b"w": "writing", b"t": "training", b"m": "measuring", b"": "starting"}[letter], len(written)


def fail(message: str) -> None:
    raise AssertionError(message)


def check(run: Path, uninterrupted: Measurement) -> list[int]:
    """The epochs at which a measurement resumed; AssertionError unless it equals the uninterrupted one."""
    found = Store(run, say=fail).load(CELL)
    assert found is not None
    assert_same_numbers(found, uninterrupted)
    assert unfinished(run) == []
    return found.provenance["resumed_at_epochs"]  # type: ignore[return-value]


def kill_at_random_times(folder: str, seed: str) -> None:
    """Fill one store without interruption, then others with processes killed at random times, KILLS in all.

    Prints what the processes were doing when they were killed, and at which epochs each measurement resumed.
    """
    import torch

    torch.set_num_threads(1)
    rng, root = random.Random(seed), Path(folder)
    fill([replace(CELL, seeds=(1,))], Store(root / "first"), Log(), device="cpu", data_root=None)  # loads and compiles
    _, whole = attempt(root / "uninterrupted")
    uninterrupted = Store(root / "uninterrupted").load(CELL)
    assert uninterrupted is not None
    doing: list[str] = []
    resumed = [check(root / "uninterrupted", uninterrupted)]
    is_last = False
    while not is_last:
        run, is_last = root / f"run {len(resumed)}", len(doing) == KILLS
        moment = inf if is_last else rng.randrange(whole // 2)
        killed, _ = attempt(run, moment, rng.uniform(0, 0.02), at_a_write=rng.random() < 0.3)
        if killed:
            doing.append(killed)
        else:
            resumed.append(check(run, uninterrupted))
    print(json.dumps({"doing": doing, "resumed": resumed}))


def test_a_killed_measurement_resumes_to_the_same_bits(tmp_path: Path) -> None:
    code = "import sys; from wndcheck.tests.store import test_resume; test_resume.kill_at_random_times(*sys.argv[1:])"
    result = json.loads(finish(start_python(code, tmp_path, 2)))
    assert len(result["doing"]) == KILLS
    assert {"training", "writing"} <= set(result["doing"]), result
    assert result["resumed"][0] == []
    assert any(epoch for epochs in result["resumed"] for epoch in epochs), result


def numbered(number: int) -> State:
    """Ten megabytes, all of one number."""
    return State({f"{layer}": np.full((1000, 500), number, np.float32) for layer in range(5)}, {"number": number})


def save_forever(file: StateFile) -> None:
    for number in count():
        file.save(numbered(number % 256))


def interrupt_saves(folder: str, seed: str) -> None:
    """Kill a process that saves a checkpoint again and again, 12 times and until a kill left a half-written file."""
    rng, halves, kills = random.Random(seed), 0, 0
    file = Checkpoints(Path(folder), fail).of(TINY_CELL, (0, 1))
    while kills < 12 or (not halves and kills < 500):  # how many do depends on the machine's load
        kills += 1
        child = forked(lambda: save_forever(file))
        while not file.path.exists():
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        halves += is_writing(Path(folder))
        found = file.load()
        assert found is not None
        for name, array in numbered(found.notes["number"]).arrays.items():
            assert (found.arrays[name] == array).all()
        assert list(Path(folder).iterdir()) == [file.path]
    print(halves)


def test_a_process_killed_while_it_saves_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    code = "import sys; from wndcheck.tests.store.test_resume import interrupt_saves; interrupt_saves(*sys.argv[1:])"
    assert int(finish(start_python(code, tmp_path, 0))) >= 1


def test_a_checkpoint_that_outlives_its_measurement_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends after the measurement is saved and before the checkpoint is discarded."""
    cell = replace(TINY_CELL, unspecified=Unspecified(held_out=9000))
    fill_here = partial(fill, [cell], Store(tmp_path), Log(), device="cpu", data_root=None)
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "discard", lambda *_: fail("killed"))
        with pytest.raises(AssertionError, match="killed"):
            fill_here()
    assert Store(tmp_path).has(cell)
    assert unfinished(tmp_path) == [f"{cell.key}-0-2.safetensors"]
    fill_here()
    assert unfinished(tmp_path) == []
