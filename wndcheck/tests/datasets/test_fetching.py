from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from wndcheck.datasets import load
from wndcheck.datasets.catalogue import CATALOGUE, digest
from wndcheck.datasets.fetching import fetch
from wndcheck.datasets.loading import MNIST
from wndcheck.datasets.sources import FetchFailed, Source, run_download
from wndcheck.tests.tiny import TINY, TINY_MNIST, write_tiny

OTHER = TINY._replace(train_images=TINY.train_images[::-1])


@pytest.fixture(autouse=True)
def tiny_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "mnist" is the tiny one in all of these tests."""
    monkeypatch.setitem(CATALOGUE, "mnist", TINY_MNIST)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def log() -> Console:
    """A console that is not a terminal; `lines` returns what was printed to it."""
    return Console(file=io.StringIO())


def lines(log: Console) -> list[str]:
    assert isinstance(log.file, io.StringIO)
    return log.file.getvalue().splitlines()


class Local:
    """A source that writes a data set it has at hand, and counts how often it is asked."""

    def __init__(self, dataset=TINY) -> None:
        self.dataset, self.calls = dataset, 0
        self.source = Source("a local copy", self.deliver)

    def deliver(self, root: Path, console: Console) -> None:
        self.calls += 1
        write_tiny(root, self.dataset)


def fails(error: BaseException, label: str = "a broken source") -> Source:
    """A source that leaves half of the data behind when it fails."""

    def deliver(root: Path, console: Console) -> None:
        write_tiny(root)
        (root / MNIST.folder / MNIST.files[3]).unlink()
        raise error

    return Source(label, deliver)


def temporary_folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.name.startswith(".fetch") and path.is_dir()]


def test_what_a_source_delivers_is_put_in_place_and_verified(root: Path, log: Console) -> None:
    folder = fetch("mnist", root, sources=[Local().source], console=log)
    assert folder == root / "MNIST" / "raw"
    assert sorted(path.name for path in folder.iterdir()) == sorted(MNIST.files)
    assert digest(load("mnist", root)) == TINY_MNIST.sha256
    assert lines(log)[-1].endswith("s, verified")
    assert temporary_folders(root) == []


def test_a_relative_root_holds_for_a_command_that_runs_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path / "copy")
    code = "import shutil, sys; shutil.copytree(*sys.argv[1:])"

    def deliver(folder: Path, console: Console) -> None:
        command = [sys.executable, "-c", code, str(tmp_path / "copy" / "MNIST"), str(folder / "MNIST")]
        run_download(command, folder, "a command", console)

    fetch("mnist", "root", sources=[Source("a command", deliver)])
    assert digest(load("mnist", root)) == TINY_MNIST.sha256


def test_data_that_exists_is_fetched_again_only_by_force(root: Path, log: Console) -> None:
    write_tiny(root)
    local = Local()
    assert fetch("mnist", root, sources=[local.source], console=log) == root / MNIST.folder
    assert local.calls == 0
    assert lines(log) == [f"mnist is already in {root / MNIST.folder}, verified"]
    fetch("mnist", root, force=True, sources=[local.source])
    assert local.calls == 1


def test_damaged_data_is_replaced_and_other_files_stay(root: Path, log: Console) -> None:
    folder = write_tiny(root, OTHER)
    (folder / "notes").write_text("mine")
    fetch("mnist", root, sources=[Local().source], console=log)
    assert digest(load("mnist", root)) == TINY_MNIST.sha256
    assert (folder / "notes").read_text() == "mine"
    assert "is damaged" in lines(log)[0]


def test_an_incomplete_set_is_completed(root: Path) -> None:
    (write_tiny(root) / MNIST.files[0]).unlink()
    fetch("mnist", root, sources=[Local().source])
    assert digest(load("mnist", root)) == TINY_MNIST.sha256


def test_the_next_source_steps_in(root: Path, log: Console) -> None:
    wrong, right = Local(OTHER), Local()
    fetch("mnist", root, sources=[fails(FetchFailed("no such host")), wrong.source, right.source], console=log)
    assert digest(load("mnist", root)) == TINY_MNIST.sha256
    assert (wrong.calls, right.calls) == (1, 1)
    assert lines(log)[0] == "a broken source failed: no such host"
    assert "the SHA-256 of the arrays is" in lines(log)[2]


def test_when_all_sources_fail_each_reason_is_given_and_nothing_stays(root: Path) -> None:
    broken = [fails(FetchFailed("no such host"), "the first"), fails(OSError(28, "No space left"), "the second")]
    with pytest.raises(FetchFailed, match="mnist could not be fetched") as error:
        fetch("mnist", root, sources=[*broken, fails(ValueError(), "the third"), Local(OTHER).source])
    message = str(error.value)
    assert "\n  the first failed: no such host" in message
    assert "\n  the second failed: [Errno 28] No space left" in message
    assert "\n  the third failed: ValueError" in message
    assert "\n  a local copy failed: mnist in" in message
    assert f"into MNIST/raw under {root} yourself" in message
    assert [path for path in root.iterdir() if not path.name.endswith(".lock")] == []


@pytest.mark.parametrize("folder", ["file/data", "."])
def test_a_root_that_cannot_be_written_is_named(folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / ".fetch-mnist.lock").mkdir()
    root = tmp_path / folder
    message = rf"the folder {root} cannot be written \(.+\): name another folder with --wnd-data"
    with pytest.raises(OSError, match=message):
        fetch("mnist", root, sources=[Local().source])


def test_a_failed_fetch_leaves_good_data_alone(root: Path) -> None:
    write_tiny(root)
    with pytest.raises(FetchFailed, match="could not be fetched"):
        fetch("mnist", root, force=True, sources=[fails(FetchFailed("no such host"))])
    assert digest(load("mnist", root)) == TINY_MNIST.sha256


def test_an_interrupt_is_passed_on_and_leaves_nothing(root: Path) -> None:
    local = Local()
    with pytest.raises(KeyboardInterrupt):
        fetch("mnist", root, sources=[fails(KeyboardInterrupt()), local.source])
    assert local.calls == 0
    assert temporary_folders(root) == []
    fetch("mnist", root, sources=[local.source])  # the lock is free again


def test_what_a_killed_fetch_left_is_removed(root: Path) -> None:
    write_tiny(root / ".fetch-mnist-left")
    (root / ".fetch-cifar10-running").mkdir()
    fetch("mnist", root, sources=[Local().source])
    assert [path.name for path in temporary_folders(root)] == [".fetch-cifar10-running"]


@pytest.mark.parametrize("name", ["mnist-subset", "svhn"])
def test_only_two_data_sets_can_be_fetched(name: str, root: Path) -> None:
    with pytest.raises(ValueError, match=f"'{name}' cannot be fetched: expected one of mnist, cifar10"):
        fetch(name, root)
    assert not root.exists()


TWO_AT_ONCE = """
import sys, time
from pathlib import Path
from rich.console import Console
from wndcheck.datasets.catalogue import CATALOGUE
from wndcheck.datasets.fetching import fetch
from wndcheck.datasets.sources import Source
from wndcheck.tests.tiny import TINY_MNIST, write_tiny

def deliver(root, console):
    print("downloading", flush=True)
    time.sleep(1)
    write_tiny(root)

CATALOGUE["mnist"] = TINY_MNIST
fetch("mnist", Path(sys.argv[1]), sources=[Source("slow", deliver)], console=Console())
"""


def test_of_two_processes_one_downloads_and_the_other_waits(root: Path) -> None:
    command = [sys.executable, "-c", TWO_AT_ONCE, str(root)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(output.count("downloading") for output in outputs) == 1
    assert sum(output.count("mnist is already in") for output in outputs) == 1
    assert digest(load("mnist", root)) == TINY_MNIST.sha256
