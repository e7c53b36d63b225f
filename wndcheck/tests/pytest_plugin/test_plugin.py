"""The plugin as a user meets it: outcomes, exit status, table and report of small runs, alone and under xdist."""

from __future__ import annotations

import json

import pytest

# Stay loaded: a run inside this process puts sys.modules back afterwards, and compiled modules load only once.
import wndcheck.pytest_plugin.run
import wndcheck.pytest_plugin.terminal
import wndcheck.report.plots  # noqa: F401

pytest_plugins = ["pytester"]

CLAIM = """
import pytest
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.statistics import at_most, within

CLAIM = Claim("§4", "The number is small")
SMALL = Check("the number", at_most(0.01))
"""
SUPPORTED, REFUTED, STRADDLING = "[0.001, 0.002] * 4", "[0.101, 0.102] * 4", "[0.001, 0.02] * 4"


def check(values: str, name: str = "size", must_be: str = "") -> str:
    declared = f'@control(SMALL, must_be="{must_be}")' if must_be else "@check(SMALL)"
    return f"\n{declared}\ndef test_{name}(decide):\n    decide({values})\n"


def entry(verdict: str, checks: str = "size", claim: str = "tiny", profile: str = "quick") -> str:
    return (
        f'[[expect]]\nclaim = "{claim}"\nprofile = "{profile}"\nchecks = ["{checks}"]\nverdict = ["{verdict}"]\n'
        'reason = "seen before"\nevidence = "two runs"\ndate = 2026-11-23\n'
    )


@pytest.fixture
def claims(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Writes a folder of claims; expectations and the files' bodies are given. One without a control gets one."""
    monkeypatch.setenv("WNDCHECK_STORE", str(pytester.path / "store"))
    monkeypatch.setenv("WNDCHECK_DATA", str(pytester.path / "data"))
    pytester.makeini("[pytest]\npython_files = claims/*.py\n")

    def write(expectations: str = "", **bodies: str) -> None:
        folder = pytester.path / "claims"
        folder.mkdir()
        (folder / "expectations.toml").write_text(expectations)
        for name, body in bodies.items():
            control = "" if "control" in body else check(REFUTED, "planted", must_be="refuted")
            (folder / f"{name}.py").write_text(CLAIM + body + control)

    return write


def verdicts(pytester: pytest.Pytester) -> dict[str, str]:
    return {claim["id"]: claim["verdict"] for claim in decided_claims(pytester)}


def decided_claims(pytester: pytest.Pytester) -> list[dict]:
    return json.loads((pytester.path / "reports/latest/verdicts.json").read_text())["claims"]


@pytest.mark.parametrize(
    ("values", "expected", "outcome", "verdict", "code"),
    [
        (SUPPORTED, "", {"passed": 1}, "supported", 0),
        (REFUTED, "", {"failed": 1}, "refuted", 1),
        (REFUTED, entry("refuted"), {"xfailed": 1}, "refuted", 0),
        (SUPPORTED, entry("refuted"), {"failed": 1}, "supported", 1),
        (STRADDLING, entry("inconclusive"), {}, "inconclusive", 0),
        (STRADDLING, entry("refuted"), {}, "inconclusive", 0),
        (SUPPORTED, entry("inconclusive"), {"failed": 1}, "supported", 1),
        (SUPPORTED, entry('inconclusive", "supported'), {"passed": 1}, "supported", 0),
        (REFUTED, entry('inconclusive", "supported'), {"failed": 1}, "refuted", 1),
    ],
)
def test_outcome_follows_verdict_and_expectation(pytester, claims, values, expected, outcome, verdict, code):
    claims(expected, tiny=check(values))
    result = pytester.runpytest("claims")
    result.assert_outcomes(**outcome | {"passed": outcome.get("passed", 0) + 1})  # and its control
    assert result.ret == code
    assert verdicts(pytester) == {"tiny": verdict}
    assert ("1 inconclusive" in result.stdout.str()) == (verdict == "inconclusive")


def test_failing_check_says_all_one_needs(pytester, claims):
    claims(entry("supported"), tiny=check(REFUTED))
    result = pytester.runpytest("claims", "--wnd-seed=3")
    result.stdout.fnmatch_lines(
        [
            "*REFUTED, which was not expected*",
            "*claim:*tiny",
            "*estimand:*the number",
            "*interval:*0.1015 [[]0.100*, 0.102*] nats, 99% confidence",
            "*margin:*≤ 0.01",
            "*nets:*8",
            "*expected:*expectations.toml expects supported (seen before)",
            "*repeat:*pytest 'claims/tiny.py::test_size' --wnd-seed=3",
        ]
    )


def test_closing_table_and_header(pytester, claims):
    claims(entry("refuted"), tiny=check(REFUTED), other=check(SUPPORTED))
    result = pytester.runpytest("claims", "-n0")
    result.stdout.fnmatch_lines(
        [
            "wndcheck: profile quick *device cpu, seeds 0 to 7 (--wnd-seed=0), mode verify",
            "*verdicts, profile quick*",
            "*other*The number is small*≤ 0.01 nats*8 nets*supported*supported*",
            "*tiny*The number is small*≤ 0.01 nats*8 nets*refuted*refuted*",
            "*claims: 1 refuted, 1 supported*",
        ]
    )


def test_two_workers_give_what_one_process_gives(pytester, claims):
    bodies = {f"claim{i}": check(values) for i, values in enumerate((SUPPORTED, REFUTED, STRADDLING))}
    claims(entry("refuted", claim="claim1"), **bodies)
    result = pytester.runpytest_subprocess("claims", "-n2")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*claims: 1 inconclusive, 1 refuted, 1 supported*"])
    together = verdicts(pytester)
    assert pytester.runpytest("claims").ret == 0
    assert verdicts(pytester) == together == {"claim0": "supported", "claim1": "refuted", "claim2": "inconclusive"}


def test_checks_are_listed_by_the_numbers_in_their_names(pytester, claims):
    widths = "[200, 50, 1000, 5]"
    body = f"\n@pytest.mark.parametrize('width', {widths})\ndef test_size(decide, width):\n    decide(SMALL, [0] * 8)\n"
    claims(tiny=body)
    pytester.runpytest_subprocess("claims", "-n2", "--wnd-mode=report")
    (claim,) = decided_claims(pytester)
    assert [check["parameters"]["width"] for check in claim["checks"]] == [5, 50, 200, 1000]


def test_problems_of_workers_reach_the_exit_status(pytester, claims):
    claims(entry("refuted", checks="sized"), tiny=check(SUPPORTED))
    result = pytester.runpytest_subprocess("claims", "-n2")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ERROR*'sized' of claim 'tiny'*matches no check*"])


def test_report_mode_exits_0_with_any_verdict(pytester, claims):
    claims(tiny=check(REFUTED), other=check(STRADDLING), bad=check(REFUTED, "control", must_be="supported"))
    assert pytester.runpytest("claims", "--wnd-mode=report").ret == 0
    assert verdicts(pytester) == {"tiny": "refuted", "other": "inconclusive", "bad": "inconclusive"}


def test_error_is_no_verdict_even_where_refuted_is_expected(pytester, claims):
    claims(entry("refuted"), tiny="\ndef test_size(decide):\n    raise MemoryError\n")
    for mode in ("verify", "report"):
        result = pytester.runpytest("claims", f"--wnd-mode={mode}")
        result.assert_outcomes(failed=1, passed=1)
        assert verdicts(pytester) == {"tiny": "error"}


def test_failed_control_makes_the_claim_inconclusive(pytester, claims):
    claims(tiny=check(SUPPORTED) + check(SUPPORTED, "planted", must_be="refuted"))
    result = pytester.runpytest("claims")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*this control must be refuted: the claim's verdict cannot be trusted*"])
    assert verdicts(pytester) == {"tiny": "inconclusive"}


SKIPPED = '\n{}def test_{}(decide):\n    pytest.skip("not run: no data\\nTo fetch it, type: wndcheck fetch mnist")\n'


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (check(SUPPORTED) + "# no control", "it has no control"),
        (check(SUPPORTED) + SKIPPED.format("", "other"), "checks or controls that were not run: 1"),
        (
            check(SUPPORTED) + SKIPPED.format('@pytest.mark.control(must_be="refuted")\n', "planted"),
            "checks or controls that were not run: 1",
        ),
    ],
    ids=["no control", "a check skipped", "the control skipped"],
)
def test_what_did_not_run_supports_nothing(pytester, claims, body, cause):
    claims(tiny=body)
    pytester.runpytest("claims")
    document = json.loads((pytester.path / "reports/latest/verdicts.json").read_text())
    assert [(claim["verdict"], claim["cause"]) for claim in document["claims"]] == [("inconclusive", cause)]


def test_a_misspelt_control_is_refused(pytester, claims):
    claims(tiny=check(SUPPORTED) + check(REFUTED, "planted", must_be="refute"))
    result = pytester.runpytest("claims")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*control(must_be='refute'): expected one of supported, refuted, inconclusive*"])


def test_a_run_that_stops_leaves_the_last_report(pytester, claims):
    claims(one=check(REFUTED), two=check(SUPPORTED))
    result = pytester.runpytest("claims", "--maxfail=1")
    assert not (pytester.path / "reports/latest").exists()
    result.stdout.fnmatch_lines(["*ERROR: the run was stopped: * of 4 checks were never reported"])


def test_values_that_are_no_replicates_are_refused(pytester, claims):
    claims(tiny=check("[[0.1] * 4] * 2"))
    result = pytester.runpytest("claims")
    result.stdout.fnmatch_lines(["*values of shape (2, 4) for 'the number': expected a row, one number a replicate*"])
    assert verdicts(pytester) == {"tiny": "error"}


GRID = """
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import QUICK
from wndcheck.tests.report.reported import made

NETS = Grid((made(QUICK.trained("relu", 20, 0), accuracy=1.0),), QUICK)


def test_size(decide):
    decide(SMALL, {values}, NETS)
"""


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ("[0.001, 0.002] * 4", None),
        ("[0.001, 0.002] * 8", "(16,)"),
        ("[0.001] * 7", "(7,)"),
        ("[[0.001] * 8]", "(1, 8)"),
        ("0.001", "()"),
    ],
)
def test_values_are_one_for_each_net_of_the_grid_they_are_from(pytester, claims, values, shape):
    """A layer's or a width's values, taken for nets', would make the interval too narrow."""
    claims(tiny=GRID.format(values=values))
    result = pytester.runpytest("claims")
    assert verdicts(pytester) == {"tiny": "error" if shape else "supported"}
    assert result.ret == (1 if shape else 0)
    said = "*test_size gives decide values of shape *, expected (8,): one a net, whatever they are averages of*"
    if shape:
        result.stdout.fnmatch_lines([said.replace("shape *", f"shape {shape}")])
    else:
        result.stdout.no_fnmatch_line(said)


def test_good_control_counts_for_nothing_else(pytester, claims):
    claims(tiny=check(SUPPORTED) + check(REFUTED, "planted", must_be="refuted"))
    pytester.runpytest("claims").assert_outcomes(passed=2)
    assert verdicts(pytester) == {"tiny": "supported"}


def test_expectation_that_matches_nothing_is_an_error(pytester, claims):
    claims(entry("refuted", claim="absent"), tiny=check(SUPPORTED))
    result = pytester.runpytest("claims")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ERROR*claim 'absent'*matches no check*"])
    assert pytester.runpytest("claims/tiny.py").ret == 0, "one file alone does not see the other claims"


def test_selecting_tests_leaves_no_expectation_unmatched(pytester, claims):
    claims(entry("refuted", "other"), tiny=check(SUPPORTED) + check(REFUTED, "other"))
    assert pytester.runpytest("claims", "-k", "size").ret == 0


def test_one_check_by_its_node_id(pytester, claims):
    claims(entry("refuted", "other"), tiny=check(SUPPORTED) + check(REFUTED, "other"))
    result = pytester.runpytest("claims/tiny.py::test_size")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*a selection of checks*reports/latest is left as it was"])
    assert not (pytester.path / "reports").exists()


def test_without_xdist(pytester, claims):
    claims(tiny=check(SUPPORTED))
    assert pytester.runpytest_subprocess("claims", "-p", "no:xdist").ret == 0


def test_inconclusive_fails_the_full_profile_unless_expected(pytester, claims):
    claims(tiny=check(STRADDLING))
    assert pytester.runpytest("claims", "--wnd-profile=full").ret == 1
    (pytester.path / "claims/expectations.toml").write_text(entry("inconclusive", profile="full"))
    assert pytester.runpytest("claims", "--wnd-profile=full").ret == 0


def test_level_is_left_to_the_full_profile(pytester, claims):
    body = "\ndef test_size(decide):\n    decide(Check('level', at_most(0.01), level=True), [0.001, 0.002] * 4)\n"
    claims(tiny=body)
    pytester.runpytest("claims")
    document = json.loads((pytester.path / "reports/latest/verdicts.json").read_text())
    assert "not decided by this profile" in document["claims"][0]["cause"]
    assert verdicts(pytester) == {"tiny": "inconclusive"}
    assert pytester.runpytest("claims", "--wnd-profile=full").ret == 0


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("\ndef test_size(decide):\n    pass\n", "gave no verdict: it must call decide"),
        ("\ndef test_size(decide):\n    decide(SMALL, [0] * 8)\n    decide(SMALL, [0] * 8)\n", "decides twice"),
    ],
)
def test_check_decides_exactly_once(pytester, claims, body, complaint):
    claims(tiny=body)
    result = pytester.runpytest("claims")
    assert result.ret == 1
    assert complaint in result.stdout.str()


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("--wnd-profile=huge", "profile 'huge': expected quick or full"),
        ("--wnd-device=abacus", "device 'abacus': expected auto, cpu, cuda or cuda:N"),
        ("--wnd-device=cuda:99", "this machine shows"),
        ("--wnd-seed=-1", "base seed -1"),
    ],
)
def test_bad_option_is_a_usage_error(pytester, claims, option, complaint):
    claims(tiny=check(SUPPORTED))
    result = pytester.runpytest_subprocess("claims", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert complaint in result.stderr.str()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (entry("maybe"), "verdict 'maybe', expected one of supported, refuted, inconclusive"),
        (entry("refuted").replace("reason", "why"), "missing or unknown field(s): reason, why"),
        ("[[expect]\n", "expectations.toml"),
        (entry("refuted", profile="quik"), "profile 'quik', expected quick or full"),
        (entry("refuted").replace("[[expect]]", "[[expects]]"), "expected [[expect]] entries and nothing else"),
        (entry("refuted").replace("[[expect]]", "[expect]"), "expected [[expect]] entries and nothing else"),
        (entry("refuted").replace('["size"]', '"size"'), "checks 'size', expected a list"),
        (entry("refuted").replace('["size"]', "[]"), "checks [], expected a list"),
        (entry("refuted").replace('["refuted"]', "3"), "verdict 3, expected one of"),
        (entry('supported", "refuted'), "both supported and refuted"),
    ],
)
def test_bad_expectations_are_a_usage_error(pytester, claims, text, complaint):
    claims(text, tiny=check(SUPPORTED))
    result = pytester.runpytest("claims")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert complaint in result.stderr.str()


NEEDS_NETS = """
from wndcheck.experiment.profiles import Profile
CLAIM = Claim("tiny", "§4", "Trained nets", Profile.trained_cells)
pytestmark = pytest.mark.claim(CLAIM)

def test_size(decide, nets):
    decide(SMALL, nets.trained("relu").of("score", 1)[-1])
"""


def test_missing_data_is_not_run_and_says_what_to_type(pytester, claims):
    claims(tiny=NEEDS_NETS)
    result = pytester.runpytest_subprocess("claims", "--wnd-profile=full", "-rs")
    result.assert_outcomes(skipped=1, passed=1)
    assert "wndcheck fetch mnist" in result.stdout.str()
    assert verdicts(pytester) == {"tiny": "not run"}
    required = pytester.runpytest_subprocess("claims", "--wnd-profile=full", "--wnd-require-data")
    required.assert_outcomes(failed=1, passed=1)
    assert verdicts(pytester) == {"tiny": "error"}


def test_lost_worker_is_not_a_green_run(pytester, claims):
    claims(tiny=check(SUPPORTED) + "\ndef test_crash(decide):\n    import os\n    os._exit(3)\n")
    result = pytester.runpytest_subprocess("claims", "-n1", "--max-worker-restart=0")
    assert result.ret != 0
    assert verdicts(pytester) == {"tiny": "error"}


def test_other_projects_see_nothing_of_it(pytester):
    pytester.makepyfile("def test_theirs(): assert True")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    assert "wndcheck:" not in result.stdout.str()
    assert not (pytester.path / "reports").exists()


def test_the_table_is_added_to_the_page_of_a_github_step(pytester, claims, monkeypatch):
    page = pytester.path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    claims(entry("refuted", claim="other"), tiny=check(SUPPORTED), other=check(REFUTED))
    assert pytester.runpytest("claims", "-n2", "-p", "xdist").ret == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("## wndcheck: profile quick, base seed 0") == 1, "workers wrote it, too"
    assert "| tiny | The number is small" in text, "a link to a section that is not there"
    assert "**refuted**" in text
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "absent" / "step.md"))
    result = pytester.runpytest("claims")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*could not be added to $GITHUB_STEP_SUMMARY*"])


def test_a_run_writes_its_page_and_notes_what_it_took(pytester, claims, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    claims(tiny=check(SUPPORTED))
    file = pytester.path / "claims" / "tiny.py"
    words = file.read_text().replace('"The number is small"', '"The number is small", figures=("figure-pairs",)')
    file.write_text('"""§4: what it says."""\n' + words)
    result = pytester.runpytest("claims")
    result.stdout.fnmatch_lines(["*report in *(index.html,*"])
    report = pytester.path / "reports" / "latest"
    document = json.loads((report / "verdicts.json").read_text())
    (claim,) = document["claims"]
    assert (claim["about"], claim["figures"]) == ("§4: what it says.", ["figure-pairs"])
    assert document["seconds"]["nets"] == 0
    assert 0 < document["seconds"]["run"] < 600
    assert "§4: what it says." in (report / "index.html").read_text(encoding="utf-8")
