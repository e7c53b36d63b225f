"""`wndcheck plan` as a user meets it."""

from __future__ import annotations

import json
from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from wndcheck.authoring.power import nets_needed, normal_rates
from wndcheck.cli import main
from wndcheck.store.measurements import Store
from wndcheck.tests.tiny import TINY_CELL, random_measurement
from wndcheck.tests.verdictfiles import document, entry, found, write
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.statistics import at_most

SMALL = Check("the number", at_most(0))
LEVEL = Check("the level", at_most(0), level=True)
ALIKE = Check("ensembles' number", at_most(0), replicate="ensembles")
EXPERIMENT = Check("the bias", at_most(0), replicate="experiments")
SECOND = Check("another number", at_most(0), primary=False)
ENSEMBLE = replace(TINY_CELL, seeds=tuple(range(6)), ensembles=2)
CLAIM_FILE = """
from wndcheck.tests.cli.test_plan import ENSEMBLE, TINY_CELL
from wndcheck.verdicts.checks import Claim

CLAIM = Claim("{id}", "§4", "The number is small", lambda profile, base_seed: {cells})


def test_number(decide): ...
"""


def values(mean: float, seed: int = 0) -> np.ndarray:
    """Eight values of that mean, of standard deviation 1."""
    sample = np.random.default_rng(seed).standard_normal(8)
    return mean + (sample - sample.mean()) / sample.std(ddof=1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a report, claims and a store, where the command is typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "store"))
    one = entry(
        "one",
        found("one", "easy", SMALL, values(-9)),
        found("one", "hard[relu-1]", SMALL, values(-0.8)),
        found("one", "level", LEVEL, values(-0.1), decides_levels=False),
        found("one", "second", SECOND, values(-0.1)),
        found("one", "planted", SMALL, values(9), control="refuted"),
    )
    two = entry("two", found("two", "ensembles", ALIKE, values(-0.8)), found("two", "level", LEVEL, values(0)))
    three = entry("three", found("three", "bias", EXPERIMENT, values(-0.8)))
    four = entry("four", found("four", "level", LEVEL, values(0), decides_levels=False), not_run=["size"])
    write(tmp_path / "reports" / "latest", document(0, one, two, three, four))
    (tmp_path / "claims").mkdir()
    for name, cells in (("one", "(TINY_CELL, ENSEMBLE)"), ("two", "(TINY_CELL, ENSEMBLE)"), ("three", "()")):
        text = CLAIM_FILE.format(id=name, cells=cells)
        (tmp_path / "claims" / f"{name}.py").write_text(text, encoding="utf-8")
    return tmp_path


def saved(here: Path) -> None:
    """Measurements of 60 s and 300 s, two replicates each."""
    for cell, seconds in ((TINY_CELL, 60.0), (ENSEMBLE, 300.0)):
        told = {"seconds": {"training": seconds - 10, "measuring": 10.0}}
        Store(here / "store", pytest.fail).save(replace(random_measurement(cell), provenance=told))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["plan", *map(str, arguments)])


def checks(*arguments: object) -> dict[tuple[str, str], dict]:
    outcome = run("--json", *arguments)
    assert (outcome.exit_code, outcome.stderr) == (0, ""), outcome.output
    return {(line["claim"], line["check"]): line for line in json.loads(outcome.stdout)["checks"]}


def test_help_explains_options_and_exit_status():
    text = run("--help").output
    assert all(word in text for word in ("--all", "--json", "--claims-folder", "--workers", "--store", "RUN_DIR"))
    assert "Exit status: 0; 2 if" in " ".join(text.split())


def test_the_neediest_primary_check_of_each_claim_is_shown(here):
    outcome = run("--workers=2")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    head, *rows, basis = outcome.stdout.splitlines()
    assert head.split()[:2] == ["claim", "check"]
    assert [row.split()[:2] for row in rows] == [
        ["four", "level"],
        ["one", "hard[relu-1]"],
        ["three", "bias"],
        ["two", "level"],
    ]
    needed = str(nets_needed(SMALL, -0.8, 1))
    assert rows[1].split()[2:] == ["-0.8", "±", "1", "≤", "0", "8", *shares(-0.8), "0.5", "%", needed, "unknown"]
    assert rows[0].split()[-6:] == ["–", "–", "–", "not", "decided", "–"]
    assert rows[3].split()[-3:] == [">", "10,000", "unknown"]
    assert basis == "Profile quick, base seed 0. Probabilities are of one more run of n; minutes are for 2 workers."


def shares(mean: float) -> list[str]:
    rates = normal_rates(SMALL, mean, 1, 8)
    known = (rates.supported, rates.refuted, rates.inconclusive)
    return [word for rate in known for word in ("< 0.1 %" if rate < 0.0005 else f"{100 * rate:.3g} %").split()]


def test_all_shows_every_check_but_no_control(here):
    rows = run("--all", "--workers=1").stdout.splitlines()[1:-1]
    names = {tuple(row.split()[:2]) for row in rows}
    assert {("one", "easy"), ("one", "second"), ("one", "level"), ("two", "ensembles")} < names
    assert ("one", "planted") not in names
    assert len(rows) == 8


def test_json_has_the_numbers_behind_it(here):
    hard = checks()["one", "hard[relu-1]"]
    rates = normal_rates(SMALL, -0.8, 1, 8)
    assert hard["supported"] == pytest.approx(rates.supported)
    assert hard["inconclusive"] == pytest.approx(rates.inconclusive)
    assert hard["wrong_worst"] == pytest.approx(0.005, rel=1e-3)
    assert hard["region"] == [None, 0]
    assert (hard["n"], hard["runs"], hard["needed"], hard["minutes"]) == (8, 1, nets_needed(SMALL, -0.8, 1), None)
    level = checks()["two", "level"]
    assert (level["needed"], level["needed_is_beyond"], level["decided_by_profile"]) == (None, True, True)
    assert checks()["four", "level"]["decided_by_profile"] is False


def test_minutes_are_those_of_the_nets_lacking(here):
    saved(here)
    needed = nets_needed(SMALL, -0.8, 1)
    assert needed
    found_ = checks("--workers=2")
    # 30 s a net and 150 s an ensemble, on two workers.
    assert found_["one", "hard[relu-1]"]["minutes"] == pytest.approx(30 * (needed - 8) / 2 / 60)
    assert found_["two", "ensembles"]["minutes"] == pytest.approx(150 * (needed - 8) / 2 / 60)
    assert found_["one", "easy"]["minutes"] == 0
    assert found_["three", "bias"]["minutes"] is None
    assert found_["two", "level"]["minutes"] is None
    shown = run("--workers=1").stdout.splitlines()[2].split()[-1]
    assert shown == f"{30 * (needed - 8) / 60:.1f}"


def test_minutes_are_unknown_where_the_store_cannot_be_trusted(here):
    saved(here)
    path = Store(here / "store").path(TINY_CELL)
    path.write_bytes(b"PK half")
    assert checks()["one", "hard[relu-1]"]["minutes"] is None
    assert checks()["two", "ensembles"]["minutes"] is not None
    assert path.exists()  # a command that only looks puts nothing aside
    assert checks("--claims-folder=nowhere")["two", "ensembles"]["minutes"] is None


def test_values_of_several_runs_are_pooled(here):
    other = json.loads((here / "reports" / "latest" / "verdicts.json").read_text(encoding="utf-8"))
    (of_one,) = (fields for fields in other["claims"] if fields["id"] == "one")
    (changed,) = (fields for fields in of_one["checks"] if fields["check"] == "hard[relu-1]")
    changed["values"] = list(values(-1, seed=2))
    write(here / "other", other | {"base_seed": 1})
    hard = checks("reports/latest", "other/verdicts.json")["one", "hard[relu-1]"]
    assert (hard["runs"], hard["n"]) == (2, 8)
    assert hard["estimate"] == pytest.approx(-0.9)
    assert "base seeds 0 and 1." in run("reports/latest", "other").stdout


def test_where_there_is_no_measurement_no_nets_are_named(here):
    """Three of eight values are lacking in both runs: more nets would lack as many."""
    for seed in (0, 1):
        gaps = [*values(-0.8, seed)[:5], nan, nan, nan]
        five = entry("five", found("five", "size", SMALL, gaps), found("five", "second", SECOND, gaps))
        write(here / f"run{seed}", document(seed, five, entry("one", found("one", "easy", SMALL, values(-9)))))
    size = checks("run0", "run1")["five", "size"]
    assert (size["hindered_by"], size["needed"], size["needed_is_beyond"], size["minutes"]) == (
        "no measurement",
        None,
        False,
        None,
    )
    assert size["inconclusive"] is None
    assert checks("run0", "run1")["one", "easy"]["hindered_by"] is None
    _, five, easy, *basis = run("run0", "run1", "--workers=2").stdout.splitlines()
    assert five.split()[:2] == ["five", "size"]
    assert five.split()[-7:] == ["–", "–", "–", "–", "no", "measurement", "–"]
    assert easy.split()[-2:] == ["4", "0.0"]
    assert " ".join(basis).endswith("for 2 workers. More nets do not help where it says: no measurement.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere has no verdicts.json: name the folder of a report"),
        (["reports/latest", "reports/latest"], "both have the base seed 0: run `pytest claims/` with another"),
        (["reports/latest", "full"], "runs of the profiles full and quick: name runs of one profile"),
        (["--workers=0"], "0 is not in the range"),
        (["--claims-folder=broken"], "does not import: ZeroDivisionError: division by zero; see `pytest"),
    ],
    ids=["missing", "twice", "profiles", "workers", "claims"],
)
def test_a_wrong_command_line_ends_with_status_2(here, arguments, said):
    write(here / "full", document(1, profile="full"))
    (here / "broken").mkdir()
    (here / "broken" / "claim.py").write_text("1 / 0\n", encoding="utf-8")
    outcome = run(*arguments)
    assert outcome.exit_code == 2
    assert said in " ".join(outcome.stderr.split())


def test_without_a_report_it_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run()
    assert outcome.exit_code == 2
    assert "reports/latest has no verdicts.json" in outcome.stderr
    assert "pytest claims/ -n auto" in outcome.stderr
