"""A cell's nets are held by one process at a time."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from wndcheck.experiment.cells import Cell
from wndcheck.store.files import UnwritableStore
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL, finish, random_measurement, start_python

OTHER_CELL = replace(TINY_CELL, width=7)
OTHER_PROBE = replace(TINY_CELL, probe=replace(TINY_CELL.probe, k=4))


HOLD = """
import sys
import time
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL
with Store(sys.argv[1]).locked(TINY_CELL) as has_lock:
    print(has_lock, flush=True)
    time.sleep(60)
"""
TRY = HOLD.replace("time.sleep(60)", "")


def is_free(store: Store, cell: Cell = TINY_CELL) -> bool:
    with store.locked(cell) as has_lock:
        return has_lock


def test_one_process_holds_a_cell(silent_store: Store) -> None:
    with silent_store.locked(TINY_CELL) as has_lock:
        assert has_lock
        assert finish(start_python(TRY, silent_store.root.parent)) == "False\n"
        assert not is_free(silent_store)
        assert not is_free(silent_store, OTHER_PROBE)  # the same nets
        assert is_free(silent_store, OTHER_CELL)
    assert finish(start_python(TRY, silent_store.root.parent)) == "True\n"


def test_a_killed_holder_releases_the_cell(silent_store: Store) -> None:
    holder = start_python(HOLD, silent_store.root.parent)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    assert not is_free(silent_store)
    holder.kill()
    holder.communicate()
    assert is_free(silent_store)


def test_a_store_that_cannot_be_written_is_named(silent_store: Store) -> None:
    blocked = silent_store.root / "locks" / f"{TINY_CELL.nets_key}.lock"
    blocked.mkdir()  # stands for a read-only store, which root could write
    with pytest.raises(UnwritableStore) as caught, silent_store.locked(TINY_CELL):
        pytest.fail("held without a lock")
    message = rf"the store {silent_store.root} cannot be written \(.+\): name another folder with --wnd-store"
    assert re.fullmatch(message, str(caught.value))
    silent_store.path(OTHER_CELL).mkdir()
    with pytest.raises(UnwritableStore, match=message):
        silent_store.save(random_measurement(OTHER_CELL))


def test_an_error_releases_the_cell(silent_store: Store) -> None:
    with pytest.raises(RuntimeError, match="no measurement"), silent_store.locked(TINY_CELL):
        raise RuntimeError("no measurement")
    assert is_free(silent_store)
