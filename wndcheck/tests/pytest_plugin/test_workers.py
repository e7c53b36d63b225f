"""Which runs the plugin takes part in, and the threads and devices of their workers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from wndcheck import devices
from wndcheck.pytest_plugin import workers as of_runs


def config(folder: Path, *args: str, **more) -> SimpleNamespace:
    return SimpleNamespace(
        **{"option": None, "args": list(args), "invocation_params": SimpleNamespace(dir=folder)} | more
    )


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    folder = tmp_path / "claims"
    folder.mkdir()
    (folder / "expectations.toml").touch()
    (folder / "one.py").touch()
    return folder


@pytest.mark.parametrize(
    ("argument", "whole"),
    [("claims", True), ("claims/", True), (".", True), ("claims/one.py", False), ("claims/one.py::test_a[1]", False)],
)
def test_a_run_with_claims_is_recognised(claims, argument, whole):
    run = config(claims.parent, argument)
    assert of_runs.claims_folder(run) == claims
    assert of_runs.is_whole(run, claims) is whole
    assert of_runs.claims_folder(config(claims.parent, "tests")) is None


def test_workers_get_one_thread_unless_set(monkeypatch, tmp_path):
    environment = {"OMP_NUM_THREADS": "3"}
    monkeypatch.setattr(devices.os, "environ", environment)
    of_runs.pin_threads(config(tmp_path, option=SimpleNamespace(numprocesses=None)))
    assert environment == {"OMP_NUM_THREADS": "3"}
    of_runs.pin_threads(config(tmp_path, option=SimpleNamespace(numprocesses=2)))
    assert environment == dict.fromkeys(devices.THREAD_VARIABLES, "1") | {"OMP_NUM_THREADS": "3"}


def test_automatic_workers_on_the_cpu():
    assert devices.automatic_workers("cpu") == devices.usable_cores()


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(devices, "visible_gpus", lambda: 2)
    monkeypatch.setattr(devices, "resolve", lambda name: "cuda" if name == "auto" else name)


@pytest.mark.usefixtures("two_gpus")
def test_workers_share_out_the_visible_gpus():
    assert devices.automatic_workers("auto") == 2
    assert devices.automatic_workers("cuda:1") == 1
    assert [devices.own_device("auto", i) for i in range(4)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert devices.own_device("cuda:1", 0) == "cuda:1"


@pytest.mark.usefixtures("two_gpus")
def test_a_run_without_workers_leaves_the_gpu_to_torch(tmp_path):
    own = [of_runs.own_device(config(tmp_path, workerinput={"workerid": f"gw{i}"}), "auto") for i in range(2)]
    assert own == ["cuda:0", "cuda:1"]
    assert of_runs.own_device(config(tmp_path), "auto") == "cuda"
