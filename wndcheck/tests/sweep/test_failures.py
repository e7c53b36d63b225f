"""Families that fail at some widths or seeds: the rest is measured, and the message says which failed, and why."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from wndcheck import width_sweep
from wndcheck.tests.sweep.families import inputs, make_net, swept

pytestmark = pytest.mark.usefixtures("one_thread")
FEW = {"widths": (20, 30, 40, 50), "seeds": 2, "max_pairs": 10, "max_samples": 100}


def test_a_width_that_raises_and_one_without_memory() -> None:
    def made(width: int) -> nn.Module:
        if width == 30:
            raise KeyError("no heads for 30")
        if width == 50:
            torch.empty(10**15)  # what torch raises where there is no memory
        return make_net(width)

    sweep = swept(made, **FEW)
    assert sweep.grid.widths == [20, 40]
    raised, no_memory, without, *_ = sweep.remarks
    line = made.__code__.co_firstlineno + 2
    place = f"(test_failures.py, line {line}, in made)"
    assert raised == f"N = 30: 2 of 2 nets failed (seed 0, 1), KeyError: 'no heads for 30' {place}"
    assert no_memory.startswith("N = 50: 2 of 2 nets failed (seed 0, 1), out of memory (RuntimeError: ")
    assert without == "verdicts are without N = 30, 50, of which there is no net"
    assert {row["width"] for row in sweep.rows()} == {20, 40}


def test_one_net_that_raises_is_a_net_that_did_not_train() -> None:
    def train(net: nn.Module, seed: int) -> None:
        if seed == 1:
            raise RuntimeError("NaN loss")

    sweep = swept(train=train, **FEW)
    assert sweep.grid.trained.tolist() == [[True, False]] * 4
    assert sweep.failures[0].startswith(
        "N = 20: 1 of 2 nets failed (seed 1), RuntimeError: NaN loss (test_failures.py, "
    )


def test_the_same_net_twice_is_no_replicate() -> None:
    def seeds_itself(width: int) -> nn.Module:
        torch.manual_seed(0)
        return make_net(width)

    sweep = swept(seeds_itself, **FEW)
    assert sweep.grid.trained.tolist() == [[True, False]] * 4
    assert "the same initial parameters as seed 0: make_net is to draw them from torch's generator" in str(sweep)
    one = make_net(20)
    again = swept(lambda width: one, **FEW | {"widths": (20,)})
    assert again.records[1].problem.startswith("ValueError: make_net returned a net that it has returned before")


def test_a_family_that_always_fails_says_why() -> None:
    with pytest.raises(
        ValueError, match=r"no net could be measured:\nN = 20, seed 0: TypeError: make_net returned int"
    ):
        swept(lambda width: width, **FEW)
    with pytest.raises(ValueError, match=r"every layer has as many neurons at all widths"):
        swept(lambda width: make_net(20), **FEW)
    with pytest.raises(ValueError, match="mat1 and mat2 shapes cannot be multiplied"):
        swept(**FEW, x=torch.randn(100, 7))


def test_trainings_of_different_stages_are_refused() -> None:
    def train(net: nn.Module, seed: int) -> Iterator[None]:
        yield from [None] * (1 + seed)

    with pytest.raises(ValueError, match=r"nets have 2 to 3 stages: train must yield equally often for all"):
        swept(train=train, **FEW)


class Grown(nn.Module):
    """One more layer above a width of 30, a projection that does not grow, a layer of one neuron, one never reached."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project, self.hidden, self.one = nn.Linear(64, 24), nn.Linear(24, width), nn.Linear(width, 1)
        self.unused = nn.Linear(width, width)
        if width > 30:
            self.more = nn.Linear(width, width)
        self.head = nn.Linear(width, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.hidden(self.project(x).tanh()).tanh()
        x = x * self.one(x)
        return self.head(self.more(x) if hasattr(self, "more") else x)


def test_layers_are_matched_by_name() -> None:
    sweep = swept(Grown, **FEW)
    assert sweep.grid.layers == ("project", "hidden", "head")
    assert set(sweep.remarks) >= {
        "more: left out, missing at N = 20, 30",
        "one: left out, it has one neuron",
        "unused: left out, a forward pass does not reach it",
        "project: as many neurons at all widths",
    }
    named = swept(Grown, **FEW, layers=["hidd*", "more"])
    assert named.grid.layers == ("hidden", "head")
    assert "more: left out, missing at N = 20, 30" in named.remarks
    assert not any("unused" in line for line in named.remarks), "it was not asked for"
    with pytest.raises(ValueError, match=r"no layer of the net is named nothing: its layers are project, hidden"):
        swept(Grown, **FEW, layers="nothing")


class Shared(nn.Module):
    """One activation for both layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(64, width), nn.Linear(width, width), nn.Linear(width, 4)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.act(self.second(self.act(self.first(x)))))


@pytest.mark.parametrize(
    ("layers", "found"), [("act", ("act#1", "act#2")), ("act#2", ("act#2",)), (["first", "act#2"], ("first", "act#2"))]
)
def test_calls_of_a_module_that_is_no_layer_are_measured_by_name(layers: list[str], found: tuple[str, ...]) -> None:
    assert swept(Shared, **FEW, layers=layers).grid.layers == (*found, "head")


def test_a_layer_without_finite_numbers_is_one_of_a_net_that_diverged() -> None:
    def made(width: int) -> nn.Module:
        net = make_net(width)
        if width == 30:
            nn.init.constant_(net[2].weight, torch.nan)
        return net

    (failure,) = swept(made, **FEW).failures
    assert failure.startswith("N = 30: 2 of 2 nets failed (seed 0, 1), diverged: layer '2': its output has NaN")


def test_inputs_that_are_not_finite_are_told_from_nets_that_diverged() -> None:
    x = inputs().clone()
    x[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"ValueError: layer '0': .* so have the inputs, in 1 of the samples measured"):
        width_sweep(make_net, x[:100], widths=[20, 30], seeds=2)


def test_what_evaluate_returns_is_to_be_a_number() -> None:
    with pytest.raises(ValueError, match=r"TypeError: evaluate returned 'good': expected a number"):
        swept(evaluate=lambda net: "good", **FEW)


def test_the_callers_generators_are_left_as_they_were_and_do_not_matter() -> None:
    def drawn(width: int) -> nn.Module:
        net = make_net(width)
        with torch.no_grad():
            net[0].bias += float(np.random.standard_normal()) + random.random()  # noqa: NPY002
        return net

    few = FEW | {"widths": (20, 30)}
    first = swept(drawn, **few)
    torch.manual_seed(5), np.random.seed(5), random.seed(5)  # noqa: NPY002
    expected = torch.rand(1), np.random.random(), random.random()  # noqa: NPY002
    torch.manual_seed(5), np.random.seed(5), random.seed(5)  # noqa: NPY002
    again = swept(drawn, **few)
    assert (torch.rand(1), np.random.random(), random.random()) == expected  # noqa: NPY002
    assert [r.weights for r in again.records] == [r.weights for r in first.records]
    assert len({r.weights for r in first.records}) == 4
    for name, array in first.grid.measurements[0].arrays.items():
        np.testing.assert_array_equal(array, again.grid.measurements[0][name], err_msg=name)


def test_what_evaluate_gives_is_kept_at_every_stage() -> None:
    sweep = swept(train=lambda net, seed: None, evaluate=lambda net: net[0].out_features / 100, **FEW)
    assert {(row["width"], row["stage"], row["accuracy"]) for row in sweep.rows()} == {
        (width, stage, width / 100) for width in FEW["widths"] for stage in (0, 1)
    }


def test_a_frame_and_a_figure() -> None:
    sweep = swept(**FEW)
    frame = sweep.to_frame()
    assert list(frame.columns[:6]) == ["width", "seed", "stage", "layer", "neurons", "score"]
    assert len(frame) == 4 * 2 * 3
    cell = frame[(frame.width == 40) & (frame.seed == 1) & (frame.layer == "2")]
    assert cell.corrected_score.item() == sweep.grid.at(40).of("corrected_score", 2)[0, 1]
    assert "layer 2" in [text.get_text() for text in sweep.plot().legends[0].texts]


@pytest.mark.parametrize("two", [np.int64(2), np.array(2)], ids=["number", "array"])
def test_numbers_may_be_those_of_numpy(two: Any) -> None:
    sweep = swept(**FEW | {"widths": np.array([20, 30]), "seeds": two})
    assert [(record.width, record.seed) for record in sweep.records] == [(20, 0), (20, 1), (30, 0), (30, 1)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": []}, r"widths \[\]: expected distinct numbers"),
        ({"widths": [8, 8]}, "expected distinct numbers"),
        ({"seeds": 0}, "seeds"),
        ({"seeds": 2.5}, "seeds=2.5: expected an integer"),
        ({"widths": 20.5}, "widths=20.5: expected an integer"),
        ({"widths": [20.5]}, "widths"),
        ({"x": iter([inputs()])}, "x is a list_iterator, which can be read only once"),
        ({"depth": 3}, "width_sweep has no option 'depth'"),
        (
            {"evaluate": lambda net: 1.0, "workers": 2, "seeds": 2},
            "cannot be sent to worker processes .*: take one worker",
        ),
    ],
)
def test_options_that_cannot_be_used(options: dict, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        width_sweep(make_net, **{"x": inputs(), "widths": [20]} | options)
