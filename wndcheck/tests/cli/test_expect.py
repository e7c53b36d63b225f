"""`wndcheck expect` as a user meets it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import Result

from wndcheck.tests.authoring.seeded_runs import R, S, check, run
from wndcheck.tests.factories import write_run
from wndcheck.verdicts.expectations import FILE, read
from wndcheck.verdicts.findings import Finding

REFUTED = check("trend[1]", R, 0.05)
SUPPORTED = check("trend[1]", S, 0.005)


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    (folder := tmp_path / "claims").mkdir()
    (folder / FILE).touch()
    return folder


@pytest.fixture
def expect(cli, claims: Path, tmp_path: Path):
    """Run the command on runs with these checks; seeds 0, 1, …"""

    def invoke(*checks: Sequence[Finding], options: Sequence[str] = ()) -> Result:
        runs = [run(seed, *found)[1] for seed, found in enumerate(checks)]
        folders = [write_run(tmp_path / f"run{run.base_seed}", run) for run in runs]
        return cli("expect", *folders, "--claims-folder", claims, *options)

    return invoke


def test_nothing_is_printed_where_the_file_fits(expect, claims):
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
    assert (entry.checks, entry.verdict) == (("trend[1]",), (R,))
    assert entry.reason == "ι is 0.05 nats, where ≤ 0.01 is claimed"
    assert entry.evidence == "seed 0: 0.05 [0.049, 0.051]; seed 1: 0.05 [0.049, 0.051]"
    assert [path.name for path in claims.iterdir()] == [FILE]
    assert expect([REFUTED], [REFUTED]).output == ""


def test_supported_and_refuted_ends_with_status_1_and_writes_nothing(expect, claims):
    other = check("level", R)
    outcome = expect([SUPPORTED, other], [REFUTED, other], options=["--write"])
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("Error: tiny trend[1] is supported with one seed and refuted with another")
    assert '+checks = ["level"]' in outcome.stdout
    assert "trend" not in outcome.stdout
    assert (claims / FILE).read_text() == ""


@pytest.mark.parametrize(
    ("text", "runs", "message"),
    [
        ("", [[REFUTED]], "one run does not show what another seed gives"),
        ("expect = [3]\n", [[REFUTED]] * 2, f"{FILE}: expected [[expect]] tables"),
        ("expect = 3\n", [[REFUTED]] * 2, f"{FILE}: expected [[expect]] tables"),
        (b"# caf\xe9\n", [[REFUTED]] * 2, "can't decode byte 0xe9 in position 5: invalid continuation byte: save it"),
        (None, [[REFUTED]] * 2, "has no expectations.toml: name the folder of the claims with --claims-folder"),
        ("[[expect]]\nclaim = 'tiny'\n", [[REFUTED]] * 2, "entry 'tiny': missing or unknown field(s)"),
    ],
    ids=["one run", "a number", "no list", "not UTF-8", "no file", "field"],
)
def test_what_cannot_be_used_ends_with_status_2(expect, claims, text, runs, message):
    (claims / FILE).unlink()
    if text is not None:
        (claims / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    outcome = expect(*runs)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert message in outcome.stderr


def test_a_folder_that_holds_no_run_ends_with_status_2(cli, claims):
    outcome = cli("expect", claims, claims, "--claims-folder", claims)
    assert outcome.exit_code == 2
    assert "has no verdicts.json" in outcome.stderr
