"""Runs of claims that are stopped: by Ctrl-C, once or again and again, by signals, and by errors in their report."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import pytest

from wndcheck.tests.pytest_plugin.claim_files import SUPPORTED, check
from wndcheck.tests.tiny import start_python, wait_for

pytest_plugins = ["pytester"]


STOPS = """
@check(SMALL)
def test_stop(decide):
    decide([0.001] * 8)
    {}

@check(SMALL)
def test_unreached(decide):
    decide([0.001] * 8)
"""


@pytest.mark.parametrize(
    ("stop", "options"),
    [("raise KeyboardInterrupt", ["-n0"]), ("assert False", ["-x", "-n0"]), ("assert False", ["-x", "-n1"])],
)
def test_a_stopped_run_decides_no_claim_of_which_tests_are_missing(pytester, claims, last_run, stop, options):
    claims(atiny=check(SUPPORTED), tiny=check(SUPPORTED) + STOPS.format(stop), ztiny=check(SUPPORTED))
    result = pytester.runpytest_subprocess("claims", *options)
    assert not (pytester.path / "reports/latest").exists()
    result.stdout.fnmatch_lines(["*ERROR: the run was stopped: * of 8 tests did not finish; no test of ztiny did"])
    pytester.runpytest_subprocess("claims", *options, "--wnd-report=reports/latest")
    first, second, *_ = last_run().claims
    assert first.verdict == "supported"
    assert second.verdict == ("error" if "-x" in options else "inconclusive")
    assert {"the run was stopped"} == {each.reason for each in second.not_run}
    assert {"unreached", "planted"} <= {each.name for each in second.not_run}
    assert all(claim.verdict == "not run" for claim in last_run().claims[2:])
    assert "the run was stopped: " in last_run().problems[0].text


SLOW = """
@check(SMALL)
def test_slow(decide):
    import pathlib, time
    pathlib.Path("begun").touch()
    time.sleep(8)
"""


def begun_run(pytester, claims, options, before="pass"):
    """A process that runs claims, and is at the slow one of them."""
    claims(atiny=check(SUPPORTED), tiny=SLOW, ztiny=check(SUPPORTED))
    arguments = ["claims", *options, "--wnd-report=reports/latest"]
    with contextlib.chdir(pytester.path):
        process = start_python(f"import os, pytest, sys; {before}; sys.exit(pytest.main({arguments}))")
    wait_for((pytester.path / "begun").exists)
    return process


@pytest.mark.parametrize(
    ("number", "options"), [(signal.SIGTERM, ["-n0"]), (signal.SIGHUP, ["-n1"]), (signal.SIGINT, ["-n1"])]
)
def test_a_run_that_is_ended_by_a_signal_says_so_in_its_report(pytester, claims, last_run, number, options):
    process = begun_run(pytester, claims, options)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "ERROR: the run was stopped: 4 of 6 tests did not finish; no test of tiny, ztiny did" in output
    assert last_run().stopped in output
    verdicts = {claim.id: claim.verdict for claim in last_run().claims}
    # Of the claim that was being decided, a worker may not yet have told the controller.
    assert verdicts in ({"atiny": "supported"}, {"atiny": "supported", "tiny": "not run"})


@pytest.mark.parametrize("options", [["-n0"], ["-n1"]], ids=["one process", "xdist"])
def test_ctrl_c_again_and_again_costs_neither_table_nor_report(pytester, claims, last_run, options):
    """As in a terminal, which sends it to all processes. (With more workers, none may have reported a test yet.)"""
    process = begun_run(pytester, claims, options, before="os.setsid()")
    for _ in range(8):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, errors
    assert "Traceback" not in output + errors
    assert "ERROR: the run was stopped: " in output
    assert last_run().stopped in output
    assert {"index.html", "summary.md", "verdicts.json"} <= {path.name for path in last_report(pytester)}
    assert not [path for path in last_report(pytester) if path.suffix == ".part"]


def last_report(pytester):
    return list((pytester.path / "reports" / "latest").iterdir())


@pytest.mark.parametrize("fault", ["ZeroDivisionError", "KeyboardInterrupt"])
def test_whatever_fails_as_the_report_is_made_the_table_and_the_verdicts_stay(pytester, claims, verdicts, fault):
    claims(tiny=check(SUPPORTED))
    pytester.makeconftest(f"""
        import pytest
        from wndcheck.report import writing

        def fail(*_):
            raise {fault}("broken")

        @pytest.fixture(autouse=True)
        def broken(monkeypatch):
            writing.all_figures = fail
    """)
    result = pytester.runpytest_subprocess("claims", "-n0")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["1 claim: ✓ 1 supported", "*ERROR: *latest* has only verdicts.json*"])
    assert verdicts() == {"tiny": "supported"}
