"""Torch kernels on devices: the sharing of pairs, and the Triton kernels, which equal the reference to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from wndcheck.estimators import kernels
from wndcheck.estimators.kernels import torch_common, torch_fallback

from .samples import (
    KSG,
    PAIRS,
    SAMPLES,
    assert_equals_the_reference,
    means,
    on_device,
    reference_counts,
    reference_distances,
    reference_means,
    rows,
)

KINDS = sorted(SAMPLES)
EAGER = on_device(torch_fallback.KERNEL, "cpu")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def cuda():
    pytest.importorskip("triton", reason="no Triton")
    from wndcheck.estimators.kernels import cuda

    return cuda


# --- devices ---------------------------------------------------------------------------------------------------------


def test_results_do_not_depend_on_chunks(monkeypatch):
    monkeypatch.setattr(torch_common, "_samples_at_once", lambda device, bytes_per_sample: 450)  # 2¼ pairs
    assert_equals_the_reference(EAGER, rows("normal", 200, 6), PAIRS[:, ::-1], 3)  # a view with negative strides


@pytest.mark.parametrize("names", [["cpu"], ["cpu", "cpu"], ["cpu"] * 4])
def test_distributed_pairs_keep_their_order(names, monkeypatch):
    monkeypatch.setattr(torch_common, "_devices", lambda device, pairs: names)
    assert_equals_the_reference(EAGER, rows("normal", 60, 8), PAIRS, 3)


def test_a_failure_on_one_device_is_raised(monkeypatch):
    monkeypatch.setattr(torch_common, "_devices", lambda device, pairs: ["cpu", "abacus"])
    with pytest.raises(ValueError, match="device='abacus' cannot be used here"):
        EAGER.kth_distances(rows("normal", 20, 9), PAIRS, k=1)


def test_cuda_uses_as_many_gpus_as_there_is_work_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    many = 3 * torch_common.LEAST_SHARE
    assert torch_common._devices("cuda", many) == ["cuda:0", "cuda:1", "cuda:2"]
    assert torch_common._devices("cuda", many - 1) == ["cuda:0", "cuda:1"]
    assert torch_common._devices("cuda", 1) == ["cuda:0"]
    assert torch_common._devices("cuda:1", many) == ["cuda:1"]


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_missing_device_raises(device, cuda):
    for kernel in (torch_fallback.KERNEL, cuda.KERNEL):
        with pytest.raises(ValueError, match=rf"device='{device}' cannot be used here \(.+\): try device='cpu'"):
            on_device(kernel, device).mean_log_distances(rows("normal", 20, 10), PAIRS, k=3)


# --- the Triton kernels, interpreted ---------------------------------------------------------------------------------

INTERPRETED = """
import os, sys
os.environ["TRITON_INTERPRET"] = "1"  # read when triton is imported
import numpy as np
from wndcheck.estimators.kernels.cuda import KERNEL
from wndcheck.estimators.kernels.rows import sort_rows
given, results = np.load(sys.argv[1]), {}
for name in {given.removesuffix("/z") for given in given if given.endswith("/z")}:
    z, pairs, k = sort_rows(given[name + "/z"]), given[name + "/pairs"], int(given[name + "/k"])
    results[name + "/distances"] = KERNEL.kth_distances(z, pairs, k=k, device="cpu")
    for estimator in ("ksg1", "ksg2"):
        counts = KERNEL.marginal_counts(z, pairs[::2], k=k, estimator=estimator, device="cpu")
        results[name + "/" + estimator] = counts
    if name == "means":
        digammas = [KERNEL.mean_digammas(z, pairs, k=k, estimator=e, device="cpu") for e in ("ksg1", "ksg2")]
        results["means/means"] = np.stack([KERNEL.mean_log_distances(z, pairs, k=k, device="cpu"), *digammas])
np.savez(sys.argv[2], **results)
assert "numba" not in sys.modules, "the GPU path needs no numba"
"""


def layers() -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """Name -> rows, pairs and k. A tile holds 32 queries. Counts are compared for every other pair only: it is slow.

    In the flat pair, neighbours may be anywhere along the first neuron, so that no sample may be skipped. The two
    cases of several tiles detect a search that ends too early, by too short a reach or at a tie.
    """
    every_kind = np.concatenate([rows(kind, 20, 11)[:2] for kind in KINDS])
    pair_of_each = np.arange(2 * len(KINDS)).reshape(-1, 2)
    one = np.array([(0, 1)])
    return {
        "less than a tile": (every_kind, pair_of_each, 3),
        "many neighbours": (every_kind, pair_of_each[1::2], 15),
        "several tiles": (rows("normal", 160, 12), one, 3),
        "several tiles, tied": (rows("tied", 80, 30), one, 3),
        "whole tiles, flat": (rows("normal", 64, 13) * np.float32([[1e-4], [1], [1], [1]]), one, 1),
        "means": (rows("uniform", 17, 14), np.array([(0, 1), (1, 0)]), 3),
    }


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory) -> dict[str, np.ndarray]:
    pytest.importorskip("triton", reason="no Triton")
    given, results = (tmp_path_factory.mktemp("triton") / f"{name}.npz" for name in ("given", "results"))
    arrays = {name: dict(zip(("z", "pairs", "k"), layer, strict=True)) for name, layer in layers().items()}
    np.savez(given, **{f"{name}/{part}": value for name, parts in arrays.items() for part, value in parts.items()})
    run = subprocess.run([sys.executable, "-c", INTERPRETED, given, results], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return dict(np.load(results))


@pytest.mark.parametrize("name", sorted(layers()))
def test_triton_equals_the_reference_bit_for_bit(name, interpreted):
    z, pairs, k = layers()[name]
    np.testing.assert_array_equal(interpreted[f"{name}/distances"], reference_distances(z, pairs, k))
    for estimator in KSG:
        expected = reference_counts(z, pairs[::2], k, estimator)
        np.testing.assert_array_equal(interpreted[f"{name}/{estimator}"], expected, err_msg=estimator)


def test_triton_means_are_those_of_torch_alone(interpreted):
    z, pairs, k = layers()["means"]
    np.testing.assert_array_equal(interpreted["means/means"], means(EAGER, z, pairs, k))


# --- the Triton kernels, compiled without a GPU ----------------------------------------------------------------------

SWEPT = {"points": "*i64", "order": "*i64", "pairs": "*i64", "reach": "*fp32", "m": "i32", "samples": "i32"}
COUNTED = {"ascending": "*fp32", "order": "*i64", "pairs": "*i64", "reach": "*fp32", "counts": "*i32", "m": "i32"}


@pytest.mark.parametrize("target", [80, 90, 100], ids=["A100", "H100, H200", "B200"])
@pytest.mark.parametrize(
    ("kernel", "types", "constants", "warps"),
    [
        ("_sweep", SWEPT | {"tiles": "i32"}, {"k": 3, "box": False}, 1),
        ("_sweep", SWEPT | {"tiles": "i32"}, {"k": 15, "box": True}, 1),
        ("_count", COUNTED | {"samples": "i32", "top": "i32"}, {"reaches": 1, "strict": True}, 4),
    ],
)
def test_kernels_compile_to_exact_arithmetic_in_registers(
    kernel, types, constants, warps, target, cuda, tmp_path, monkeypatch
):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    source = ASTSource(getattr(cuda, kernel), types | dict.fromkeys(constants, "constexpr"), constants)
    options = {"num_warps": warps, **cuda.EXACT}
    compiled = triton.compile(source, target=GPUTarget("cuda", target, 32), options=options)
    inexact = [line for line in compiled.asm["ptx"].splitlines() if "fma." in line or ".ftz" in line]
    assert not inexact, f"fused or flushed arithmetic: {inexact}"

    binary = tmp_path / "kernel.cubin"
    binary.write_bytes(compiled.asm["cubin"])
    tool = triton.knobs.nvidia.cuobjdump.path
    usage = subprocess.run([tool, "-res-usage", os.fspath(binary)], capture_output=True, text=True, check=True).stdout
    used = dict(part.split(":") for part in usage.split() if part.count(":") == 1)
    assert (used["STACK"], used["LOCAL"]) == ("0", "0"), f"registers spilled: {usage}"
    if constants.get("k", 3) == 3:
        assert int(used["REG"]) <= 64, f"32 one-warp programs of 64 registers fill a multiprocessor: {usage}"


# --- a machine on which Triton cannot build what launches its kernels ------------------------------------------------


@pytest.fixture
def gpu_in_name(monkeypatch: pytest.MonkeyPatch):
    """torch says that there is a GPU; what is sent there stays on the CPU."""
    moved = torch_common._moved
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch_common, "_moved", lambda array, device: moved(array, "cpu"))
    kernels.triton_kernel.cache_clear()
    yield
    kernels.triton_kernel.cache_clear()


@pytest.mark.usefixtures("gpu_in_name", "cuda")
def test_without_a_c_compiler_the_torch_kernel_is_used_with_a_word(monkeypatch, caplog):
    def launch(*_, **__):  # as Triton's `runtime/build.py` does
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable.\nMore.")

    monkeypatch.setattr(torch_common.TorchKernel, "mean_digammas", launch)
    assert [kernels.select_kernel("cuda:0", None)[0] for _ in range(2)] == [torch_fallback.KERNEL] * 2
    (record,) = caplog.records
    assert "Triton cannot be used (Failed to find C compiler. " in record.getMessage()
    assert "install gcc and python3-dev" in record.getMessage()


@pytest.mark.usefixtures("gpu_in_name")
def test_a_trial_launch_that_succeeds_leaves_the_triton_kernel(monkeypatch, cuda, caplog):
    tried = []
    monkeypatch.setattr(torch_common.TorchKernel, "mean_digammas", lambda self, *_, **options: tried.append(options))
    assert [kernels.select_kernel("cuda:0", None)[0] for _ in range(2)] == [cuda.KERNEL] * 2
    assert [options["device"] for options in tried] == ["cuda:0"]
    assert not caplog.records


@pytest.mark.usefixtures("gpu_in_name")
def test_an_error_of_the_device_is_not_taken_for_one_of_triton(monkeypatch, cuda):
    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch_common.TorchKernel, "mean_digammas", fail)
    with pytest.raises(torch.OutOfMemoryError):
        kernels.select_kernel("cuda:0", None)


# --- a GPU -----------------------------------------------------------------------------------------------------------

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
needs_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two CUDA devices")


@needs_gpu
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "k"), [(1000, 3), (20, 15), (333, 1)])
def test_gpu_equals_the_reference_bit_for_bit(kind, m, k, cuda):
    z = rows(kind, m, 15)
    for kernel in (on_device(cuda.KERNEL, "cuda"), on_device(torch_fallback.KERNEL, "cuda")):
        assert_equals_the_reference(kernel, z, PAIRS, k)
        np.testing.assert_allclose(means(kernel, z, PAIRS, k), reference_means(z, PAIRS, k), rtol=0, atol=1e-12)


@needs_gpu
@pytest.mark.parametrize("size", [1e-44, 1.0, 1e28])  # denormal distances are not flushed to 0
def test_gpu_over_the_whole_range_of_float32(size, cuda):
    z = (np.random.default_rng(16).integers(0, 10, (2, 500)) * size).astype(np.float32)
    found = on_device(cuda.KERNEL, "cuda").kth_distances(z, PAIRS[:2], k=3)
    np.testing.assert_array_equal(found, reference_distances(z, PAIRS[:2], 3))


@needs_gpu
def test_gpu_estimates_do_not_depend_on_the_other_pairs(cuda):
    z = np.random.default_rng(17).standard_normal((200, 1000)).astype(np.float32)
    pairs, gpu = np.stack(np.triu_indices(200, 1), axis=1), on_device(cuda.KERNEL, "cuda")
    together = gpu.mean_log_distances(z, pairs, k=3)
    np.testing.assert_array_equal(gpu.mean_log_distances(z, pairs[777:900, ::-1], k=3), together[777:900])
    np.testing.assert_allclose(together[:100], EAGER.mean_log_distances(z, pairs[:100], k=3), rtol=0, atol=1e-12)


@needs_gpus
def test_all_gpus_give_the_same(cuda):
    z = np.random.default_rng(18).standard_normal((200, 500)).astype(np.float32)
    pairs = np.stack(np.triu_indices(200, 1), axis=1)
    shared, alone = (on_device(cuda.KERNEL, name).mean_log_distances(z, pairs, k=3) for name in ("cuda", "cuda:1"))
    np.testing.assert_array_equal(shared, alone)
