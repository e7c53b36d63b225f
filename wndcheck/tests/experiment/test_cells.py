from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from wndcheck.experiment import cells
from wndcheck.experiment.cells import Cell, Probe, Training, Unsaid, Violation
from wndcheck.tests.tiny import TINY_CELL

VIOLATED = replace(TINY_CELL, protocol=Violation("drift", 0.1))

# One other value for every field; a field without one fails below, so that none can be forgotten.
OTHER = {
    Cell: {
        "dataset": "mnist",
        "activation": "relu",
        "width": 7,
        "seeds": (0, 2),
        "protocol": replace(TINY_CELL.protocol, stages=(0, 2)),
        "probe": Probe(),
        "architecture": "convnet",
        "ensembles": 2,
        "unsaid": Unsaid(scaling="unit"),
    },
    Training: {"learning_rate": 0.2, "batch_size": 32, "stages": (0, 1, 2)},
    Violation: {"kind": "shared", "strength": 0.2, "stages": (0, 2)},
    Unsaid: {"initial_gain": 2.0, "scaling": "unit", "held_out": 100},
    Probe: {
        "images_per_class": 21,
        "seed": 1,
        "k": 4,
        "most_pairs": 11,
        "control_pairs": 9,
        "transformed_pairs": 101,
        "groups": 5,
        "ablated": 4,
    },
}


def changed(owner: type, field: str) -> tuple[Cell, Cell]:
    """A cell, and the same cell but for one field."""
    other = {field: OTHER[owner][field]}
    if field == "architecture":
        before = replace(TINY_CELL, dataset="cifar10")
        return before, replace(before, **other)
    if owner is Cell:
        return TINY_CELL, replace(TINY_CELL, **other)
    if owner is Probe:
        return TINY_CELL, replace(TINY_CELL, probe=replace(TINY_CELL.probe, **other))
    if owner is Unsaid:
        return TINY_CELL, replace(TINY_CELL, unsaid=Unsaid(**other))
    cell = TINY_CELL if owner is Training else VIOLATED
    return cell, replace(cell, protocol=replace(cell.protocol, **other))


@pytest.mark.parametrize(("owner", "field"), [(owner, field.name) for owner in OTHER for field in fields(owner)])
def test_key_changes_with_every_field(owner: type, field: str) -> None:
    before, after = changed(owner, field)
    assert before.key != after.key


def test_key_changes_with_the_order_of_seeds() -> None:
    assert replace(TINY_CELL, seeds=(1, 0)).key != TINY_CELL.key


def test_key_changes_with_the_data_and_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    key = TINY_CELL.key
    with monkeypatch.context() as patch:
        patch.setattr(cells, "SCHEMA", cells.SCHEMA + 1)
        assert replace(TINY_CELL).key != key
    with monkeypatch.context() as patch:
        patch.setattr(cells, "dataset_digest", lambda name: "another digest")
        assert replace(TINY_CELL).key != key
    assert replace(TINY_CELL).key == key


def test_key_is_the_same_for_equal_cells_and_fit_for_a_file_name() -> None:
    assert replace(TINY_CELL).key == TINY_CELL.key
    assert len(TINY_CELL.key) == 16
    assert set(TINY_CELL.key) <= set("0123456789abcdef")


def test_key_refuses_an_unknown_data_set() -> None:
    with pytest.raises(ValueError, match="unknown data set 'fashion': expected one of mnist-subset, mnist, cifar10"):
        _ = replace(TINY_CELL, dataset="fashion").key


def test_label() -> None:
    assert TINY_CELL.label == "mnist-subset tanh N=6 ×2 1 epochs of 64"
    assert VIOLATED.label == "mnist-subset tanh drift N=6 ×2"


@pytest.mark.parametrize("stages", [(), (1,), (1, 2), (0, 2, 1), (0, 1, 1), (0, 0)])
def test_training_refuses_stages_that_do_not_rise_from_zero(stages: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"stages .*: expected epochs that start at 0 and rise, e.g. \(0, 10\)"):
        Training(0.1, 64, stages)


@pytest.mark.parametrize(("rate", "batch"), [(0, 64), (-0.1, 64), (float("nan"), 64), (0.1, 0), (0.1, -1)])
def test_training_refuses_a_rate_or_batch_that_is_not_positive(rate: float, batch: int) -> None:
    with pytest.raises(ValueError, match=f"learning rate {rate} and batch size {batch}: expected both positive"):
        Training(rate, batch, (0, 1))


def test_violation_refuses_an_unknown_kind() -> None:
    with pytest.raises(ValueError, match="violation 'drfit': expected one of drift, shared, bottleneck"):
        Violation("drfit", 0.1)  # type: ignore[arg-type]


def test_cell_refuses_an_unknown_activation() -> None:
    with pytest.raises(ValueError, match="activation 'gelu': expected 'relu' or 'tanh'"):
        replace(TINY_CELL, activation="gelu")


@pytest.mark.parametrize(("width", "seeds"), [(1, (0,)), (0, (0,)), (6, ()), (6, (0, 0))])
def test_cell_refuses_nets_that_cannot_be_paired_or_told_apart(width: int, seeds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"width {width}, seeds .*: expected a width >= 2 and distinct seeds"):
        replace(TINY_CELL, width=width, seeds=seeds)


@pytest.mark.parametrize(
    ("field", "value"), [("initial_gain", 0.0), ("initial_gain", float("nan")), ("scaling", "raw"), ("held_out", -1)]
)
def test_unsaid_refuses_what_has_no_meaning(field: str, value: object) -> None:
    with pytest.raises(ValueError, match="expected a positive gain, scaling 'standardised' or 'unit', held_out >= 0"):
        Unsaid(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("more", [{"dataset": "mnist"}, {"dataset": "cifar10", "protocol": VIOLATED.protocol}])
def test_a_convnet_is_trained_on_cifar10(more: dict) -> None:
    with pytest.raises(ValueError, match="expected cifar10 and Training"):
        replace(TINY_CELL, architecture="convnet", **more)


def test_ensembles_are_of_one_size_and_an_image_each() -> None:
    with pytest.raises(ValueError, match="3 nets in 2 ensembles: expected ensembles of one size"):
        replace(TINY_CELL, seeds=(0, 1, 2), ensembles=2)
    with pytest.raises(ValueError, match="of at most the probe's 200 images"):
        replace(TINY_CELL, seeds=tuple(range(201)), ensembles=1)
    cell = replace(TINY_CELL, seeds=tuple(range(12)), ensembles=3)
    assert (cell.replicates, cell.nets_per_ensemble, TINY_CELL.replicates) == (3, 4, 2)


CELLS = [
    TINY_CELL,
    VIOLATED,
    replace(TINY_CELL, ensembles=2),
    replace(TINY_CELL, dataset="cifar10", architecture="convnet"),
    replace(TINY_CELL, unsaid=Unsaid(2.0, "unit", 100)),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.label)
def test_a_cell_is_its_fields_also_out_of_json(cell: Cell) -> None:
    again = Cell.from_dict(json.loads(json.dumps(cell.to_dict())))
    assert again == cell
    assert again.key == cell.key


def test_labels_tell_cells_apart() -> None:
    assert len({cell.label for cell in CELLS}) == len(CELLS)
