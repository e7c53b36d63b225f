"""Bringing stores together."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck.nets.specification import NETS
from wndcheck.store.inventory import Merged, merge
from wndcheck.store.measurements import FOLDER, Store, folder_of, packed
from wndcheck.tests.store.test_measurements import assert_same
from wndcheck.tests.tiny import TINY_CELL, random_measurement

CELLS = [replace(TINY_CELL, width=width) for width in (4, 5, 6)]


@pytest.fixture
def here(tmp_path: Path) -> Store:
    return Store(tmp_path / "here", pytest.fail)


@pytest.fixture
def there(tmp_path: Path) -> Store:
    """Another store, with three cells."""
    store = Store(tmp_path / "there", pytest.fail)
    for seed, cell in enumerate(CELLS):
        store.save(random_measurement(cell, seed))
    return store


def bytes_of(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}


def names(store: Store, *cells) -> list[str]:
    return sorted(store.path(cell).name for cell in cells)


@pytest.mark.parametrize("below", [".", FOLDER])
def test_missing_cells_are_copied_and_the_source_stays(here, there, below):
    before = bytes_of(there)
    assert merge(there.root.parent / below, here) == Merged(copied=names(here, *CELLS))
    for seed, cell in enumerate(CELLS):
        assert_same(here.load(cell), random_measurement(cell, seed))
    assert bytes_of(there) == before
    assert not list(here.root.glob(".*.part"))


def test_present_cells_stay(here, there):
    here.save(random_measurement(CELLS[1], 9))
    merged = merge(there.root, here)
    assert merged == Merged(copied=names(here, CELLS[0], CELLS[2]), there=names(here, CELLS[1]))
    assert_same(here.load(CELLS[1]), random_measurement(CELLS[1], 9))
    assert merge(there.root, here) == Merged(there=names(here, *CELLS))


def with_cell(**fields: object) -> dict[str, np.ndarray]:
    cell = CELLS[0].to_dict() | {"key": CELLS[0].key} | fields
    return packed(random_measurement(CELLS[0])) | {"cell": np.array(json.dumps(cell))}


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({}, ""),
        (packed(random_measurement(CELLS[1])), f"it holds cell {CELLS[1].key}, which does not match its name"),
        (with_cell(dataset="imagenet"), "unknown data set 'imagenet'"),
        (with_cell(protocol=None), "it does not hold a cell"),
        (with_cell(seeds=[5, 6]), "it holds cell "),
    ],
    ids=["nothing", "another cell", "unknown data", "no protocol", "other seeds"],
)
def test_damaged_files_are_named_and_left_alone(here, there, arrays, reason):
    path = there.path(CELLS[0])
    path.unlink()
    np.savez_compressed(path, **arrays)
    before = bytes_of(there)
    merged = merge(there.root, here)
    assert merged.copied == names(here, CELLS[1], CELLS[2])
    assert list(merged.damaged) == [path.name]
    assert reason in merged.damaged[path.name]
    assert not here.has(CELLS[0])
    assert bytes_of(there) == before


def test_an_unreadable_file_is_not_called_damaged(here, there):
    path = there.path(CELLS[0])
    path.unlink()
    path.mkdir()
    merged = merge(there.root, here)
    assert (merged.copied, merged.damaged) == (names(here, CELLS[1], CELLS[2]), {})
    assert merged.unreadable == {path.name: "cannot be read: Is a directory"}


def test_a_cell_held_by_another_process_is_left_out(here, there):
    with Store(here.root.parent).locked(CELLS[1]) as has_lock:
        assert has_lock
        merged = merge(there.root, here)
    assert merged == Merged(copied=names(here, CELLS[0], CELLS[2]), locked=names(here, CELLS[1]))
    assert merge(there.root, here).copied == names(here, CELLS[1])


def test_checkpoints_of_copied_cells_are_removed(here, there):
    folder = here.checkpoints.folder
    folder.mkdir()
    for cell in (CELLS[0], TINY_CELL):
        (folder / f"{cell.key}-0-2.safetensors").touch()
    other = replace(TINY_CELL, width=9)
    (folder / f"{other.key}-0-2.safetensors").touch()
    merge(there.root, here)
    assert [path.name for path in folder.iterdir()] == [f"{other.key}-0-2.safetensors"]


@pytest.mark.parametrize("folder", ["here", "here/" + FOLDER, "here/../here", "link"])
def test_a_store_is_not_merged_into_itself(here, tmp_path, folder):
    (tmp_path / "link").symlink_to(tmp_path / "here")
    with pytest.raises(ValueError, match=r"is the store itself: name another one, or another --wnd-store"):
        merge(tmp_path / folder, here)


@pytest.mark.parametrize(
    ("folders", "named", "message"),
    [
        ([], ".", f"is not a store: expected a folder {FOLDER} in it"),
        (["cells", "v", "v3a"], ".", f"is not a store: expected a folder {FOLDER} in it"),
        ([], "nowhere", f"is not a folder: name the root of a store, or {FOLDER} in it"),
        ([f"v{NETS - 1}"], ".", f"nets of version {NETS - 1}, .* measure them again with `wndcheck measure`"),
        ([f"v{NETS - 1}"], f"v{NETS - 1}", f"nets of version {NETS - 1}, and .* reads version {NETS}"),
        ([f"v{NETS + 7}"], ".", f"holds only nets of version {NETS + 7}, .* use the newer wndcheck that made"),
        (["v1", "v10"], ".", "holds only nets of version 1, 10,"),
    ],
)
def test_a_source_that_is_not_a_store_of_this_version_is_refused(here, tmp_path, folders, named, message):
    source = tmp_path / "source"
    source.mkdir()
    for folder in folders:
        (source / folder).mkdir()
    with pytest.raises(ValueError, match=re.escape(str(source / named)) + f".*{message}"):
        merge(source / named, here)


def test_folders_of_other_versions_are_ignored(there):
    (there.root.parent / f"v{NETS + 1}").mkdir()
    assert folder_of(there.root.parent) == there.root


def test_a_store_may_be_named_like_the_folder_in_it(here, there, tmp_path, monkeypatch):
    root = there.root.parent.rename(tmp_path / FOLDER)
    assert folder_of(root) == root / FOLDER
    monkeypatch.chdir(root / FOLDER)
    assert merge(Path(), here) == Merged(copied=names(here, *CELLS))


def test_a_damaged_file_is_replaced(tmp_path, there):
    messages: list[str] = []
    here = Store(tmp_path / "here", messages.append)
    here.path(CELLS[0]).write_bytes(b"PK half")
    assert merge(there.root, here) == Merged(copied=names(here, *CELLS))
    assert_same(here.load(CELLS[0]), random_measurement(CELLS[0], 0))
    assert len(messages) == 1
