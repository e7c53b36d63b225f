"""`wndcheck measure` as a user meets it, on a small real profile."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from wndcheck.cli import console
from wndcheck.cli.measure_plan import planned
from wndcheck.experiment import families, profiles
from wndcheck.experiment.cells import Training
from wndcheck.experiment.families import cells_of
from wndcheck.experiment.profiles import QUICK, Profile
from wndcheck.store.measure_log import COLUMNS
from wndcheck.store.measurements import FOLDER, Store
from wndcheck.tests.tiny import TINY_PROBE, finish, random_measurement, start_python, wait_for

TINY = replace(
    QUICK,
    name="tiny",
    widths=(5,),
    nets=2,
    training=Training(0.1, 64, (0, 1)),
    initial_width=6,
    probe=TINY_PROBE,
    violation_widths=(4,),
    violation_width=4,
    violation_nets=2,
    sensitivity_width=5,
    ensembles=replace(QUICK.ensembles, widths=(4,), initial_width=5, count=2, nets=10),
)
CELLS = cells_of(["trained/relu", "trained/tanh"], TINY, 0)
ENDLESS = replace(TINY, name="endless", training=Training(0.01, 64, (0, 10_000)))
NEEDS_DATA = replace(TINY, name="needs-data", dataset="mnist")

pytestmark = pytest.mark.usefixtures("one_thread", "more_profiles")


@pytest.fixture
def more_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for profile in (TINY, ENDLESS, NEEDS_DATA):
        monkeypatch.setitem(profiles.PROFILES, profile.name, profile)
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("WNDCHECK_DATA", str(tmp_path / "data"))


@pytest.fixture
def run(cli: Callable[..., Result]) -> Callable[..., Result]:
    def measure(*arguments: object, profile: Profile = TINY) -> Result:
        return cli("measure", f"--profile={profile.name}", "--seed=0", "--device=cpu", "--workers=1", *arguments)

    return measure


def files(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.rglob("*")}


def test_the_help_names_all_parts_of_a_profile(cli):
    words = re.sub(r"-\s+", "-", cli("measure", "--help").output).split()  # lines may end within a name
    assert set(families.parts(QUICK, 0)) <= {word.strip("(,)") for word in words}


def test_cells_are_measured_once_and_noted(run, tmp_path):
    first = run("--cells=mlp")
    assert (first.exit_code, first.exception) == (0, None)
    store = Store(tmp_path / "store", pytest.fail)
    assert all(store.load(cell) for cell in CELLS)
    assert first.stdout == f"2 cells measured, in {store.root}\n"
    *lines, last = first.stderr.splitlines()
    assert lines[:2] == [
        "wndcheck: profile tiny, seed 0: 2 cells, 0 measured, 0 half trained, 2 to do on cpu by 1 worker",
        "wndcheck: 2 cells to train and measure (a cell: one width, all its seeds)",
    ]
    assert re.fullmatch(r"wndcheck: \[2/2\] mnist-subset (relu|tanh) N=5 ×2 1 epochs of 64: \d+ s", last)

    log = (store.root / "measure.log").read_text(encoding="utf-8").splitlines()
    header, *noted = [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in log]
    assert list(header.values()) == list(COLUMNS)
    assert {line["cell"] for line in noted} == {cell.label for cell in CELLS}
    for cell in CELLS:
        (line,) = (line for line in noted if line["cell"] == cell.label)
        measured = store.load(cell)
        assert measured
        assert float(line["accuracy"]) == pytest.approx(measured["accuracy"][-1].mean(), abs=1e-4)
        assert float(line["validation_accuracy"]) == pytest.approx(measured["validation_accuracy"][-1].mean(), abs=1e-4)
        assert line["stacks"] == "2"
        assert float(line["training_seconds"]) > 0

    before = files(store.root)
    again = run("--cells=mlp")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert again.stderr == "wndcheck: profile tiny, seed 0: 2 cells, 2 measured, 0 half trained, 0 to do\n"
    assert files(store.root) == before


def test_options_name_the_cells_the_seed_the_store_and_the_log(run, tmp_path):
    options = ("--cells=initial", "--cells=* drift *", "--seed=1", "--store", tmp_path / "other", "--log")
    outcome = run(*options, tmp_path / "logs" / "log.tsv")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("5 cells measured")
    store = Store(tmp_path / "other", pytest.fail)
    assert all(
        store.has(cell) for cell in (*families.parts(TINY, 1)["initial"], *cells_of(["violation/drift"], TINY, 1))
    )
    assert len((tmp_path / "logs" / "log.tsv").read_text(encoding="utf-8").splitlines()) == 6
    assert not (tmp_path / "store").exists()


def test_ctrl_c_keeps_what_there_is_and_says_so(cli, run, tmp_path):
    store, cells = Store(tmp_path / "store"), cells_of(["trained/relu", "trained/tanh"], ENDLESS, 0)

    def interrupt() -> None:
        wait_for(lambda: any(map(store.is_half_trained, cells)))
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupting = threading.Thread(target=interrupt, daemon=True)
    interrupting.start()
    try:
        outcome = run("--cells=mlp", profile=ENDLESS)
    finally:
        interrupting.join(60)
        signal.signal(signal.SIGINT, before)
    assert outcome.exit_code == 130
    assert outcome.stderr.endswith(
        "wndcheck: interrupted: measured cells and checkpoints are kept, and the same command goes on from there\n"
    )
    (cell,) = filter(store.is_half_trained, cells)
    with store.locked(cell) as has_lock:
        assert has_lock
    listed = cli("store", "list")
    assert (listed.exit_code, listed.stdout) == (
        0,
        f"half trained: {cell.label}: 0 of 10000 epochs of 2 nets from seed 0\n",
    )


def test_missing_data_is_reported_before_anything_is_trained(run, tmp_path):
    outcome = run("--cells=mlp", profile=NEEDS_DATA)
    assert outcome.exit_code == 1
    assert f"Error: mnist is not in {tmp_path / 'data'}. Not found:" in outcome.stderr
    assert outcome.stderr.endswith("To fetch it, run: wndcheck fetch mnist\n")
    assert "to train and measure" not in outcome.stderr
    assert run("--cells=mlp", "--data", tmp_path, profile=NEEDS_DATA).stderr.endswith(
        f"wndcheck fetch mnist --data {tmp_path}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile=huge"], "profile 'huge': expected quick or medium or full or .*; try --profile=quick"),
        (["--seed=-1"], "base seed -1 with 2 nets: .*; choose another --seed"),
        (["--device=abacus"], "device 'abacus': expected auto, cpu, cuda or cuda:N; try --device=auto"),
        (["--workers=0"], "0 is not in the range"),
        (["--cells=mpl"], "'mpl' names no cell of profile tiny: expected one of mlp, .* such as 'mnist-subset relu"),
        (["--cells=more-seeds"], "profile tiny has no cells in its part 'more-seeds'"),
        (["--store={file}/store"], "the store .* cannot be written .*: name another folder with --store"),
        (["--log={file}/log"], "the log .* cannot be written .*: name another file with --log"),
        (["--engine=dask"], "--engine=dask and --scheduler=ADDRESS, or the path of a scheduler file, go together"),
        (["--scheduler=tcp://127.0.0.1:1"], "--engine=dask and --scheduler=ADDRESS, .* go together"),
        (["--engine=slurm", "--device=auto"], "slurm has other machines' devices: say which, by --device=cpu or"),
        (["--fast"], "No such option"),
    ],
    ids=str,
)
def test_a_wrong_command_line_ends_with_status_2(run, tmp_path, arguments, message):
    (tmp_path / "file").touch()
    outcome = run(*(argument.format(file=tmp_path / "file") for argument in arguments))
    assert outcome.exit_code == 2
    assert re.search(message, outcome.stderr), outcome.stderr
    assert "--wnd" not in outcome.stderr


def test_a_store_that_cannot_be_written_ends_with_status_1(run, tmp_path):
    for cell in CELLS:
        (tmp_path / "store" / FOLDER / "locks" / f"{cell.nets_key}.lock").mkdir(parents=True)
    outcome = run("--cells=mlp")
    assert outcome.exit_code == 1
    assert f"Error: the store {tmp_path / 'store' / FOLDER} cannot be written (" in outcome.stderr
    assert outcome.stderr.endswith("): name another folder with --store\n")


def test_without_log_option_a_log_that_cannot_be_written_blames_the_store(run, tmp_path):
    (tmp_path / "store" / FOLDER / "measure.log").mkdir(parents=True)
    outcome = run("--cells=mlp")
    assert outcome.exit_code == 2
    assert re.search(r"the store .* cannot be written \(.*\): name another folder with --store", outcome.stderr)


def test_a_dry_run_predicts_and_writes_nothing(run, tmp_path):
    outcome = run("--dry-run", "--cells=mlp", "--cells=violations")
    assert (outcome.exit_code, outcome.exception) == (0, None)
    assert list(tmp_path.iterdir()) == []
    rows = [line.split() for line in outcome.stdout.splitlines()]
    assert " ".join(rows[0]) == "part cells measured pieces nets to do TFLOP core hours largest stack about"
    counts = [["mlp", "2", "0", "2", "4"], ["violations", "9", "0", "9", "18"], ["total", "11", "0", "11", "22"]]
    assert [row[:5] for row in rows[1:4]] == counts
    assert all(re.fullmatch(r"\d+ (s|min \d+ s)", " ".join(row[9:])) for row in rows[1:4])
    assert "\x1b" not in outcome.stdout
    assert "Times are for one worker on cpu; " in outcome.stdout
    assert "They rest on 2 stacks of nets" in " ".join(outcome.stdout.split())


def test_a_dry_run_of_what_is_measured_has_nothing_to_time(run, tmp_path):
    assert run("--cells=initial").exit_code == 0
    before = files(tmp_path)
    outcome = run("--cells=initial", "--dry-run")
    assert outcome.exit_code == 0
    rows = [line.split() for line in outcome.stdout.splitlines()[1:3]]
    assert rows == [["initial", "3", "3", "0", "0"], ["total", "3", "3", "0", "0"]]
    assert outcome.stdout.endswith("Nothing is left to do.\n")
    assert "timing" not in outcome.stderr
    assert files(tmp_path) == before


def test_there_are_no_more_workers_than_cells(tmp_path):
    plan = planned("tiny", 0, ["mlp"], "cpu", 8, tmp_path, make=False, say=pytest.fail)
    assert plan.workers == 2
    assert plan.summary.endswith("2 cells, 0 measured, 0 half trained, 2 to do on cpu by 2 workers")


def test_a_dry_run_counts_damaged_cells_as_not_measured_and_leaves_them(run, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for cell in CELLS:
        store.save(random_measurement(cell))
    damaged = store.path(CELLS[0])
    damaged.write_bytes(damaged.read_bytes()[:-100])
    before = files(tmp_path)
    outcome = run("--cells=mlp", "--dry-run")
    assert outcome.exit_code == 0
    assert f"{damaged.name} is damaged (" in outcome.stderr
    assert "2 cells, 1 measured, 0 half trained, 1 to do" in outcome.stderr
    assert [line.split()[:5] for line in outcome.stdout.splitlines()[1:2]] == [["mlp", "2", "1", "1", "2"]]
    assert files(tmp_path) == before


def test_one_cell_is_counted_in_the_singular(run) -> None:
    outcome = run(f"--cells={CELLS[0].label}")
    assert outcome.stdout.startswith("1 cell measured, in ")
    assert "profile tiny, seed 0: 1 cell, 0 measured" in outcome.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--engine=dask", "--scheduler=no.json"],
            "Error: there is no Dask scheduler at no.json, which is no file, either: ",
        ),
        (["--engine=slurm"], "Error: there is no Slurm here: "),
    ],
    ids=str,
)
def test_an_engine_that_cannot_be_reached_ends_with_status_1(run, options: list[str], message: str) -> None:
    outcome = run("--cells=mlp", *options)
    assert outcome.exit_code == 1, outcome.output
    assert re.search(message, outcome.stderr)


def test_a_dry_run_of_an_engine_needs_none(run) -> None:
    outcome = run("--cells=mlp", "--engine=slurm", "--dry-run")
    assert outcome.exit_code == 0
    assert "Times are for one worker on cpu" in outcome.stdout


@pytest.mark.parametrize(("engine", "package"), [("dask", "distributed"), ("slurm", "submitit")])
def test_an_engine_that_is_not_installed_says_what_to_type(run, monkeypatch, engine: str, package: str) -> None:
    monkeypatch.setattr(console, "find_spec", lambda name: None)
    outcome = run(f"--engine={engine}", *["--scheduler=tcp://127.0.0.1:1"] * (engine == "dask"))
    assert outcome.exit_code == 2
    assert f"--engine={engine} needs {package}: type `pip install 'wndcheck[{engine}]'`" in outcome.stderr


MAIN = """
import os, sys
os.environ.pop("OMP_NUM_THREADS")
from wndcheck.experiment import profiles
from wndcheck.cli import main
from wndcheck.tests.cli.test_measure import TINY
profiles.PROFILES["tiny"] = TINY
options = ["--profile=tiny", "--seed=0", "--device=cpu", "--store", *sys.argv[1:]]
main(["measure", *options], prog_name="wndcheck")
"""


def test_two_workers_in_processes_of_their_own(tmp_path):
    folder = tmp_path / "here" / FOLDER
    process = start_python(MAIN, tmp_path / "here", "--workers=2", "--cells=mlp", "--keep-weights")
    assert finish(process) == f"2 cells measured, in {folder}\n"
    store = Store(tmp_path / "here", pytest.fail)
    measured = [store.load(cell) for cell in CELLS]
    assert all(map(store.weights.has, CELLS))
    assert [found.provenance["threads"] for found in measured if found] == [1, 1]
    assert len((folder / "measure.log").read_text(encoding="utf-8").splitlines()) == 3


def test_a_wrong_command_line_imports_no_torch():
    script = (
        "import sys\n"
        "from wndcheck.cli import main\n"
        "try:\n"
        "    main(['measure', '--cells=nothing'])\n"
        "finally:\n"
        "    print(sorted({'torch', 'numba'} & set(sys.modules)))\n"
    )
    outcome = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (outcome.returncode, outcome.stdout) == (2, "[]\n")


def test_a_damaged_cell_is_measured_again(run, tmp_path: Path) -> None:
    store = Store(tmp_path / "store", pytest.fail)
    path = store.path(CELLS[0])
    path.write_bytes(b"PK half")
    result = run("--cells=*relu N=5 *", "--cells=initial")
    assert result.exit_code == 0, result.output
    assert f"{path.name} is damaged" in result.stderr
    assert store.load(CELLS[0]) is not None
