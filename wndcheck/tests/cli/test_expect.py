"""`wndcheck expect` as a user meets it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wndcheck.cli import main
from wndcheck.report.files import strict_json
from wndcheck.tests.claims.claims_folder import write_claims
from wndcheck.tests.report.reported import claim, document, finding
from wndcheck.verdicts.checks import Finding, Verdict
from wndcheck.verdicts.expectations import FILE, read

REFUTED = finding("trend[1]", 0.05, claim="tiny", verdict="refuted", values=[0.05])
SUPPORTED = finding("trend[1]", 0.005, claim="tiny", values=[0.005])


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    (folder := tmp_path / "claims").mkdir()
    return write_claims(folder)


@pytest.fixture
def expect(claims: Path, tmp_path: Path):
    """Run the command on runs with these checks; seeds 0, 1, …"""

    def invoke(*checks: Sequence[Finding], options: Sequence[str] = ()) -> Result:
        folders = [tmp_path / f"run{seed}" for seed in range(len(checks))]
        for seed, (folder, found) in enumerate(zip(folders, checks, strict=True)):
            folder.mkdir(exist_ok=True)
            whole = document(claim("tiny", list(found)), base_seed=seed, selection=False, problems=[])
            (folder / "verdicts.json").write_text(strict_json(whole), encoding="utf-8")
        arguments = [*map(str, folders), "--claims-folder", str(claims), *options]
        return CliRunner().invoke(main, ["expect", *arguments])

    return invoke


def test_help_explains_options_and_exit_status():
    text = CliRunner().invoke(main, ["expect", "--help"]).output
    assert all(word in text for word in ("RUN_DIR", "--claims-folder", "--write", "Exit status: 0"))


def test_nothing_is_said_where_the_file_fits(expect, claims):
    outcome = expect([SUPPORTED], [SUPPORTED], options=["--write"])
    assert (outcome.exit_code, outcome.output) == (0, "")
    assert (claims / FILE).read_text() == ""


def test_a_change_is_shown_and_not_written(expect, claims):
    outcome = expect([REFUTED], [REFUTED])
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    head = [f"--- {claims / FILE}", f"+++ {claims / FILE}"]
    assert outcome.stdout.splitlines()[:2] == head
    assert '+checks = ["trend[1]"]\n+verdict = "refuted"\n' in outcome.stdout
    assert (claims / FILE).read_text() == ""


def test_a_change_is_written_when_asked(expect, claims):
    outcome = expect([REFUTED], [REFUTED], options=["--write"])
    assert outcome.exit_code == 0
    (entry,) = read(claims / FILE, "quick")
    assert (entry.checks, entry.verdict) == (("trend[1]",), (Verdict.REFUTED,))
    assert entry.reason == "ι is .05 nats, where ≤ .01 is claimed"
    assert entry.evidence == "seed 0: .05 [.049, .051]; seed 1: .05 [.049, .051]"
    assert {path.name for path in claims.iterdir()} >= {FILE}
    assert not list(claims.glob("*.part"))
    assert expect([REFUTED], [REFUTED]).output == ""


def test_supported_and_refuted_ends_with_status_1_and_writes_nothing(expect, claims):
    other = finding("level", 0.05, claim="tiny", verdict="refuted", values=[0.05])
    outcome = expect([SUPPORTED, other], [REFUTED, other], options=["--write"])
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("Error: tiny trend[1] is supported with one seed and refuted with another")
    assert '+checks = ["level"]' in outcome.stdout
    assert "trend" not in outcome.stdout
    assert (claims / FILE).read_text() == ""


def test_one_run_is_refused(expect):
    outcome = expect([REFUTED])
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "one run does not tell what another seed gives" in outcome.stderr


def test_a_folder_that_holds_no_run_is_refused(expect, claims):
    outcome = CliRunner().invoke(main, ["expect", str(claims), str(claims), "--claims-folder", str(claims)])
    assert outcome.exit_code == 2
    assert "has no verdicts.json" in outcome.stderr


def test_a_folder_without_expectations_is_refused(expect, claims):
    (claims / FILE).unlink()
    outcome = expect([REFUTED], [REFUTED])
    assert outcome.exit_code == 2
    assert "expectations.toml is not there: name the folder of the claims with --claims-folder" in outcome.stderr


def test_a_file_that_cannot_be_read_is_named(expect, claims):
    (claims / FILE).write_text("[[expect]]\nclaim = 'tiny'\n")
    outcome = expect([REFUTED], [REFUTED])
    assert outcome.exit_code == 2
    assert "entry 'tiny': missing or unknown field(s)" in outcome.stderr
