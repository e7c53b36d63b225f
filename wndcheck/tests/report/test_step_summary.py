"""The table that a step of GitHub Actions shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from wndcheck.report import step_summary
from wndcheck.report.pages import verdict_table
from wndcheck.report.step_summary import VARIABLE, append
from wndcheck.tests.factories import make_claim, make_finding, make_run


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "summary.md"))
    return tmp_path / "summary.md"


def test_nothing_is_written_without_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "")
    append("title", "table")
    monkeypatch.delenv(VARIABLE)
    append("title", "table")
    assert not list(tmp_path.iterdir())


def test_markdown_is_appended(file: Path) -> None:
    append("one", "| a |")
    append("two", "| \udcff é |")
    assert file.read_text(encoding="utf-8") == "\n## one\n\n| a |\n\n## two\n\n| \\udcff é |\n"


def test_a_page_stays_within_what_is_accepted(file: Path) -> None:
    assert step_summary.LARGEST < 1 << 20
    append("first", "x" * (step_summary.LARGEST - 200))
    append("second", "é" * 100)
    assert file.stat().st_size < step_summary.LARGEST
    assert "Too long to be shown here" in file.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_is_an_error(file: Path) -> None:
    file.mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        append("title", "table")


def test_a_run_is_a_table(file: Path) -> None:
    run = make_run(make_claim("two|one", make_finding(claim="two|one")), base_seed=3)
    append("a run", verdict_table(run))
    _, title, _, head, line, row = file.read_text(encoding="utf-8").splitlines()[:6]
    assert title == "## a run"
    assert head.startswith("| claim | statement | claimed | estimate [interval] | nets | verdict |")
    assert line.count("|") == head.count("|")
    assert row.startswith(r"| two\|one | The statement of two\|one | ≤ 0.01 nats | 0.0015 \[")
