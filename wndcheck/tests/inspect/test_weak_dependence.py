"""Verdicts on one network, and the fixture `weak_dependence`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wndcheck.inspect import LayerScore, NetworkScore, weakly_dependent

pytest_plugins = ["pytester"]


def layer(corrected: float, se: float, **changed: object) -> LayerScore:
    numbers = {"score": corrected, "score_se": se, "corrected": corrected, "corrected_se": se, "parts": 10}
    sizes = {"neurons": 8, "rows": 1000, "rows_per_sample": 1, "pairs_estimated": 28, "pairs_possible": 28}
    ranks = {"rank_score": 0.0023, "rank_dependent": 0.015}
    whole = LayerScore("fc", **sizes, estimator="3h", jitter=None, entropy=1.4, dependent=0.0, **numbers, **ranks)
    return replace(whole, **changed)


@pytest.mark.parametrize(
    ("corrected", "se", "margin", "confidence", "verdict"),
    [
        (0.0, 0.001, 0.01, 0.99, "supported"),
        (0.02, 0.001, 0.01, 0.99, "refuted"),
        (0.02, 0.001, 0.05, 0.99, "supported"),
        (0.01, 0.001, 0.01, 0.99, "inconclusive"),
        # Student's t with 9 degrees of freedom: 3.25 standard errors at 99 %, 1.83 at 90 %
        (0.0, 0.0030, 0.01, 0.99, "supported"),
        (0.0, 0.0032, 0.01, 0.99, "inconclusive"),
        (0.0, 0.0032, 0.01, 0.90, "supported"),
        (float("nan"), 0.001, 0.01, 0.99, "inconclusive"),
        (0.0, float("nan"), 0.01, 0.99, "inconclusive"),
    ],
)
def test_the_interval_decides(corrected: float, se: float, margin: float, confidence: float, verdict: str) -> None:
    found = weakly_dependent(NetworkScore({"fc": layer(corrected, se)}), margin, confidence)
    assert found.verdict == found["fc"].verdict == verdict
    assert str(found).startswith(f"weak dependence, ι_c ≤ {margin:g} nats at {100 * confidence:g} %: {verdict}")
    assert "nats, ι_r = 0.0023 (1.5 % of pairs above 0.01), 1000 rows" in str(found)


def test_the_networks_verdict_includes_layers_that_were_not_measured() -> None:
    good, bad = layer(0.0, 0.001), layer(0.1, 0.001)
    assert weakly_dependent(NetworkScore({"a": good, "b": bad})).verdict == "refuted"
    assert weakly_dependent(NetworkScore({"a": good, "b": bad})).of("refuted") == ["b"]
    found = weakly_dependent(NetworkScore({"a": good}, {"b": "a forward pass does not reach it"}))
    assert found.verdict == "inconclusive"
    assert "b: inconclusive: not measured, a forward pass does not reach it" in str(found)
    assert np.isnan(found["b"].interval.estimate)
    assert weakly_dependent(NetworkScore({})).verdict == "inconclusive"
    assert weakly_dependent(NetworkScore({"a": good, "b": bad}), exclude=["b"]).verdict == "supported"


def test_layers_are_excluded_by_their_whole_names() -> None:
    scores = NetworkScore({name: layer(0.0, 0.001) for name in ("0", "1", "10")}, {"2": "it has one neuron"})
    assert list(weakly_dependent(scores, exclude="10").layers) == ["0", "1", "2"]
    assert list(weakly_dependent(scores, exclude=iter(["10", "2"])).layers) == ["0", "1"]
    for exclude in ("11", ["0", "11"], "", [11, "z"]):
        with pytest.raises(ValueError, match=r"exclude: there is no layer '?(11)?'?: expected names among 0, 1, 10, 2"):
            weakly_dependent(scores, exclude=exclude)


def test_too_many_neurons_without_an_estimate_are_inconclusive() -> None:
    some = layer(0.0, 0.001, flags=dict.fromkeys(range(3), "constant"))
    found = weakly_dependent(NetworkScore({"fc": some}))
    assert "3 of 8 neurons have no estimate (constant)" in str(found)
    assert found.verdict == "inconclusive"
    assert weakly_dependent(NetworkScore({"fc": replace(some, flags={0: "constant"})})).verdict == "supported"


@pytest.mark.parametrize(("name", "value"), [("margin", -1), ("confidence", 0.2), ("confidence", 1)])
def test_options_out_of_range_raise(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}={value}: expected a number from"):
        weakly_dependent(NetworkScore({}), **{name: value})


PROJECT = r"""
import numpy as np
import pytest
import torch

def make(neurons, shared):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(neurons, neurons), torch.nn.Tanh(), torch.nn.Linear(neurons, 2))
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(neurons))
        if shared:
            net[0].weight[3] = 0.6 * net[0].weight[3] + 0.8 * net[0].weight[1]
    return net

X = torch.randn(1000, 4, generator=torch.Generator().manual_seed(1))

def test_weak(weak_dependence):
    found = weak_dependence(make(4, False), X, margin=0.03)
    assert found.verdict == "supported"
    assert list(found.layers) == ["0"]

def test_strong(weak_dependence):
    weak_dependence(make(4, True), X, margin=0.03)

def test_undecided(weak_dependence):
    weak_dependence(make(4, False), X, margin=0.0)

def test_the_last_layer_is_excluded_even_if_it_cannot_be_scored(weak_dependence):
    net = make(4, False)
    assert list(weak_dependence(net, X, margin=0.03, when="post").layers) == ["0"]
    net[2] = torch.nn.Linear(4, 1)
    assert list(weak_dependence(net, X, margin=0.03).layers) == ["0"]

def test_undecided_may_pass(weak_dependence):
    assert weak_dependence(make(4, False), X, margin=0.0, allow_inconclusive=True).verdict == "inconclusive"

def test_the_last_layer_may_be_taken_out_of_activations(weak_dependence):
    from wndcheck import probe
    found = probe(make(4, False), X)
    del found["2"]
    assert list(weak_dependence(found, margin=0.03).layers) == ["0"]

def test_named_last_layer(weak_dependence):
    with pytest.raises(AssertionError, match=r"not weakly dependent \(ι_c above 0.03 nats\): 2\n"):
        weak_dependence(make(4, False), X, "2", margin=0.03)
"""


def test_the_fixture_in_a_project_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_net=PROJECT)
    result = pytester.runpytest_subprocess("-p", "no:xdist")  # compiled modules load only once a process
    outcomes = result.parseoutcomes()
    text = result.stdout.str()
    assert "not weakly dependent (ι_c above 0.03 nats): 0" in text
    assert "most dependent pairs 1–3 (" in text
    assert "inconclusive at 0 nats: 0; give more inputs" in text
    assert "weak_dependence.py" not in text, "the traceback ends in the user's own test"
    assert outcomes == {"passed": 5, "failed": 2}
