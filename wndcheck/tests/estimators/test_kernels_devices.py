"""The kernels on torch devices equal the reference bit for bit: plain torch (eager), and Triton (cuda)."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from wndcheck.estimators.kernels import eager, torch_common

from .samples import PAIRS, SAMPLES, reference_counts, reference_digammas, reference_distances, rows

ESTIMATORS = ("ksg1", "ksg2")
KINDS = sorted(SAMPLES)

pytestmark = pytest.mark.usefixtures("one_thread")


def log_means(distances: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(distances.astype(np.float64)).mean(axis=1)


@pytest.fixture(scope="module")
def cuda():
    pytest.importorskip("triton", reason="no Triton")
    from wndcheck.estimators.kernels import cuda

    return cuda


# --- torch alone -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "k"), [(2, 1), (5, 4), (300, 3), (101, 15)])
def test_torch_alone_equals_the_reference_bit_for_bit(kind, m, k):
    z = rows(kind, m, 4)
    np.testing.assert_array_equal(eager.kth_distances(z, PAIRS, k=k, device="cpu"), reference_distances(z, PAIRS, k))
    for estimator in ESTIMATORS:
        counts = eager.marginal_counts(z, PAIRS, k=k, estimator=estimator, device="cpu")
        np.testing.assert_array_equal(counts, reference_counts(z, PAIRS, k, estimator), err_msg=estimator)


@pytest.mark.parametrize("kind", ["normal", "tied", "constant"])
def test_means_of_torch_alone_are_those_of_the_reference(kind):
    z = rows(kind, 200, 5)
    logs = eager.mean_log_distances(z, PAIRS, k=3, device="cpu")
    np.testing.assert_allclose(logs, log_means(reference_distances(z, PAIRS, 3)), rtol=0, atol=1e-13)
    for estimator in ESTIMATORS:
        digammas = eager.mean_digammas(z, PAIRS, k=3, estimator=estimator, device="cpu")
        if estimator == "ksg2" or kind != "constant":  # ψ(0 + 1) + ψ(0 + 1) of a constant pair is finite as well
            assert np.isfinite(digammas).all()
        np.testing.assert_allclose(digammas, reference_digammas(z, PAIRS, 3, estimator), rtol=0, atol=1e-13)


def test_torch_alone_does_not_depend_on_chunks(monkeypatch):
    z = rows("normal", 200, 6)
    whole = eager.marginal_counts(z, PAIRS, k=3, estimator="ksg2", device="cpu")
    monkeypatch.setattr(torch_common, "_samples_at_once", lambda device, bytes_per_sample: 450)  # 2¼ pairs
    np.testing.assert_array_equal(eager.kth_distances(z, PAIRS, k=3, device="cpu"), reference_distances(z, PAIRS, 3))
    np.testing.assert_array_equal(eager.marginal_counts(z, PAIRS, k=3, estimator="ksg2", device="cpu"), whole)


def test_a_pair_does_not_depend_on_its_order_or_the_other_pairs():
    z = rows("exponential", 100, 7)
    swapped = PAIRS[:, ::-1]  # a view with negative strides

    def means(pairs: np.ndarray) -> list[np.ndarray]:
        digammas = [eager.mean_digammas(z, pairs, k=3, estimator=e, device="cpu") for e in ESTIMATORS]
        return [eager.mean_log_distances(z, pairs, k=3, device="cpu"), *digammas]

    together = means(PAIRS)
    np.testing.assert_array_equal(means(swapped), together)
    alone = [means(PAIRS[[p]]) for p in range(len(PAIRS))]
    np.testing.assert_array_equal(np.concatenate(alone, axis=1), together)


# --- devices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [["cpu"], ["cpu", "cpu"], ["cpu"] * 4])
def test_distributed_pairs_keep_their_order(names):
    z = rows("normal", 60, 8)

    def distances(pairs: np.ndarray, device: str) -> np.ndarray:
        return eager.kth_distances(z, pairs, k=3, device=device)

    def counts(pairs: np.ndarray, device: str) -> np.ndarray:
        return eager.marginal_counts(z, pairs, k=3, estimator="ksg1", device=device)

    np.testing.assert_array_equal(
        torch_common.distribute(distances, PAIRS, names, axis=0), reference_distances(z, PAIRS, 3)
    )
    shared = torch_common.distribute(counts, PAIRS, names, axis=1)
    np.testing.assert_array_equal(shared, reference_counts(z, PAIRS, 3, "ksg1"))


def test_a_failure_on_one_device_is_raised():
    z = rows("normal", 20, 9)
    with pytest.raises(ValueError, match="device='abacus' cannot be used here"):
        torch_common.distribute(
            lambda pairs, device: eager.kth_distances(z, pairs, k=1, device=device), PAIRS, ["cpu", "abacus"], axis=0
        )


def test_cuda_uses_as_many_gpus_as_there_is_work_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    many = 3 * torch_common.LEAST_SHARE
    assert torch_common._devices("cuda", many) == ["cuda:0", "cuda:1", "cuda:2"]
    assert torch_common._devices("cuda", many - 1) == ["cuda:0", "cuda:1"]
    assert torch_common._devices("cuda", 1) == ["cuda:0"]
    assert torch_common._devices("cuda:1", many) == ["cuda:1"]


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_missing_device_raises(device, cuda):
    z = rows("normal", 20, 10)
    for module in (eager, cuda):
        with pytest.raises(ValueError, match=rf"device='{device}' cannot be used here \(.+\): try device='cpu'"):
            module.mean_log_distances(z, PAIRS, k=3, device=device)


@pytest.mark.parametrize("m", [1, 2, 3, 7, 64, 1000])
def test_row_means_depend_on_their_row_only(m):
    terms = np.random.default_rng(m).standard_normal((5, m)) * 1e3
    means = torch_common.row_means(torch.tensor(terms)).numpy()
    np.testing.assert_allclose(means, [math.fsum(row) / m for row in terms], rtol=0, atol=1e-12)
    alone = [torch_common.row_means(torch.tensor(terms[[row]])).item() for row in range(5)]
    np.testing.assert_array_equal(alone, means)


# --- the Triton kernels, interpreted ---------------------------------------------------------------------------------

INTERPRETED = """
import os, sys
os.environ["TRITON_INTERPRET"] = "1"  # read when triton is imported
import numpy as np
from wndcheck.estimators.kernels import cuda
given, results = np.load(sys.argv[1]), {}
for name in {given.removesuffix("/z") for given in given if given.endswith("/z")}:
    z, pairs, k = given[name + "/z"], given[name + "/pairs"], int(given[name + "/k"])
    results[name + "/distances"] = cuda.kth_distances(z, pairs, k=k, device="cpu")
    for estimator in ("ksg1", "ksg2"):
        counts = cuda.marginal_counts(z, pairs[::2], k=k, estimator=estimator, device="cpu")
        results[name + "/" + estimator] = counts
    if name == "means":
        results["means/logs"] = cuda.mean_log_distances(z, pairs, k=k, device="cpu")
        digammas = [cuda.mean_digammas(z, pairs, k=k, estimator=e, device="cpu") for e in ("ksg1", "ksg2")]
        results["means/digammas"] = np.stack(digammas)
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
    for estimator in ESTIMATORS:
        expected = reference_counts(z, pairs[::2], k, estimator)
        np.testing.assert_array_equal(interpreted[f"{name}/{estimator}"], expected, err_msg=estimator)


def test_triton_means_are_those_of_torch_alone(interpreted):
    z, pairs, k = layers()["means"]
    logs = eager.mean_log_distances(z, pairs, k=k, device="cpu")
    np.testing.assert_array_equal(interpreted["means/logs"], logs)
    digammas = [eager.mean_digammas(z, pairs, k=k, estimator=e, device="cpu") for e in ESTIMATORS]
    np.testing.assert_array_equal(interpreted["means/digammas"], digammas)


# --- the Triton kernels, compiled without a GPU ----------------------------------------------------------------------

SWEPT = {"points": "*i64", "order": "*i64", "pairs": "*i64", "reach": "*fp32", "m": "i32", "samples": "i32"}
COUNTED = {"ascending": "*fp32", "order": "*i64", "pairs": "*i64", "reach": "*fp32", "counts": "*i32", "m": "i32"}


@pytest.mark.parametrize(
    ("kernel", "types", "constants", "warps"),
    [
        ("_sweep", SWEPT | {"tiles": "i32"}, {"k": 3, "box": False}, 1),
        ("_sweep", SWEPT | {"tiles": "i32"}, {"k": 15, "box": True}, 1),
        ("_count", COUNTED | {"samples": "i32", "top": "i32"}, {"reaches": 1, "strict": True}, 4),
    ],
)
def test_kernels_compile_to_exact_arithmetic_in_registers(kernel, types, constants, warps, cuda, tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    source = ASTSource(getattr(cuda, kernel), types | dict.fromkeys(constants, "constexpr"), constants)
    options = {"num_warps": warps, **cuda.EXACT}
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)  # H100, H200
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


# --- a GPU -----------------------------------------------------------------------------------------------------------

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
needs_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two CUDA devices")


@needs_gpu
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "k"), [(1000, 3), (20, 15), (333, 1)])
def test_gpu_equals_the_reference_bit_for_bit(kind, m, k, cuda):
    z = rows(kind, m, 15)
    for module in (cuda, eager):
        np.testing.assert_array_equal(
            module.kth_distances(z, PAIRS, k=k, device="cuda"), reference_distances(z, PAIRS, k)
        )
        for estimator in ESTIMATORS:
            counts = module.marginal_counts(z, PAIRS, k=k, estimator=estimator, device="cuda")
            np.testing.assert_array_equal(counts, reference_counts(z, PAIRS, k, estimator), err_msg=estimator)
            digammas = module.mean_digammas(z, PAIRS, k=k, estimator=estimator, device="cuda")
            np.testing.assert_allclose(digammas, reference_digammas(z, PAIRS, k, estimator), rtol=0, atol=1e-12)


@needs_gpu
@pytest.mark.parametrize("size", [1e-44, 1.0, 1e28])  # denormal distances are not flushed to 0
def test_gpu_over_the_whole_range_of_float32(size, cuda):
    z = (np.random.default_rng(16).integers(0, 10, (2, 500)) * size).astype(np.float32)
    np.testing.assert_array_equal(
        cuda.kth_distances(z, PAIRS[:2], k=3, device="cuda"), reference_distances(z, PAIRS[:2], 3)
    )


@needs_gpu
def test_gpu_estimates_do_not_depend_on_the_other_pairs(cuda):
    z = np.random.default_rng(17).standard_normal((200, 1000)).astype(np.float32)
    pairs = np.stack(np.triu_indices(200, 1), axis=1)
    together = cuda.mean_log_distances(z, pairs, k=3, device="cuda")
    np.testing.assert_array_equal(
        cuda.mean_log_distances(z, pairs[777:900, ::-1], k=3, device="cuda"), together[777:900]
    )
    np.testing.assert_allclose(
        together[:100], eager.mean_log_distances(z, pairs[:100], k=3, device="cpu"), rtol=0, atol=1e-12
    )


@needs_gpus
def test_all_gpus_give_the_same(cuda):
    z = np.random.default_rng(18).standard_normal((200, 500)).astype(np.float32)
    pairs = np.stack(np.triu_indices(200, 1), axis=1)
    shared = cuda.mean_log_distances(z, pairs, k=3, device="cuda")
    np.testing.assert_array_equal(cuda.mean_log_distances(z, pairs, k=3, device="cuda:1"), shared)
