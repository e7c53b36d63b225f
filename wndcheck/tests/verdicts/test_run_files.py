"""A verdicts.json that another hand wrote or changed: refused by name, whichever command reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wndcheck.authoring.documents import RunError
from wndcheck.authoring.layout import refuse_misfits
from wndcheck.authoring.reading import read_verdicts
from wndcheck.authoring.runs import read_run
from wndcheck.authoring.seeding import STAMP, Series
from wndcheck.cli import main
from wndcheck.report.files import strict_json
from wndcheck.tests.verdictfiles import document, entry, found, write
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.expectations import FILE
from wndcheck.verdicts.statistics import at_most

SMALL = Check("the number", at_most(0))
MINUS_ONE = [-1.0, -1.1, -0.9, -1.05, -0.95]


def whole(seed: int = 0) -> dict[str, Any]:
    """A run of two claims as it comes out of the file; it fits."""
    one = entry(
        "one",
        found("one", "size[1]", SMALL, MINUS_ONE),
        found("one", "size[2]", SMALL, MINUS_ONE),
        found("one", "planted", SMALL, [-value for value in MINUS_ONE], control="refuted"),
        not_run=["other"],
    )
    return json.loads(strict_json(document(seed, one, entry("two", found("two", "size", SMALL, MINUS_ONE)))))


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


CHECK = ("claims", 0, "checks", 1)
THREE = "'supported', 'refuted' or 'inconclusive'"
MISFITS = {
    "seed-text": (put("base_seed", value="1"), 'base_seed is "1", expected a whole number from 0'),
    "seed-null": (put("base_seed", value=None), "base_seed is null, expected a whole number from 0"),
    "seed-true": (put("base_seed", value=True), "base_seed is true, expected a whole number from 0"),
    "seed-half": (put("base_seed", value=1.5), "base_seed is 1.5, expected a whole number from 0"),
    "seed-negative": (put("base_seed", value=-1), "base_seed is -1, expected a whole number from 0"),
    "seed-none": (dropped("base_seed"), "base_seed is missing, expected a whole number from 0"),
    "created-null": (put("created", value=None), "created is null, expected a time such as 2026-"),
    "created-word": (put("created", value="today"), 'created is "today", expected a time such as 2026-'),
    "selection": (put("selection", value=0), "selection is 0, expected true or false"),
    "problems": (put("problems", value="none"), 'problems is "none", expected a list, each item a text'),
    "environment": (put("environment", value={"cores": 2}), 'environment is {"cores": 2}, expected an object of texts'),
    "schema": (put("schema", value=True), "has schema True, expected 1"),
    "claims": (put("claims", value={"one": {}}), 'claims is {"one": {}}, expected a list of objects'),
    "claim": (put("claims", 1, value=["two"]), 'claims[1] is ["two"], expected an object'),
    "claim-twice": (doubled("claims"), 'claims[2].id is "one" a second time, expected each claim once'),
    "claim-verdict": (
        put("claims", 0, "verdict", value="maybe"),
        "claims[0].verdict is \"maybe\", expected 'supported', 'refuted', 'inconclusive', 'not run' or 'error'",
    ),
    "nested": (put("claims", 0, "checks", value=[[{}]]), "claims[0].checks[0] is [{}], expected an object"),
    "no-list": (put("claims", 0, "checks", value={}), "claims[0].checks is {}, expected a list of objects"),
    "controls": (put("claims", 0, "controls", value=None), "claims[0].controls is null, expected a list of objects"),
    "not-run": (put("claims", 0, "not_run", value=["other"]), 'claims[0].not_run[0] is "other", expected an object'),
    "errors": (put("claims", 0, "errors", value=[{}]), "claims[0].errors[0].test is missing, expected a text"),
    "mode": (dropped("mode"), "mode is missing, expected a text"),
    "seconds": (put("seconds", value={"run": "1"}), 'seconds is {"run": "1"}, expected an object of numbers or nulls'),
    "paper": (put("claims", 0, "paper", value=4), "claims[0].paper is 4, expected a text"),
    "about": (put("claims", 0, "about", value=None), "claims[0].about is null, expected a text"),
    "figures": (
        put("claims", 0, "figures", value="b1"),
        'claims[0].figures is "b1", expected a list, each item a text',
    ),
    "no-reason": (
        put("claims", 0, "not_run", value=[{"test": "other"}]),
        "claims[0].not_run[0].reason is missing, expected a text",
    ),
    "another's": (
        put(*CHECK, "claim", value="two"),
        'checks[1].claim is "two", expected "one", the claim it stands in',
    ),
    "check-twice": (
        doubled("claims", 0, "checks"),
        'claims[0].checks[2].check is "size[1]" a second time, expected each',
    ),
    "verdict": (put(*CHECK, "verdict", value="maybe"), f'claims[0].checks[1].verdict is "maybe", expected {THREE}'),
    "verdict-list": (put(*CHECK, "verdict", value=["refuted"]), f'checks[1].verdict is ["refuted"], expected {THREE}'),
    "control": (put("claims", 0, "controls", 0, "control", value="wrong"), 'controls[0].control is "wrong", expected'),
    "primary": (put(*CHECK, "primary", value="yes"), 'checks[1].primary is "yes", expected true or false'),
    "region-open": (
        put(*CHECK, "region", value=[None, None]),
        "checks[1].region is [null, null], expected a list of two",
    ),
    "region-turned": (
        put(*CHECK, "region", value=[2, 1]),
        "checks[1].region is [2, 1], expected a list of two ends in",
    ),
    "region-long": (put(*CHECK, "region", value=[0, 1, 2]), "checks[1].region is [0, 1, 2], expected a list of two"),
    "confidence": (put(*CHECK, "confidence", value=1), "checks[1].confidence is 1, expected a number between 0 and 1"),
    "estimate": (put(*CHECK, "estimate", value="-1"), 'checks[1].estimate is "-1", expected a number or null'),
    "decided-without-a-number": (
        put(*CHECK, "estimate", value=None),
        "checks[1].estimate is null, expected a number where the verdict is supported",
    ),
    "values": (
        put(*CHECK, "values", value=[1, "2"]),
        'checks[1].values is [1, "2"], expected a list, each item a number',
    ),
    "values-true": (put(*CHECK, "values", value=[True]), "checks[1].values is [true], expected a list, each item a"),
    "values-great": (put(*CHECK, "values", value=[10**400]), "checks[1].values is [1000"),
    "infinite": (put(*CHECK, "low", value=-inf), "checks[1].low is -Infinity, expected a number or null"),
    "expected": (
        put(*CHECK, "expected", value=["maybe"]),
        f'checks[1].expected is ["maybe"], expected a list, each item {THREE}',
    ),
}


@pytest.mark.parametrize("read", [read_verdicts, read_run])
@pytest.mark.parametrize("name", MISFITS)
def test_a_misfit_is_named_with_its_place_what_was_expected_and_what_to_type(tmp_path, name, read):
    change, said = MISFITS[name]
    change(fields := whole())
    (tmp_path / "verdicts.json").write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(RunError) as caught:
        read(tmp_path)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "verdicts.json"))
    assert said in message
    if name != "schema":
        assert message.endswith(f"run it again with `pytest claims/ -n auto --wnd-report={tmp_path}`")


def test_what_the_plugin_writes_fits():
    refuse_misfits(whole() | {"seconds": {"run": 1.5, "nets": None}})


def test_what_earlier_runs_lack_is_not_missed():
    fields = whole()
    for claim in fields["claims"]:
        del claim["about"], claim["figures"]
    refuse_misfits(fields)


@pytest.mark.parametrize("text", ["[" * 100_000, "3", '"verdicts"', "null"])
def test_what_is_no_object_is_refused(tmp_path, text):
    (tmp_path / "verdicts.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"is not a run's verdicts.json \((it holds .* an object|RecursionError: .*)\)"):
        read_run(tmp_path)


def test_report_and_compare_end_with_status_2(tmp_path):
    folders = [str(write(tmp_path / name, whole())) for name in "ab"]
    change, said = MISFITS["paper"]
    change(fields := whole())
    write(tmp_path / "b", fields)
    for arguments in (["report", folders[1]], ["compare", *folders]):
        outcome = CliRunner().invoke(main, arguments)
        assert (outcome.exit_code, outcome.stdout) == (2, ""), arguments
        assert f"{Path(folders[1]) / 'verdicts.json'} is not a run's verdicts.json ({said}" in outcome.stderr


@pytest.mark.parametrize(
    "name", ["seed-text", "seed-null", "seed-true", "created-null", "verdict", "nested", "claim-twice"]
)
def test_plan_and_expect_end_with_status_2(tmp_path, name):
    change, said = MISFITS[name]
    change(fields := whole(1))
    folders = [str(write(tmp_path / "a", whole())), str(write(tmp_path / "b", fields))]
    (tmp_path / FILE).touch()
    for command in ("plan", "expect"):
        outcome = CliRunner().invoke(main, [command, *folders, "--claims-folder", str(tmp_path)])
        assert (outcome.exit_code, outcome.stdout) == (2, ""), command
        assert isinstance(outcome.exception, SystemExit)
        assert f"{Path(folders[1]) / 'verdicts.json'} is not a run's verdicts.json ({said}" in outcome.stderr


def test_a_calibration_does_not_keep_a_run_that_does_not_fit(tmp_path):
    (tmp_path / "claims").mkdir()
    series = Series(tmp_path / "claims", "quick", tmp_path / "work")
    folder = write(series.folder(1), whole(1))
    (folder / STAMP).write_text(series.digest, encoding="utf-8")
    assert series.kept(1)
    write(folder, whole(1) | {"base_seed": True})  # equals 1 in Python
    assert series.kept(1) is None
    with pytest.raises(RunError, match="base_seed is true, expected a whole number from 0"):
        series.read(1)
