"""Outcomes of single tests: what a verdict, an expectation, an error or a wrong declaration makes of them."""

from __future__ import annotations

import pytest

from wndcheck.tests.pytest_plugin.claim_files import REFUTED, STRADDLING, SUPPORTED, check, entry
from wndcheck.verdicts.checks import Cause, CauseKind

pytest_plugins = ["pytester"]


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
def test_outcome_follows_verdict_and_expectation(pytester, claims, verdicts, values, expected, outcome, verdict, code):
    claims(expected, tiny=check(values))
    result = pytester.runpytest("claims")
    result.assert_outcomes(**outcome | {"passed": outcome.get("passed", 0) + 1})  # and its control
    assert result.ret == code
    assert verdicts() == {"tiny": verdict}
    assert ("1 inconclusive" in result.stdout.str()) == (verdict == "inconclusive")


def test_the_message_of_a_failing_check(pytester, claims):
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


def test_an_error_is_not_a_refutation(pytester, claims, verdicts):
    claims(entry("refuted"), tiny="\n@check(SMALL)\ndef test_size(decide):\n    raise MemoryError\n")
    for mode in ("verify", "report"):
        result = pytester.runpytest("claims", f"--wnd-mode={mode}")
        result.assert_outcomes(failed=1, passed=1)
        assert verdicts() == {"tiny": "error"}


def test_a_failed_control_makes_the_claim_inconclusive(pytester, claims, verdicts):
    claims(tiny=check(SUPPORTED) + check(SUPPORTED, "planted", must_be="refuted"))
    result = pytester.runpytest("claims")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*this control must be refuted: the claim's verdict cannot be trusted*"])
    assert verdicts() == {"tiny": "inconclusive"}


SKIPPED = '\n{}\ndef test_{}(decide):\n    pytest.skip("not run: no data\\nTo fetch it, run: wndcheck fetch mnist")\n'


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (check(SUPPORTED) + "# no control", Cause(CauseKind.NO_CONTROL)),
        (check(SUPPORTED) + SKIPPED.format("@check(SMALL)", "other"), Cause(CauseKind.INCOMPLETE, 1)),
        (
            check(SUPPORTED) + SKIPPED.format('@control(SMALL, must_be="refuted")', "planted"),
            Cause(CauseKind.INCOMPLETE, 1),
        ),
    ],
    ids=["no control", "a check skipped", "the control skipped"],
)
def test_a_claim_with_tests_that_did_not_run_is_inconclusive(pytester, claims, only_claim, body, cause):
    claims(tiny=body)
    pytester.runpytest("claims")
    assert (only_claim().verdict, only_claim().cause) == ("inconclusive", cause)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (check(SUPPORTED, must_be="refute"), "control(must_be='refute'): expected one of supported, refuted, inconclu"),
        ("\n@check(0.01)\ndef test_size(decide):\n    decide([0.0])\n", "check 0.01, by '': expected a Check, or one"),
        ("\ndef test_size(decide):\n    decide([0.0])\n", "claims/tiny.py::test_size declares no check: add @check"),
        (
            f"\nCLAIM = Claim('§4', 'It is', families=('trained/rleu',))\n{check(SUPPORTED)}",
            "claims/tiny.py: family 'trained/rleu': expected one of trained/relu, trained/tanh",
        ),
        (
            "\n@pytest.mark.check(SMALL)\ndef test_size(decide):\n    decide([0.0])\n",
            "claims/tiny.py::test_size declares no check: add @check",
        ),
        (
            "\n@check({1: SMALL}, by='k')\n@pytest.mark.parametrize('k', [1, 2])\ndef test_size(k):\n    pass\n",
            "claims/tiny.py::test_size[2]: k = 2 has no check: expected one of [1]",
        ),
    ],
)
@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["alone", "xdist"])
def test_a_wrong_declaration_is_refused_before_anything_is_measured(pytester, claims, body, complaint, workers):
    claims(tiny=body)
    result = pytester.runpytest_subprocess("claims", *workers)
    assert result.ret != 0
    assert complaint in result.stdout.str() + result.stderr.str()
    assert not (pytester.path / "reports").exists()


DECLARED = """
CLAIM = Claim("§4", "The number is small", families={families})

@check(SMALL)
def test_size(decide, nets):
    decide(nets["trained/relu"].of("score", 1)[-1])
"""


def test_nets_that_the_claim_does_not_declare_are_refused(pytester, claims, verdicts):
    claims(tiny=DECLARED.format(families=("initial/tanh",)))
    result = pytester.runpytest("claims")
    message = "tiny.py asks for nets['trained/relu'] and declares initial/tanh: add 'trained/relu' to families=(...) of"
    assert message in result.stdout.str()
    assert verdicts() == {"tiny": "error"}
    assert not list((pytester.path / "store").rglob("*.npz"))


def test_values_that_are_not_replicates_are_refused(pytester, claims, verdicts):
    claims(tiny=check("[[0.1] * 4] * 2"))
    result = pytester.runpytest("claims")
    result.stdout.fnmatch_lines(
        ["*values of shape (2, 4) for 'the number': expected one dimension, one number a replicate*"]
    )
    assert verdicts() == {"tiny": "error"}


GRID = """
from wndcheck.experiment.families import cells_of
from wndcheck.experiment.grids import grid
from wndcheck.experiment.profiles import QUICK
from wndcheck.tests.tiny import random_measurement

CELLS = cells_of(["initial/relu"], QUICK, 0)

@check(SMALL)
def test_size(decide):
    decide({values}, grid(CELLS, random_measurement, QUICK))
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
def test_values_are_one_for_each_net_of_the_grid_they_are_from(pytester, claims, verdicts, values, shape):
    """A layer's or a width's values, taken for nets', would make the interval too narrow."""
    claims(tiny=GRID.format(values=values))
    result = pytester.runpytest("claims")
    assert verdicts() == {"tiny": "error" if shape else "supported"}
    assert result.ret == (1 if shape else 0)
    message = "*test_size gives decide values of shape *, expected (8,): one a net, whatever they are averages of*"
    if shape:
        result.stdout.fnmatch_lines([message.replace("shape *", f"shape {shape}")])
    else:
        result.stdout.no_fnmatch_line(message)


def test_inconclusive_fails_the_full_profile_unless_expected(pytester, claims):
    claims(tiny=check(STRADDLING))
    assert pytester.runpytest("claims", "--wnd-profile=full").ret == 1
    (pytester.path / "claims/expectations.toml").write_text(entry("inconclusive", profile="full"))
    assert pytester.runpytest("claims", "--wnd-profile=full").ret == 0


def test_a_level_is_decided_by_the_full_profile_only(pytester, claims, only_claim):
    claims(tiny=check(SUPPORTED).replace("SMALL", "Check('level', at_most(0.01), level=True)"))
    pytester.runpytest("claims")
    assert only_claim().cause == Cause(CauseKind.UNDECIDED_CHECKS, 1, 1, parts={CauseKind.PROFILE: 1})
    assert only_claim().verdict == "inconclusive"
    assert pytester.runpytest("claims", "--wnd-profile=full").ret == 0


@pytest.mark.parametrize(
    ("body", "complaint"),
    [("pass", "gave no verdict: it must call decide"), ("decide([0] * 8)\n    decide([0] * 8)", "decides twice")],
)
def test_a_check_decides_exactly_once(pytester, claims, body, complaint):
    claims(tiny=f"\n@check(SMALL)\ndef test_size(decide):\n    {body}\n")
    result = pytester.runpytest("claims")
    assert result.ret == 1
    assert complaint in result.stdout.str()
