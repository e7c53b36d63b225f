"""Device names, settings, free memory and cores."""

from __future__ import annotations

import os
import sys

import pytest
import torch

from wndcheck import devices
from wndcheck.devices import CUDA_SETTINGS, cells_at_once, prepare, resolve, spare_bytes, visible_gpus
from wndcheck.tests.tiny import finish, start_python

needs_cuda = pytest.mark.skipif(not visible_gpus(), reason="no CUDA device")
GPUS = torch.cuda.device_count()


def test_cpu_resolves_to_itself() -> None:
    assert resolve("cpu") == "cpu"


@pytest.mark.skipif(GPUS > 0, reason="this machine has a CUDA device")
def test_auto_is_the_cpu_without_a_gpu() -> None:
    assert resolve("auto") == "cpu"
    assert visible_gpus() == 0


@needs_cuda
def test_auto_is_the_gpu_where_there_is_one() -> None:
    assert resolve("auto") == "cuda"
    assert resolve("cuda") == "cuda"
    assert resolve(f"cuda:{GPUS - 1}") == f"cuda:{GPUS - 1}"


@pytest.mark.parametrize("name", ["", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:x", "cpu cuda"])
def test_an_unknown_name_raises(name: str) -> None:
    with pytest.raises(ValueError, match=f"device '{name}': expected auto, cpu, cuda or cuda:N; try --wnd-device=auto"):
        resolve(name)


@pytest.mark.parametrize("name", ["meta", "mps", "xpu:0"])
def test_an_unsupported_device_raises(name: str) -> None:
    with pytest.raises(ValueError, match=f"device '{name}': nets train on cpu or cuda; try --wnd-device=auto"):
        resolve(name)


def test_a_missing_gpu_raises() -> None:
    message = rf"device '{{}}': this machine shows {GPUS} CUDA device\(s\); try --wnd-device=auto"
    with pytest.raises(ValueError, match=message.format(f"cuda:{GPUS}")):
        resolve(f"cuda:{GPUS}")
    if not GPUS:
        with pytest.raises(ValueError, match=message.format("cuda")):
            resolve("cuda")


@pytest.mark.parametrize("name", ["cpu", pytest.param("cuda", marks=needs_cuda)])
def test_spare_memory_is_plausible(name: str) -> None:
    assert 1e6 < spare_bytes(name) < 1e14


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports free memory")
def test_memory_in_use_is_not_spare() -> None:
    """Memory is in use once it is written to, which torch.ones does and torch.zeros need not."""
    size = 1 << 30
    before = spare_bytes("cpu")
    if before < 2 * size:
        pytest.skip("too little memory is free")
    held = torch.ones(size, dtype=torch.uint8)
    # Half of what is available may be taken; others use memory meanwhile.
    assert before - spare_bytes("cpu") == pytest.approx(size / 2, rel=0.5)
    del held


def test_unknown_free_memory_is_unbounded(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: object, encoding: str) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(devices.Path, "read_text", missing)
    assert spare_bytes("cpu") == float("inf")
    monkeypatch.setattr(devices.Path, "read_text", lambda self, encoding: "MemTotal: 5 kB\n")
    assert spare_bytes("cpu") == float("inf")
    monkeypatch.setattr(devices.Path, "read_text", lambda self, encoding: "MemFree: 5 kB\nMemAvailable:   2000 kB\n")
    assert spare_bytes("cpu") == devices.SHARE["cpu"] * 2000 * 1024


def test_a_gpu_takes_several_cells_and_a_cpu_one() -> None:
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
