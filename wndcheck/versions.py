"""The machine, the package versions and the commit behind a result."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from wndcheck.devices import usable_cores


def versions(*packages: str) -> dict[str, str]:
    """Installed version of each package, or "not installed" (numba is not needed on a GPU)."""
    return {package: _version(package) for package in packages}


def environment(device: str, folder: Path, *packages: str) -> dict[str, str]:
    """The machine and the versions behind a result, and the commit checked out in a folder."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "machine": platform.machine(),
        "cores": str(usable_cores()),
        "device": device,
        **versions("wndcheck", "torch", *packages),
        **commit(folder),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def commit(folder: Path) -> dict[str, str]:
    """The commit checked out in a folder, and whether files differ from it; empty outside a git repository."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=, changed", "--exclude=*"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": result.stdout.strip()} if result.returncode == 0 else {}
