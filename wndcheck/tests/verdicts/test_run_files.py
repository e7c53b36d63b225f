"""verdicts.json: a run comes back from it as it was, and what is not a run's is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wndcheck.cli import main
from wndcheck.tests.factories import FAILS, HOLDS, make_claim, make_finding, make_run, write_run
from wndcheck.verdicts.checks import Cause, CauseKind, Verdict
from wndcheck.verdicts.run import Problem, ProblemKind, Run, RunError, decode_finding, encode, encode_finding, read_run


def whole_run() -> Run:
    """A run of two claims with everything that a run may hold."""
    one = make_claim(
        "one",
        make_finding("size[1]", claim="one", parameters={"layer": 1, "rho": 0.5, "activation": "relu"}),
        make_finding("size[2]", [nan, 0.001, *HOLDS], claim="one", untrained=1, expected=(Verdict.REFUTED,)),
        make_finding("one[3]", [0.5], claim="one"),
        make_finding("none[3]", [nan] * 4, claim="one"),
        make_finding("planted", FAILS, claim="one", must_be="refuted"),
        not_run=["other"],
        about="§4: as it says.",
        figures=("figure-pairs",),
    )
    problems = (Problem(ProblemKind.EXPECTATION, "an entry matches nothing"),)
    return make_run(one, make_claim("two", make_finding(claim="two")), problems=problems, seconds={"run": 1.5})


def whole() -> dict[str, Any]:
    """The run as it comes out of the file."""
    return json.loads(encode(whole_run()))


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    run = whole_run()
    folder = write_run(tmp_path, run)
    assert encode(read_run(folder)) == encode(run)
    assert read_run(folder / "verdicts.json").claims[1] == run.claims[1]
    one, none = (read_run(folder).findings["one", name] for name in ("one[3]", "none[3]"))
    assert (one.interval.low, one.interval.high, one.check.region.low) == (-inf, inf, -inf)
    assert isnan(none.interval.estimate)
    assert all(map(isnan, none.values))
    assert none.cause == Cause(CauseKind.NOT_MEASURED, 4, 4)


def test_a_finding_crosses_as_one_line_of_json() -> None:
    finding = make_finding("size[1]", [0.5])
    text = encode_finding(finding)
    assert "\n" not in text
    assert json.loads(text)["interval"]["high"] is None
    assert decode_finding(text) == finding


def put(*place: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets the field at a place."""

    def change(fields: Any) -> None:
        for step in place[:-1]:
            fields = fields[step]
        fields[place[-1]] = value

    return change


def doubled(*place: str | int) -> Callable[[dict[str, Any]], None]:
    """Has the first item of a list a second time at its end."""

    def change(fields: Any) -> None:
        for step in place:
            fields = fields[step]
        fields.append(fields[0])

    return change


def dropped(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda fields: fields.pop(name)


CLAIM = ("claims", 0)
CHECK = (*CLAIM, "checks", 2)
AT_CLAIM, AT_CHECK = "at `$.claims[0]", "at `$.claims[0].checks[2]"
MISFITS = {
    "seed-text": (put("base_seed", value="1"), "Expected `int`, got `str` - at `$.base_seed`"),
    "seed-null": (put("base_seed", value=None), "Expected `int`, got `null` - at `$.base_seed`"),
    "seed-true": (put("base_seed", value=True), "Expected `int`, got `bool` - at `$.base_seed`"),
    "seed-half": (put("base_seed", value=1.5), "Expected `int`, got `float` - at `$.base_seed`"),
    "seed-negative": (put("base_seed", value=-1), "base_seed is -1, expected 0 or more"),
    "seed-none": (dropped("base_seed"), "Object missing required field `base_seed`"),
    "net-seeds": (put("net_seeds", value=["a"]), "Expected `int`, got `str` - at `$.net_seeds[0]`"),
    "created-null": (put("created", value=None), "Expected `str`, got `null` - at `$.created`"),
    "created-word": (put("created", value="today"), "created is 'today', expected a time as 2026-11-23T12:00:00+00:00"),
    "selection": (put("selection", value=0), "Expected `bool`, got `int` - at `$.selection`"),
    "problems": (put("problems", value="none"), "Expected `array`, got `str` - at `$.problems`"),
    "problem": (put("problems", 0, "kind", value="x"), "Invalid enum value 'x' - at `$.problems[0].kind`"),
    "environment": (put("environment", value={"cores": 2}), "Expected `str`, got `int` - at `$.environment[...]`"),
    "schema": (put("schema", value=True), "schema is True, expected 2, that of this version"),
    "schema-1": (put("schema", value=1), "schema is 1, expected 2, that of this version"),
    "schema-none": (dropped("schema"), "schema is missing, expected 2, that of this version"),
    "claims": (put("claims", value={"one": {}}), "Expected `array`, got `object` - at `$.claims`"),
    "claim": (put("claims", 1, value=["two"]), "Expected `object`, got `array` - at `$.claims[1]`"),
    "claim-twice": (doubled("claims"), "claim 'one' is there twice, expected once"),
    "claim-verdict": (put(*CLAIM, "verdict", value="maybe"), f"Invalid enum value 'maybe' - {AT_CLAIM}.verdict`"),
    "claim-expected": (put(*CLAIM, "expected", value="error"), f"Invalid enum value 'error' - {AT_CLAIM}.expected`"),
    "nested": (put(*CLAIM, "checks", value=[[{}]]), f"Expected `object`, got `array` - {AT_CLAIM}.checks[0]`"),
    "no-list": (put(*CLAIM, "checks", value={}), f"Expected `array`, got `object` - {AT_CLAIM}.checks`"),
    "controls": (put(*CLAIM, "controls", value=None), f"Expected `array`, got `null` - {AT_CLAIM}.controls`"),
    "not-run": (put(*CLAIM, "not_run", value=["other"]), f"Expected `object`, got `str` - {AT_CLAIM}.not_run[0]`"),
    "errors": (put(*CLAIM, "errors", value=[{}]), f"Object missing required field `test` - {AT_CLAIM}.errors[0]`"),
    "no-reason": (
        put(*CLAIM, "not_run", value=[{"test": "other"}]),
        f"Object missing required field `reason` - {AT_CLAIM}.not_run[0]`",
    ),
    "mode": (dropped("mode"), "Object missing required field `mode`"),
    "mode-word": (put("mode", value="try"), "Invalid enum value 'try' - at `$.mode`"),
    "seconds": (put("seconds", value={"run": "1"}), "Expected `float`, got `str` - at `$.seconds[...]`"),
    "paper": (put(*CLAIM, "paper", value=4), f"Expected `str`, got `int` - {AT_CLAIM}.paper`"),
    "about": (put(*CLAIM, "about", value=None), f"Expected `str`, got `null` - {AT_CLAIM}.about`"),
    "figures": (put(*CLAIM, "figures", value="b1"), f"Expected `array`, got `str` - {AT_CLAIM}.figures`"),
    "claim-cause": (
        put(*CLAIM, "cause", value={"kind": "undecided_checks", "parts": {"bad": 1}}),
        "Invalid enum value 'bad' - at `key` in `$.claims[0].cause.parts`",
    ),
    "another's": (put(*CHECK, "claim", value="two"), "is a check of 'two', expected 'one' - at `$.claims[0]`"),
    "check-twice": (doubled(*CLAIM, "checks"), "is there twice, expected once - at `$.claims[0]`"),
    "verdict": (put(*CHECK, "verdict", value="maybe"), f"Invalid enum value 'maybe' - {AT_CHECK}.verdict`"),
    "verdict-list": (put(*CHECK, "verdict", value=["refuted"]), f"Expected `str`, got `array` - {AT_CHECK}.verdict`"),
    "cause": (put(*CHECK, "cause", value={"kind": "bad"}), f"Invalid enum value 'bad' - {AT_CHECK}.cause.kind`"),
    "cause-text": (
        put(*CHECK, "cause", value="not trained"),
        f"Expected `object | null`, got `str` - {AT_CHECK}.cause`",
    ),
    "outcome": (put(*CHECK, "outcome", value="ok"), f"Invalid enum value 'ok' - {AT_CHECK}.outcome`"),
    "parameters": (
        put(*CHECK, "parameters", value={"x": [1]}),
        f"Expected `int | float | str`, got `array` - {AT_CHECK}.parameters[...]`",
    ),
    "control": (
        put(*CLAIM, "controls", 0, "must_be", value="wrong"),
        f"Invalid enum value 'wrong' - {AT_CLAIM}.controls[0].must_be`",
    ),
    "primary": (
        put(*CHECK, "check", "primary", value="yes"),
        f"Expected `bool`, got `str` - {AT_CHECK}.check.primary`",
    ),
    "alpha": (
        put(*CHECK, "check", "alpha", value=2),
        f"alpha 2.0: expected a number between 0 and 1 - {AT_CHECK}.check`",
    ),
    "region-open": (
        put(*CHECK, "check", "region", value={"low": None, "high": None}),
        "region from -inf to inf: expected low <= high, at least one of them finite",
    ),
    "region-turned": (
        put(*CHECK, "check", "region", value={"low": 2, "high": 1}),
        "region from 2.0 to 1.0: expected low",
    ),
    "region-list": (
        put(*CHECK, "check", "region", value=[0, 1]),
        f"Expected `object`, got `array` - {AT_CHECK}.check.region`",
    ),
    "confidence": (
        put(*CHECK, "interval", "confidence", value=1),
        "confidence 1.0: expected n >= 0, 0 < confidence < 1",
    ),
    "n": (
        put(*CHECK, "interval", "n", value=-1),
        f"n -1, confidence 0.99: expected n >= 0, 0 < confidence < 1 - {AT_CHECK}",
    ),
    "estimate": (
        put(*CHECK, "interval", "estimate", value="-1"),
        f"Expected `float`, got `str` - {AT_CHECK}.interval.estimate`",
    ),
    "decided-without-a-number": (
        put(*CHECK, "interval", "estimate", value=None),
        "the estimate is missing, expected a number where the verdict is supported",
    ),
    "values": (put(*CHECK, "values", value=[1, "2"]), f"Expected `float`, got `str` - {AT_CHECK}.values[1]`"),
    "values-true": (put(*CHECK, "values", value=[True]), f"Expected `float`, got `bool` - {AT_CHECK}.values[0]`"),
    "values-great": (put(*CHECK, "values", value=[10**400]), f"Number out of range - {AT_CHECK}.values[0]`"),
    "infinite": (put(*CHECK, "interval", "low", value=-inf), "JSON is malformed: invalid character"),
    "expected": (put(*CHECK, "expected", value=["maybe"]), f"Invalid enum value 'maybe' - {AT_CHECK}.expected[0]`"),
}


def misfit(name: str) -> tuple[str, str]:
    """The text of a file with a misfit, and what is said of it."""
    change, complaint = MISFITS[name]
    change(fields := whole())
    return json.dumps(fields), complaint


@pytest.mark.parametrize("name", MISFITS)
def test_a_misfit_is_named_with_its_place_what_was_expected_and_what_to_type(tmp_path: Path, name: str) -> None:
    text, complaint = misfit(name)
    (tmp_path / "verdicts.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunError) as caught:
        read_run(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'verdicts.json'} is not a run's verdicts.json (")
    assert complaint in message
    assert message.endswith(f"run it again with `pytest claims/ -n auto --wnd-report={tmp_path}`")


@pytest.mark.parametrize("text", ["[" * 100_000, "3", '"verdicts"', "null", "", "{", "\0"])
def test_what_is_not_an_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "verdicts.json").write_text(text, encoding="utf-8")
    with pytest.raises(
        RunError, match=r"is not a run's verdicts.json \((Expected `object`|maximum rec|Input data|JSON is)"
    ):
        read_run(tmp_path)


def test_a_folder_without_a_run_is_refused_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"has no verdicts.json: name the folder of a report; `pytest claims/ -n auto`"):
        read_run(tmp_path)
    (tmp_path / "verdicts.json").mkdir()
    with pytest.raises(RunError, match=r"verdicts.json cannot be read \(Is a directory\)"):
        read_run(tmp_path)


def test_report_and_compare_end_with_status_2(tmp_path: Path) -> None:
    folders = [str(write_run(tmp_path / name, whole_run())) for name in "ab"]
    text, complaint = misfit("paper")
    (tmp_path / "b" / "verdicts.json").write_text(text, encoding="utf-8")
    for arguments in (["report", folders[1]], ["compare", *folders]):
        outcome = CliRunner().invoke(main, arguments)
        assert (outcome.exit_code, outcome.stdout) == (2, ""), arguments
        assert f"{Path(folders[1]) / 'verdicts.json'} is not a run's verdicts.json ({complaint}" in outcome.stderr


@pytest.mark.parametrize("command", ["plan", "expect"])
@pytest.mark.parametrize("name", ["seed-text", "created-word", "verdict", "nested", "claim-twice"])
def test_plan_and_expect_end_with_status_2(tmp_path: Path, name: str, command: str) -> None:
    folders = [str(write_run(tmp_path / each, whole_run())) for each in "ab"]
    text, complaint = misfit(name)
    (tmp_path / "b" / "verdicts.json").write_text(text, encoding="utf-8")
    (tmp_path / "expectations.toml").touch()
    outcome = CliRunner().invoke(main, [command, *folders, "--claims-folder", str(tmp_path)])
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert isinstance(outcome.exception, SystemExit)
    assert f"{Path(folders[1]) / 'verdicts.json'} is not a run's verdicts.json (" in outcome.stderr
    assert complaint in outcome.stderr
