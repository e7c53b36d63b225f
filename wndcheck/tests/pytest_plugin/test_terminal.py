"""The closing table: one line per claim at any width, and below it only what was not expected."""

from __future__ import annotations

from dataclasses import replace
from math import nan
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from wndcheck.experiment.profiles import Scope
from wndcheck.pytest_plugin.terminal import lines, print_wrapped
from wndcheck.tests.factories import BARELY, FAILS, HOLDS, SMALL, STRADDLES, make_claim, make_finding, make_run
from wndcheck.verdicts.checks import Check, Verdict
from wndcheck.verdicts.findings import Outcome, Unfinished
from wndcheck.verdicts.run import ClaimResult, claim_result
from wndcheck.verdicts.statistics import within

LONG = Check("slope of the mean H̄ of what has a very long name, per doubling of N", within(-0.002, 0.002))
SECONDARY = replace(SMALL, primary=False)
AT_90 = [0.035 + 0.01 * i for i in range(-4, 5)]  # outside at 90 %, and not at 99 %
REFUTED, INCONCLUSIVE = (Verdict.REFUTED,), (Verdict.INCONCLUSIVE, Verdict.SUPPORTED)


def table(*claims: ClaimResult, width: int = 120) -> list[str]:
    """The lines below the heading, without the tally."""
    return [line.start + line.rest for line in lines(make_run(*claims), width)][1:-1]


def expected(claim: str = "tiny", **fields) -> ClaimResult:
    return make_claim(
        claim, make_finding("size", FAILS, claim=claim, expected=REFUTED, outcome=Outcome.XFAILED), **fields
    )


@pytest.mark.parametrize("width", [40, 80, 99, 100, 119, 120, 200])
def test_a_claim_is_one_line_at_any_width(width):
    found = [
        make_claim(name, make_finding("size", values, check, claim=name, expected=tuple(Verdict)))
        for name, values, check in [
            ("a" * 60, [-12345.678 + i for i in range(8)], LONG),
            ("b", [1.5e-6, 2.5e-6] * 4, LONG),
            ("c", [nan] * 4, LONG),
        ]
    ]
    shown = table(*found, width=width)
    assert len(shown) == len(found)
    assert all(cell_len(line) <= max(width, 80) for line in shown)
    assert all(line == line.rstrip() for line in shown)
    assert all("…" in line for line in shown[:1])


def test_verdicts_are_words_in_a_wide_terminal_and_symbols_in_a_narrow_one():
    run = make_run(expected(left=["a"]), make_claim("other", not_run=["size"]), make_claim("wide", left=["a", "b"]))
    wide, narrow = ([line.start + line.rest for line in lines(run, width)] for width in (120, 80))
    assert wide[0].split() == ["claim", "asked", "estimand", "estimate", "[interval]", "margin"]
    found = "the number  0.1015 [0.1008, 0.1022]  ≤ 0.01"
    assert wide[1] == f"✗ refuted       tiny   trend 0/1; level: full  {found} nats"
    assert narrow[1] == f"✗ tiny  trend 0/1; level: full {found.replace('  ', ' ')}"
    assert (wide[-2], narrow[-2]) == ("→ left to full  wide   level", "→ wide  level")
    assert wide[-1] == narrow[-1] == "3 claims: ✗ 1 refuted (1 in part), → 1 left, – 1 not run"


def test_the_estimand_is_left_out_where_there_is_no_room_for_it():
    name = "cifar_negative_estimates"
    claim = make_claim(name, make_finding("size", check=LONG, claim=name), left=["a"])
    heads = {width: next(iter(lines(make_run(claim), width))).start.split() for width in (80, 120)}
    assert ("estimand" in heads[80], "estimand" in heads[120]) == (False, True)
    assert all(cell_len(line) <= 80 for line in table(claim, width=80))


@pytest.mark.parametrize(
    ("claim", "remarks"),
    [
        (expected(), []),
        (make_claim("tiny", make_finding("ref", FAILS)), ["ref: refuted, expected supported"]),
        (
            make_claim("tiny", make_finding("a", FAILS), make_finding("b", STRADDLES), make_finding("c", FAILS)),
            ["a, c: refuted, expected supported", "b: inconclusive, expected supported"],
        ),
        (
            make_claim("tiny", make_finding("a", FAILS, expected=INCONCLUSIVE)),
            ["a: refuted, expected inconclusive or supported"],
        ),
        (
            make_claim("tiny", make_finding("a"), make_finding("planted", HOLDS, must_be="refuted")),
            ["planted: supported, must be refuted"],
        ),
        (make_claim("tiny", make_finding("a"), errors=["b"]), ["b: error: it broke"]),
        (make_claim("tiny", make_finding("a"), errors=["b", "c"]), ["b, c: error: it broke"]),
        (make_claim("tiny", not_run=["a", "b"]), ["2 tests not run: no data"]),
        (make_claim("tiny", make_finding("a"), is_selection=False), ["it has no control"]),
        (
            make_claim("tiny", make_finding("a", BARELY, expected=REFUTED, m=3), asked={Scope.TREND: 3}),
            ["1 of 3 checks lies outside, and not at 1 - .01/3, as one of so many may by chance: a"],
        ),
        (
            make_claim("tiny", make_finding("a", AT_90, replace(SMALL, alpha=0.1), expected=REFUTED)),
            ["its only check lies outside, and not at 1 - .01: a"],
        ),
        (
            make_claim("tiny", left=["a"], asked={Scope.TREND: 2}),
            ["none of its checks ran, and a claim is decided by primary checks"],
        ),
        (
            make_claim("tiny", make_finding("a", check=SECONDARY)),
            ["only secondary checks ran, and a claim is decided by primary checks"],
        ),
        (
            make_claim("tiny", make_finding("planted", FAILS, must_be="refuted")),
            ["only controls ran, and a claim is decided by primary checks"],
        ),
        (make_claim("tiny", make_finding("a\x1b[2J", FAILS)), ["a\ufffd[2J: refuted, expected supported"]),
    ],
)
def test_remarks_on_unexpected_and_missing_verdicts(claim, remarks):
    assert table(claim)[1:] == [f"    {remark}" for remark in remarks]


def test_remarks_are_wrapped():
    many = [make_finding(f"trend[{layer}-relu]", FAILS) for layer in range(1, 9)]
    remarks = table(make_claim("tiny", *many), width=80)[1:]
    assert len(remarks) == 2
    assert all(line.startswith("    ") and len(line) <= 80 for line in remarks)
    assert " ".join(map(str.strip, remarks)).endswith("and 3 more: refuted, expected supported")


def test_control_characters_do_not_reach_the_terminal():
    check = replace(SMALL, estimand="I\x1b]0;title\x07", unit="\x1b[31m\nnats")
    (line,) = table(make_claim("tiny", make_finding("size", check=check)), width=200)
    assert "I\ufffd]0;title\ufffd" in line
    assert line.endswith("\ufffd[31m nats")


@pytest.mark.parametrize(("is_terminal", "width"), [(True, 80), (False, 140)])
def test_sentences_are_wrapped(is_terminal, width):
    shown: list[str] = []
    terminal = SimpleNamespace(isatty=is_terminal, _tw=SimpleNamespace(fullwidth=60), write_line=shown.append)
    print_wrapped(terminal, "word-word " * 30)  # type: ignore[arg-type]
    assert max(map(len, shown)) <= width
    assert " ".join(shown).split() == ["word-word"] * 30


def test_the_remark_on_an_error_is_its_last_line():
    error = "def test():\n>   raise ValueError\nE   ValueError: a wrong number\n\nclaims/tiny.py:3: ValueError"
    errors = [Unfinished("tiny.py::test_b", error)]
    claim = claim_result(id="tiny", paper="§4", statement="It is", errors=errors, asked={})
    assert table(claim)[1:] == ["    b: error: ValueError: a wrong number"]
