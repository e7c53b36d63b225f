"""Which runs the plugin takes part in, and the threads and devices of their workers."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from wndcheck import devices
from wndcheck.pytest_plugin import workers as of_runs
from wndcheck.tests.pytest_plugin.claim_files import SUPPORTED, check

pytest_plugins = "pytester"


def config(folder: Path, *args: str, **more) -> SimpleNamespace:
    return SimpleNamespace(
        **{"option": None, "args": list(args), "invocation_params": SimpleNamespace(dir=folder)} | more
    )


@pytest.fixture
def folder_of_claims(tmp_path: Path) -> Path:
    folder = tmp_path / "claims"
    folder.mkdir()
    (folder / "expectations.toml").touch()
    (folder / "one.py").touch()
    return folder


@pytest.mark.parametrize(
    ("argument", "whole"),
    [("claims", True), ("claims/", True), (".", True), ("claims/one.py", False), ("claims/one.py::test_a[1]", False)],
)
def test_a_run_with_claims_is_recognised(folder_of_claims, argument, whole):
    run = config(folder_of_claims.parent, argument)
    assert of_runs.claims_folder(run) == folder_of_claims
    assert of_runs.is_whole(run, folder_of_claims) is whole
    assert of_runs.claims_folder(config(folder_of_claims.parent, "tests")) is None


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


def test_n_auto_takes_as_many_workers_as_there_are_devices(pytester, claims, monkeypatch):
    """xdist asks for the number before the run begins; here of a machine of three devices, whatever its cores."""
    claims(tiny=check(SUPPORTED))
    pytester.makeconftest("from wndcheck import devices\ndevices.automatic_workers = lambda device: 3\n")
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    pytester.runpytest_subprocess("claims", "-n", "auto").stdout.fnmatch_lines(["*created: 3/3 workers*"])
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "1")
    pytester.runpytest_subprocess("claims", "-n", "auto").stdout.fnmatch_lines(["*created: 1/1 worker*"])


def test_n_auto_of_other_runs_is_left_to_xdist(pytester, monkeypatch):
    pytester.makepyfile("def test_one(): pass")
    pytester.makeconftest("from wndcheck import devices\ndevices.automatic_workers = lambda device: 3\n")
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    result = pytester.runpytest_subprocess("-n", "auto")
    assert "3/3" not in result.stdout.str() or os.cpu_count() == 3
