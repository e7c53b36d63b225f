"""A store that is filled piece by piece."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

import pytest

from wndcheck.experiment import cells
from wndcheck.experiment import pieces as module
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import core_seconds
from wndcheck.experiment.measurement import measuring
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.pieces import joined, pieces
from wndcheck.nets.specification import Unspecified
from wndcheck.store.filling import POLL_SECONDS, fill, join_pieces, pieces_on
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL, Log, assert_same_numbers

pytestmark = pytest.mark.usefixtures("one_thread")
CELL = replace(TINY_CELL, seeds=(5, 3, 8, 1), unspecified=Unspecified(held_out=9000))
SHORT = replace(CELL, seeds=(7,), width=3)
fill_here = partial(fill, device="cpu", data_root=None)


@pytest.fixture(autouse=True)
def two_pieces(monkeypatch: pytest.MonkeyPatch) -> tuple[Cell, ...]:
    monkeypatch.setattr(module, "LONGEST", 0.6 * core_seconds(CELL))
    assert [piece.seeds for piece in pieces(CELL)] == [(5, 3), (8, 1)]
    return pieces(CELL)


@pytest.fixture
def expected(two_pieces):
    return joined(CELL, [measure(piece) for piece in two_pieces])


def left_over(store: Store) -> list[str]:
    return [path.name for folder in (store.pieces.root, store.root / "checkpoints") for path in folder.rglob("*.*z")]


def test_a_long_cell_is_measured_in_pieces_and_joined(silent_store: Store, two_pieces, expected) -> None:
    log = Log()
    fill_here([SHORT, CELL], silent_store, log)
    assert log.plans == [[*sorted(two_pieces, key=lambda piece: piece.key), SHORT]]
    assert set(log.done) == {*two_pieces, SHORT}
    assert_same_numbers(silent_store.load(CELL), expected)
    assert left_over(silent_store) == []
    assert len(silent_store.measured()) == 2
    again = Log()
    fill_here([CELL], silent_store, again)
    assert (again.plans, again.done) == ([], [])


def test_what_is_measured_is_not_measured_again(silent_store: Store, two_pieces, expected) -> None:
    silent_store.pieces.save(measure(two_pieces[1]))
    assert silent_store.is_half_trained(CELL)
    assert not silent_store.measured()
    log = Log()
    fill_here([CELL], silent_store, log)
    assert (log.plans, log.done) == ([[two_pieces[0]]], [two_pieces[0]])
    assert_same_numbers(silent_store.load(CELL), expected)
    assert not silent_store.is_half_trained(CELL)


def test_pieces_are_joined_by_the_next_run_where_the_last_was_killed_before(silent_store, two_pieces, expected) -> None:
    for piece in two_pieces:
        silent_store.pieces.save(measure(piece))
    log = Log()
    fill_here([CELL], silent_store, log)
    assert (log.plans, log.done) == ([], [])
    assert_same_numbers(silent_store.load(CELL), expected)
    silent_store.pieces.save(measure(two_pieces[0]))  # as by one killed after it had saved the whole
    fill_here([CELL], silent_store, log)
    assert left_over(silent_store) == []


def test_a_damaged_piece_is_measured_again(store: Store, messages: list[str], two_pieces, expected) -> None:
    for piece in two_pieces:
        store.pieces.save(measure(piece))
    store.pieces.path(two_pieces[0]).write_bytes(b"PK half")
    fill_here([CELL], store, Log())
    assert_same_numbers(store.load(CELL), expected)
    assert len(messages) == 1


def test_pieces_that_another_process_joins_are_left_to_it(silent_store: Store, two_pieces) -> None:
    for piece in two_pieces:
        silent_store.pieces.save(measure(piece))
    with silent_store.pieces.locked(two_pieces[1]):
        join_pieces(CELL, two_pieces, silent_store)
        assert not silent_store.has(CELL)
    join_pieces(CELL, two_pieces, silent_store)
    assert silent_store.has(CELL)


def test_pieces_that_another_process_joins_are_waited_for(silent_store: Store, two_pieces) -> None:
    for piece in two_pieces:
        silent_store.pieces.save(measure(piece))
    with silent_store.pieces.locked(two_pieces[1]):
        filling = threading.Thread(daemon=True, target=fill_here, args=([CELL], silent_store, Log()))
        filling.start()
        filling.join(3 * POLL_SECONDS)
        assert filling.is_alive()
        assert not silent_store.has(CELL)
    filling.join(60)
    assert silent_store.has(CELL)


def test_a_piece_that_fails_does_not_stop_the_other(silent_store: Store, two_pieces, monkeypatch) -> None:
    trained = measuring.trained

    def failing(cell, seeds, *more):
        if 5 in seeds:
            raise ValueError("no")
        return (yield from trained(cell, seeds, *more))

    monkeypatch.setattr(measuring, "trained", failing)
    log = Log()
    with pytest.raises(ValueError, match="no"):
        fill_here([CELL], silent_store, log)
    assert log.done == [two_pieces[1]]
    assert silent_store.pieces.has(two_pieces[1])
    assert not silent_store.has(CELL)


def test_nets_kept_of_pieces_are_kept_of_the_cell(silent_store: Store, expected, monkeypatch) -> None:
    fill_here([CELL], silent_store, Log(), keep_weights=True)
    assert silent_store.weights.has(CELL)
    assert not list(silent_store.pieces.root.rglob("*stage*"))
    monkeypatch.setattr(measuring, "run", lambda *_: pytest.fail("a net is trained"))
    monkeypatch.setattr(cells, "RECORD", cells.RECORD + 1)
    again, log = replace(CELL), Log()
    fill_here([again], silent_store, log)
    assert log.plans == [[again]]  # whole: nothing is trained
    assert_same_numbers(silent_store.load(again), expected)


def test_a_gpu_takes_whole_cells(silent_store: Store) -> None:
    assert pieces_on("cuda", CELL, silent_store) == pieces_on("cuda:1", CELL, silent_store) == (CELL,)
    assert len(pieces_on("cpu", CELL, silent_store)) == 2
