from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from wndcheck.cli.console import columns, complain, here, print_table, say, table

HEAD = ("name", "value")
ROWS = (("[red]a[/red]", "1.0"), ("b\nc", "12.0"))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """rich takes standard output for a terminal of 40 columns."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")


def test_without_a_terminal_a_table_is_plain_and_lines_end_without_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_table(HEAD, ROWS, right=["value"], total=("sum", "13.0"), title="A title") == 150
    assert capsys.readouterr().out.splitlines() == [
        "",
        "A title",
        "name          value",
        "[red]a[/red]    1.0",
        "b              12.0",
        "c",
        "sum            13.0",
    ]


def test_rows_can_be_set_apart(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEAD, ROWS, spaced=True)
    lines = capsys.readouterr().out.splitlines()
    first, second = lines.index(" [red]a[/red]   1.0"), lines.index(" b              12.0")
    assert lines[first + 1 : second] == [""]
    assert all(line == line.rstrip() for line in lines)


def test_cells_are_as_wide_as_the_output_allows(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEAD, [("x" * 300, "y" * 12)], unbroken=["value"], piped=100)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) == 100
    assert sum(line.count("x") for line in lines) == 300
    assert "y" * 12 in lines[1]


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_lines_and_its_own_width(capsys: pytest.CaptureFixture[str]) -> None:
    assert columns() == 40
    assert print_table(HEAD, ROWS, total=("sum", "13.0"), piped=100) == 40
    out = capsys.readouterr().out
    assert "────" in out
    assert max(map(len, out.splitlines())) <= 40


def test_a_table_for_another_console_keeps_styled_cells() -> None:
    output = io.StringIO()
    Console(file=output, force_terminal=True, color_system="standard", width=40).print(
        table(HEAD, [("a", Text("supported", style="green"))])
    )
    assert "\x1b[32msupported\x1b[0m" in output.getvalue()


def test_messages_go_to_standard_error_with_the_options_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    say("a message")
    complain(ValueError("unknown profile: try --wnd-profile=quick"))
    assert capsys.readouterr() == ("", "a message\nError: unknown profile: try --profile=quick\n")
    assert here("type `pytest --wnd-profile=full`") == "type `pytest --wnd-profile=full`"
