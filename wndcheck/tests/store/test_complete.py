"""A store that is named as complete, committed or cannot be written is only read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from wndcheck.experiment import cells
from wndcheck.nets.specification import NETS
from wndcheck.store.files import UnwritableStore
from wndcheck.store.filling import fill
from wndcheck.store.measurements import FOLDER, READ_ONLY, IncompleteStore, Store
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
            f"the store {store.root} is only read, and lacks 1 of the cells: {OTHER_CELL.label}, of which it has "
            f"nothing ({store.path(OTHER_CELL).name}). To train and measure them in the usual store, type `wndcheck "
            f"store merge {store.root}`, then this command again without --wnd-store and --wnd-complete"
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
    with pytest.raises(IncompleteStore, match=f"{TINY_CELL.label}, whose file {path.name} cannot be used"):
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


# --- stores that claims are decided from ------------------------------------------------------------------------------


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without root's right to write anywhere, as another user's process; nothing changes where it is not root's."""
    if is_root := os.geteuid() == 0:
        os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        if is_root:
            os.setresuid(0, 0, 0)


@pytest.fixture
def unwritable(store: Store) -> Iterator[Path]:
    """The root of a store with one cell and a folder of locks, which the user may read only."""
    (store.root / "locks").mkdir()
    folders = [store.root / "locks", store.root, store.root.parent]
    above = [path for path in store.root.parent.parents if not path.stat().st_mode & stat.S_IXOTH]  # pytest's own
    modes = {path: path.stat().st_mode for path in (*folders, *above)}
    for path in folders:
        path.chmod(0o555)
    for path in above:
        path.chmod(modes[path] | 0o111)
    yield store.root.parent
    for path, mode in modes.items():
        path.chmod(mode)


def test_a_store_that_cannot_be_written_is_read(unwritable: Path, messages: list[str]) -> None:
    before = contents(Store(unwritable, complete=True))
    with unprivileged():
        with pytest.raises(UnwritableStore, match=r"cannot be written \(Permission denied\): name another folder"):
            Store(unwritable)
        store = Store.to_judge(unwritable, messages.append)
        assert not store.is_writable
        fill_here(store, TINY_CELL)
        assert_same(store.load(TINY_CELL), random_measurement(TINY_CELL))
        with pytest.raises(IncompleteStore, match=f"lacks 1 of the cells: {OTHER_CELL.label}, of which it has nothing"):
            fill_here(store, TINY_CELL, OTHER_CELL)
    assert contents(store) == before
    assert messages == []


def test_a_record_that_may_not_be_read_is_named(unwritable: Path, messages: list[str]) -> None:
    path = Store(unwritable, complete=True).path(TINY_CELL)
    path.chmod(0)
    with unprivileged():
        store = Store.to_judge(unwritable, messages.append)
        with pytest.raises(IncompleteStore, match=f"{TINY_CELL.label}, whose file {path.name} cannot be used"):
            store.require(TINY_CELL)
    assert messages == [f"{path} cannot be read: Permission denied"]


def test_without_a_store_one_that_cannot_be_made_is_an_error(unwritable: Path) -> None:
    with unprivileged(), pytest.raises(UnwritableStore):
        Store.to_judge(unwritable / "new")


def test_a_committed_store_is_only_read_by_everybody(store: Store) -> None:
    root = store.root.parent
    (root / READ_ONLY).touch()
    before = contents(store)
    with pytest.raises(UnwritableStore, match=f"cannot be written \\(its {READ_ONLY} says that it is only read\\)"):
        Store(root)
    judged = Store.to_judge(root)
    with pytest.raises(IncompleteStore):
        fill_here(judged, OTHER_CELL)
    assert contents(store) == before
    store.root.rename(root / f"v{NETS - 1}")
    with pytest.raises(ValueError, match=f"holds only nets of version {NETS - 1}"):
        Store.to_judge(root)


def test_no_store_is_made_inside_a_committed_one_or_its_report(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    root = store.root.parent.rename(store.root.parent.with_name("store"))
    (root / READ_ONLY).touch()
    before = sorted(root.parent.rglob("*"))
    monkeypatch.chdir(root / FOLDER)
    for name in (root, root / FOLDER, root.parent, "."):
        judged = Store.to_judge(name)
        assert not judged.is_writable
        assert judged.root.resolve() == root / FOLDER
    assert sorted(root.parent.rglob("*")) == before


def test_a_store_that_can_be_written_is_filled(tmp_path: Path) -> None:
    assert Store.to_judge(tmp_path / "new").is_writable
    assert not Store.to_judge(tmp_path / "new", complete=True).is_writable
