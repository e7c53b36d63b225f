"""`wndcheck plan` as a user meets it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import nan
from pathlib import Path

import msgspec
import numpy as np
import pytest

from wndcheck.experiment.families import FAMILIES, Family
from wndcheck.experiment.profiles import Scope
from wndcheck.report.format import percent
from wndcheck.store.measurements import Store
from wndcheck.tests.factories import make_claim, make_finding, make_run, write_run
from wndcheck.tests.tiny import TINY_CELL, random_measurement
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.power import nets_needed, normal_rates
from wndcheck.verdicts.run import ClaimResult
from wndcheck.verdicts.statistics import at_most

SMALL = Check("the number", at_most(0))
LEVEL = Check("the level", at_most(0), scope=Scope.LEVEL)
ENSEMBLES = Check("ensembles' number", at_most(0), replicate="ensembles")
EXPERIMENTS = Check("the bias", at_most(0), replicate="experiments")
SECOND = Check("another number", at_most(0), primary=False)
ENSEMBLE = replace(TINY_CELL, seeds=tuple(range(6)), ensembles=2)
NEEDED = nets_needed(SMALL, -0.8, 1)
CLAIM_FILE = """
from wndcheck.pytest_plugin.declarations import check
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.statistics import at_most

CLAIM = Claim("§4", "The number is small", families=("tiny nets", "tiny ensembles"))


@check(Check("the number", at_most(0)))
def test_number(decide): ...
"""


def sample(mean: float, seed: int = 0) -> np.ndarray:
    """Eight values of that mean, of standard deviation 1."""
    values = np.random.default_rng(seed).standard_normal(8)
    return mean + (values - values.mean()) / values.std(ddof=1)


def claim(id: str, not_run: Sequence[str] = (), **checks: tuple[Check, np.ndarray]) -> ClaimResult:
    """A claim with checks and, by this name, the control `planted`; ``hard__1`` is the check ``hard[1]``."""
    findings = []
    for key, (check, values) in checks.items():
        must_be = "refuted" if key == "planted" else None
        name = re.sub("__(.*)", r"[\1]", key)
        findings.append(make_finding(name, values, check, claim=id, must_be=must_be))
    return make_claim(id, *findings, not_run=not_run)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a report, claims and a store, the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "store"))
    for name, cell in (("tiny nets", TINY_CELL), ("tiny ensembles", ENSEMBLE)):
        monkeypatch.setitem(FAMILIES, name, Family(name, "tiny", lambda profile, base_seed, cell=cell: (cell,)))
    hard, nearly = sample(-0.8), sample(-0.1)
    checks = {"easy": (SMALL, sample(-9)), "hard__1": (SMALL, hard), "level": (LEVEL, sample(-9))}
    one = claim("one", **checks, second=(SECOND, nearly), planted=(SMALL, sample(9)))
    two = claim("two", ensembles=(ENSEMBLES, hard), level=(LEVEL, sample(0)))
    three = claim("three", bias=(EXPERIMENTS, hard))
    four = claim("four", ["size"], level=(LEVEL, np.array([np.nan] * 4 + [1.0] * 4)))
    write_run(tmp_path / "reports" / "latest", make_run(one, two, three, four))
    (tmp_path / "claims").mkdir()
    for name in ("one", "two", "three"):
        (tmp_path / "claims" / f"{name}.py").write_text(CLAIM_FILE, encoding="utf-8")
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


def test_the_neediest_primary_check_of_each_claim_is_shown(cli, here, planned):
    rows = planned()
    assert list(rows) == [("four", "level"), ("one", "hard[1]"), ("three", "bias"), ("two", "level")]
    inconclusive = percent(normal_rates(SMALL, -0.8, 1, 8).inconclusive).split()
    assert rows["one", "hard[1]"] == ["≤", "0", "nats", "8", "nets", "-0.8", "1", *inconclusive, f"{NEEDED:.0f}", "–"]
    assert rows["four", "level"][-4:] == ["–", "not", "measured", "–"]
    assert rows["two", "level"][-3:] == [">", "10,000", "–"]
    basis = " ".join(cli("plan", "--workers=2").stdout.splitlines()[5:])
    assert basis.startswith("Profile quick, base seed 0; minutes are for 2 workers. Minutes marked – are unknown: ")
    assert (
        f"the store {Store(here / 'store').root} is not there; name it with --store, or run `wndcheck measure`" in basis
    )


def test_why_minutes_are_unknown_is_printed_only_where_they_could_be_known(cli, here):
    def basis(*arguments: object) -> str:
        return " ".join(cli("plan", "--workers=2", *arguments).stdout.split()).partition("Profile ")[2]

    assert "the claims folder nowhere is not there; name it with --claims-folder" in basis("--claims-folder=nowhere")
    Store(here / "store").root.mkdir(parents=True, exist_ok=True)
    assert (
        f"the store {Store(here / 'store').root} lacks some of their nets (run `wndcheck measure --profile=quick`)"
        in basis()
    )
    measure(here)
    assert basis() == "quick, base seed 0; minutes are for 2 workers."


def test_a_narrow_terminal_shows_fewer_columns_and_whole_names(cli, here, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    name = "narrow_is_worse_on_validation_images[tanh]"
    long = make_finding(name, sample(-0.8), SMALL, claim="cifar_negative_estimates")
    write_run(here / "run", make_run(make_claim("cifar_negative_estimates", long)))
    lines = cli("plan", "run").stdout.splitlines()
    assert max(len(line) for line in lines if str(here) not in line) <= 80  # a path is not broken
    first = next(i for i, line in enumerate(lines) if "cifar_negative_estimates" in line)
    assert lines[first].split() == ["cifar_negative_estimates", f"{NEEDED:.0f}", "–"]
    assert lines[first + 1].strip() == name


def test_minutes_are_those_of_the_missing_nets_and_all_shows_every_check(here, planned):
    measure(here)
    rows = {" ".join(key): row[-1] for key, row in planned("--all").items()}
    assert rows == {
        "four level": "–",
        "one easy": "0.0",
        "one hard[1]": f"{30 * (NEEDED - 8) / 2 / 60:.1f}",  # 30 s per net, two workers
        "one level": "0.0",
        "one second": rows["one second"],
        "three bias": "–",
        "two ensembles": f"{150 * (NEEDED - 8) / 2 / 60:.1f}",
        "two level": "–",
    }


def test_the_store_in_a_reports_folder_is_the_one_that_tells_minutes(here, planned):
    measure(here)
    expected = planned()
    (here / "store").rename(here / "reports" / "latest" / "store")
    assert planned() == planned("reports/latest/verdicts.json") == expected


def test_minutes_are_unknown_where_the_store_has_a_damaged_file(here, planned):
    measure(here)
    path = Store(here / "store").path(TINY_CELL)
    path.write_bytes(b"PK half")
    rows = planned("--all")
    assert rows["one", "hard[1]"][-1] == "–"
    assert rows["two", "ensembles"][-1] != "–"
    assert path.exists()  # a command that only looks puts nothing aside
    assert planned("--all", "--claims-folder=nowhere")["two", "ensembles"][-1] == "–"


def test_values_of_several_runs_are_pooled_and_missing_ones_need_no_more_nets(cli, here, planned):
    """Three of eight values are missing in both runs: more nets would lack as many."""
    for seed, mean in enumerate((-0.8, -1)):
        gaps = np.array([*sample(-0.8, seed)[:5], nan, nan, nan])
        run = make_run(
            claim("five", size=(SMALL, gaps)), claim("one", hard=(SMALL, sample(mean, seed))), base_seed=seed
        )
        write_run(here / f"run{seed}", run)
    rows = planned("run0", "run1/verdicts.json")
    assert rows["one", "hard"][3:6] == ["8", "nets", "-0.9"]
    assert rows["five", "size"][-4:] == ["–", "not", "measured", "–"]
    assert "base seeds 0 and 1;" in cli("plan", "run0", "run1").stdout


def test_nothing_is_known_from_one_value(here, planned):
    write_run(here / "run", make_run(claim("one", size=(SMALL, np.array([-1.0])))))
    assert planned("run")["one", "size"][-4:] == ["–", "–", "–", "–"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "reports/latest has no verdicts.json: name the folder of a report; `pytest claims/ -n auto` writes"),
        (["nowhere"], "nowhere has no verdicts.json: name the folder of a report"),
        (["run", "run"], "both have the base seed 0: run `pytest claims/` with another"),
        (["huge"], "huge cannot be used, the values of one size are as large as 1e+308"),
        (["run", "full"], "runs of the profiles full and quick: name runs of one profile"),
        (["--workers=0"], "0 is not in the range"),
        (["run", "--claims-folder=broken"], "does not import: ZeroDivisionError: division by zero; see `pytest"),
    ],
    ids=["none", "missing", "twice", "values", "profiles", "workers", "claims"],
)
def test_a_wrong_command_line_ends_with_status_2(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "run", make_run())
    values = make_finding("size", sample(0), claim="one")
    huge = msgspec.structs.replace(values, values=(1e308, -1e308, 1e308))
    write_run(tmp_path / "huge", make_run(make_claim("one", huge)))
    write_run(tmp_path / "full", make_run(base_seed=1, profile="full"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "claim.py").write_text("1 / 0\n", encoding="utf-8")
    outcome = cli("plan", *arguments)
    assert outcome.exit_code == 2
    assert message in " ".join(outcome.stderr.split())
