"""What all commands have in common, and `wndcheck fetch`."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from wndcheck.cli import main
from wndcheck.datasets import sources
from wndcheck.datasets.catalogue import CATALOGUE
from wndcheck.datasets.sources import FetchFailed, Source
from wndcheck.tests.tiny import TINY_MNIST, finish, start_python, write_tiny

COMMANDS = {
    "audit",
    "calibrate",
    "claims",
    "compare",
    "expect",
    "fetch",
    "measure",
    "plan",
    "report",
    "score",
    "store",
    "sweep",
}
Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def tiny_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "mnist" is a tiny one, which a local source delivers; the only source of CIFAR-10 fails."""

    def fail(*_: object) -> None:
        raise FetchFailed("no such host")

    monkeypatch.setitem(CATALOGUE, "mnist", TINY_MNIST)
    monkeypatch.setitem(sources.SOURCES, "mnist", (Source("a local copy", lambda root, _: write_tiny(root)),))
    monkeypatch.setitem(sources.SOURCES, "cifar10", (Source("a broken source", fail),))


def test_the_help_lists_all_commands(cli: Command) -> None:
    assert set(main.commands) == COMMANDS
    assert all(command in cli("--help").stdout for command in COMMANDS)


def test_every_option_and_every_exit_status_is_documented() -> None:
    def check(command: click.Command) -> None:
        assert all(option.help for option in command.params if isinstance(option, click.Option)), command.name
        if isinstance(command, click.Group):
            for inner in command.commands.values():
                check(inner)
        else:
            assert "Exit status: 0" in (command.help or ""), command.name

    check(main)


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


def test_the_version_is_shown(cli: Command) -> None:
    outcome = cli("--version")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith("wndcheck ")


def test_python_m_wndcheck_is_the_command(cli: Command) -> None:
    as_module = finish(
        start_python("import runpy, sys; runpy.run_module('wndcheck', run_name='__main__')", "--version")
    )
    assert as_module == cli("--version").stdout


def test_fetch_puts_the_data_in_place_and_prints_where(cli: Command, tmp_path: Path) -> None:
    outcome = cli("fetch", "mnist", env={"WNDCHECK_DATA": str(tmp_path)})
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout == f"mnist {tmp_path / 'MNIST' / 'raw'} sha256:{TINY_MNIST.sha256}\n"
    assert "verified" in outcome.stderr
    assert "is already in" in cli("fetch", "mnist", "--data", tmp_path).stderr
    assert "is already in" not in cli("fetch", "mnist", "--data", tmp_path, "--force").stderr


def test_all_continues_after_a_failure_and_ends_with_status_1(cli: Command, tmp_path: Path) -> None:
    outcome = cli("fetch", "all", "--data", tmp_path)
    assert outcome.exit_code == 1
    assert outcome.stdout.startswith("mnist ")
    assert (tmp_path / "MNIST" / "raw").is_dir()
    assert "Error: cifar10 could not be fetched:\n  a broken source failed: no such host\n" in outcome.stderr


def test_a_try_to_fetch_ends_with_status_0_and_one_line(cli: Command, tmp_path: Path) -> None:
    outcome = cli("fetch", "all", "--data", tmp_path, "--try=100")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith(f"mnist {tmp_path}")
    assert outcome.stderr.splitlines() == [
        "fetching mnist unless it is here, for at most 100 s",
        "fetching cifar10 unless it is here, for at most 100 s",
        "cifar10 could not be fetched; `wndcheck fetch cifar10` takes as long as it needs, and says why",
    ]


def test_a_try_to_fetch_ends_in_time(cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first source never ends; the download is killed, and the next source is not tried."""
    command = [sys.executable, "-c", "import time; time.sleep(1000)"]
    endless = Source("endless", lambda root, console: sources.run_download(command, root, "endless", console))
    broken = Source("a second source", lambda root, _: pytest.fail("it is tried"))
    monkeypatch.setitem(sources.SOURCES, "cifar10", (endless, broken))
    before = signal.getsignal(signal.SIGALRM)
    outcome = cli("fetch", "cifar10", "--data", tmp_path, "--try=1")
    assert outcome.exit_code == 0
    assert outcome.stderr.splitlines()[1:] == [
        "cifar10 could not be fetched; `wndcheck fetch cifar10` takes as long as it needs, and says why"
    ]
    assert [path.name for path in tmp_path.iterdir()] in ([], [".fetch-cifar10.lock"])
    assert signal.getsignal(signal.SIGALRM) == before


def test_a_root_that_cannot_be_made_is_an_error_without_traceback(cli: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = cli("fetch", "mnist", "--data", tmp_path / "file" / "data")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr == (
        f"Error: the folder {tmp_path / 'file' / 'data'} cannot be written (Not a directory): "
        "name another folder with --data\n"
    )


@pytest.mark.parametrize("arguments", [["fetch"], ["fetch", "svhn"], ["fetch", "mnist", "--fast"], ["fech"]], ids=str)
def test_a_wrong_command_line_ends_with_status_2(cli: Command, arguments: list[str]) -> None:
    assert cli(*arguments).exit_code == 2
