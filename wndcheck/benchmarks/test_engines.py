"""Two workers of a Dask cluster on this machine beside two processes: the time to fill a store, and its bits."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from wndcheck.devices import THREAD_VARIABLES
from wndcheck.experiment import families
from wndcheck.experiment.profiles import QUICK, Training
from wndcheck.experiment.record_schema import Measurement
from wndcheck.seeds import BASE_SEED
from wndcheck.store.engines import Task, in_worker_processes, on_dask
from wndcheck.store.measurements import Store

# The quick profile's perceptrons on a reduced grid.
REDUCED = replace(QUICK, widths=(50, 70, 100), nets=5, training=Training(0.02, 32, (0, 1, 2)))
CELLS = families.parts(REDUCED, BASE_SEED)["mlp"]
ROUNDS = 2


def test_dask_fills_a_store_as_fast_as_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of both import what they need in the time that is measured."""
    distributed = pytest.importorskip("distributed", reason="no Dask")
    for variable in THREAD_VARIABLES:
        monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "33554432")  # as docs/clusters.md says, or Dask slows its workers down
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "67108864")
    seconds, core = {"local": 0.0, "dask": 0.0}, {"local": 0.0, "dask": 0.0}

    def filled(engine: str, number: int, scheduler: str = "") -> Store:
        task = Task(tmp_path / f"{engine}{number}", tmp_path / "log", "cpu", None)
        began = time.perf_counter()
        if scheduler:
            assert on_dask(CELLS, task, scheduler, lambda line: None) == []
        else:
            assert in_worker_processes(CELLS, task, 2, lambda line: None) == []
        seconds[engine] += time.perf_counter() - began
        return Store(task.store, pytest.fail)

    for number in range(ROUNDS):
        local = filled("local", number)
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
        with distributed.LocalCluster(**options, local_directory=str(tmp_path)) as cluster:
            dask = filled("dask", number, cluster.scheduler_address)
        for cell in CELLS:
            one, other = local.load(cell), dask.load(cell)
            assert one
            assert other
            assert {name: a.tobytes() for name, a in one.arrays.items()} == {
                name: a.tobytes() for name, a in other.arrays.items()
            }
        core["local"] += sum(map(core_seconds, map(local.load, CELLS)))
        core["dask"] += sum(map(core_seconds, map(dask.load, CELLS)))
    ratio = seconds["dask"] / seconds["local"]
    print(f"\n{len(CELLS)} cells, {ROUNDS} times: {seconds['local']:.0f} s by local, {seconds['dask']:.0f} s by Dask")
    print(f"Dask over local: {ratio:.2f}, of core seconds in the cells alone {core['dask'] / core['local']:.2f}")
    assert ratio < 1.15


def core_seconds(measurement: Measurement | None) -> float:
    """Core seconds of the process that measured a cell, while it did."""
    assert measurement
    spent = measurement.provenance["core_seconds"]
    assert isinstance(spent, dict)
    return sum(spent.values())
