"""`wndcheck claims` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wndcheck.cli.claims import CLAIMS_HEAD, STATEMENTS_HEAD
from wndcheck.tests.claims.claims_folder import write_claims
from wndcheck.tests.tiny import finish, start_python
from wndcheck.verdicts.coverage.statements import SECTIONS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_claims(tmp_path)


@pytest.fixture
def claims(cli):
    return lambda *arguments: cli("claims", *arguments)


def cells(line: str) -> list[str]:
    """The cells of a Markdown row."""
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_the_table_is_plain_where_it_is_piped(claims, folder):
    outcome = claims(folder)
    assert (outcome.exit_code, outcome.stderr) == (0, "2 claims\n")
    assert "\x1b" not in outcome.stdout
    assert all(line == line.rstrip() for line in outcome.stdout.splitlines())
    assert all(word in outcome.stdout for word in (*CLAIMS_HEAD, "trained/relu", "planted: refuted"))


@pytest.mark.parametrize("options", [(), ("--statements",)])
def test_a_narrow_terminal_breaks_no_word(claims, folder, monkeypatch, options):
    wide = claims(folder, *options).stdout
    monkeypatch.setattr("wndcheck.cli.claims.columns", lambda piped: 80)
    narrow = claims(folder, *options).stdout
    assert max(map(len, narrow.splitlines())) <= 80
    missing = set(wide.split()) - set(narrow.split()) - {*STATEMENTS_HEAD[0].split(), "claim"}
    assert not [word for word in missing if "─" not in word]


def test_a_claim_is_an_entry_on_a_narrow_terminal(claims, folder, monkeypatch):
    monkeypatch.setattr("wndcheck.cli.claims.columns", lambda piped: 80)
    lines = claims(folder).stdout.splitlines()
    first = lines.index("tiny")
    assert lines[first + 1 : first + 5] == [
        "  paper       §4, Fig. 3",
        "  statement   Things fall",
        "  checks      trend (primary, trend)",
        "              level (primary, level)",
    ]


def test_the_claims_as_markdown(claims, folder):
    head, _, closed, tiny = claims(folder, "--markdown").stdout.splitlines()
    assert cells(head) == list(CLAIMS_HEAD)
    assert cells(closed)[:3] == ["closed", "§A", "A closed form holds"]
    assert cells(tiny)[3] == (
        "trend (primary, trend)<br>level (primary, level)<br>either (primary or secondary, trend or level)<br>"
        "shown (secondary, level)<br>made (primary, trend)"
    )
    assert cells(tiny)[4:] == ["planted: refuted", "trained/relu", "quick: trend<br>medium<br>full"]


def test_the_statements_in_the_papers_order(claims, folder):
    outcome = claims(folder, "--statements", "--markdown")
    head, _, *body = outcome.stdout.splitlines()
    assert cells(head) == list(STATEMENTS_HEAD)
    assert [cells(line)[0] for line in body] == list(SECTIONS)
    assert cells(body[0])[2] == "tiny:trend<br>tiny:level"
    assert cells(body[2])[2] == "not tested: nobody did"
    assert outcome.stderr.startswith("10 statements: 2 tested")


def test_gaps_are_named_and_end_with_status_1(claims, folder):
    path = folder / "statements.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("tiny:made", "tiny:mdae"), encoding="utf-8")
    outcome = claims(folder)
    assert outcome.exit_code == 1
    assert "Gap: tiny:mdae is not a check of any claim" in outcome.stderr
    assert "Gap: tiny:made is named by no statement" in outcome.stderr


def test_other_claims_need_no_statements(claims, folder):
    (folder / "statements.toml").unlink()
    assert claims(folder).exit_code == 0
    outcome = claims(folder, "--statements")
    assert outcome.exit_code == 2
    assert "statements.toml is not there" in outcome.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", "holds no claims"),
        ("none", "is not a folder"),
        ("broken", "broken.py does not import: Module"),
    ],
)
def test_a_folder_that_cannot_be_used_ends_with_status_2(claims, tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "broken.py").write_text("import no_such_module\n")
    outcome = claims(tmp_path / name)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert message in outcome.stderr


def test_neither_command_imports_torch_or_numba(folder):
    code = """
import sys
from wndcheck.cli import main
main(sys.argv[1:], standalone_mode=False)
print(sorted({"torch", "torchvision", "numba", "matplotlib"} & sys.modules.keys()))
"""
    assert finish(start_python(code, "claims", folder, "--markdown")).endswith("\n[]\n")
