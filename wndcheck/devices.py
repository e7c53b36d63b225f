"""The device that trains the nets: its name, settings and free memory; threads and device of each worker."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Read when CUDA is initialized. cuBLAS is deterministic only with a separate workspace for each stream; with fewer
# queues than streams, streams wait for each other.
CUDA_SETTINGS = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "CUDA_DEVICE_MAX_CONNECTIONS": "32"}
CELLS_AT_ONCE = {"cpu": 1, "cuda": 12}  # narrow nets leave a GPU idle; several cells share it, one stream each
HOST_POLL_SECONDS = 0.002  # between two looks at host threads that measure, where nothing trains in the meantime
SHARE = {"cpu": 0.5, "cuda": 0.8}  # share of the free memory that a stack may take
# One thread per worker: several workers with one thread per core each are slower than a single one.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
# With other values numba or torch fail, the latter as it is imported.
CHECKED_VARIABLES = {
    "NUMBA_NUM_THREADS": (r"0*[1-9][0-9]*", "a number of threads, 1 or more"),
    "NUMBA_DISABLE_JIT": ("0", "0, as the estimators' kernels must be compiled"),
    "PYTORCH_CUDA_ALLOC_CONF": (r"\w+:.*", "settings such as expandable_segments:True"),
}


def prepare(name: str) -> torch.device:
    """The torch device of that name, configured for deterministic results in full single precision."""
    import torch

    device = torch.device(name)
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)
        for variable, value in CUDA_SETTINGS.items():
            os.environ.setdefault(variable, value)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.deterministic = True
        torch.cuda.set_device(device)
    return device


def synchronize(device: torch.device) -> None:
    """Wait until the device has completed all its work."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def cells_at_once(name: str) -> int:
    """Number of cells that one process trains concurrently on a device."""
    return CELLS_AT_ONCE[name.partition(":")[0]]


def host_threads(name: str) -> int:
    """Number of host threads that prepare work for a GPU; 1 on a CPU, where each process has one core."""
    return min(16, usable_cores()) if name.startswith("cuda") else 1


def usable_cores() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spare_bytes(name: str) -> float:
    """Memory that one more stack may take on a device, in bytes; infinite where it is unknown."""
    kind = name.partition(":")[0]
    if kind == "cpu":
        return SHARE[kind] * _available_bytes()
    import torch

    prepare(name)  # the query initializes CUDA, which then reads its settings
    free, _ = torch.cuda.mem_get_info(name)
    unused = torch.cuda.memory_reserved(name) - torch.cuda.memory_allocated(name)
    return SHARE[kind] * (free + unused)


def _available_bytes() -> float:
    """Free memory of the machine, or of the container where that is less; infinite where neither is known."""
    found = [int(line.split()[1]) for line in _lines(Path("/proc/meminfo")) if line.startswith("MemAvailable:")]
    return min([*(1024 * kibibytes for kibibytes in found), *_left_of_limits()], default=float("inf"))


def _left_of_limits(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Iterator[int]:
    """What is left of each limit of memory on this process's control group and on those above it, in bytes.

    The kernel frees file pages that are not in use before it refuses memory. Within a container the group's path may be
    that of the host, of which only the root is seen.
    """
    v1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
    v2 = "memory.max", "memory.current", "inactive_file"
    for _, controllers, path in (line.split(":", 2) for line in _lines(own)):
        if controllers and "memory" not in controllers.split(","):
            continue
        base, names = (root / "memory", v1) if controllers else (root, v2)
        group = base / path.strip("/")
        for folder in (group, *group.parents) if ".." not in group.parts else (base,):
            limit, used = (next(iter(_lines(folder / name)), "") for name in names[:2])
            if limit.isdecimal() and used.isdecimal():
                kept = dict(line.split() for line in _lines(folder / "memory.stat"))
                yield int(limit) - int(used) + int(kept.get(names[2], 0))
            if folder == base:
                break


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []


def resolve(name: str) -> str:
    """The name of a torch device for a device option: ``auto`` is CUDA where available, otherwise the CPU.

    ValueError for an unknown device, one that this machine does not have, or environment variables with which numba or
    torch would fail later.
    """
    for variable, (pattern, expected) in CHECKED_VARIABLES.items():
        if (value := os.environ.get(variable)) and not re.fullmatch(pattern, value):
            raise ValueError(f"the environment has {variable}={value}, expected {expected}: type `unset {variable}`")
    if name == "cpu" or (name == "auto" and not visible_gpus()):
        return "cpu"
    import torch

    if name == "auto":
        return "cuda"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device {name!r}: expected auto, cpu, cuda or cuda:N; try --wnd-device=auto") from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device {name!r}: nets train on cpu or cuda; try --wnd-device=auto")
    present = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= present:
        raise ValueError(f"device {name!r}: this machine shows {present} CUDA device(s); try --wnd-device=auto")
    return name


def visible_gpus() -> int:
    """Number of CUDA devices that torch can use; torch is imported only if there is an NVIDIA driver.

    In a container the driver's library may be all there is of it.
    """
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return 0
    import torch

    return torch.cuda.device_count()


def one_thread_each() -> None:
    """Give each worker that is started from now on one thread, unless the user has set otherwise."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")


def automatic_workers(device: str) -> int:
    """Number of workers that fill a store together: one per visible GPU, or one per core."""
    if not resolve(device).startswith("cuda"):
        return usable_cores()
    return visible_gpus() if device in ("auto", "cuda") else 1


def own_device(device: str, worker: int | None = None) -> str:
    """The device of the worker of that number; they take the visible GPUs in turn. One process leaves them to torch."""
    resolved = resolve(device)
    return resolved if worker is None or resolved != "cuda" else f"cuda:{worker % visible_gpus()}"
