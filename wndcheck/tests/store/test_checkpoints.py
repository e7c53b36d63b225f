"""Times at which checkpoints are saved and removed, and the cell they belong to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck.experiment import cells
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.measurement import measuring
from wndcheck.experiment.measurement.measuring import Keeping, measure
from wndcheck.experiment.measurement.provenance import State
from wndcheck.nets.specification import Training, Unspecified, Violation
from wndcheck.store.kept import Checkpoints, StateFile
from wndcheck.tests.tiny import TINY_CELL, UNTRAINED, assert_same_numbers

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = replace(TINY_CELL, protocol=Training(0.1, 64, (0, 1, 3)), unspecified=Unspecified(held_out=9000))
STATE = State({"w": np.zeros(3)}, {"epochs": 1})


@pytest.fixture
def checkpoints(tmp_path: Path, messages: list[str]) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", messages.append)


def test_discard_removes_all_files_of_one_cell(checkpoints: Checkpoints) -> None:
    checkpoints.discard(TINY_CELL)
    assert not checkpoints.folder.exists()
    other = replace(TINY_CELL, width=7)
    for cell, seeds in ((TINY_CELL, (0, 1)), (TINY_CELL, (1,)), (other, (0, 1))):
        checkpoints.of(cell, seeds).save(STATE)
    assert (checkpoints.size(TINY_CELL), checkpoints.size(SHORT)) == (2, None)
    for cell in (TINY_CELL, other):  # of a writer killed in its first save, with a stack of another size
        for part in ("0-1.7", "0-2.8"):
            (checkpoints.folder / f".{cell.key}-{part}.part").write_bytes(b"half")
    checkpoints.discard(TINY_CELL)
    expected = [f".{other.key}-0-1.7.part", f".{other.key}-0-2.8.part", f"{other.key}-0-2.safetensors"]
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == expected


def test_a_copy_under_another_name_is_no_checkpoint(checkpoints: Checkpoints) -> None:
    checkpoints.of(TINY_CELL, (0, 1)).save(State({}, {"epochs": 1}))
    (path,) = checkpoints.paths(TINY_CELL)
    path.with_stem(f"{path.stem} (copy)").write_bytes(path.read_bytes())
    assert checkpoints.paths(TINY_CELL) == [path]
    assert checkpoints.size(TINY_CELL) == 2


def test_the_size_is_that_of_the_largest_part(checkpoints: Checkpoints) -> None:
    for seeds in ((0, 1, 2), (3, 4)):
        checkpoints.of(TINY_CELL, seeds).save(STATE)
    assert checkpoints.size(TINY_CELL) == 3


def saved_epochs(cell: Cell, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs at which a measurement saves its nets."""
    epochs, save = [], StateFile.save

    def recorded(file: StateFile, state: State) -> None:
        epochs.append(state.notes["epochs"])
        save(file, state)

    monkeypatch.setattr(StateFile, "save", recorded)
    measure(cell, keeping=Keeping(checkpoints))
    return epochs


@pytest.mark.parametrize(("pause", "expected"), [(measuring.PAUSE, [0, 1, 3]), (-1.0, [0, 1, 2, 3])])
def test_checkpoints_are_saved_at_stages_and_after_a_pause(
    pause: float, expected: list[int], checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "PAUSE", pause)
    assert saved_epochs(SHORT, checkpoints, monkeypatch) == expected
    found = checkpoints.of(SHORT, SHORT.seeds).load()
    assert found
    assert set(found.notes["seconds"]) == {"training", "measuring"}


def test_every_checkpoint_starts_a_new_pause(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        """Most of a pause passes between two readings of the clock."""

        now = 0.0

        def monotonic(self) -> float:
            self.now += 0.6 * measuring.PAUSE
            return self.now

    monkeypatch.setattr(measuring, "time", Clock())
    cell = replace(SHORT, protocol=Training(0.1, 64, (0, 9)))
    assert saved_epochs(cell, checkpoints, monkeypatch) == [0, 2, 4, 6, 8, 9]


@pytest.mark.parametrize("cell", [replace(UNTRAINED, width=3), replace(TINY_CELL, protocol=Violation("drift", 0.1))])
def test_untrained_nets_have_no_checkpoint(
    cell: Cell, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert saved_epochs(cell, checkpoints, monkeypatch) == []
    assert not checkpoints.folder.exists()


def test_a_checkpoint_resumes_its_own_cell_only(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    def resumed(cell: Cell) -> object:
        return measure(cell, keeping=Keeping(checkpoints)).provenance["resumed_at_epochs"]

    assert resumed(SHORT) == []
    assert resumed(SHORT) == [3]
    assert resumed(replace(SHORT, seeds=(0, 2))) == []
    assert resumed(replace(SHORT, protocol=replace(SHORT.protocol, learning_rate=0.2))) == []
    assert resumed(replace(SHORT, unspecified=replace(SHORT.unspecified, scaling="unit"))) == []
    monkeypatch.setattr(cells, "RECORD", cells.RECORD + 1)
    assert resumed(replace(SHORT)) == []  # a new object, which has no key yet


def without_order(state: State) -> State:
    return state._replace(arrays={name: array for name, array in state.arrays.items() if name != "order"})


def with_another_array(state: State) -> State:
    return state._replace(arrays=state.arrays | {"score": np.zeros(3)})


def with_other_shapes(state: State) -> State:
    return state._replace(arrays=state.arrays | {"nets/weights.0": state.arrays["nets/weights.0"][:, 1:]})


def without_epochs(state: State) -> State:
    return state._replace(notes={"seconds": {}})


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        (without_order, "'order'"),
        (with_another_array, "'score'"),
        (with_other_shapes, "size mismatch"),
        (without_epochs, "'epochs'"),
    ],
)
def test_nets_with_a_checkpoint_that_does_not_fit_are_trained_from_the_start(
    unfit, reason: str, checkpoints: Checkpoints, messages: list[str]
) -> None:
    uninterrupted = measure(SHORT)
    assert_same_numbers(measure(SHORT, keeping=Keeping(checkpoints)), uninterrupted)
    file = checkpoints.of(SHORT, SHORT.seeds)
    state = file.load()
    assert state
    file.save(unfit(state))
    again = measure(SHORT, keeping=Keeping(checkpoints))
    assert_same_numbers(again, uninterrupted)
    assert again.provenance["resumed_at_epochs"] == []
    (message,) = messages
    assert message.startswith(f"{file.path.name} is damaged (")
    assert reason in message
