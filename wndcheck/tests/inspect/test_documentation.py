"""docs/networks.md: what its table of networks and inputs says is tested, and its examples run."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PAGE = Path(__file__).parents[3] / "docs" / "networks.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the page is in the repository, not in the package")
OUTCOMES = r"measured( if named| with a remark)?\b|refused[:;]"


def rows() -> list[list[str]]:
    """Cells of the table of kinds, without its headings."""
    table = PAGE.read_text(encoding="utf-8").partition("## Kinds of network and input")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines() if line[:2] == "| "]
    return [each for each in cells[1:] if not each[0].startswith("**")]


def test_every_kind_of_network_and_input_is_measured_or_refused_and_names_its_test() -> None:
    tests = {
        name
        for file in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"^def test_(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    found = rows()
    assert len(found) >= 30
    for kind, outcome, test in found:
        assert re.match(OUTCOMES, outcome), kind
        assert test.strip("`") in tests, kind


def test_every_test_of_a_kind_of_network_is_in_the_table() -> None:
    text = Path(__file__).with_name("test_kinds_of_network.py").read_text(encoding="utf-8")
    named = {test.strip("`") for *_, test in rows()}
    assert set(re.findall(r"^def test_(\w+)", text, re.MULTILINE)) <= named


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.usefixtures("one_thread")
def test_a_training_loop_logs_the_scores_and_trains_as_it_would_without() -> None:
    loop, tensorboard, _ = blocks()
    names: dict[str, Any] = {}
    exec(loop, names)
    x, labels = torch.randn(300, 6), torch.arange(300) % 4
    seen: list[tuple[str, float, int]] = []
    names["writer"] = SimpleNamespace(add_scalar=lambda *numbers: seen.append(numbers))
    exec(tensorboard, names)
    weights = []
    for every in (4, 1000):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 5), nn.Dropout(), nn.ReLU(), nn.Linear(5, 4))
        loader = DataLoader(TensorDataset(x, labels), batch_size=50, shuffle=True)
        names["train"](
            net, loader, torch.optim.SGD(net.parameters(), 0.1), nn.CrossEntropyLoss(), x, names["log"], every
        )
        weights.append(torch.cat([p.flatten() for p in net.parameters()]))
    assert [step for name, _, step in seen if name == "dependence/3/corrected"] == [0, 4, 0]
    assert torch.equal(*weights)


@pytest.mark.usefixtures("one_thread")
def test_a_callback_of_lightning_logs_the_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    lightning: Any = ModuleType("lightning")  # which is not among the packages of the tests
    lightning.Callback = object
    monkeypatch.setitem(sys.modules, "lightning", lightning)
    names: dict[str, Any] = {}
    exec(blocks()[2], names)
    net: Any = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    seen: list[dict[str, float]] = []
    object.__setattr__(net, "log_dict", lambda numbers, rank_zero_only: seen.append(numbers))
    callback = names["Dependence"](torch.randn(300, 6), "0", every=2)
    for epoch in range(3):
        callback.on_train_epoch_end(SimpleNamespace(current_epoch=epoch, is_global_zero=True), net)
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert {"dependence/0/corrected", "dependence/0/rank_score"} <= set(seen[0])
