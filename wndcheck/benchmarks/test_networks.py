"""Time of scoring a user's network, beside a forward pass of it and the import of torch."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from wndcheck import dependence_score, probe

pytestmark = pytest.mark.usefixtures("one_thread")

NET = """
import torch
def make():
    return torch.nn.Sequential(
        torch.nn.Linear(784, 200), torch.nn.ReLU(), torch.nn.Linear(200, 200), torch.nn.ReLU(), torch.nn.Linear(200, 10)
    )
"""


@pytest.mark.benchmark(group="ResNet-18, 21 layers, 1000 images of 32 × 32, core seconds", timer=time.process_time)
@pytest.mark.parametrize("what", ["forward pass", "probe", "score"])
def test_resnet(benchmark, what):
    torch.manual_seed(0)
    net, x = torchvision.models.resnet18(num_classes=10).eval(), torch.randn(1000, 3, 32, 32)

    def forward() -> None:
        with torch.no_grad():
            for batch in x.split(256):
                net(batch)

    dependence_score(net, x[:200], n_parts=2, max_pairs=10)  # compiled
    run = {"forward pass": forward, "probe": lambda: probe(net, x), "score": lambda: dependence_score(net, x, n_jobs=1)}
    scores = benchmark.pedantic(run[what], rounds=3, warmup_rounds=1)
    assert scores is None or len(scores) == 21


@pytest.mark.benchmark(group="a command, imports included")
@pytest.mark.parametrize("command", ["import torch", "wndcheck score"])
def test_command(benchmark, command, tmp_path: Path):
    """`wndcheck score` of a perceptron with three layers and 1000 inputs, and the part of it that imports torch."""
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((1000, 784)).astype(np.float32))
    score = ["-m", "wndcheck", "score", "net.py:make", "--data", "x.npy"]
    words = [sys.executable, *(score if command == "wndcheck score" else ["-c", command])]

    def run() -> int:
        return subprocess.run(words, cwd=tmp_path, capture_output=True, check=True).returncode

    assert benchmark.pedantic(run, rounds=3, warmup_rounds=1) == 0
