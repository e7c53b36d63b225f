"""`wndcheck measure` that is interrupted again and again, and the signals that count as Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import pytest

from wndcheck.experiment.families import cells_of
from wndcheck.store import executors
from wndcheck.store.executors import termination_as_interruption, uninterrupted
from wndcheck.store.measurements import Store
from wndcheck.tests.cli.test_measure import ENDLESS, MAIN
from wndcheck.tests.tiny import start_python, wait_for


def test_ctrl_c_again_and_again_ends_in_order(tmp_path):
    """As in a terminal, which sends it to the workers, too."""
    code = (
        MAIN.replace("TINY", "ENDLESS")
        .replace("tiny", "endless")
        .replace("import os, sys", "import os, sys\nos.setsid()")
    )
    process = start_python(code, tmp_path, "--workers=2", "--cells=mlp")
    store = Store(tmp_path, pytest.fail)
    wait_for(lambda: process.poll() is not None or list(store.root.rglob("[!.]*.safetensors")))
    for _ in range(6):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.01)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, ""), errors
    assert "Traceback" not in errors
    assert errors.count("wndcheck: interrupted: measured cells and checkpoints are kept") == 1
    for cell in cells_of(["trained/relu", "trained/tanh"], ENDLESS, 0):
        with store.locked(cell) as free:
            assert free
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".part" or "asked" in path.name]


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Ctrl-C is heeded, though a shell starts what runs in the background with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_termination_is_an_interruption() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), termination_as_interruption():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As nohup has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with termination_as_interruption():
            signal.raise_signal(signal.SIGHUP)
    except KeyboardInterrupt:
        pytest.fail("it is heeded")
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interruption_in_an_uninterrupted_context_is_raised_at_its_end() -> None:
    done = []

    def interrupted() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("what files need")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done


def test_of_several_interruptions_one_is_heeded_until_the_patience_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run whose end hangs, or which has swallowed the first, can still be interrupted."""
    now = [1000.0]
    with termination_as_interruption() as defer:
        monkeypatch.setattr(executors.time, "monotonic", lambda: now[0])
        for number, later in ((signal.SIGINT, 0), (signal.SIGTERM, executors.PATIENCE)):
            now[0] += later
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            signal.raise_signal(signal.SIGINT)
        now[0] += executors.PATIENCE
        defer()
        signal.raise_signal(signal.SIGHUP)
