"""Speed with one and two threads, of the first and of later calls, and on GPUs."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from wndcheck.devices import visible_gpus
from wndcheck.estimators import pairwise_mi
from wndcheck.estimators.kernels import cpu
from wndcheck.estimators.validation import all_pairs

from .samples import layer, rows

FIRST_CALL = """
import numpy
from wndcheck import mutual_information
x, y = numpy.random.default_rng(0).standard_normal((2, 1000))
print(repr(mutual_information(x, y, estimator={estimator!r})))
"""

needs_cuda = pytest.mark.skipif(not visible_gpus(), reason="no CUDA device")


@pytest.mark.parametrize("estimator", ["3h", "ksg1"])
@pytest.mark.parametrize("threads", [1, 2])
def test_threads(benchmark, threads, estimator):
    benchmark.group = f"all pairs of 200 neurons by threads, {estimator.upper()}, M = 1000"
    X = layer(200)
    alone = pairwise_mi(X[:, :2], estimator=estimator, n_jobs=1)
    options = {"estimator": estimator, "n_jobs": threads}
    information = benchmark.pedantic(pairwise_mi, args=(X,), kwargs=options, rounds=3)
    assert information.pair_mi[0] == alone.pair_mi[0]


@pytest.fixture(scope="module", params=["3h", "ksg1"])
def first_call(request, tmp_path_factory):
    """Runs one call in a new process, with a separate cache of compiled code."""
    cache: Path = tmp_path_factory.mktemp("numba")

    def run() -> float:
        code = FIRST_CALL.format(estimator=request.param)
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return float(done.stdout)

    return request.param, cache, run


@pytest.mark.parametrize("kernel", ["not compiled", "cached"])
def test_first_call(benchmark, first_call, kernel):
    """Including the start of Python and imports."""
    estimator, cache, run = first_call
    benchmark.group = f"one pair in a new process, {estimator.upper()}"
    compiled = list(cache.rglob("*.nb?"))
    if kernel == "cached" and not compiled:
        run()
    if kernel == "not compiled":
        for file in compiled:
            file.unlink()
    value = benchmark.pedantic(run, rounds=1)
    X = np.random.default_rng(0).standard_normal((2, 1000)).T
    assert value == pairwise_mi(X, estimator=estimator).pair_mi[0]


@needs_cuda
@pytest.mark.parametrize(("neurons", "estimator"), [(1000, "3h"), (300, "ksg1"), (300, "ksg2")])
@pytest.mark.parametrize("device", ["cuda", "eager"])
def test_all_pairs_on_gpus(benchmark, device, neurons, estimator):
    if device == "cuda":
        pytest.importorskip("triton", reason="no Triton: the CUDA kernels are written in it")
    z, pairs = rows(layer(neurons)), all_pairs(neurons)
    benchmark.group = f"all {len(pairs)} pairs of {neurons} neurons on GPUs, {estimator.upper()}, M = 1000, k = 3"
    name, options = ("mean_log_distances", {}) if estimator == "3h" else ("mean_digammas", {"estimator": estimator})
    kernel = import_module(f"wndcheck.estimators.kernels.{device}").KERNEL
    arguments = {"args": (z, pairs), "kwargs": {"k": 3, "device": "cuda", **options}}
    means = benchmark.pedantic(getattr(kernel, name), **arguments, rounds=3, warmup_rounds=1)
    few = slice(None, None, 500)
    np.testing.assert_allclose(means[few], getattr(cpu, name)(z, pairs[few], k=3, **options), rtol=0, atol=1e-12)
