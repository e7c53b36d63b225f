"""Messages and tables of all commands."""

from __future__ import annotations

import pytest

from wndcheck.cli.console import (
    columns,
    fitting,
    print_entries,
    print_error,
    print_status,
    print_table,
    with_cli_options,
)

HEAD = ("name", "value")
ROWS = (("[red]a[/red]", "1.0"), ("b\nc", "12.0"))


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


def test_spaced_puts_a_blank_line_between_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEAD, ROWS, spaced=True)
    lines = capsys.readouterr().out.splitlines()
    first, second = lines.index(" [red]a[/red]   1.0"), lines.index(" b              12.0")
    assert lines[first + 1 : second] == [""]
    assert all(line == line.rstrip() for line in lines)


def test_long_cells_are_folded_and_unbroken_columns_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEAD, [("x" * 300, "y" * 12)], unbroken=["value"], piped=100)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) == 100
    assert sum(line.count("x") for line in lines) == 300
    assert "y" * 12 in lines[1]


def test_a_terminal_gets_lines_and_its_own_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TTY_COMPATIBLE", "1"), ("NO_COLOR", "1"), ("COLUMNS", "40")):
        monkeypatch.setenv(name, value)
    assert columns() == 40
    assert print_table(HEAD, ROWS, total=("sum", "13.0"), piped=100) == 40
    out = capsys.readouterr().out
    assert "────" in out
    assert max(map(len, out.splitlines())) <= 40


def test_messages_go_to_standard_error_with_the_options_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    print_status("a message")
    print_error(ValueError("unknown profile: try --wnd-profile=quick"))
    assert capsys.readouterr() == ("", "a message\nError: unknown profile: try --profile=quick\n")
    assert with_cli_options("run `pytest --wnd-profile=full`") == "run `pytest --wnd-profile=full`"


def test_a_terminal_is_not_given_orders(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[2J\x9b1m\rb\x07"
    print_status(name)
    print_error(ValueError(name))
    print_table(HEAD, [(name, name)])
    print_entries(("name", "says"), [(name, name)], 80)
    for text in capsys.readouterr():
        assert not set("\x1b\x9b\r\x07") & set(text)
        assert text.count("a\ufffd[2J\ufffd1m") >= 2


def test_columns_are_left_out_of_a_table_that_is_too_wide() -> None:
    left_out = {100: ("b",), 80: ("c", "d")}
    assert [fitting("abcd", left_out, width) for width in (100, 99, 80, 79)] == [
        ["a", "b", "c", "d"],
        ["a", "c", "d"],
        ["a", "c", "d"],
        ["a"],
    ]


def test_entries_are_wrapped_below_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    print_entries(("name", "says", "by"), [("one", "words " * 6, "first\nsecond"), ("two", "", "none")], 30)
    assert capsys.readouterr().out.splitlines() == [
        "one",
        "  says  words words words",
        "        words words words",
        "  by    first",
        "        second",
        "",
        "two",
        "  by    none",
        "",
    ]
