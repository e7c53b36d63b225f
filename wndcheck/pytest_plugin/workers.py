"""The claims folder and selection of a run, and the threads and device of each of its processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from wndcheck import devices


def claims_folder(config: pytest.Config) -> Path | None:
    """The folder of claims (it holds expectations.toml) that the run's arguments name or are in; None without one."""
    for argument in config.args:
        path = (config.invocation_params.dir / str(argument).split("::")[0]).resolve()
        for folder in (path, path.parent, path / "claims"):
            if (folder / "expectations.toml").is_file():
                return folder
    return None


LEAVE_OUT_FILES = ("ignore", "ignore_glob", "lf")
LEAVE_OUT_TESTS = (*LEAVE_OUT_FILES, "keyword", "markexpr", "deselect", "stepwise")


def is_whole(config: pytest.Config, folder: Path) -> bool:
    """Whether the arguments name the whole folder of claims, and no option leaves files of it out."""
    paths = [(config.invocation_params.dir / str(argument)).resolve() for argument in config.args]
    return any(path == folder or path in folder.parents for path in paths) and not has_any(config, LEAVE_OUT_FILES)


def is_selection(config: pytest.Config) -> bool:
    """Whether the run leaves out checks of a claim: by node id or an option such as -k, --deselect or --ignore."""
    return any("::" in str(argument) for argument in config.args) or has_any(config, LEAVE_OUT_TESTS)


def has_any(config: pytest.Config, options: Sequence[str]) -> bool:
    return any(getattr(config.option, name, None) for name in options)


def is_worker(config: pytest.Config) -> bool:
    """Whether this is an xdist worker, not the controller or a run without xdist."""
    return hasattr(config, "workerinput")


def automatic_workers(config: pytest.Config) -> int | None:
    """The number of workers of -n auto for a run of claims; None leaves it to xdist, whose own variable comes first."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ or not claims_folder(config):
        return None
    try:
        return devices.automatic_workers(config.option.wnd_device)
    except ValueError:
        return None  # a device that does not exist, which the run's start says


def pin_threads(config: pytest.Config) -> None:
    """Set one thread per worker, before they start. A run in one process keeps all cores."""
    if getattr(config.option, "numprocesses", None) and not is_worker(config):
        devices.one_thread_each()


def own_device(config: pytest.Config, device: str) -> str:
    """Return this process's device; workers share the visible GPUs."""
    number = int(config.workerinput["workerid"].removeprefix("gw")) if is_worker(config) else None  # type: ignore[attr-defined]
    return devices.own_device(device, number)
