"""Outcomes of single tests: what a verdict, an expectation, an error or a wrong declaration makes of them."""

from __future__ import annotations

import pytest

from wndcheck.experiment.profiles import Scope
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
            "FAILED claims/tiny.py::test_size - UnexpectedVerdict: REFUTED, which was not *",
        ]
    )


def test_an_error_is_not_a_refutation(pytester, claims, verdicts):
    claims(entry("refuted"), tiny="\n@check(SMALL)\ndef test_size(decide):\n    raise MemoryError\n")
    for mode in ("verify", "report"):
        result = pytester.runpytest("claims", f"--wnd-mode={mode}")
        result.assert_outcomes(failed=1, passed=1)
        assert verdicts() == {"tiny": "error"}


def test_the_end_of_an_errors_message_is_kept(pytester, claims, only_claim):
    claims(tiny="\n@check(SMALL)\ndef test_size(decide):\n    raise ValueError(('word ' * 1000) + 'last')\n")
    pytester.runpytest("claims")
    assert "word last\n" in only_claim().errors[0].reason
    assert len(only_claim().errors[0].reason) == 2000


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
        (
            f"\n@check(SMALL){check(SUPPORTED)}",
            "claims/tiny.py::test_size declares 2 checks or controls: split it into 2 tests",
        ),
        (
            f"\n@control(SMALL, must_be='refuted'){check(SUPPORTED)}",
            "claims/tiny.py::test_size declares 2 checks or controls: split it into 2 tests",
        ),
    ],
)
@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["one process", "xdist"])
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
        ["*values of shape (2, 4) for 'the number': expected one dimension, one number per replicate*"]
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
    message = "*test_size: decide() got shape *, expected (8,): one value per net*"
    if shape:
        result.stdout.fnmatch_lines([message.replace("shape *", f"shape {shape}")])
    else:
        result.stdout.no_fnmatch_line(message)


UNTRAINED = """
def measured(cell):
    found = random_measurement(cell)
    found["accuracy"][:] = 1
    found["accuracy"][-1, :2] = 0
    return found

CELLS = [cell for cell in cells_of(["trained/relu"], QUICK, 0) if cell.width == 50]

@check(SMALL)
def test_size(decide):
    decide([0.001, 0.002] * 4, grid(CELLS, measured, QUICK))
"""


def test_nets_that_did_not_train_are_counted(pytester, claims, only_claim):
    imports = GRID.partition("CELLS")[0]
    claims(tiny=imports + UNTRAINED)
    pytester.runpytest("claims")
    assert (only_claim().verdict, only_claim().checks[0].untrained) == ("supported", 2)


def test_inconclusive_fails_the_full_profile_unless_expected(pytester, claims):
    claims(tiny=check(STRADDLING))
    assert pytester.runpytest("claims", "--wnd-profile=full").ret == 1
    (pytester.path / "claims/expectations.toml").write_text(entry("inconclusive", profile="full"))
    assert pytester.runpytest("claims", "--wnd-profile=full").ret == 0


MANY = """
@check({of})
@pytest.mark.parametrize("k", range({count}))
def test_{name}(decide, k):
    decide({values})
"""


LACKING = """
CLAIM = Claim("§6", "The number is small in other nets", families=("architectures/adam",))
"""


@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["one process", "xdist"])
def test_checks_of_other_scopes_are_left_to_the_profile_that_decides_them(pytester, claims, last_run, workers):
    body = check(SUPPORTED) + MANY.format(of="LEVEL", count=2, name="level", values=REFUTED)
    claims(tiny=body, wide=check(REFUTED, "level", of="LEVEL"))
    result = pytester.runpytest_subprocess("claims", *workers)
    assert result.ret == 0
    result.assert_outcomes(passed=3)
    tiny, wide = last_run().claims
    assert (tiny.verdict, tiny.whole, tiny.asked) == ("supported", False, {Scope.TREND: 1})
    assert [(each.name, each.check.scope, each.profile) for each in tiny.left] == [
        ("level[0]", Scope.LEVEL, "medium"),
        ("level[1]", Scope.LEVEL, "medium"),
    ]
    assert (wide.verdict, wide.cause) == ("left", Cause(CauseKind.LEFT, 1, names=("medium",)))
    assert not last_run().selection
    assert pytester.runpytest_subprocess("claims", "--wnd-profile=full", *workers).ret == 1
    tiny, wide = last_run().claims
    assert (tiny.verdict, wide.verdict) == ("refuted", "refuted")
    assert (tiny.whole, tiny.left, tiny.asked) == (True, (), {Scope.TREND: 1, Scope.LEVEL: 2})


@pytest.mark.parametrize("workers", [["-n0"], ["-n1"]], ids=["one process", "xdist"])
def test_a_claim_of_which_only_checks_left_to_another_profile_are_asked_for_is_shown(pytester, claims, workers):
    claims(tiny=check(REFUTED, "level", of="LEVEL"))
    result = pytester.runpytest_subprocess("claims/tiny.py::test_level", *workers)
    result.stdout.fnmatch_lines(
        ["→ left to medium  tiny*level", "1 claim: → 1 left", "Checks of level are left to *medium;*"]
    )


def test_a_claim_about_nets_that_the_profile_lacks_is_left_to_another(pytester, claims, last_run):
    """With its controls, which take the same nets."""
    claims(tiny=LACKING + check(REFUTED) + check(SUPPORTED, "control", must_be="refuted"))
    result = pytester.runpytest("claims")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["→ left to medium  tiny*", "Checks of trend are left to *medium;*"])
    result = pytester.runpytest("claims", "--wnd-profile=full", "--wnd-mode=report")
    assert result.ret == 0
    (claim,) = last_run().claims
    assert (claim.asked, claim.left, claim.not_run) == ({Scope.TREND: 1}, (), ())
    assert len(claim.findings) == 2


def test_an_expectation_of_a_check_that_is_left_matches_nothing(pytester, claims):
    claims(entry("refuted", "level"), tiny=check(SUPPORTED) + check(REFUTED, "level", of="LEVEL"))
    result = pytester.runpytest("claims")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ERROR*'level' of claim 'tiny'*matches no check*"])


def test_a_control_is_decided_by_every_profile(pytester, claims, only_claim):
    claims(tiny=check(SUPPORTED) + check(REFUTED, "planted", must_be="refuted", of="LEVEL"))
    pytester.runpytest("claims")
    assert only_claim().verdict == "supported"
    assert only_claim().controls[0].verdict == "refuted"


BARELY = "[0.01 + 0.0375 + 0.01 * i for i in range(-4, 5)]"  # outside at 99 %, not at 1 - .01 / 3


@pytest.mark.parametrize(
    "selection", [(), ("-k", "size"), ("--deselect=claims/tiny.py::test_others",), ("--lf",), ("::test_size",)]
)
def test_m_counts_the_primary_checks_that_the_profile_decides_whichever_run(pytester, claims, only_claim, selection):
    """And not secondary checks, controls, nor levels in the quick profile."""
    others = MANY.format(of="SMALL", count=2, name="others", values=SUPPORTED)
    shown = check(SUPPORTED, "shown", of='Check("what is shown", at_most(1), primary=False)')
    body = check(BARELY) + others + shown + check(REFUTED, "level", of="LEVEL") + check(REFUTED, "control", "refuted")
    claims(tiny=body)
    if "--lf" in selection:
        cache = pytester.path / ".pytest_cache/v/cache"
        cache.mkdir(parents=True)
        (cache / "lastfailed").write_text('{"claims/tiny.py::test_size": true}')
    files, options = ("claims/tiny.py::test_size", ()) if "::test_size" in selection else ("claims", selection)
    pytester.runpytest(files, *options, "--wnd-mode=report", "--wnd-report=reports/latest")
    claim = only_claim()
    found = {finding.name: finding for finding in claim.findings}
    assert (claim.m, found["size"].m, found["size"].verdict) == (3, 3, "refuted")
    assert found["size"].strict.confidence == 1 - 0.01 / 3
    assert (claim.verdict, claim.cause) == ("inconclusive", Cause(CauseKind.ONE_OF_MANY, 1, 3, names=("size",)))
    assert all((found[name].m, found[name].strict) == (1, None) for name in found.keys() & {"shown", "control"})


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("pass", "gave no verdict: it must call decide"),
        ("decide([0] * 8)\n    decide([0] * 8)", "calls decide() twice: split it into two tests"),
    ],
)
def test_a_check_decides_exactly_once(pytester, claims, body, complaint):
    claims(tiny=f"\n@check(SMALL)\ndef test_size(decide):\n    {body}\n")
    result = pytester.runpytest("claims")
    assert result.ret == 1
    assert complaint in result.stdout.str()


BREAKS = "\n@check(SMALL)\ndef test_size(decide):\n    decide({values})\n    {then}\n"


@pytest.mark.parametrize("values", [SUPPORTED, STRADDLING])
@pytest.mark.parametrize(
    ("then", "message"), [("raise RuntimeError('too late')", "too late"), ("assert False", "assert False")]
)
def test_an_error_after_decide_is_an_error_of_the_claim(pytester, claims, only_claim, values, then, message):
    claims(tiny=BREAKS.format(values=values, then=then).replace("decide([0.001, 0.02", CAUGHT + "decide([0.001, 0.02"))
    assert pytester.runpytest("claims", "--wnd-mode=report").ret == 1
    claim = only_claim()
    assert (claim.verdict, claim.checks) == ("error", ())
    assert message in claim.errors[0].reason


CAUGHT = "with pytest.raises(pytest.skip.Exception):\n        "  # an inconclusive check ends in a skip


def test_a_control_that_calls_decide_again_is_an_error(pytester, claims, only_claim):
    second = f"\n@control(SMALL, must_be='refuted')\ndef test_planted(decide):\n    decide({REFUTED})\n"
    claims(tiny=check(SUPPORTED) + second + f"    decide({SUPPORTED})\n")
    pytester.runpytest("claims")
    assert (only_claim().verdict, only_claim().controls) == ("error", ())


def test_a_check_skipped_after_decide_has_not_run(pytester, claims, only_claim):
    claims(tiny=BREAKS.format(values=SUPPORTED, then="pytest.skip('no data')"))
    pytester.runpytest("claims")
    assert (only_claim().verdict, only_claim().not_run[0].reason) == ("not run", "no data")


def test_an_unexpected_verdict_is_no_error(pytester, claims, only_claim):
    claims(tiny=check(REFUTED))
    assert pytester.runpytest("claims").ret == 1
    assert (only_claim().verdict, only_claim().errors) == ("refuted", ())
    assert only_claim().checks[0].outcome == "failed"
