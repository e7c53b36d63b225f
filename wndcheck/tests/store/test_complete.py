"""A store that is named as complete is only read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wndcheck.experiment import cells
from wndcheck.nets.specification import NETS
from wndcheck.store.filling import fill
from wndcheck.store.measurements import IncompleteStore, Store
from wndcheck.tests.store.test_measurements import assert_same
from wndcheck.tests.tiny import TINY_CELL, Log, random_measurement

OTHER_CELL = replace(TINY_CELL, width=7)


@pytest.fixture
def store(tmp_path: Path, messages: list[str]) -> Store:
    """With one cell, as it is committed: without a folder of locks."""
    store = Store(tmp_path, messages.append)
    store.save(random_measurement(TINY_CELL))
    (store.root / "locks").rmdir()
    return Store(tmp_path, messages.append, complete=True)


def contents(store: Store) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in store.root.parent.rglob("*")}


def fill_here(store: Store, *wanted: cells.Cell) -> None:
    fill(wanted, store, Log(), device="cpu", data_root=None)


def test_reading_changes_nothing(store: Store, messages: list[str]) -> None:
    store.checkpoints.folder.mkdir()
    (store.checkpoints.folder / f"{TINY_CELL.key}-0-2.safetensors").touch()
    before = contents(store)
    fill_here(store, TINY_CELL)
    store.require(TINY_CELL)
    assert_same(store.load(TINY_CELL), random_measurement(TINY_CELL))
    assert contents(store) == before
    assert messages == []


def test_root_or_version_folder_names_the_store(store: Store) -> None:
    assert Store(store.root, complete=True).root == Store(store.root.parent, complete=True).root == store.root


def test_a_missing_cell_is_an_error_that_names_it(store: Store) -> None:
    before = contents(store)
    for ask in (fill_here, Store.require):
        with pytest.raises(IncompleteStore) as caught:
            ask(store, TINY_CELL, OTHER_CELL)
        assert str(caught.value) == (
            f"the store {store.root} was named as complete, and lacks 1 of the cells: {OTHER_CELL.label}, of which it "
            f"has nothing ({store.path(OTHER_CELL).name}). To measure them, run `wndcheck measure --store` with its "
            "folder, or leave out --wnd-complete"
        )
    assert contents(store) == before


def test_a_cell_of_another_record_version_is_an_error_that_names_both(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = store.path(TINY_CELL).name
    monkeypatch.setattr(cells, "RECORD", cells.RECORD + 1)
    cell = replace(TINY_CELL)  # a new object, which has the key of the new version
    assert store.other_records(cell) == [store.root / there]
    message = rf"{cell.label}, of which it has another record \({there}\), not {cell.record_key}\."
    with pytest.raises(IncompleteStore, match=message):
        store.require(cell)


def test_a_damaged_cell_is_named_and_left_as_it_is(store: Store, messages: list[str]) -> None:
    path = store.path(TINY_CELL)
    path.write_bytes(b"PK half")
    with pytest.raises(IncompleteStore, match=f"{TINY_CELL.label}, whose file {path.name} is damaged"):
        store.require(TINY_CELL)
    assert path.read_bytes() == b"PK half"
    assert messages[0].startswith(f"{path.name} is damaged (")


def test_a_store_that_can_be_filled_requires_nothing(tmp_path: Path) -> None:
    Store(tmp_path).require(TINY_CELL)


def test_a_complete_store_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a folder: name the root of a store"):
        Store(tmp_path / "nowhere", complete=True)
    (tmp_path / f"v{NETS - 1}").mkdir()
    with pytest.raises(ValueError, match=f"holds only nets of version {NETS - 1}, and .* version {NETS}"):
        Store(tmp_path, complete=True)
    assert [path.name for path in tmp_path.iterdir()] == [f"v{NETS - 1}"]
