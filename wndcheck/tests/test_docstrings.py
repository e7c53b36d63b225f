"""The examples in public docstrings run and give the output shown; every public function has one."""

from __future__ import annotations

import doctest
from collections.abc import Callable

import numpy as np
import pytest

import wndcheck
from wndcheck import dependence_score, knn_entropy, mutual_information, normalize_mi, pairwise_mi, probe, width_sweep

PUBLIC = {
    f.__name__: f
    for f in (dependence_score, knn_entropy, mutual_information, normalize_mi, pairwise_mi, probe, width_sweep)
}


@pytest.mark.parametrize("name", PUBLIC)
def test_examples(name: str) -> None:
    function: Callable[..., object] = PUBLIC[name]
    examples = doctest.DocTestFinder().find(function, name, globs={"np": np, **PUBLIC})
    assert any(test.examples for test in examples), f"{name} shows no example"
    runner = doctest.DocTestRunner()
    for test in examples:
        output: list[str] = []
        assert runner.run(test, out=output.append).failed == 0, "".join(output)


def test_every_public_function_has_an_example() -> None:
    functions = {name for name in wndcheck.__all__ if not isinstance(getattr(wndcheck, name), type)}
    assert functions == PUBLIC.keys()
