"""`wndcheck calibrate` as a user meets it, on real runs of small claims."""

from __future__ import annotations

import csv
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from wndcheck.authoring import seed_runs as series_module
from wndcheck.authoring.seed_runs import STAMP, Series
from wndcheck.tests.factories import make_claim, make_finding, make_run, write_run
from wndcheck.tests.tiny import start_python, wait_for
from wndcheck.verdicts.run_files import RunError

HEAD = """
import os
from pathlib import Path
import time
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.statistics import at_most

CLAIM = Claim("§4", "The number is small")
SMALL = Check("the number", at_most(0.01))
"""
STEADY = """
@check(SMALL)
def test_size(decide, base_seed):
    decide([0.001 + 0.0001 * base_seed, 0.002] * 4)

@control(SMALL, must_be="refuted")
def test_planted(decide):
    decide([0.101, 0.102] * 4)
"""
BROKEN = """
@check(SMALL)
def test_size(decide, base_seed):
    raise OSError("the disk is full")
"""
SLOW = """
@check(SMALL)
def test_size(decide, base_seed):
    Path(os.environ["BEGUN"], f"begun-{base_seed}").write_text(str(os.getpid()))
    time.sleep(600)
"""
COMMAND = "import sys; from wndcheck.cli import main; main(['calibrate', *sys.argv[1:]])"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one steady claim, the current one, as outside of a pytest run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("BEGUN", str(tmp_path))
    for variable in [name for name in os.environ if name.startswith("PYTEST_")]:
        monkeypatch.delenv(variable)
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = claims/*.py\n", encoding="utf-8")
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "expectations.toml").touch()
    claim(tmp_path, "steady", STEADY)
    return tmp_path


def claim(folder: Path, name: str, body: str) -> None:
    (folder / "claims" / f"{name}.py").write_text(HEAD + body, encoding="utf-8")


def series(here: Path) -> Series:
    return Series(here / "claims", "quick", here / "store" / "calibration" / "quick")


def keep(here: Path, seed: int, size: float, **fields: Any) -> None:
    """A finished run of the claims as they are now, in which `steady` has values of about that size."""
    claim = make_claim("steady", make_finding("size", [0.001 + size / 2] * 8, claim="steady"))
    folder = write_run(series(here).folder(seed), make_run(claim, **{"base_seed": seed} | fields))
    (folder / STAMP).write_text(series(here).digest, encoding="utf-8")


@pytest.fixture
def calibrate(cli):
    return lambda *arguments: cli("calibrate", "--workers=1", *arguments)


def rows(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "calibration.csv").open(encoding="utf-8", newline="") as file:
        return {(row["claim"], row["check"]): row for row in csv.DictReader(file)}


def test_seeds_are_run_once_and_their_verdicts_counted(calibrate, here, monkeypatch):
    keep(here, 4, 0.0014)
    first = calibrate("--seeds=2", "--first=3")
    assert (first.exit_code, first.exception) == (0, None), first.output
    lines = first.stderr.splitlines()
    assert re.fullmatch(r"wndcheck: seed 3 \(1 of 2, \d+ s\): 1 claim: 1 supported", lines[0])
    assert lines[1:] == ["wndcheck: seed 4 (2 of 2, kept): 1 claim: 1 supported"]
    report = Path("reports/calibration-quick")
    assert first.stdout == (
        "2 runs: 1 of 1 claim has the same verdict in all of them, no claim and no check flips between supported and "
        f"refuted; {report / 'calibration.md'}\n"
        "0 of 0 primary checks with 30 values or more would be wrong more often than 1 % by resampling if their true "
        "mean were on a border\n"
    )
    text = (report / "calibration.md").read_text(encoding="utf-8")
    assert "- base seeds: 3 and 4\n" in text
    assert "| steady | planted | refuted | 1 of 2 |" in text
    found = rows(report)
    assert found["steady", "size"]["supported"] == "2"
    assert float(found["steady", "size"]["mean"]) == pytest.approx((0.0013 + 0.0014) / 4 + 0.001)

    # A second time nothing is run, until the claims' files change, or --no-cache is given.
    written = series(here).folder(3) / "verdicts.json"
    before = written.stat().st_mtime_ns
    again = calibrate("--seeds=2", "--first=3", "--report-folder", here / "elsewhere")
    assert (again.exit_code, rows(here / "elsewhere")) == (0, found)
    assert again.stderr.count("kept") == 2
    assert written.stat().st_mtime_ns == before
    claim(here, "steady", STEADY + "\n# another version\n")
    assert series(here).kept(3) is None
    claim(here, "steady", STEADY)
    assert series(here).kept(3)
    monkeypatch.setattr(Series, "command", lambda *_: [sys.executable, "-c", "raise SystemExit(5)"])
    assert "pytest ended with status 5" in calibrate("--seeds=1", "--first=3", "--no-cache").stderr
    assert not written.exists()


def test_a_flip_ends_with_status_1_and_is_named(calibrate, here):
    keep(here, 0, 0.002)
    keep(here, 1, 0.102)
    outcome = calibrate("--seeds=2")
    assert outcome.exit_code == 1
    assert "0 of 1 claim has the same verdict in all of them, 2 claims and checks flip" in outcome.stdout
    assert outcome.stdout.splitlines()[1:-1] == [
        "flips: claim steady: supported under 0, refuted under 1",
        "flips: steady size: supported under 0, refuted under 1",
    ]
    text = Path("reports/calibration-quick/calibration.md").read_text(encoding="utf-8")
    assert "- claim steady: supported under 0, refuted under 1\n" in text


def test_a_run_that_fails_ends_with_status_1_and_is_not_kept(calibrate, here):
    claim(here, "broken", BROKEN)
    keep(here, 0, 0.002)
    outcome = calibrate("--seeds=2")
    assert outcome.exit_code == 1
    assert re.search(r"Error: seed 1 \(2 of 2, \d+ s\): pytest ended with status 1; its output is in ", outcome.stderr)
    assert "the disk is full" in outcome.stderr
    assert "2 runs; 1 failed: " in outcome.stdout
    found = rows(Path("reports/calibration-quick"))
    assert (found["broken", "size"]["error"], found["broken", "size"]["not_run"]) == ("1", "1")
    assert found["steady", "size"]["supported"] == "2"
    text = Path("reports/calibration-quick/calibration.md").read_text(encoding="utf-8")
    assert "- seed 1 failed: pytest ended with status 1\n" in text
    assert series(here).kept(0)
    assert series(here).kept(1) is None


@pytest.mark.parametrize("status", [0, 3])
def test_a_run_without_verdicts_is_not_counted(calibrate, here, monkeypatch, status):
    code = f"print('no luck'); raise SystemExit({status})"
    monkeypatch.setattr(Series, "command", lambda *_: [sys.executable, "-c", code])
    folder = series(here).folder(0)
    write_run(folder, make_run())  # of an earlier run that failed
    outcome = calibrate("--seeds=1")
    assert outcome.exit_code == 1
    assert ("ended with status 3" in outcome.stderr) == ("no luck" in outcome.stderr) == (status == 3)
    assert ("has no verdicts.json" in outcome.stderr) == (status == 0)
    assert "Error: no run finished: nothing is written\n" in outcome.stderr
    assert not Path("reports").exists()
    assert not (folder / "verdicts.json").exists()


def test_an_interruption_keeps_what_is_finished_and_leaves_nothing_running(here):
    claim(here, "slow", SLOW)
    keep(here, 0, 0.002)
    process = start_python(COMMAND, "--seeds=3", "--workers=1")
    begun = here / "begun-1"
    try:
        wait_for(lambda: begun.exists() and begun.read_text(encoding="utf-8"))
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert out == ""
    assert errors.splitlines()[-1] == ("wndcheck: interrupted: finished runs are kept; the same command continues")
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text(encoding="utf-8")), 0)
    assert not (here / "begun-2").exists()
    assert series(here).kept(0)
    assert series(here).kept(1) is None


def test_the_run_of_a_killed_command_has_its_folder_to_itself(here):
    claim(here, "slow", SLOW)
    process = start_python(COMMAND, "--seeds=1", "--workers=1")
    begun = here / "begun-0"
    wait_for(lambda: begun.exists() and begun.read_text(encoding="utf-8"))
    run = int(begun.read_text(encoding="utf-8"))
    try:
        process.kill()
        process.communicate()
        again = start_python(COMMAND, "--seeds=1", "--workers=1")
        _, errors = again.communicate(timeout=60)
        assert again.returncode == 1
        assert f"pytest still runs seed 0 of a killed command, into {series(here).folder(0)}" in errors
    finally:
        os.kill(run, signal.SIGKILL)


@pytest.mark.parametrize(
    ("file", "text"),
    [("verdicts.json", "["), (STAMP, "of other claims"), (STAMP, "")],
    ids=["damaged", "other claims", "did not succeed"],
)
def test_only_a_whole_run_of_these_claims_is_kept(here, monkeypatch, file, text):
    keep(here, 0, 0.002, base_seed=5)
    assert series(here).kept(0) is None
    keep(here, 0, 0.002)
    assert series(here).kept(0)
    (series(here).folder(0) / file).write_text(text, encoding="utf-8")
    assert series(here).kept(0) is None


def test_a_run_with_values_too_large_to_average_is_refused(here):
    keep(here, 0, 1e200)
    assert series(here).kept(0) is None
    with pytest.raises(RunError, match=r"verdicts.json: the values of steady size are as large as 5e\+199.*--no-cache"):
        series(here).read(0)


def test_the_command_of_a_run(here):
    made = Series(Path("claims"), "full", here / "work", Path("store"), Path("data"), 3)
    _, *command = made.command(12)
    assert command == [
        *("-m", "pytest", "claims", "-n", "3", "-p", "no:cacheprovider"),
        *("--wnd-profile=full", "--wnd-seed=12", "--wnd-mode=report"),
        f"--wnd-report={here / 'work' / 'seed-0012'}",
        *(f"--wnd-store={here / 'store'}", f"--wnd-data={here / 'data'}"),
    ]


def test_the_digest_is_of_the_claims_the_profile_and_the_data_sets(here, monkeypatch):
    """A data set that was fetched meanwhile lets checks run that were left out: the runs before are others."""

    def digest(*there: str, profile: str = "quick", **fields: Any) -> str:
        def is_available(name: str, root: Path | None) -> bool:
            assert root == here / "data"
            return name in there

        monkeypatch.setattr(series_module, "is_available", is_available)
        return Series(here / "claims", profile, here, data=here / "data", **fields).digest

    keys = [digest(), digest("mnist"), digest("cifar10"), digest("mnist", "cifar10"), digest(profile="full")]
    assert len(set(keys)) == 5
    assert digest() == digest(workers=2) == keys[0]
    claim(here, "another", STEADY)
    assert digest() != keys[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile=slow"], "profile 'slow': expected quick or medium or full; try --profile=quick"),
        (["--claims-folder=reports"], "reports has no expectations.toml: name the folder of the claims with --claims-"),
        (["--workers=none"], "'none' is not a valid integer"),
        (["--seeds=0"], "0 is not in the range"),
        (["--seeds=5-3"], "'5-3' is not a number of seeds; seeds 3 to 5 are --first=3 --seeds=3"),
        (["--first=one"], "'one' is not a valid integer."),
        (["--store=pytest.ini/x"], "cannot be made (Not a directory): name another folder with --store"),
    ],
    ids=["profile", "claims", "workers", "seeds", "range of seeds", "first", "store"],
)
def test_a_wrong_command_line_ends_with_status_2(calibrate, here, arguments, message):
    outcome = calibrate(*arguments)
    assert outcome.exit_code == 2
    assert message in " ".join(outcome.stderr.split())


def test_two_calibrations_do_not_share_a_folder(calibrate, here):
    work = series(here).work
    work.mkdir(parents=True)
    with FileLock(work / ".lock"):
        outcome = calibrate()
    assert outcome.exit_code == 2
    assert f"another calibration is running in {work}: wait for it, or name another" in outcome.stderr
