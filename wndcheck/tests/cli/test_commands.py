from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from wndcheck.cli import main
from wndcheck.datasets import sources
from wndcheck.datasets.catalogue import CATALOGUE
from wndcheck.datasets.sources import Source, SourceFailed
from wndcheck.tests.tiny import TINY_MNIST, write_tiny

COMMANDS = {"calibrate", "claims", "compare", "expect", "fetch", "measure", "plan", "report", "score", "store"}


@pytest.fixture(autouse=True)
def tiny_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "mnist" is the tiny one, which a local source delivers; CIFAR-10's only source fails."""
    monkeypatch.setitem(CATALOGUE, "mnist", TINY_MNIST)
    monkeypatch.setitem(sources.SOURCES, "mnist", (Source("a local copy", lambda root, _: write_tiny(root)),))
    monkeypatch.setitem(sources.SOURCES, "cifar10", (Source("a broken source", _fail),))


def _fail(*_: object) -> None:
    raise SourceFailed("no such host")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_help_explains_commands_options_and_exit_status() -> None:
    assert all(command in run("--help").output for command in main.commands)
    assert set(main.commands) == COMMANDS
    text = run("fetch", "--help").output
    assert all(word in text for word in ("--data", "--force", "WNDCHECK_DATA", "Exit status: 0", "mnist|cifar10|all"))


def test_every_option_has_help_and_every_command_says_what_its_exit_status_means() -> None:
    def told(command: click.Command) -> None:
        assert all(option.help for option in command.params if isinstance(option, click.Option)), command.name
        if isinstance(command, click.Group):
            for inner in command.commands.values():
                told(inner)
        else:
            assert "Exit status: 0" in (command.help or ""), command.name

    told(main)


@pytest.mark.parametrize(
    "command",
    [[], ["store", "merge"], *([name] for name in sorted(COMMANDS - {"store"}))],
    ids=" ".join,
)
def test_help_is_fast_because_it_imports_little(command: list[str]) -> None:
    script = (
        "import sys\n"
        "from wndcheck.cli import main\n"
        f"main({[*command, '--help']}, standalone_mode=False)\n"
        "sys.exit(str(sorted({'numpy', 'torch', 'rich', 'matplotlib', 'scipy'} & set(sys.modules))))\n"
    )
    outcome = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert outcome.stderr.strip() == "[]"


def test_the_version_is_shown() -> None:
    outcome = run("--version")
    assert outcome.exit_code == 0
    assert outcome.output.startswith("wndcheck ")


def test_fetch_puts_the_data_in_place_and_says_where(tmp_path: Path) -> None:
    outcome = run("fetch", "mnist", "--data", tmp_path)
    assert outcome.exit_code == 0
    assert "verified" in outcome.output
    assert f"mnist {tmp_path / 'MNIST' / 'raw'} sha256:{TINY_MNIST.sha256}\n" in outcome.output
    assert "is already in" in run("fetch", "mnist", "--data", tmp_path).output
    assert "is already in" not in run("fetch", "mnist", "--data", tmp_path, "--force").output


def test_fetch_looks_at_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WNDCHECK_DATA", str(tmp_path))
    assert run("fetch", "mnist").exit_code == 0
    assert (tmp_path / "MNIST" / "raw").is_dir()


def test_all_goes_on_after_a_failure_and_ends_with_status_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outcome = run("fetch", "all", "--data", tmp_path)
    assert outcome.exit_code == 1
    assert isinstance(outcome.exception, SystemExit)
    assert (tmp_path / "MNIST" / "raw").is_dir()
    assert "Error: cifar10 could not be fetched:\n  a broken source failed: no such host\n" in outcome.output


def test_errors_go_to_standard_error(tmp_path: Path) -> None:
    script = (
        "from wndcheck.cli import main\n"
        "from wndcheck.datasets.sources import SOURCES\n"
        "SOURCES['cifar10'] = ()\n"
        "main(prog_name='wndcheck')\n"
    )
    command = [sys.executable, "-c", script, "fetch", "cifar10", "--data", str(tmp_path)]
    outcome = subprocess.run(command, capture_output=True, text=True)
    assert outcome.returncode == 1
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("Error: cifar10 could not be fetched:")


def test_a_root_that_cannot_be_made_is_a_plain_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = run("fetch", "mnist", "--data", tmp_path / "file" / "data")
    assert outcome.exit_code == 1
    assert outcome.output.startswith("Error: [Errno ")
    assert str(tmp_path / "file") in outcome.output


@pytest.mark.parametrize("arguments", [["fetch"], ["fetch", "svhn"], ["fetch", "mnist", "--fast"], ["fech"]], ids=str)
def test_a_wrong_command_line_ends_with_status_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
