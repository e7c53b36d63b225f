"""Files of nets' states: exact, atomic, and removed when they are damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wndcheck.experiment.measurement.provenance import State
from wndcheck.store.files import read_notes, write_npz, write_safetensors
from wndcheck.store.kept import StateFile

STATE = State(
    {
        "nets/weights.0": np.arange(6, dtype=np.float32).reshape(2, 3),
        "nets/biases.0": np.full((2, 1, 3), np.nan),
        "order": np.arange(20, dtype=np.uint8).reshape(2, 10),
        "seen/score": np.array([[0.1, np.nan]]),
        "seen/accuracy": np.zeros((0, 2)),
    },
    {"epochs": 7, "seconds": {"training": 0.1 + 0.2}},
)


@pytest.fixture
def file(tmp_path: Path, messages: list[str]) -> StateFile:
    return StateFile(tmp_path / "folder" / "a-record-of-some-nets-0-2.safetensors", messages.append)


def test_files_of_all_kinds_have_the_mode_that_the_umask_gives(file: StateFile, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        file.save(STATE)
        write_npz(tmp_path / "some.npz", STATE.arrays)
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (file.path, tmp_path / "some.npz")] == [0o640, 0o640]


def names(file: StateFile) -> list[str]:
    return sorted(path.name for path in file.path.parent.iterdir())


def assert_same(found: State | None, expected: State) -> None:
    assert found
    assert expected.notes.items() <= found.notes.items()
    assert found.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        other = found.arrays[name]
        assert (other.dtype, other.shape, other.tobytes()) == (array.dtype, array.shape, array.tobytes()), name


def test_round_trip_is_exact_and_saving_again_replaces(file: StateFile, messages: list[str]) -> None:
    assert file.load() is None
    file.save(STATE._replace(notes={"epochs": 6}))
    file.save(STATE)
    assert_same(file.load(), STATE)
    assert read_notes(file.path)["epochs"] == 7
    assert names(file) == [file.path.name]
    assert not messages


def test_loaded_arrays_are_writable(file: StateFile) -> None:
    file.save(STATE)
    found = file.load()
    assert found
    found.arrays["seen/score"][0, 1] = 0.5
    assert found.arrays["seen/score"].tolist() == [[0.1, 0.5]]


def test_members_of_a_larger_file(file: StateFile) -> None:
    state = State({"weights.0": np.arange(12.0).reshape(4, 3)}, {"epochs": 1})
    file.save(state)
    found = StateFile(file.path, pytest.fail, slice(1, 3)).load()
    assert found
    assert found.arrays["weights.0"].tolist() == [[3, 4, 5], [6, 7, 8]]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(3000))


def one_byte_flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-7] ^= 0x55
    path.write_bytes(data)


def of_other_nets(path: Path) -> None:
    write_safetensors(path, STATE.arrays, STATE.notes | {"part": "other-0-2"})


def of_another_part(path: Path) -> None:
    """Of the same nets as far as the last seed: no prefix of the name is enough."""
    write_safetensors(path, STATE.arrays, STATE.notes | {"part": f"{path.stem[:-1]}3"})


def without_notes(path: Path) -> None:
    write_safetensors(path, STATE.arrays, {})


DAMAGE = (truncated, emptied, noise, one_byte_flipped, of_other_nets, of_another_part, without_notes)


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_removed_with_a_message(
    damage: Callable[[Path], None], file: StateFile, messages: list[str]
) -> None:
    file.save(STATE)
    damage(file.path)
    assert file.load() is None
    assert names(file) == []
    (message,) = messages
    assert message.startswith("a-record-of-some-nets-0-2.safetensors is damaged (")
    assert message.endswith("): removed, and its nets are trained again")
    file.save(STATE)
    assert_same(file.load(), STATE)


def test_no_flipped_byte_changes_loaded_arrays(file: StateFile) -> None:
    file.save(STATE)
    whole = file.path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        file.path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        found = file.load()
        refused += found is None
        if found is not None:
            assert_same(found, STATE)
    assert refused > len(whole) / 2


def test_unfinished_files_of_killed_writers_are_removed(file: StateFile) -> None:
    file.save(STATE)
    others = {".other-0-2.7.part", ".a-record-of-some-nets-0-20.7.part", "a-record-of-some-nets-0-2.part"}
    for call in (file.load, lambda: file.save(STATE)):
        for name in (*others, ".a-record-of-some-nets-0-2.7.part", f".a-record-of-some-nets-0-2.{os.getpid()}.part"):
            (file.path.parent / name).write_bytes(b"half")
        call()
        assert set(names(file)) == {file.path.name, *others}


def test_a_failed_save_keeps_the_previous_file(file: StateFile) -> None:
    file.save(STATE)
    with pytest.raises(TypeError, match="not JSON serializable"):
        file.save(STATE._replace(notes={"epochs": object()}))
    assert_same(file.load(), STATE)
    assert names(file) == [file.path.name]
