"""The cells that a pattern names, and those of them that are trained."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from wndcheck.cli.measure_plan import planned, selected
from wndcheck.experiment import cells, families
from wndcheck.experiment.costs import training_flops
from wndcheck.experiment.families import cells_of, perceptron
from wndcheck.experiment.measurement import measuring
from wndcheck.experiment.profiles import FULL, PROFILES, QUICK
from wndcheck.nets.specification import Training
from wndcheck.store.filling import fill
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_PROBE, Log


def count(*patterns: str) -> dict[str, int]:
    return {part: len(cells) for part, cells in selected(FULL, 0, patterns).items()}


def test_all_cells_without_a_pattern():
    assert selected(FULL, 3) == {part: cells for part, cells in families.parts(FULL, 3).items() if cells}
    assert "paper-recipe" not in selected(QUICK, 0)


def test_parts_by_name():
    parts = {part: cells for part, cells in families.parts(FULL, 0).items() if cells}
    assert all(selected(FULL, 0, [part]) == {part: parts[part]} for part in parts)


def test_labels_by_a_shell_pattern():
    (cells,) = selected(FULL, 0, ["mnist relu N=50 *"]).values()
    assert cells == (perceptron(FULL, "relu", 50, 0),)
    assert selected(FULL, 0, [perceptron(FULL, "relu", 50, 0).label])["mlp"] == cells
    assert {cell.width for cells in selected(FULL, 0, ["* N=[57]? *"]).values() for cell in cells} == {50, 75}


def test_several_patterns_name_what_any_of_them_does():
    both = count("violations", "mnist relu N=50 *")
    assert both == {"mlp": 1, "violations": len(families.parts(FULL, 0)["violations"])}
    assert count("mlp", "mnist relu N=50 *") == count("mlp")


@pytest.mark.parametrize("pattern", ["relu", "MLP", "", "mnist relu N=51 *", "paper-recipe"])
def test_a_pattern_without_a_cell_is_an_error_even_next_to_one_that_has_some(pattern):
    what = f"{pattern!r} names no cell of profile quick"
    if pattern == "paper-recipe":
        what = "profile quick has no cells in its part 'paper-recipe'"
    message = (
        f"{what}: expected one of mlp, cifar10, initial, violations, ensembles, convnets, architectures, sensitivity, "
        "or a pattern for labels such as 'mnist-subset relu N=5 ×8 10 epochs of 32'"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        selected(QUICK, 0, ["mlp", pattern])


# --- nets that another record was measured of -------------------------------------------------------------------------

PROFILE = replace(
    QUICK, name="tiny", widths=(5,), nets=2, training=Training(0.1, 64, (0, 1)), initial_width=6, probe=TINY_PROBE
)
RELU, TANH = cells_of(["trained/relu", "trained/tanh"], PROFILE, 0)


@pytest.fixture
def another_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """A store with the cells of a part, and with the nets of one of them, under a version of the record before ours."""
    monkeypatch.setitem(PROFILES, PROFILE.name, PROFILE)
    store = Store(tmp_path, pytest.fail)
    fill([RELU], store, Log(), device="cpu", data_root=None, keep_weights=True)
    fill([TANH], store, Log(), device="cpu", data_root=None)
    monkeypatch.setattr(cells, "RECORD", cells.RECORD + 1)
    return store


@pytest.fixture
def measure(cli: Callable[..., Result], another_record: Store) -> Callable[..., Result]:
    options = (
        "--profile=tiny",
        "--seed=0",
        "--cells=mlp",
        "--device=cpu",
        "--workers=1",
        "--store",
        another_record.root.parent,
    )
    return lambda *more: cli("measure", *options, "--store", another_record.root.parent, *more)


@pytest.mark.usefixtures("one_thread")
def test_kept_nets_are_distinguished_from_those_to_train_again(another_record, measure):
    plan = planned("tiny", 0, ["mlp"], "cpu", 1, another_record.root.parent, make=False, say=pytest.fail)
    relu, tanh = plan.missing
    assert (relu.activation, tanh.activation) == ("relu", "tanh")
    assert (plan.kept, plan.trained_again) == ({relu}, (tanh,))
    teraflop = f"{training_flops(tanh) / 1e12:.3g}"
    assert plan.remarks == [
        "1 cell to be measured without training: the nets are kept",
        f"1 cell to be trained again ({teraflop} TFLOP): the nets were measured under another record and not kept; "
        "--keep-weights keeps nets",
    ]
    shown = measure("--dry-run")
    assert all(f"wndcheck: {remark}\n" in shown.stderr for remark in plan.remarks)
    assert re.search(r"Of the time, about \d+ s are for cells that are trained again\.", " ".join(shown.stdout.split()))
    assert f"{training_flops(tanh) / 1e12:.2f}" in shown.stdout


@pytest.mark.usefixtures("one_thread")
def test_keep_weights_spares_the_next_training(cli, another_record, measure, monkeypatch):
    assert measure("--keep-weights").exit_code == 0
    assert len(list(another_record.measured())) == 2
    assert len(list(another_record.root.glob("*-r*.npz"))) == 4
    monkeypatch.setattr(cells, "RECORD", cells.RECORD + 1)
    monkeypatch.setattr(measuring, "run", lambda *_: pytest.fail("a net is trained"))
    assert measure().exit_code == 0
    listed = cli("store", "list", "--store", another_record.root.parent)
    assert "4 measured under another version of the record, which this wndcheck does not read\n" in listed.stdout
    assert re.search(r"\n4 files of kept nets, [\d.e-]+ GB\n", listed.stdout)
