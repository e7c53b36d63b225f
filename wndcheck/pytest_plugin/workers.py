"""Which runs have claims in them, and what of `wndcheck.devices` their processes get."""

from __future__ import annotations

from pathlib import Path

import pytest

from wndcheck import devices


def claims_folder(config: pytest.Config) -> Path | None:
    """The folder of claims (it holds expectations.toml) that the run's arguments name or lie in; None without one."""
    for argument in config.args:
        path = (config.invocation_params.dir / str(argument).split("::")[0]).resolve()
        for folder in (path, path.parent, path / "claims"):
            if (folder / "expectations.toml").is_file():
                return folder
    return None


def is_whole(config: pytest.Config, folder: Path) -> bool:
    """Do the arguments name the whole folder of claims, rather than some files of it?"""
    paths = [(config.invocation_params.dir / str(argument)).resolve() for argument in config.args]
    return any(path == folder or path in folder.parents for path in paths)


def is_selection(config: pytest.Config) -> bool:
    """Does the run leave out checks of a file: by node id, -k, -m or --deselect?"""
    option = config.option
    return any("::" in str(argument) for argument in config.args) or any(
        getattr(option, name, None) for name in ("keyword", "markexpr", "deselect", "lf")
    )


def is_worker(config: pytest.Config) -> bool:
    """Is this an xdist worker, not the controller or a run without xdist?"""
    return hasattr(config, "workerinput")


def pin_threads(config: pytest.Config) -> None:
    """Before workers start: one thread each. A run in one process keeps all cores."""
    if getattr(config.option, "numprocesses", None) and not is_worker(config):
        devices.one_thread_each()


def own_device(config: pytest.Config, device: str) -> str:
    """This process's device; workers share out the visible GPUs."""
    number = int(config.workerinput["workerid"].removeprefix("gw")) if is_worker(config) else None  # type: ignore[attr-defined]
    return devices.own_device(device, number)
