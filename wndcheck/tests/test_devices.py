"""Device names, settings, free memory and cores."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
import torch

from wndcheck import devices
from wndcheck.devices import CUDA_SETTINGS, cells_at_once, prepare, resolve, spare_bytes, visible_gpus
from wndcheck.tests.tiny import finish, start_python

needs_cuda = pytest.mark.skipif(not visible_gpus(), reason="no CUDA device")
GPUS = torch.cuda.device_count()


def test_resolved_devices() -> None:
    assert resolve("cpu") == "cpu"
    assert (visible_gpus() > 0) == (GPUS > 0)
    if not GPUS:
        assert resolve("auto") == "cpu"
        return
    assert resolve("auto") == resolve("cuda") == "cuda"
    assert resolve(f"cuda:{GPUS - 1}") == f"cuda:{GPUS - 1}"


DRIVER = """
import sys, types
from wndcheck import devices
def load(name):
    assert name == "libcuda.so.1"
    if sys.argv[1] == "without":
        raise OSError(name)
devices.ctypes = types.SimpleNamespace(CDLL=load)
if sys.argv[1] == "with":
    import torch
    torch.cuda.device_count = lambda: 3
print(devices.visible_gpus(), "torch" in sys.modules)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems name the driver's library otherwise")
@pytest.mark.parametrize(("driver", "expected"), [("with", "3 True"), ("without", "0 False")])
def test_gpus_are_those_of_the_drivers_library_whatever_else_a_container_shows(driver: str, expected: str) -> None:
    assert finish(start_python(DRIVER, driver)).strip() == expected


UNKNOWN = "expected auto, cpu, cuda or cuda:N"
UNSUPPORTED = "nets train on cpu or cuda"
MISSING = rf"this machine shows {GPUS} CUDA device\(s\)"
REFUSED = [(name, UNKNOWN) for name in ("", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:x", "cpu cuda")]
REFUSED += [(name, UNSUPPORTED) for name in ("meta", "mps", "xpu:0")]
REFUSED += [(name, MISSING) for name in (f"cuda:{GPUS}", *["cuda"] * (not GPUS))]


@pytest.mark.parametrize(("name", "reason"), REFUSED)
def test_other_devices_are_refused(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"device '{name}': {reason}; try --wnd-device=auto"):
        resolve(name)


@pytest.mark.parametrize("name", ["cpu", pytest.param("cuda", marks=needs_cuda)])
def test_spare_memory_is_plausible(name: str) -> None:
    assert 1e6 < spare_bytes(name) < 1e14


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports free memory")
def test_used_memory_is_not_spare() -> None:
    """Memory is in use once it is written to, which torch.ones does and torch.zeros need not."""
    size, found = 1 << 31, []
    for wait in (0, 1, 2, 4):  # other processes take memory meanwhile, and kernels may count late what was freed
        time.sleep(wait)
        before = spare_bytes("cpu")
        if before < 2 * size:
            pytest.skip("too little memory is free")
        held = torch.ones(size, dtype=torch.uint8)
        found.append(before - spare_bytes("cpu"))
        del held
        if found[-1] == pytest.approx(size / 2, rel=0.5):  # half of what is available may be taken
            return
    pytest.fail(f"{size / 2:.3g} bytes less were expected to be spare, found {found}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, float("inf")),
        ("MemTotal: 5 kB\n", float("inf")),
        ("MemFree: 5 kB\nMemAvailable:   2000 kB\n", devices.SHARE["cpu"] * 2000 * 1024),
    ],
)
def test_free_memory_is_read_or_unbounded(text: str | None, expected: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_lines", lambda path: (text or "").splitlines() if path.name == "meminfo" else [])
    assert spare_bytes("cpu") == expected


V1 = {
    "memory.limit_in_bytes": "1000",
    "memory.usage_in_bytes": "700",
    "memory.stat": "cache 9\ntotal_inactive_file 100",
}
V2 = {"memory.max": "1000", "memory.current": "700", "memory.stat": "file 9\ninactive_file 100"}


@pytest.mark.parametrize(
    ("own", "groups", "expected"),
    [
        ("0::/", {"": V2}, [400]),
        ("0::/a/b", {"a/b": V2 | {"memory.max": "max"}, "a": V2 | {"memory.max": "900"}}, [300]),
        ("0::/a/b", {"a/b": V2, "a": V2 | {"memory.max": "5000"}}, [400, 4400]),
        ("0::/of/the/host", {"": V2}, [400]),
        ("0::/../elsewhere", {"": V2}, [400]),
        (
            "7:cpu:/\n4:memory:/job",
            {"memory/job": V1, "memory": V1 | {"memory.limit_in_bytes": "9" * 18}},
            [400, 10**18],
        ),
        ("0::/", {}, []),
    ],
)
def test_the_limits_of_control_groups_are_read(
    own: str, groups: dict[str, dict[str, str]], expected: list[int], tmp_path: Path
) -> None:
    for folder, files in groups.items():
        (tmp_path / "root" / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tmp_path / "root" / folder / name).write_text(text + "\n")
    (tmp_path / "own").write_text(own + "\n")
    found = list(devices._left_of_limits(tmp_path / "root", tmp_path / "own"))
    assert found == pytest.approx(expected)


def test_a_container_has_no_more_memory_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_left_of_limits", lambda: [10_000])
    assert spare_bytes("cpu") == devices.SHARE["cpu"] * 10_000


@pytest.mark.parametrize(
    ("variable", "wrong", "right"),
    [
        ("NUMBA_NUM_THREADS", "0", "2"),
        ("NUMBA_NUM_THREADS", "two", "2"),
        ("NUMBA_DISABLE_JIT", "1", "0"),
        ("PYTORCH_CUDA_ALLOC_CONF", "nonsense", "expandable_segments:True,max_split_size_mb:512"),
    ],
)
def test_variables_with_which_packages_would_fail_are_named(
    variable: str, wrong: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, wrong)
    with pytest.raises(
        ValueError, match=f"the environment has {variable}={wrong}, expected .*: type `unset {variable}`"
    ):
        resolve("cpu")
    monkeypatch.setenv(variable, right)
    assert resolve("cpu") == "cpu"


def test_cells_at_once() -> None:
    assert cells_at_once("cpu") == 1
    assert cells_at_once("cuda") == cells_at_once("cuda:1") > 1


PREPARED = """
import os
from wndcheck.devices import CUDA_SETTINGS, prepare
before = dict(os.environ)
import torch
torch.backends.cuda.matmul.allow_tf32 = True
assert prepare("cpu") == torch.device("cpu")
changed = {name for name in before.keys() | os.environ.keys() if before.get(name) != os.environ.get(name)}
assert not changed & CUDA_SETTINGS.keys(), changed
assert torch.backends.cuda.matmul.allow_tf32
assert not torch.cuda.is_initialized()
"""


def test_preparing_a_cpu_does_not_touch_cuda() -> None:
    finish(start_python(PREPARED))


@needs_cuda
def test_a_gpu_is_prepared_for_deterministic_results(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CUDA_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_DEVICE_MAX_CONNECTIONS", "8")
    device = prepare("cuda:0")
    assert device == torch.device("cuda", 0)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == CUDA_SETTINGS["CUBLAS_WORKSPACE_CONFIG"]
    assert os.environ["CUDA_DEVICE_MAX_CONNECTIONS"] == "8"  # the user's setting is kept
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.deterministic
    assert torch.cuda.current_device() == 0


@needs_cuda
def test_memory_cached_by_torch_is_spare() -> None:
    prepare("cuda:0")
    before = spare_bytes("cuda:0")
    held = torch.zeros(1 << 28, device="cuda:0")  # a GiB
    taken = before - spare_bytes("cuda:0")
    assert taken == pytest.approx(devices.SHARE["cuda"] * (1 << 30), rel=0.1)
    del held
    assert spare_bytes("cuda:0") == pytest.approx(before, rel=0.02)
