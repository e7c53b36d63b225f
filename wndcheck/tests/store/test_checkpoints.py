from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck.experiment import cells
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.measurement.history import Checkpoint
from wndcheck.experiment.measurement.measuring import Keeping, measure
from wndcheck.nets.specification import Training, Unspecified, Violation
from wndcheck.store import checkpoints
from wndcheck.store.checkpoints import Checkpoints, Kept, packed
from wndcheck.tests.tiny import TINY_CELL, UNTRAINED

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = replace(TINY_CELL, protocol=Training(0.1, 64, (0, 1, 3)), unspecified=Unspecified(held_out=9000))
CHECKPOINT = Checkpoint(
    nets={"weights.0": np.arange(6, dtype=np.float32).reshape(2, 3), "biases.0": np.full((2, 1, 3), np.nan)},
    order=np.arange(20, dtype=np.uint8).reshape(2, 10),
    seen={"score": np.array([[0.1, np.nan]]), "accuracy": np.zeros((0, 2)), "a/b": np.ones(1)},
    notes={"epochs": 7, "seconds": {"training": 0.1 + 0.2}},
)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def all_kept(tmp_path: Path, said: list[str]) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", said.append)


@pytest.fixture
def kept(all_kept: Checkpoints) -> Kept:
    return all_kept.of(TINY_CELL, (0, 1))


def files(kept: Checkpoints | Kept) -> list[str]:
    folder = kept.folder if isinstance(kept, Checkpoints) else kept.path.parent
    return sorted(path.name for path in folder.iterdir())


def assert_same(found: Checkpoint | None, expected: Checkpoint) -> None:
    assert found is not None
    assert found.notes == expected.notes
    for group in ("nets", "seen"):
        assert getattr(found, group).keys() == getattr(expected, group).keys()
        for name, array in getattr(expected, group).items():
            other = getattr(found, group)[name]
            assert (other.dtype, other.shape, other.tobytes()) == (array.dtype, array.shape, array.tobytes()), name
    assert (found.order.dtype, found.order.tobytes()) == (expected.order.dtype, expected.order.tobytes())


def test_round_trip_is_exact(kept: Kept, said: list[str]) -> None:
    assert kept.load() is None
    kept.save(CHECKPOINT)
    assert_same(kept.load(), CHECKPOINT)
    assert files(kept) == [f"{TINY_CELL.key}-0-2.npz"]
    assert not said


def test_saving_again_replaces(kept: Kept) -> None:
    kept.save(CHECKPOINT)
    later = CHECKPOINT._replace(notes={"epochs": 8})
    kept.save(later)
    assert_same(kept.load(), later)


def test_what_is_loaded_can_be_written_to(kept: Kept) -> None:
    """The reading goes on filling what it has seen."""
    kept.save(CHECKPOINT)
    found = kept.load()
    assert found is not None
    found.seen["score"][0, 1] = 0.5
    assert found.seen["score"].tolist() == [[0.1, 0.5]]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(3000))


def flipped(path: Path) -> None:
    """One byte of the weights."""
    data = bytearray(path.read_bytes())
    place = data.index(CHECKPOINT.nets["weights.0"].tobytes())
    data[place] ^= 0x55
    path.write_bytes(data)


def another_array(path: Path) -> None:
    np.savez(path, **packed(CHECKPOINT) | {"score": np.zeros(3)})


def orderless(path: Path) -> None:
    arrays = packed(CHECKPOINT)
    del arrays["order"]
    np.savez(path, **arrays)


def half_noted(path: Path) -> None:
    np.savez(path, **packed(CHECKPOINT) | {"notes": np.array("{half")})


def pickled(path: Path) -> None:
    np.savez(path, **packed(CHECKPOINT) | {"nets/more": np.array([{"a": 1}], dtype=object)})


DAMAGE = (truncated, emptied, noise, flipped, another_array, orderless, half_noted, pickled)


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_checkpoint_is_removed_and_said(damage: Callable[[Path], None], kept: Kept, said: list[str]) -> None:
    kept.save(CHECKPOINT)
    damage(kept.path)
    assert kept.load() is None
    assert files(kept) == []
    (told,) = said
    assert told.startswith(f"checkpoint {TINY_CELL.key}-0-2.npz is damaged (")
    assert told.endswith("): removed, and its nets are trained from the start")
    kept.save(CHECKPOINT)
    assert_same(kept.load(), CHECKPOINT)


def test_no_flipped_byte_changes_what_is_loaded(kept: Kept) -> None:
    kept.save(CHECKPOINT)
    whole = kept.path.read_bytes()
    for place in np.random.default_rng(0).choice(len(whole), 300, replace=False):
        kept.path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        found = kept.load()
        if found is not None:  # a byte that says nothing about the arrays, such as a time of day
            assert_same(found, CHECKPOINT)


def test_what_a_killed_writer_left_is_removed(all_kept: Checkpoints, kept: Kept) -> None:
    kept.save(CHECKPOINT)
    stem, others = kept.path.stem, (".notes", f".{TINY_CELL.key}-0-20.7.part", "notes.part")
    for name in (*others, f".{stem}.7.part", f".{stem}.{os.getpid()}.part"):
        (all_kept.folder / name).write_bytes(b"PK half")
    assert_same(kept.load(), CHECKPOINT)
    assert set(files(kept)) == {kept.path.name, *others}


def test_an_error_while_saving_leaves_what_was_there(kept: Kept) -> None:
    kept.save(CHECKPOINT)
    with pytest.raises(TypeError, match="not JSON serializable"):
        kept.save(CHECKPOINT._replace(notes={"epochs": object()}))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        kept.save(CHECKPOINT._replace(seen={"score": np.array([object()])}))
    assert_same(kept.load(), CHECKPOINT)
    assert files(kept) == [kept.path.name]


def test_discard_removes_all_of_a_cell_and_nothing_else(all_kept: Checkpoints) -> None:
    other = replace(TINY_CELL, width=7)
    for cell, seeds in ((TINY_CELL, (0, 1)), (TINY_CELL, (1,)), (other, (0, 1))):
        all_kept.of(cell, seeds).save(CHECKPOINT)
    for cell in (TINY_CELL, other):  # of a writer killed in its first save, with a stack of another size
        for part in ("0-1.7", "0-2.8"):
            (all_kept.folder / f".{cell.key}-{part}.part").write_bytes(b"PK half")
    all_kept.discard(TINY_CELL)
    assert files(all_kept) == [f".{other.key}-0-1.7.part", f".{other.key}-0-2.8.part", f"{other.key}-0-2.npz"]
    all_kept.discard(TINY_CELL)


def test_discarding_without_a_folder_is_nothing(all_kept: Checkpoints) -> None:
    all_kept.discard(TINY_CELL)
    assert not all_kept.folder.exists()


def test_is_due_after_a_pause(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    now = kept.saved
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now)
    assert not kept.is_due
    now += checkpoints.PAUSE - 1
    assert not kept.is_due
    now += 2
    assert kept.is_due
    kept.save(CHECKPOINT)
    assert not kept.is_due
    now += checkpoints.PAUSE + 1
    assert kept.is_due


def saved_epochs(cell: Cell, all_kept: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs at which a measurement saves its nets."""
    epochs, save = [], Kept.save

    def noted(kept: Kept, checkpoint: Checkpoint) -> None:
        epochs.append(checkpoint.notes["epochs"])
        save(kept, checkpoint)

    monkeypatch.setattr(Kept, "save", noted)
    measure(cell, keeping=Keeping(all_kept))
    return epochs


@pytest.mark.parametrize(("pause", "expected"), [(checkpoints.PAUSE, [0, 1, 3]), (-1.0, [0, 1, 2, 3])])
def test_nets_are_kept_at_stages_and_when_due(
    pause: float, expected: list[int], all_kept: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PAUSE", pause)
    assert saved_epochs(SHORT, all_kept, monkeypatch) == expected


@pytest.mark.parametrize("cell", [replace(UNTRAINED, width=3), replace(TINY_CELL, protocol=Violation("drift", 0.1))])
def test_nets_that_are_not_trained_are_not_kept(
    cell: Cell, all_kept: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert saved_epochs(cell, all_kept, monkeypatch) == []
    assert not all_kept.folder.exists()


def test_a_cells_checkpoint_is_not_anothers(all_kept: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    def resumed(cell: Cell) -> object:
        return measure(cell, keeping=Keeping(all_kept)).provenance["resumed_at_epochs"]

    assert resumed(SHORT) == []
    assert resumed(SHORT) == [3]
    assert resumed(replace(SHORT, seeds=(0, 2))) == []
    assert resumed(replace(SHORT, protocol=replace(SHORT.protocol, learning_rate=0.2))) == []
    assert resumed(replace(SHORT, unspecified=replace(SHORT.unspecified, scaling="unit"))) == []
    monkeypatch.setattr(cells, "RECORD", cells.RECORD + 1)
    assert resumed(replace(SHORT)) == []  # a new object, which has no key yet


def test_notes_are_plain(all_kept: Checkpoints) -> None:
    measure(SHORT, keeping=Keeping(all_kept))
    found = all_kept.of(SHORT, SHORT.seeds).load()
    assert found is not None
    assert json.loads(json.dumps(found.notes)) == found.notes
    assert found.notes["epochs"] == 3
    assert set(found.notes["seconds"]) == {"training", "measuring"}


def test_nets_of_another_shape_are_trained_anew(all_kept: Checkpoints, said: list[str]) -> None:
    undisturbed = measure(SHORT)
    whole = measure(SHORT, keeping=Keeping(all_kept))
    kept = all_kept.of(SHORT, SHORT.seeds)
    found = kept.load()
    assert found is not None
    kept.save(found._replace(nets=found.nets | {"weights.0": found.nets["weights.0"][:, 1:]}))
    again = measure(SHORT, keeping=Keeping(all_kept))
    for name, array in undisturbed.arrays.items():
        assert array.tobytes() == whole[name].tobytes() == again[name].tobytes(), name
    assert again.provenance["resumed_at_epochs"] == []
    (told,) = said
    assert re.search(r"checkpoint .* is damaged \(.*size mismatch", told, re.DOTALL)
