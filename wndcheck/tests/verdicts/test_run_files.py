"""A verdicts.json that was changed by hand, or is not one: refused by name, whichever command reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import pytest

from wndcheck.authoring.seed_runs import STAMP, Series
from wndcheck.experiment.profiles import Scope
from wndcheck.tests.factories import make_claim, make_finding, make_run, write_run
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.expectations import FILE as EXPECTATIONS
from wndcheck.verdicts.run import Run
from wndcheck.verdicts.run_files import FILE, RunError, decode, encode, read_run
from wndcheck.verdicts.statistics import at_least

MINUS_ONE = [-1.0, -1.1, -0.9, -1.05, -0.95]
SHARE = Check("the share", at_least(0.5), False, Scope.LEVEL, alpha=0.05, unit="", replicate="experiments")


def whole(seed: int = 0) -> Run:
    """A run of two claims."""
    one = make_claim(
        "one",
        make_finding("size[1]", MINUS_ONE, claim="one"),
        make_finding("size[2]", MINUS_ONE, claim="one", parameters={"layer": 2, "name": "relu"}, untrained=1),
        make_finding("planted", [-value for value in MINUS_ONE], claim="one", must_be="refuted"),
        not_run=["other"],
    )
    return make_run(one, make_claim("two", make_finding("size", MINUS_ONE, claim="two")), base_seed=seed)


def document(seed: int = 0) -> dict[str, Any]:
    """The same as it comes out of the file."""
    return json.loads(encode(whole(seed)))


def change(fields: Any, *place: str | int, value: Any = None, drop: bool = False) -> None:
    """Set the field at a place, or drop it."""
    for step in place[:-1]:
        fields = fields[step]
    if drop:
        del fields[place[-1]]
    else:
        fields[place[-1]] = value


def places(value: Any, *above: str | int) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every place in a document, with its value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*above, key), item
        yield from places(item, *above, key)


def test_every_field_has_a_type_and_a_misfit_is_named_by_its_place() -> None:
    for place, value in places(document()):
        change(fields := document(), *place, value=3 if isinstance(value, dict) else {"not": "so"})
        with pytest.raises(ValueError, match=r"at `|schema is") as caught:
            decode(json.dumps(fields).encode())
        assert str(place[0]) in str(caught.value), place


CHECK = ("claims", 0, "checks", 1)
AT = "claims[0].checks[1]"
LEFT = json.loads(encode(make_claim("two", left=["level"]).left[0]))
MISFITS = {  # by name: the place, the value, what is wrong, and where
    "seed-true": (("base_seed",), True, "Expected `int`, got `bool`", "base_seed"),
    "seed-negative": (("base_seed",), -1, "base_seed is -1, expected 0 or more", ""),
    "created-word": (("created",), "today", "created is 'today', expected a time such as 2026-01-31T12:00:00Z", ""),
    "problem-kind": (
        ("problems",),
        [{"kind": "other", "text": ""}],
        "Invalid enum value 'other'",
        "problems[0].kind",
    ),
    "schema": (("schema",), True, "schema is True, expected 3, that of this version", ""),
    "schema-2": (("schema",), 2, "schema is 2, expected 3, that of this version", ""),
    "claim-twice": (("claims", 1), document()["claims"][0], "claim 'one' appears twice, expected once", ""),
    "claim-verdict": (("claims", 0, "verdict"), "maybe", "Invalid enum value 'maybe'", "claims[0].verdict"),
    "another's": ((*CHECK, "claim"), "two", "size[2] is a check of 'two', expected 'one'", "claims[0]"),
    "check-twice": ((*CHECK, "name"), "size[1]", "check 'size[1]' appears twice, expected once", "claims[0]"),
    "region-open": (
        (*CHECK, "check", "region"),
        {"low": None, "high": None},
        "region from -inf to inf: expected low <= high",
        f"{AT}.check.region",
    ),
    "region-turned": (
        (*CHECK, "check", "region"),
        {"low": 2, "high": 1},
        "region from 2.0 to 1.0: expected low <= high",
        f"{AT}.check.region",
    ),
    "alpha": ((*CHECK, "check", "alpha"), 1, "alpha 1.0: expected a number between 0 and 1", f"{AT}.check"),
    "confidence": (
        (*CHECK, "interval", "confidence"),
        1,
        "n 5, confidence 1.0: expected n >= 0, 0 < confidence < 1",
        f"{AT}.interval",
    ),
    "n": (
        (*CHECK, "interval", "n"),
        -1,
        "n -1, confidence 0.99: expected n >= 0, 0 < confidence < 1",
        f"{AT}.interval",
    ),
    "decided-without-a-number": (
        (*CHECK, "interval", "estimate"),
        None,
        "the estimate is missing, expected a number where the verdict is supported",
        AT,
    ),
    "interval-turned": (
        (*CHECK, "interval"),
        {"estimate": 0.0, "low": 9.0, "high": -9.0, "n": 8, "confidence": 0.99},
        "interval from 9.0 to -9.0: expected low <= high",
        f"{AT}.interval",
    ),
    "m": ((*CHECK, "m"), 3, "strict is an interval of 99.5000%, expected 99.6667% with m 3", AT),
    "strict-missing": ((*CHECK, "strict"), None, "strict is an interval of 99.0000%, expected 99.5000% with m 2", AT),
    "asked": (
        ("claims", 0, "asked"),
        {"trend": 3},
        "m of size[1] is not 3, the number of primary checks asked",
        "claims[0]",
    ),
    "asked-other": (("claims", 0, "asked"), {"level": 2}, "2 primary checks of trend, expected at most 0", "claims[0]"),
    "left-all": (
        ("claims", 1, "left"),
        [LEFT],
        "whole is True, which contradicts the checks that are left",
        "claims[1]",
    ),
    "whole": (("claims", 1, "whole"), False, "whole is False, which contradicts the checks that are left", "claims[1]"),
    "left-and-found": (
        ("claims", 0, "left"),
        [LEFT | {"name": "size[2]"}],
        "check 'size[2]' appears twice, expected once",
        "claims[0]",
    ),
    "claim-refuted": (
        ("claims", 1, "verdict"),
        "refuted",
        "verdict refuted and its cause contradict its checks, which give inconclusive",
        "claims[1]",
    ),
    "cause": (
        ("claims", 0, "cause"),
        {"kind": "no_control"},
        "verdict inconclusive and its cause contradict its checks, which give inconclusive",
        "claims[0]",
    ),
    "check-refuted": (
        ("claims", 1, "checks", 0, "verdict"),
        "refuted",
        "verdict supported and its cause contradict its checks, which give inconclusive",
        "claims[1]",
    ),
    "no-checks": (
        ("claims", 1, "checks"),
        [],
        "verdict supported and its cause contradict its checks, which give inconclusive",
        "claims[1]",
    ),
    "value-true": ((*CHECK, "values"), [True], "Expected `float`, got `bool`", f"{AT}.values[0]"),
    "value-great": ((*CHECK, "values"), [10**400], "Number out of range", f"{AT}.values[0]"),
    "infinite": ((*CHECK, "interval", "low"), -inf, "JSON is malformed: invalid character", ""),
}


@pytest.mark.parametrize("name", MISFITS)
def test_the_message_on_a_misfit(tmp_path: Path, name: str) -> None:
    at, value, message, place = MISFITS[name]
    change(fields := document(), *at, value=value)
    (tmp_path / FILE).write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(RunError) as caught:
        read_run(tmp_path)
    again = f"run it again with `pytest claims/ -n auto --wnd-report={tmp_path}`"
    assert str(caught.value).startswith(f"{tmp_path / FILE} is not a run's verdicts.json ({message}")
    assert not place or f" - at `$.{place}`): " in str(caught.value)
    assert str(caught.value).endswith(f"): {again}")


@pytest.mark.parametrize("place", [("schema",), ("mode",), (*CHECK, "interval"), ("claims", 0, "not_run", 0, "reason")])
def test_a_missing_field_is_named(place: tuple[str | int, ...]) -> None:
    change(fields := document(), *place, drop=True)
    with pytest.raises(ValueError, match=f"missing required field `{place[-1]}`|{place[-1]} is missing, expected 3"):
        decode(json.dumps(fields).encode())


@pytest.mark.parametrize("field", ["errors", "not_run"])
def test_a_verdict_without_the_tests_that_gave_it_is_refused(field: str) -> None:
    claim = make_claim("one", make_finding("a", claim="one"), **{field: ["b"]})
    fields = json.loads(encode(make_run(claim)))
    del fields["claims"][0][field]  # an optional field
    with pytest.raises(ValueError, match="contradict its checks, which give"):
        decode(json.dumps(fields).encode())


def test_a_refutation_without_a_strict_interval_outside_is_refused() -> None:
    claim = make_claim("one", *(make_finding(name, [1.0] * 8, claim="one", m=2) for name in "ab"))
    fields = json.loads(encode(make_run(claim)))
    assert decode(json.dumps(fields).encode()).claims[0].verdict == "refuted"
    for check in fields["claims"][0]["checks"]:
        check["strict"]["low"] = 0
    with pytest.raises(ValueError, match="verdict refuted and its cause contradict its checks, which give inconclus"):
        decode(json.dumps(fields).encode())


def test_a_run_survives_a_round_trip(tmp_path: Path) -> None:
    run = whole(3)
    assert read_run(write_run(tmp_path, run)) == run
    assert read_run(tmp_path / FILE) == run


def test_nan_and_infinity_survive_a_round_trip(tmp_path: Path) -> None:
    """Open regions, unbounded intervals, and values, estimates and seconds that are missing."""
    low = make_finding("low", [-1.0, nan, -0.9, -1.1, -1.05], claim="one")
    level = make_finding("level", [nan] * 4, SHARE, claim="one")
    run = make_run(make_claim("one", low, level, left=["widest"]), seconds={"run": 1.5, "nets": nan})
    back = read_run(write_run(tmp_path, run))
    assert back.findings["one", "level"].check == SHARE
    assert isnan(back.findings["one", "level"].interval.estimate)
    assert (back.findings["one", "level"].interval.low, back.findings["one", "level"].interval.high) == (-inf, inf)
    assert isnan(back.findings["one", "low"].values[1])
    assert isnan(back.seconds["nets"])
    assert back.seconds["run"] == 1.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "RecursionError|recursion"),
        (b"3", "got `int`"),
        (b'"verdicts"', "got `str`"),
        (b"null", "got `null`"),
        (b"[1, 2", "truncated"),
        (b"", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b"{}", "schema is missing, expected 3"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(RunError, match=rf"is not a run's verdicts.json \(.*({message})"):
        read_run(tmp_path)


def test_a_folder_without_a_run_says_what_to_type(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "nowhere" / FILE):
        with pytest.raises(RunError, match=r"has no verdicts.json: name the folder of a report; `pytest claims/"):
            read_run(path)
    (tmp_path / FILE).mkdir()
    with pytest.raises(RunError, match=r"cannot be read \(Is a directory\): name the folder of a report"):
        read_run(tmp_path)


@pytest.mark.parametrize("name", ["seed-true", "created-word", "claim-twice"])
@pytest.mark.parametrize("command", ["report", "compare", "plan", "expect"])
def test_commands_that_read_runs_end_with_status_2(cli, tmp_path: Path, command: str, name: str) -> None:
    at, value, message, _ = MISFITS[name]
    change(fields := document(1), *at, value=value)
    folders = [write_run(tmp_path / "a", whole()), write_run(tmp_path / "b", whole(1))]
    (folders[1] / FILE).write_text(json.dumps(fields), encoding="utf-8")
    (tmp_path / EXPECTATIONS).touch()
    options = [] if command in ("compare", "report") else ["--claims-folder", tmp_path]
    outcome = cli(command, *(folders[1:] if command == "report" else folders), *options)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert f"{folders[1] / FILE} is not a run's verdicts.json ({message}" in outcome.stderr


def test_a_calibration_does_not_keep_a_run_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    series = Series(tmp_path / "claims", "quick", tmp_path / "work")
    folder = write_run(series.folder(1), whole(1))
    (folder / STAMP).write_text(series.digest, encoding="utf-8")
    assert series.kept(1)
    (folder / FILE).write_text(json.dumps(document(1) | {"base_seed": True}), encoding="utf-8")  # equals 1 in Python
    assert series.kept(1) is None
    with pytest.raises(RunError, match="Expected `int`, got `bool` - at "):
        series.read(1)
