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
CONVNET = replace(TINY_CELL, dataset="cifar10", architecture="convnet")

# One other value for every field; a field without one fails below, so that none can be forgotten.
OTHER = {
    Cell: {
        "dataset": "mnist",
        "activation": "relu",
        "width": 7,
        "seeds": (0, 2),
        "protocol": replace(TINY_CELL.protocol, stages=(0, 2)),
        "architecture": "convnet",
        "channels": (8, 8, 16, 16, 16),
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
        "more_images": (40, 60),
        "sampling": "fixed",
        "rank_pairs": 12,
    },
}


def changed(owner: type, field: str) -> tuple[Cell, Cell]:
    """A cell, and the same cell but for one field."""
    other = {field: OTHER[owner][field]}
    if field == "architecture":
        before = replace(TINY_CELL, dataset="cifar10")
        return before, replace(before, **other)
    if field == "channels":
        return CONVNET, replace(CONVNET, **other)
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
    assert replace(TINY_CELL, seeds=(1, 0)).nets_key != TINY_CELL.nets_key


@pytest.mark.parametrize(
    ("name", "other", "changed"),
    [
        ("NETS", specification.NETS + 1, [True, True]),
        ("dataset_digest", lambda name: "another digest", [True, True]),
        ("LAYERS", {"mlp": 6, "convnet": 3}, [True, False]),
        ("STRIDES", (2, *specification.STRIDES[1:]), [False, True]),
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


def test_kept_key_of_ensembles_depends_on_their_images(monkeypatch: pytest.MonkeyPatch) -> None:
    ensembles = replace(TINY_CELL, seeds=tuple(range(12)), ensembles=3)
    for field, other in OTHER[Probe].items():
        probe = replace(TINY_CELL.probe, **{field: other})
        assert replace(TINY_CELL, probe=probe).kept_key == TINY_CELL.kept_key
        if field == "more_images":  # which ensembles refuse
            continue
        same = replace(ensembles, probe=probe).kept_key == ensembles.kept_key
        assert same == (field not in ("images_per_class", "seed", "sampling")), field
    assert replace(ensembles, ensembles=2).kept_key != ensembles.kept_key
    monkeypatch.setattr(cells, "KEPT_ACTIVATIONS", cells.KEPT_ACTIVATIONS + 1)
    assert replace(ensembles).kept_key != ensembles.kept_key


def test_key_is_the_same_for_equal_cells_and_fit_for_a_file_name() -> None:
    assert replace(TINY_CELL).key == TINY_CELL.key
    assert re.fullmatch(r"[0-9a-f]{16}-r\d+-[0-9a-f]{8}", TINY_CELL.key)


def test_label() -> None:
    assert TINY_CELL.label == "mnist-subset tanh N=6 ×2 1 epochs of 64"
    assert VIOLATED.label == "mnist-subset tanh drift N=6 ×2"
    assert len({cell.label for cell in CELLS}) == len(CELLS)


STAGES = r"expected ascending epochs that start at 0, e.g. \(0, 10\)"
POSITIVE = "learning rate .* and batch size .*: expected both positive"
UNSPECIFIED = "expected a positive gain, scaling 'standardised' or 'unit', held_out >= 0"
WIDTH = "width .*, seeds .*: expected a width >= 2 and distinct seeds"
CHANNELS = "channels .*: expected 5 positive numbers, of a convnet alone"
CONVNETS = "a convnet on .*: expected cifar10 and Training"
ASCENDING = "more_images .* per class: expected ascending numbers, more than the probe's 20"
REFUSED = [
    *((Training, (0.1, 64, stages), STAGES) for stages in ((), (1,), (1, 2), (0, 2, 1), (0, 1, 1), (0, 0))),
    *((Training, (rate, 64, (0, 1)), POSITIVE) for rate in (0, -0.1, float("nan"))),
    *((Training, (0.1, batch, (0, 1)), POSITIVE) for batch in (0, -1)),
    (Violation, ("drfit", 0.1), "violation 'drfit': expected one of drift, shared, bottleneck"),
    *((Unspecified, fields, UNSPECIFIED) for fields in ((0.0,), (float("nan"),), (1.0, "raw"), (1.0, "unit", -1))),
    (Cell, {"activation": "gelu"}, "activation 'gelu': expected 'relu' or 'tanh'"),
    *((Cell, fields, WIDTH) for fields in ({"width": 1}, {"width": 0}, {"seeds": ()}, {"seeds": (0, 0)})),
    (Cell, {"architecture": "convnet"}, CONVNETS),
    (Cell, {"architecture": "convnet", "dataset": "cifar10", "protocol": VIOLATED.protocol}, CONVNETS),
    *((Cell, {"channels": channels}, CHANNELS) for channels in ((8,) * 4, (8,) * 5)),
    (Cell, {"dataset": "cifar10", "architecture": "convnet", "channels": (8, 8, 0, 8, 8)}, CHANNELS),
    (Cell, {"seeds": (0, 1, 2), "ensembles": 2}, "3 nets in 2 ensembles: expected ensembles of one size"),
    (Cell, {"seeds": tuple(range(201)), "ensembles": 1}, "of at most the probe's 200 images"),
    (Cell, {"probe": Probe(more_images=(200,)), "ensembles": 2}, r"more_images \(200,\) in 2 ensembles: expected none"),
    (Probe, (20, 0, 3, 10, 8, 9, 1, 1, (), "some"), "sampling 'some': expected 'own' or 'fixed'"),
    *((Probe, (20, 0, 3, 10, 8, 9, 1, 1, more), ASCENDING) for more in ((20,), (10, 30), (40, 30), (30, 30))),
]


@pytest.mark.parametrize(("owner", "fields", "message"), REFUSED)
def test_fields_without_a_meaning_are_refused(owner: type, fields, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY_CELL, **fields) if owner is Cell else owner(*fields)


def test_the_key_of_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown data set 'fashion': expected one of mnist-subset, mnist, cifar10"):
        _ = replace(TINY_CELL, dataset="fashion").key


def test_replicates_are_nets_or_ensembles() -> None:
    cell = replace(TINY_CELL, seeds=tuple(range(12)), ensembles=3)
    assert (cell.replicates, cell.nets_per_ensemble, TINY_CELL.replicates) == (3, 4, 2)


CELLS = [
    TINY_CELL,
    VIOLATED,
    replace(TINY_CELL, ensembles=2),
    replace(TINY_CELL, dataset="cifar10", architecture="convnet"),
    replace(TINY_CELL, unspecified=Unspecified(2.0, "unit", 100)),
    replace(TINY_CELL, width=7, probe=Probe(more_images=(200, 400))),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.label)
def test_a_cell_is_restored_from_its_fields_in_json(cell: Cell) -> None:
    again = Cell.from_dict(json.loads(json.dumps(cell.to_dict())))
    assert again == cell
    assert again.key == cell.key
