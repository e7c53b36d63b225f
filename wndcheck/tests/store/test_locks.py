"""A cell's nets are held by one process at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wndcheck.experiment.cells import Cell
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL, finish, start_python

OTHER_CELL = replace(TINY_CELL, width=7)


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    return Store(tmp_path, pytest.fail)


HOLD = """
import sys
import time
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL
with Store(sys.argv[1]).held(TINY_CELL) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""
TRY = HOLD.replace("time.sleep(60)", "")


def is_free(kept: Store, cell: Cell = TINY_CELL) -> bool:
    with kept.held(cell) as mine:
        return mine


def test_one_process_holds_a_cell(kept: Store) -> None:
    with kept.held(TINY_CELL) as mine:
        assert mine
        assert finish(start_python(TRY, kept.root.parent)) == "False\n"
        assert not is_free(kept)
        assert is_free(kept, OTHER_CELL)
    assert finish(start_python(TRY, kept.root.parent)) == "True\n"


def test_a_killed_holder_releases_the_cell(kept: Store) -> None:
    holder = start_python(HOLD, kept.root.parent)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    assert not is_free(kept)
    holder.kill()
    holder.communicate()
    assert is_free(kept)


def test_an_error_releases_the_cell(kept: Store) -> None:
    with pytest.raises(RuntimeError, match="no measurement"), kept.held(TINY_CELL):
        raise RuntimeError("no measurement")
    assert is_free(kept)
