"""The files of a report."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import nan
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec import structs

from wndcheck.report import writing
from wndcheck.report.figures import FIGURES
from wndcheck.report.files import write_atomically, write_together
from wndcheck.report.stored_nets import Measured
from wndcheck.report.writing import write_report
from wndcheck.tests.factories import make_claim, make_finding, make_run, write_run
from wndcheck.tests.report.example_results import estimator_claims, grid, grids, measured, with_arrays
from wndcheck.verdicts.findings import Unfinished
from wndcheck.verdicts.run import Problem, ProblemKind
from wndcheck.verdicts.run_files import encode, read_run


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of a run with everything in it; tests only read them."""
    folder = tmp_path_factory.mktemp("whole") / "new" / "report"
    return write_report(folder, make_run(*estimator_claims()), measured())


def test_a_whole_run_has_every_file_and_nothing_else(whole_run: list[Path]) -> None:
    names = {"verdicts.json", "summary.md", "index.html", "accuracy.csv", "sensitivity.csv"}
    names |= {f"{stem}{suffix}" for stem in FIGURES for suffix in (".svg", ".csv")}
    assert {path.name for path in whole_run} == names == {path.name for path in whole_run[0].parent.iterdir()}
    for path in whole_run:
        if path.suffix == ".svg":
            ElementTree.parse(path)


def test_the_same_run_gives_the_same_bytes(whole_run: list[Path], tmp_path: Path) -> None:
    again = write_report(tmp_path, make_run(*estimator_claims()), measured())
    assert [path.read_bytes() for path in whole_run] == [path.read_bytes() for path in again]


def test_figures_leave_matplotlibs_settings_alone_and_never_load_pyplot(tmp_path: Path) -> None:
    write_run(tmp_path, make_run(*estimator_claims()[:1]))
    program = (
        "import sys\nfrom pathlib import Path\nfrom wndcheck.report.stored_nets import Measured\n"
        "from wndcheck.report.writing import write_report\nfrom wndcheck.verdicts.run_files import read_run\n"
        "assert not {'matplotlib', 'pytest', 'torch'} & sys.modules.keys()\n"
        # Reading the setting "backend" as usual would import pyplot.
        "import matplotlib\n"
        "def settings(): return {key: dict.__getitem__(matplotlib.rcParams, key) for key in matplotlib.rcParams}\n"
        "before = settings()\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "paths = write_report(folder, read_run(folder), Measured())\n"
        "assert len(paths) == 5\n"
        "assert 'matplotlib.pyplot' not in sys.modules\nassert settings() == before\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_files_of_an_earlier_run_are_removed(whole_run: list[Path], tmp_path: Path) -> None:
    for path in whole_run:
        (tmp_path / path.name).touch()
    diverged = [with_arrays(m, accuracy=m["accuracy"] * nan) for m in grids()["relu"].measurements]
    for trained in ({}, {"relu": grid(*diverged)}):
        paths = write_report(tmp_path, make_run(make_claim("weak_dependence")), Measured(trained=trained))
        assert {path.name for path in paths} == {"verdicts.json", "summary.md", "index.html"}
        assert sorted(tmp_path.iterdir()) == sorted(paths)


@contextmanager
def full_disk(largest: int) -> Iterator[None]:
    """No file grows beyond so many bytes, as on a disk with no more room: OSError from the system itself."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 0.1, 0.99], ids=["no file", "the first", "all but the page"])
def test_on_a_full_disk_the_earlier_report_stays_as_it_is(tmp_path: Path, room: float) -> None:
    write_report(tmp_path, make_run(make_claim(), base_seed=1), Measured())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    largest = int(room * max(map(len, before.values())))
    with full_disk(largest), pytest.raises(OSError, match="File too large"):
        write_report(tmp_path, make_run(make_claim(), base_seed=2), Measured())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_without_an_earlier_report_the_verdicts_are_written_if_they_fit(tmp_path: Path) -> None:
    run = make_run(make_claim())
    with full_disk(len(encode(run))), pytest.raises(OSError, match="File too large"):
        write_report(tmp_path / "new", run, Measured())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["verdicts.json"]
    assert read_run(tmp_path / "new") == run


@pytest.mark.parametrize("fault", [ZeroDivisionError, KeyboardInterrupt, MemoryError])
def test_whatever_fails_after_the_verdicts_they_replace_the_earlier_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: type[BaseException]
) -> None:
    def fail(*_: object) -> None:
        raise fault

    write_report(tmp_path, make_run(make_claim(), base_seed=1), Measured())
    monkeypatch.setattr(writing, "all_figures", fail)
    with pytest.raises(fault):
        write_report(tmp_path, run := make_run(make_claim(), base_seed=2), Measured())
    assert [path.name for path in tmp_path.iterdir()] == ["verdicts.json"]
    assert read_run(tmp_path) == run


def test_an_interruption_leaves_no_files_of_two_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It arrives between two files that are moved into place, and is raised when all are there."""
    replace = Path.replace
    names = ("a", "b", "c")
    write_together(tmp_path, dict.fromkeys(names, b"old"))

    def interrupted(self: Path, target: Path) -> Path:
        if target.name == "b":
            signal.raise_signal(signal.SIGINT)
        return replace(self, target)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(Path, "replace", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            write_together(tmp_path, dict.fromkeys(names, b"new"), instead_of=names)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(names, b"new")


def test_unfinished_files_of_killed_processes_are_removed_in_time(tmp_path: Path) -> None:
    old, new = tmp_path / ".index.html.1.part", tmp_path / ".index.html.2.part"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    write_report(tmp_path, make_run(make_claim()), Measured())
    assert (old.exists(), new.exists()) == (False, True)


def test_a_report_that_fails_halfway_has_the_verdicts(tmp_path: Path) -> None:
    (tmp_path / "figure-2-entropy.svg").mkdir()
    with pytest.raises(OSError, match=r"figure-2-entropy\.svg"):
        write_report(tmp_path, make_run(make_claim()), Measured())
    assert read_run(tmp_path) == make_run(make_claim())


def refuse(token: str) -> None:
    raise AssertionError(f"{token} is not JSON")


def test_the_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    run = make_run(make_claim("tiny", make_finding(values=[0.5, nan])), *estimator_claims())
    write_report(tmp_path, run, Measured())
    json.loads((tmp_path / "verdicts.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert encode(read_run(tmp_path)) == encode(run)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values))
@hypothesis_settings(deadline=None, max_examples=50)
def test_any_document_becomes_strict_json(made: dict[str, Any]) -> None:
    assert encode(json.loads(encode(made), parse_constant=refuse)) == encode(made)


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = write_atomically(tmp_path / "summary.md", b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left", "a temporary name")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match=r"no space left: .*/summary\.md"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_messages_with_undecodable_bytes_are_written(tmp_path: Path) -> None:
    lost = Unfinished("claims/tiny.py::test_more", "no file \x1b\x00é\udcff")
    run = make_run(
        structs.replace(make_claim("tiny", errors=["more"]), errors=(lost,)),
        problems=(Problem(ProblemKind.REPORT, "\udcff"),),
    )
    write_report(tmp_path, run, Measured())
    read = read_run(tmp_path)
    assert read.claims[0].errors[0].reason == "no file \x1b\x00é\\udcff"
    assert read.problems[0].text == "\\udcff"
    for name in ("summary.md", "index.html"):
        assert "\\udcff" in (tmp_path / name).read_text(encoding="utf-8")
    assert "\x00" not in (tmp_path / "index.html").read_text(encoding="utf-8")
