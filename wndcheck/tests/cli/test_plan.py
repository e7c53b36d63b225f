"""`wndcheck plan` as a user meets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest

from wndcheck.authoring.power import nets_needed, normal_rates
from wndcheck.experiment.families import FAMILIES, Family
from wndcheck.report.format import percent
from wndcheck.store.measurements import Store
from wndcheck.tests.factories import make_claim, make_finding, make_run, write_run
from wndcheck.tests.tiny import TINY_CELL, random_measurement
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.run import ClaimResult
from wndcheck.verdicts.statistics import at_most

SMALL = Check("the number", at_most(0))
LEVEL = Check("the level", at_most(0), level=True)
ENSEMBLES = Check("ensembles' number", at_most(0), replicate="ensembles")
EXPERIMENTS = Check("the bias", at_most(0), replicate="experiments")
SECOND = Check("another number", at_most(0), primary=False)
ENSEMBLE = replace(TINY_CELL, seeds=tuple(range(6)), ensembles=2)
NEEDED = nets_needed(SMALL, -0.8, 1) or 0
CLAIM_FILE = """
from wndcheck.pytest_plugin.declarations import check
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.statistics import at_most

CLAIM = Claim("§4", "The number is small", families={families})


@check(Check("the number", at_most(0)))
def test_number(decide): ...
"""


def sample(mean: float, seed: int = 0) -> np.ndarray:
    """Eight values of that mean, of standard deviation 1."""
    values = np.random.default_rng(seed).standard_normal(8)
    return mean + (values - values.mean()) / values.std(ddof=1)


def claim(id: str, **checks: tuple[Check, np.ndarray]) -> ClaimResult:
    return make_claim(id, *(make_finding(name, values, check, claim=id) for name, (check, values) in checks.items()))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a report, claims and a store, where the command is typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "store"))
    for name, cell in (("tiny nets", TINY_CELL), ("tiny ensembles", ENSEMBLE)):
        monkeypatch.setitem(FAMILIES, name, Family(name, "tiny", lambda profile, base_seed, cell=cell: (cell,)))
    one = make_claim(
        "one",
        make_finding("easy", sample(-9), SMALL, claim="one"),
        make_finding("hard[relu-1]", sample(-0.8), SMALL, claim="one"),
        make_finding("level", sample(-0.1), LEVEL, claim="one", decides_levels=False),
        make_finding("second", sample(-0.1), SECOND, claim="one"),
        make_finding("planted", sample(9), SMALL, claim="one", must_be="refuted"),
    )
    two = claim("two", ensembles=(ENSEMBLES, sample(-0.8)), level=(LEVEL, sample(0)))
    three = claim("three", bias=(EXPERIMENTS, sample(-0.8)))
    undecided = make_finding("level", sample(0), LEVEL, claim="four", decides_levels=False)
    four = make_claim("four", undecided, not_run=["size"])
    write_run(tmp_path / "reports" / "latest", make_run(one, two, three, four))
    (tmp_path / "claims").mkdir()
    both = ("tiny nets", "tiny ensembles")
    for name, families in (("one", both), ("two", both), ("three", ())):
        (tmp_path / "claims" / f"{name}.py").write_text(CLAIM_FILE.format(families=families), encoding="utf-8")
    return tmp_path


@pytest.fixture
def planned(cli) -> Callable[..., dict[tuple[str, str], list[str]]]:
    """The rows of the table, as words after the names of claim and check."""

    def run(*arguments: object) -> dict[tuple[str, str], list[str]]:
        outcome = cli("plan", "--workers=2", *arguments)
        assert (outcome.exit_code, outcome.stderr) == (0, ""), outcome.output
        rows = [line.split() for line in outcome.stdout.splitlines()[1:]]
        return {(row[0], row[1]): row[2:] for row in rows[: [row[0] for row in rows].index("Profile")]}

    return run


def measure(here: Path) -> None:
    """Save measurements of 60 s and 300 s, two replicates each."""
    for cell, seconds in ((TINY_CELL, 60.0), (ENSEMBLE, 300.0)):
        provenance = {"seconds": {"training": seconds - 10, "measuring": 10.0}}
        Store(here / "store", pytest.fail).save(replace(random_measurement(cell), provenance=provenance))


def test_help_explains_options_and_exit_status(cli):
    text = cli("plan", "--help").output
    assert all(word in text for word in ("--all", "--claims-folder", "--workers", "--store", "RUN_DIR"))
    assert "Exit status: 0; 2 if" in " ".join(text.split())


def test_the_neediest_primary_check_of_each_claim_is_shown(cli, here, planned):
    rows = planned()
    assert list(rows) == [("four", "level"), ("one", "hard[relu-1]"), ("three", "bias"), ("two", "level")]
    inconclusive = percent(normal_rates(SMALL, -0.8, 1, 8).inconclusive).split()
    hard = ["-0.8", "±", "1", "≤", "0", "8", *inconclusive, str(NEEDED), "unknown"]
    assert rows["one", "hard[relu-1]"] == hard
    assert rows["four", "level"][-4:] == ["–", "not", "decided", "–"]
    assert rows["two", "level"][-3:] == [">", "10,000", "unknown"]
    basis = cli("plan", "--workers=2").stdout.splitlines()[-1]
    assert basis == "Profile quick, base seed 0; minutes are for 2 workers."


def test_all_shows_every_check_but_no_control(here, planned):
    rows = planned("--all")
    assert {("one", "easy"), ("one", "second"), ("one", "level"), ("two", "ensembles")} < rows.keys()
    assert ("one", "planted") not in rows
    assert len(rows) == 8


def test_minutes_are_those_of_the_nets_lacking(here, planned):
    measure(here)
    rows = {key: row[-1] for key, row in planned("--all").items()}
    # 30 s a net and 150 s an ensemble, on two workers.
    assert rows["one", "hard[relu-1]"] == f"{30 * (NEEDED - 8) / 2 / 60:.1f}"
    assert rows["two", "ensembles"] == f"{150 * (NEEDED - 8) / 2 / 60:.1f}"
    assert rows["one", "easy"] == "0.0"
    assert rows["three", "bias"] == rows["two", "level"] == "unknown"


def test_minutes_are_unknown_where_the_store_cannot_be_trusted(here, planned):
    measure(here)
    path = Store(here / "store").path(TINY_CELL)
    path.write_bytes(b"PK half")
    rows = planned("--all")
    assert rows["one", "hard[relu-1]"][-1] == "unknown"
    assert rows["two", "ensembles"][-1] != "unknown"
    assert path.exists()  # a command that only looks puts nothing aside
    assert planned("--all", "--claims-folder=nowhere")["two", "ensembles"][-1] == "unknown"


def test_values_of_several_runs_are_pooled(cli, here, planned):
    for seed, mean in enumerate((-0.8, -1)):
        write_run(here / f"run{seed}", make_run(claim("one", hard=(SMALL, sample(mean, seed))), base_seed=seed))
    row = planned("run0", "run1/verdicts.json")["one", "hard"]
    assert (row[0], row[5]) == ("-0.9", "8")
    assert "base seeds 0 and 1;" in cli("plan", "run0", "run1").stdout


def test_no_nets_are_named_where_more_of_them_would_not_help(cli, here, planned):
    """Three of eight values are lacking in both runs: more nets would lack as many."""
    for seed in (0, 1):
        gaps = np.array([*sample(-0.8, seed)[:5], nan, nan, nan])
        run = make_run(claim("five", size=(SMALL, gaps)), claim("one", easy=(SMALL, sample(-9))), base_seed=seed)
        write_run(here / f"run{seed}", run)
    rows = planned("run0", "run1")
    assert rows["five", "size"][-4:] == ["–", "not", "measured", "–"]
    assert rows["one", "easy"][-2:] == ["4", "0.0"]
    basis = " ".join(cli("plan", "run0", "run1").stdout.split())
    assert basis.endswith("More nets do not help where it says: not measured.")


def test_of_one_value_nothing_is_known(here, planned):
    write_run(here / "run", make_run(claim("one", size=(SMALL, np.array([-1.0])))))
    assert planned("run")["one", "size"][-3:] == ["–", "–", "unknown"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere has no verdicts.json: name the folder of a report"),
        (["reports/latest", "reports/latest"], "both have the base seed 0: run `pytest claims/` with another"),
        (["reports/latest", "full"], "runs of the profiles full and quick: name runs of one profile"),
        (["--workers=0"], "0 is not in the range"),
        (["--claims-folder=broken"], "does not import: ZeroDivisionError: division by zero; see `pytest"),
    ],
    ids=["missing", "twice", "profiles", "workers", "claims"],
)
def test_a_wrong_command_line_ends_with_status_2(cli, here, arguments, message):
    write_run(here / "full", make_run(base_seed=1, profile="full"))
    (here / "broken").mkdir()
    (here / "broken" / "claim.py").write_text("1 / 0\n", encoding="utf-8")
    outcome = cli("plan", *arguments)
    assert outcome.exit_code == 2
    assert message in " ".join(outcome.stderr.split())


def test_without_a_report_it_says_how_to_make_one(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = cli("plan")
    assert outcome.exit_code == 2
    assert "reports/latest has no verdicts.json" in outcome.stderr
    assert "pytest claims/ -n auto" in outcome.stderr
