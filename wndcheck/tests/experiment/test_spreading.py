from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from wndcheck.experiment.measurement.spreading import spread


def drained(pieces: list, threads: int) -> tuple[list[float], list]:
    """The shares told, and the results."""
    work, shares = spread(pieces, threads), []
    while True:
        try:
            shares.append(next(work))
        except StopIteration as done:
            return shares, done.value


@pytest.mark.parametrize("threads", [1, 3])
def test_results_keep_their_order_and_shares_rise(threads: int) -> None:
    def slow(number: int) -> int:
        time.sleep(0.03 * (5 - number))
        return number

    shares, results = drained([partial(slow, number) for number in range(5)], threads)
    assert results == [0, 1, 2, 3, 4]
    assert shares == sorted(shares)
    assert all(0 <= share < 1 for share in shares)


def test_one_thread_is_the_callers_and_waits_for_it() -> None:
    ran: list[threading.Thread] = []
    work = spread([lambda: ran.append(threading.current_thread())] * 3, 1)
    assert [next(work), len(ran), next(work), len(ran)] == [0, 0, 1 / 3, 1]
    assert drained([threading.current_thread], 1)[1] == [threading.current_thread()]


def test_threads_work_at_the_same_time_while_the_caller_goes_on() -> None:
    meeting = threading.Barrier(3)
    _, results = drained([partial(meeting.wait, 10)] * 3, 3)
    assert sorted(results) == [0, 1, 2]
    event = threading.Event()
    work = spread([partial(event.wait, 10)], 2)
    assert [next(work), next(work)] == [0, 0]
    event.set()
    assert list(work) == []


@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_piece_raises_is_raised_and_the_rest_is_not_begun(threads: int) -> None:
    begun: list[int] = []

    def piece(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise ValueError("the first")
        time.sleep(0.05)

    with pytest.raises(ValueError, match="the first"):
        drained([partial(piece, number) for number in range(50)], threads)
    time.sleep(0.2)
    assert len(begun) < 25


def test_closing_leaves_what_was_not_begun() -> None:
    begun: list[int] = []

    def piece(number: int) -> None:
        begun.append(number)
        time.sleep(0.05)

    work = spread([partial(piece, number) for number in range(50)], 2)
    next(work)
    work.close()
    time.sleep(0.2)
    assert len(begun) < 25
