"""Processes killed at random moments, and a small run again and again: the same numbers, and nothing is left behind.

$WNDCHECK_KILLS and $WNDCHECK_SOAK set how often, for a long run.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import wndcheck
from wndcheck.store.measurements import Store, verified
from wndcheck.tests.tiny import start_python
from wndcheck.verdicts.run import Run
from wndcheck.verdicts.run_files import read_run

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells a process's children")
KILLS = int(os.environ.get("WNDCHECK_KILLS", "3"))
SOAK = int(os.environ.get("WNDCHECK_SOAK", "2"))
CLAIM = """
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, at_most

CLAIM = Claim("§4", "The number is small", families=("trained/relu", "trained/tanh"))
SMALL = Check("the number", at_most(0.01))

@check(SMALL)
def test_size(decide, nets):
    grid = nets["trained/relu"]
    decide(grid.of("corrected_score", 1)[-1])

@check(SMALL)
def test_more(decide, nets):
    decide(nets["trained/tanh"].of("corrected_score", 1)[-1])

@control(SMALL, must_be="refuted")
def test_planted(decide):
    decide([1.0, 1.1, 1.2, 1.1])
"""
MEASURE = "import wndcheck.tests.reduced\nfrom wndcheck.cli import main\nmain()"
MEASURED = ("--cells=mlp",)


class Runs:
    """Commands over stores below one folder, with a claims folder of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.temporary = root / "tmp"
        (root / "claims").mkdir()
        self.temporary.mkdir()
        (root / "claims" / "expectations.toml").touch()
        (root / "claims" / "small.py").write_text(CLAIM, encoding="utf-8")
        (root / "pytest.ini").write_text("[pytest]\npython_files = claims/*.py\n", encoding="utf-8")

    def measure(self, store: str, workers: int) -> list[str]:
        return [sys.executable, "-c", MEASURE, "measure", *MEASURED, f"--workers={workers}", f"--store={store}"]

    def claims(self, store: str, report: str = "report") -> list[str]:
        options = ["-n2", "-p", "wndcheck.tests.reduced", "-p", "no:cacheprovider", "--wnd-mode=report"]
        return [sys.executable, "-m", "pytest", "claims", *options, f"--wnd-store={store}", f"--wnd-report={report}"]

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a command as the leader of a session, which all of its processes stay in."""
        package = str(Path(wndcheck.__file__).parents[1])
        settings = {"PYTHONPATH": package, "OMP_NUM_THREADS": "1", "TMPDIR": str(self.temporary)}
        with (self.root / "output").open("w") as output:
            return subprocess.Popen(
                command,
                cwd=self.root,
                env=os.environ | settings,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def finish(self, command: list[str]) -> None:
        """Run a command, which must succeed."""
        process = self.start(command)
        assert process.wait(300) == 0, self.output
        self.wait_until_gone(process.pid)

    @property
    def output(self) -> str:
        return (self.root / "output").read_text(errors="replace")

    def wait_until_gone(self, session: int) -> None:
        """AssertionError if a process of the session stays, other than Python's own, which ends after all others."""
        end = time.monotonic() + 60
        while left := [pid for pid, _, of in processes() if of == session]:
            assert time.monotonic() < end, f"{[command_of(pid) for pid in left]} stay"
            time.sleep(0.05)


def processes() -> Iterator[tuple[int, int, int]]:
    """The id of each process that is not a zombie, its parent's and its session's."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, _, session, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if state != "Z":
            yield int(entry.name), int(parent), int(session)


def command_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def workers_of(process: int) -> list[int]:
    found = [pid for pid, parent, _ in processes() if parent == process]
    return [pid for pid in found if (text := command_of(pid)) and "resource_tracker" not in text]


def numbers(store: Path) -> dict[str, bytes]:
    """The arrays of all measurements, which must be whole; without notes of when they were made."""
    found = {}
    for path in Store(store, pytest.fail).measured():
        measurement = verified(path)
        found |= {f"{path.name} {name}": np.ascontiguousarray(a).tobytes() for name, a in measurement.arrays.items()}
    return found


def left_behind(root: Path) -> list[str]:
    """Unfinished files, checkpoints and pieces of a store, and temporary folders."""
    unfinished = [path for path in root.rglob("*") if path.suffix == ".part" or path.suffix == ".safetensors"]
    return [str(path) for path in (*unfinished, *root.glob("*/pieces/*.npz"))]


def evidence(run: Run) -> list[tuple[object, ...]]:
    return [(claim.id, claim.verdict, [(f.name, f.values, f.verdict) for f in claim.findings]) for claim in run.claims]


def kill_one(runs: Runs, process: subprocess.Popen[str], victim: str, moment: float) -> bool:
    """Kill the command or one of its workers after so many seconds; False if it had ended before."""
    try:
        process.wait(moment)
        return False
    except subprocess.TimeoutExpired:
        pass
    workers = workers_of(process.pid)
    if victim == "worker" and not workers:
        victim = "command"
    os.kill(workers[0] if victim == "worker" else process.pid, signal.SIGKILL)
    status = process.wait(300)  # where a worker was killed, it goes on, with the others or with a new one
    if victim == "worker" and "measure" in process.args:
        assert status == 0, runs.output
    runs.wait_until_gone(process.pid)
    return True


def test_killed_at_random_moments_the_next_run_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    runs, rng = Runs(tmp_path), random.Random(5)
    began = time.monotonic()
    runs.finish(runs.claims("whole", "whole-report"))
    usual = time.monotonic() - began
    whole, kills, attempt = numbers(tmp_path / "whole"), 0, 0
    expected = evidence(read_run(tmp_path / "whole-report"))
    assert len(whole) > 100
    while kills < KILLS:
        store = f"store{attempt}"
        attempt += 1
        while kills < KILLS:
            kind, victim = rng.choice(["measure", "claims"]), rng.choice(["command", "worker"])
            command = runs.claims(store) if kind == "claims" else runs.measure(store, rng.choice([1, 2]))
            began = time.monotonic()
            was_killed = kill_one(runs, runs.start(command), victim, rng.uniform(0.1, 1.0) * usual)
            usual = usual if was_killed else min(usual, time.monotonic() - began)  # the machine may be less busy now
            kills += was_killed
            print(f"{kills} of {KILLS}: {kind}, {victim}" if was_killed else "finished before", flush=True)
            assert "Traceback" not in runs.output, f"{kind}, {victim} killed:\n{runs.output}"
            found = numbers(tmp_path / store)
            assert found == {name: whole[name] for name in found}, "a killed run left a wrong number"
            if not was_killed:
                break
        runs.finish(runs.measure(store, 1))
        runs.finish(runs.claims(store))
        assert numbers(tmp_path / store) == whole
        assert evidence(read_run(tmp_path / "report")) == expected
        assert left_behind(tmp_path / store) == []
        assert list(runs.temporary.glob("wndcheck-*")) == []
    print(f"{kills} kills in {attempt} stores")


def test_two_suites_on_one_store_give_what_each_gives_alone(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    both = [runs.start(runs.claims("both", name)) for name in ("first", "second")]
    assert [process.wait(300) for process in both] == [0, 0], runs.output
    runs.finish(runs.claims("alone"))
    first, second, alone = (evidence(read_run(tmp_path / name)) for name in ("first", "second", "report"))
    assert first == second == alone
    assert numbers(tmp_path / "both") == numbers(tmp_path / "alone")
    assert left_behind(tmp_path / "both") == []


AGAIN = """
import contextlib, gc, io, json, os, sys
from pathlib import Path
import pytest, torch
import wndcheck.tests.reduced
from wndcheck.tests.test_kills import evidence, left_behind, numbers
from wndcheck.verdicts.run_files import read_run

def run(store):
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "--wnd-mode=report", "--wnd-report=report"]
    with contextlib.redirect_stdout(io.StringIO()) as output:
        assert pytest.main(["claims", f"--wnd-store={store}", *options]) == 0, output.getvalue()
    assert not left_behind(Path(store))
    return repr((evidence(read_run(Path("report"))), sorted(numbers(Path(store)).items())))

def alive():
    gc.collect()
    tensors = sum(isinstance(each, torch.Tensor) for each in gc.get_objects())
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return tensors, len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE")

os.chdir(sys.argv[1])
first, seen = run("one"), []
for i in range(int(sys.argv[2])):
    assert run("one") == run(f"fresh{i}") == first, i
    seen.append((*alive(), sum(1 for _ in Path("one").rglob("*")), len(list(Path("tmp").iterdir()))))
print(json.dumps(seen))
"""


def test_a_run_again_and_again_gives_the_same_and_keeps_nothing(tmp_path: Path) -> None:
    """In one process, over one store and over fresh ones: the same numbers and verdicts, and no more tensors, open
    files, memory, files or locks than after the second time.
    """
    Runs(tmp_path)
    rounds = 2 + SOAK
    process = start_python(AGAIN, tmp_path, rounds)
    output, errors = process.communicate(timeout=120 * rounds)
    assert process.returncode == 0, errors
    seen = json.loads(output.splitlines()[-1])
    *kept, memory = zip(
        *((tensors, fds, files, left, memory) for tensors, fds, memory, files, left in seen[1:]), strict=True
    )
    assert all(len(set(each)) == 1 for each in kept), kept
    print(f"{2 * rounds + 1} runs, resident memory {min(memory) / 1e6:.0f} to {max(memory) / 1e6:.0f} MB")
    assert memory[-1] - memory[0] < 50e6, "of some 800 MB"
