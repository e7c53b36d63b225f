"""A stack that the memory has no room for is trained in parts: as predicted, or after an error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wndcheck import devices
from wndcheck.experiment.costs import stack_bytes
from wndcheck.experiment.measurement import measuring, probing
from wndcheck.experiment.measurement.measuring import is_out_of_memory, measure, most_members
from wndcheck.nets.specification import Unspecified
from wndcheck.tests.store.test_resume import forked
from wndcheck.tests.tiny import TINY_CELL, finish, start_python

pytestmark = pytest.mark.usefixtures("one_thread")
SEEDS = (5, 3, 8, 1, 9, 2, 7, 4)
# Eight times 9000 images to validate on, in layers of 50 neurons: at once, a hundred megabytes, half as much for half.
CELL = replace(TINY_CELL, width=50, seeds=SEEDS, unspecified=Unspecified(held_out=9000))


@given(st.integers(1, 20), st.floats(0, 1e12) | st.just(float("inf")))
def test_most_members_fill_the_memory(count: int, memory: float) -> None:
    cell = replace(TINY_CELL, seeds=tuple(range(count)))
    most = most_members(cell, memory)
    assert 1 <= most <= count
    assert most == 1 or stack_bytes(cell, most) <= memory
    assert most == count or stack_bytes(cell, most + 1) > memory


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: torch.empty(1 << 50),
        lambda: np.empty(1 << 55),
        pytest.param(lambda: torch.empty(1 << 50, device="cuda"), marks=needs_cuda),
    ],
    ids=["torch", "numpy", "cuda"],
)
def test_errors_without_memory_are_recognized(ask: Callable[[], None]) -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        ask()
    assert is_out_of_memory(caught.value)


def test_other_errors_are_not_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.zeros(3) @ torch.zeros(4)
    assert not is_out_of_memory(caught.value)
    assert not is_out_of_memory(ValueError("shape"))


@pytest.mark.parametrize(("room", "stacks"), [(8, [8]), (7.9, [4, 4]), (3, [2, 3, 3]), (0.1, [1] * 8)])
def test_a_stack_is_split_to_fit_the_memory(room: float, stacks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    cell = replace(CELL, width=4)
    monkeypatch.setattr(devices, "spare_bytes", lambda name: room * stack_bytes(cell, 1))
    result = measure(cell).provenance
    assert (result["stacks"], result["out_of_memory"]) == (stacks, 0)


def assert_same_nets(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """AssertionError unless these are the numbers of the same nets, stacked in another way."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        # Sums in another order: single precision, made larger by 16 steps. Shares jump where a comparison turns over.
        atol = 0.11 if name in ("lemma_broken", "rank_dependent") else 1e-5
        np.testing.assert_allclose(found[name], array, rtol=0, atol=atol, err_msg=name)


def test_memory_that_runs_out_in_the_second_part_does_not_affect_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = replace(CELL, width=6, seeds=SEEDS[:6])
    undisturbed = measure(cell)
    assert undisturbed.provenance["stacks"] == [6]
    run, stacks = measuring.run, []

    def short_once(*args: Any) -> Iterator[tuple[float, bool]]:
        stacks.append(args[3])
        steps = run(*args)
        if len(stacks) == 2:
            yield next(steps)  # the initial nets are measured before a step asks for more memory
            raise torch.OutOfMemoryError("no room for a step")
        yield from steps

    monkeypatch.setattr(measuring, "most_members", lambda cell, memory: 3)
    monkeypatch.setattr(measuring, "run", short_once)
    found = measure(cell)
    assert stacks == [(5, 3, 8), (1, 9, 2), (1,), (9, 2)]
    assert (found.provenance["stacks"], found.provenance["out_of_memory"]) == ([3, 1, 2], 1)
    assert_same_nets(found.arrays, undisturbed.arrays)


# --- a process whose address space is too small ----------------------------------------------------------------------


def address_space(name: str) -> int:
    """VmSize or VmPeak of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def measured_within(path: str, room: int | None) -> None:
    """Measure with so much more memory than there is now; keep the arrays, the provenance, and how much it took."""
    import resource

    before = address_space("VmSize")
    if room is not None:
        resource.setrlimit(resource.RLIMIT_AS, (before + room, resource.RLIM_INFINITY))
    try:
        found = measure(CELL)
    except (RuntimeError, MemoryError) as error:
        if room is not None:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        result, arrays = {"error": str(error), "is_out_of_memory": is_out_of_memory(error)}, {}
    else:
        arrays = found.arrays
        result = {name: found.provenance[name] for name in ("stacks", "out_of_memory")}
    taken = address_space("VmPeak") - before
    np.savez(path, result=np.array(json.dumps(result | {"taken": taken})), **arrays)


def cramped(folder: str) -> None:
    """Measure undisturbed, then with three quarters of the memory that this took, then with a quarter."""
    torch.set_num_threads(1)
    probing.AT_ONCE["cpu"] = 2**26
    measure(replace(CELL, width=4, seeds=(1,)))  # loads and compiles
    taken = None
    for name, share in (("undisturbed", None), ("half", 0.75), ("quarter", 0.25)):
        path = f"{folder}/{name}.npz"
        room = int(share * taken) if share and taken else None
        assert os.waitpid(forked(lambda path=path, room=room: measured_within(path, room)), 0)[1] == 0
        with np.load(path) as archive:
            taken = taken or json.loads(str(archive["result"]))["taken"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="address spaces are bounded only on Linux")
def test_a_stack_for_which_memory_runs_out_is_measured_in_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")  # else every thread sets much of the space aside
    finish(
        start_python(
            "import sys; from wndcheck.tests.experiment.test_memory import cramped; cramped(sys.argv[1])", tmp_path
        )
    )
    found = {name: dict(np.load(tmp_path / f"{name}.npz")) for name in ("undisturbed", "half", "quarter")}
    result = {name: json.loads(str(arrays.pop("result"))) for name, arrays in found.items()}
    assert (result["undisturbed"]["stacks"], result["undisturbed"]["out_of_memory"]) == ([8], 0)
    assert (result["half"]["stacks"], result["half"]["out_of_memory"]) == ([4, 4], 1), result
    assert_same_nets(found["half"], found["undisturbed"])
    assert result["quarter"]["is_out_of_memory"], result
    assert "allocate" in result["quarter"]["error"]
