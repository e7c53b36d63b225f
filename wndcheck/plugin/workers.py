"""Which runs have claims in them, and how many workers, threads and devices they get."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# One thread a worker: several workers with a thread a core each are slower than one alone.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


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
        for variable in THREAD_VARIABLES:
            os.environ.setdefault(variable, "1")


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def automatic_workers(device: str) -> int:
    """What `-n auto` means: one worker a visible GPU, or one a core."""
    from wndcheck.devices import resolve, visible_gpus

    if not resolve(device).startswith("cuda"):
        return usable_cores()
    return visible_gpus() if device in ("auto", "cuda") else 1


def own_device(config: pytest.Config, device: str) -> str:
    """This process's device; workers take the visible GPUs in turn."""
    from wndcheck.devices import resolve, visible_gpus

    resolved = resolve(device)
    if resolved != "cuda" or not is_worker(config):
        return resolved
    return f"cuda:{int(config.workerinput['workerid'].removeprefix('gw')) % visible_gpus()}"  # type: ignore[attr-defined]
