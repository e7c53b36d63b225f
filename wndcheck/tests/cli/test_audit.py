"""`wndcheck audit` as a user meets it, on a small real profile."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from wndcheck.cli.audit import chosen_cells
from wndcheck.experiment import profiles
from wndcheck.experiment.cells import Training
from wndcheck.experiment.families import cells_of
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.profiles import QUICK
from wndcheck.store.inventory import export
from wndcheck.store.measurements import Store
from wndcheck.tests.factories import make_run, write_run
from wndcheck.tests.tiny import TINY_PROBE, random_measurement

TINY = replace(QUICK, name="tiny", widths=(5, 6), nets=3, training=Training(0.1, 64, (0, 1)), probe=TINY_PROBE)
RELU, TANH = (cells_of([f"trained/{activation}"], TINY, 0) for activation in ("relu", "tanh"))

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Store:
    """Three cells of two families."""
    store = Store(tmp_path_factory.mktemp("measured"), pytest.fail)
    for cell in (*RELU, TANH[1]):
        store.save(measure(cell))
    return store


@pytest.fixture
def report(measured: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The report of a run, with its measurements."""
    monkeypatch.setitem(profiles.PROFILES, "tiny", TINY)
    monkeypatch.setenv("WNDCHECK_DATA", str(tmp_path / "data"))
    folder = write_run(tmp_path / "report", make_run(profile="tiny", base_seed=0))
    export(measured, TINY, 0, folder / "store")
    return folder


@pytest.fixture
def run(cli: Callable[..., Result], report: Path) -> Callable[..., Result]:
    return lambda *arguments: cli("audit", report, "--device=cpu", "--workers=1", *arguments)


def committed(report: Path) -> Store:
    return Store(report / "store", pytest.fail, complete=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_cheapest_cell_of_each_family_is_trained_anew(run, report):
    before = contents(report)
    outcome = run()
    assert outcome.stdout == "".join(f"same bit for bit  {cell.label}, 3 of 3 nets\n" for cell in (RELU[0], TANH[1]))
    assert outcome.exit_code == 0
    assert contents(report) == before


def test_a_net_that_takes_long_is_left_out_unless_it_is_named(report, capsys):
    slow = replace(TINY, training=Training(0.1, 64, (0, 100_000)))
    first, fast = (cells_of([name], slow, 0)[0] for name in ("trained/relu", "violation/drift"))
    store = committed(report)
    for cell in (first, fast):
        store.save(random_measurement(cell))
    assert chosen_cells(slow, 0, (), store) == [fast]
    message = rf"left out, as a net takes a core some \d+ minutes: {re.escape(first.label)} \(--cells names it\)\n"
    assert re.fullmatch(message, capsys.readouterr().err)
    assert chosen_cells(slow, 0, ("mlp",), store) == [first]


def test_a_cell_that_differs_ends_with_status_1(run, report):
    store = committed(report)
    measurement = store.load(RELU[1])
    assert measurement
    measurement["score"][1, 0, 0] += 1e-9
    store.save(measurement)
    outcome = run("--cells=mlp", "--nets=2")
    assert outcome.exit_code == 1
    first, second, third = outcome.stdout.splitlines()
    assert first == f"same bit for bit  {RELU[0].label}, 2 of 3 nets"
    assert second.startswith(f"differs           {RELU[1].label}, 2 of 3 nets: ")
    assert second.endswith(": score of layer 1 at stage 1")
    assert third.startswith("same bit for bit")


def test_a_damaged_record_ends_with_status_1(run, report):
    path = committed(report).path(RELU[0])
    path.write_bytes(b"PK half")
    outcome = run("--cells=*relu N=5 *")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(f"{path.name} is damaged")


def test_missing_data_ends_with_status_1_and_says_what_to_type(run, report, monkeypatch):
    on_mnist = replace(TINY, dataset="mnist")
    monkeypatch.setitem(profiles.PROFILES, "tiny", on_mnist)
    far = cells_of(["trained/relu"], on_mnist, 0)[0]
    committed(report).save(random_measurement(far))
    outcome = run()
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "To fetch it, run: wndcheck fetch mnist" in outcome.stderr
    assert outcome.stderr.endswith(f"not measured: {far.label}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cells=cifar10"], "has no cell of profile tiny, base seed 0, that --cells names: `wndcheck store list"),
        (["--cells=nothing"], "'nothing' names no cell of profile tiny: expected one of mlp, "),
    ],
)
def test_cells_that_are_not_there_end_with_status_2(run, arguments, message):
    outcome = run(*arguments)
    assert outcome.exit_code == 2
    assert message in outcome.stderr


def test_what_is_not_a_run_with_its_measurements_ends_with_status_2(cli, report, tmp_path):
    assert "has no verdicts.json" in cli("audit", tmp_path).stderr
    (report / "store").rename(tmp_path / "elsewhere")
    outcome = cli("audit", report)
    assert outcome.exit_code == 2
    assert f"has no measurements: put them there with `wndcheck store export {report / 'store'}`" in outcome.stderr
