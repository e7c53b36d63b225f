from __future__ import annotations

import json
import re
from dataclasses import fields, replace

import pytest

from wndcheck.experiment import cells
from wndcheck.experiment.cells import Cell, Probe
from wndcheck.nets import specification
from wndcheck.nets.specification import Training, Unspecified, Violation
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
        "architecture": "convnet",
        "unspecified": Unspecified(scaling="unit"),
        "probe": Probe(),
        "ensembles": 2,
    },
    Training: {"learning_rate": 0.2, "batch_size": 32, "stages": (0, 1, 2)},
    Violation: {"kind": "shared", "strength": 0.2, "stages": (0, 2)},
    Unspecified: {"initial_gain": 2.0, "scaling": "unit", "held_out": 100},
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
    if owner is Unspecified:
        return TINY_CELL, replace(TINY_CELL, unspecified=Unspecified(**other))
    cell = TINY_CELL if owner is Training else VIOLATED
    return cell, replace(cell, protocol=replace(cell.protocol, **other))


@pytest.mark.parametrize(("owner", "field"), [(owner, field.name) for owner in OTHER for field in fields(owner)])
def test_each_field_is_in_one_key(owner: type, field: str) -> None:
    before, after = changed(owner, field)
    of_record = owner is Probe or field in ("probe", "ensembles")
    assert (before.nets_key == after.nets_key) == of_record
    assert (before.record_key == after.record_key) != of_record
    assert before.key != after.key


def test_nets_key_changes_with_the_order_of_seeds() -> None:
    assert replace(TINY_CELL, seeds=(1, 0)).nets_key != TINY_CELL.nets_key


CONVNET = replace(TINY_CELL, dataset="cifar10", architecture="convnet")


@pytest.mark.parametrize(
    ("name", "other", "changed"),
    [
        ("NETS", specification.NETS + 1, [True, True]),
        ("dataset_digest", lambda name: "another digest", [True, True]),
        ("LAYERS", {"mlp": 6, "convnet": 3}, [True, False]),
        ("CONVOLUTIONS", ((96, 1), *specification.CONVOLUTIONS[1:]), [False, True]),
        ("CONVOLUTIONS", ((32, 2), *specification.CONVOLUTIONS[1:]), [False, True]),
    ],
)
def test_nets_key_changes_with_data_architecture_and_version(
    name: str, other: object, changed: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [cell.nets_key for cell in (TINY_CELL, CONVNET)]
    monkeypatch.setattr(specification, name, other)
    after = [replace(cell) for cell in (TINY_CELL, CONVNET)]  # new objects, which have no key yet
    assert [cell.nets_key != key for cell, key in zip(after, before, strict=True)] == changed
    assert after[0].record_key == TINY_CELL.record_key


def test_record_key_changes_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "RECORD", cells.RECORD + 1)
    again = replace(TINY_CELL)
    assert (again.nets_key, again.record_key != TINY_CELL.record_key) == (TINY_CELL.nets_key, True)
    assert again.record_key.startswith(f"r{cells.RECORD}-")


def test_what_is_kept_of_ensembles_depends_on_the_images_they_see(monkeypatch: pytest.MonkeyPatch) -> None:
    ensembles = replace(TINY_CELL, seeds=tuple(range(12)), ensembles=3)
    for field, other in OTHER[Probe].items():
        probe = replace(TINY_CELL.probe, **{field: other})
        assert replace(TINY_CELL, probe=probe).kept_key == TINY_CELL.kept_key
        same = replace(ensembles, probe=probe).kept_key == ensembles.kept_key
        assert same == (field not in ("images_per_class", "seed")), field
    assert replace(ensembles, ensembles=2).kept_key != ensembles.kept_key
    monkeypatch.setattr(cells, "KEPT_ACTIVATIONS", cells.KEPT_ACTIVATIONS + 1)
    assert replace(ensembles).kept_key != ensembles.kept_key


def test_key_is_the_same_for_equal_cells_and_fit_for_a_file_name() -> None:
    assert replace(TINY_CELL).key == TINY_CELL.key
    assert re.fullmatch(r"[0-9a-f]{16}-r\d+-[0-9a-f]{8}", TINY_CELL.key)


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
def test_unspecified_refuses_what_has_no_meaning(field: str, value: object) -> None:
    with pytest.raises(ValueError, match="expected a positive gain, scaling 'standardised' or 'unit', held_out >= 0"):
        Unspecified(**{field: value})  # type: ignore[arg-type]


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
    replace(TINY_CELL, unspecified=Unspecified(2.0, "unit", 100)),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.label)
def test_a_cell_is_its_fields_also_out_of_json(cell: Cell) -> None:
    again = Cell.from_dict(json.loads(json.dumps(cell.to_dict())))
    assert again == cell
    assert again.key == cell.key


def test_labels_tell_cells_apart() -> None:
    assert len({cell.label for cell in CELLS}) == len(CELLS)
