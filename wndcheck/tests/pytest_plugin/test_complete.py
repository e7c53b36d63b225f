"""--wnd-complete: the claims are judged by what a store has, and nothing is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from wndcheck.pytest_plugin.measured import Nets
from wndcheck.store.measurements import IncompleteStore, Store
from wndcheck.tests.pytest_plugin.test_measured import NEEDS_DATA, SMALL
from wndcheck.tests.tiny import TINY_CELL, Log, random_measurement

pytest_plugins = ["pytester"]


def test_a_missing_cell_is_an_error_and_neither_trained_nor_left_out(tmp_path: Path) -> None:
    Store(tmp_path / "store").save(random_measurement(TINY_CELL))
    store = Store(tmp_path / "store", pytest.fail, complete=True)
    needed = [TINY_CELL, NEEDS_DATA]
    found = Nets(SMALL, 0, needed, store, Log(), "cpu", str(tmp_path / "no data"), False)  # type: ignore[arg-type]
    assert found.measured(TINY_CELL).cell == TINY_CELL
    with pytest.raises(IncompleteStore, match=f"lacks 1 of the cells: {NEEDS_DATA.label}, of which it has nothing"):
        found.measured(NEEDS_DATA)


SIZE = """
@check(SMALL)
def test_size(decide, nets):
    assert nets.nets.store.is_complete
    decide([0.001, 0.002] * 4)
"""


def test_the_option_makes_a_runs_store_complete_and_changes_nothing_in_it(pytester, claims) -> None:
    claims(tiny=SIZE)
    store = Store(pytester.path / "store")
    (store.root / "locks").rmdir()
    outcome = pytester.runpytest("claims", "--wnd-complete", "--wnd-store=store", "--wnd-mode=report")
    outcome.assert_outcomes(passed=2)
    assert list(store.root.iterdir()) == []


def test_a_complete_store_must_be_there(pytester, claims) -> None:
    claims(tiny=SIZE)
    outcome = pytester.runpytest("claims", "--wnd-complete", "--wnd-store=nowhere")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    outcome.stderr.fnmatch_lines("*nowhere is not a folder: name the root of a store*")
    assert not (pytester.path / "nowhere").exists()
