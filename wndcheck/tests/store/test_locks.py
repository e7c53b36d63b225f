"""A cell's nets are held by one process at a time."""

from __future__ import annotations

import re
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from wndcheck.experiment.cells import Cell
from wndcheck.store.files import UnwritableStore
from wndcheck.store.filling import fill
from wndcheck.store.lock_holders import stopped_holders
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL, Log, finish, random_measurement, start_python, wait_for

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


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who holds a lock")
def test_whoever_waits_for_a_stopped_process_is_told_what_to_type(tmp_path: Path) -> None:
    said: list[str] = []
    store = Store(tmp_path, said.append)
    holder = start_python(HOLD, tmp_path)
    waiter = threading.Thread(
        target=fill, args=([TINY_CELL], store, Log()), kwargs={"device": "cpu", "data_root": None}
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert stopped_holders([store.lock_path(TINY_CELL)]) == set()
        holder.send_signal(signal.SIGSTOP)
        wait_for(lambda: stopped_holders([store.lock_path(TINY_CELL)]) == {holder.pid})
        assert stopped_holders([store.lock_path(OTHER_CELL)]) == set()
        waiter.start()
        wait_for(lambda: said)
        store.save(random_measurement(TINY_CELL))  # which ends the waiting
        waiter.join(60)
    finally:
        holder.kill()
        holder.communicate()
    (message,) = said
    assert f"process {holder.pid}, which is stopped" in message
    assert f"`kill -CONT {holder.pid}`" in message


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
