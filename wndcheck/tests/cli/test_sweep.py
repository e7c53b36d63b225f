from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from csv import DictReader
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from wndcheck.store.executors import TRIES
from wndcheck.tests.store.test_engines import cluster
from wndcheck.tests.tiny import start_python, wait_for

MODEL = """
import torch

CALLS = []

def make_net(width):
    CALLS.append(width)
    if width == 50:
        raise ValueError("not this one")
    return torch.nn.Sequential(torch.nn.Linear(6, width), torch.nn.Tanh(), torch.nn.Linear(width, 3))

def train(net, seed):
    assert CALLS, "of the same import as make_net"
    for _ in range(2):
        with torch.no_grad():
            net[0].weight.mul_(1.01)
        yield

def evaluate(net):
    return float(net[0].out_features)
"""

Command = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "family.py").write_text(MODEL)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((200, 6)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return tmp_path


@pytest.fixture
def sweep(folder: Path, cli: Command) -> Command:
    def run(*arguments: str, widths: str = "20,30,40", data: str = "x.npy", workers: str = "1") -> Result:
        sys.modules.pop("family", None)  # as in a process of its own
        given = ("--widths", widths, "--data", data, "--seeds", "2", "--pairs", "10", "--store", "kept")
        given += ("--workers", workers)
        return cli("sweep", "family.py:make_net", *given, *arguments)

    return run


def test_a_line_a_net_a_table_and_verdicts(sweep: Command) -> None:
    outcome = sweep("--train", "family.py:train", "--evaluate", "family.py:evaluate", widths="20,30,40,50")
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stderr.splitlines()
    assert [line.rpartition(":")[0] for line in lines[:6]] == [
        f"wndcheck: [{number}/8] N = {width}, seed {seed}"
        for number, (width, seed) in enumerate(product((20, 30, 40), (0, 1)), start=1)
    ]
    assert lines[-1] == "wndcheck: [8/8] N = 50, seed 1: ValueError: not this one (family.py, line 9, in make_net)"
    assert outcome.stdout.splitlines()[0].split("  ")[0] == "layer"
    assert "N = 50: 2 of 2 nets failed (seed 0, 1), ValueError: not this one" in outcome.stdout
    for claim in ("weak_dependence", "constant_entropy", "initial_data_reading", "last_layer"):
        assert f"\n{claim}: " in outcome.stdout


def test_what_was_kept_is_taken_up_unless_the_source_has_changed(folder: Path, sweep: Command) -> None:
    first = sweep()
    (folder / "family.py").write_text(MODEL.replace("1.01", "1.02"))
    refused = sweep()
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "has changed since the nets of 'family-make_net' were measured: give --no-cache" in refused.stderr
    assert sweep("--no-cache").exit_code == sweep("--name", "other").exit_code == 0
    (folder / "family.py").write_text(MODEL)
    for record in (folder / "kept" / "sweeps" / "family-make_net").rglob("N=*"):
        assert record.stat().st_size
    again = sweep()
    assert again.stdout == first.stdout
    assert again.stderr == first.stderr.replace(" s\n", " s (kept)\n"), "with the seconds of the first time"


def test_two_processes_give_what_one_gives(folder: Path, sweep: Command) -> None:
    arguments = ("--train", "family.py:train", "--no-cache")
    one, two = (sweep(*arguments, workers=workers) for workers in "12")
    assert two.exit_code == 0, two.output
    assert two.stdout == one.stdout
    assert len(two.stderr.splitlines()) == 6


def test_a_net_that_always_kills_its_worker_is_said_and_the_others_are_measured(folder: Path, sweep: Command) -> None:
    (folder / "family.py").write_text(MODEL.replace('raise ValueError("not this one")', "import os; os._exit(9)"))
    outcome = sweep(widths="20,50", workers="2")
    assert outcome.exit_code == 0, outcome.output
    assert "N = 50: 2 of 2 nets failed (seed 0, 1), no worker measured it, BrokenProcessPool: " in outcome.stdout
    assert outcome.stderr.count("a worker process ended (killed, or out of memory?)") == 2 * (TRIES - 1)
    assert len(list((folder / "kept").rglob("N=20-*"))) == 2


def test_workers_of_dask_import_the_functions_file_as_it_is_now(folder: Path, sweep: Command) -> None:
    with cluster(folder) as (scheduler, _):
        options = ("--engine", "dask", "--scheduler", scheduler, "--device", "cpu")
        outcome = sweep(*options)
        assert outcome.exit_code == 0, outcome.output
        assert len(outcome.stderr.splitlines()) == 6
        (folder / "family.py").write_text(MODEL.replace("width == 50", "width == 40"))
        assert (
            "N = 40: 2 of 2 nets failed (seed 0, 1), ValueError: not this one" in sweep(*options, "--no-cache").stdout
        )


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--engine=dask"], 2, "--engine=dask and --scheduler=ADDRESS, or the path of a scheduler file, go together"),
        (["--engine=slurm"], 2, "slurm has other machines' devices: say which, by --device=cpu or --device=cuda"),
        (["--engine=slurm", "--device=cpu"], 1, "Error: there is no Slurm here: "),
        (["--engine=dask", "--scheduler=no.json", "--device=cpu"], 1, "Error: there is no Dask scheduler at no.json"),
    ],
    ids=str,
)
def test_an_engine_that_cannot_be_used(sweep: Command, options: list[str], code: int, message: str) -> None:
    outcome = sweep(*options)
    assert (outcome.exit_code, outcome.stdout) == (code, "")
    assert message in outcome.stderr


INTERRUPTED = """
import sys
from wndcheck.cli import main
sys.argv = ["wndcheck", "sweep", "family.py:make_net", "--widths=20,30", "--data=x.npy", "--seeds=2", "--pairs=10"]
sys.argv += ["--store=kept", "--train=family.py:train", "--workers=2"]
main()
"""


def test_an_interrupted_sweep_keeps_what_is_measured(folder: Path) -> None:
    (folder / "family.py").write_text(
        MODEL.replace("    assert", "    __import__('time').sleep(99 * seed)\n    assert")
    )
    process = start_python(INTERRUPTED)
    try:
        wait_for(lambda: process.poll() is not None or len(list((folder / "kept").rglob("N=*-seed=0"))) == 2)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert errors.endswith("interrupted: nets that are measured are kept, and the same command goes on from there\n")


def test_the_page_has_figure_table_verdicts_and_numbers(folder: Path, sweep: Command) -> None:
    outcome = sweep("--train", "family.py:train", "--report", "page", "--layers", "0", widths="20,30,40,50")
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stderr.splitlines()[-1] == "wndcheck: page/index.html"
    page = (folder / "page" / "index.html").read_text(encoding="utf-8")
    for text in (
        "<code>trend</code>",
        "last_<wbr>layer",
        "N = 50: 2 of 2 nets failed",
        "data:image/svg+xml",
        "planted",
    ):
        assert text in page
    assert "wndcheck sweep family.py:make_net --widths 20,30,40,50 --data x.npy --seeds 2" in page
    document = json.loads((folder / "page" / "sweep.json").read_text(encoding="utf-8"))
    assert {claim["id"]: claim["verdict"] for claim in document["claims"]}["weak_dependence"] == "inconclusive"
    with (folder / "page" / "sweep.csv").open(encoding="utf-8") as file:
        rows = list(DictReader(file))
    assert len(rows) == 3 * 2 * 3 * 2  # widths, seeds, stages, layers
    assert (folder / "page" / "figure-sweep.svg").exists()
    (folder / "page" / "sweep.json").unlink()
    occupied = sweep("--report", "page")
    assert occupied.exit_code == 1
    assert "page holds an index.html of something else" in occupied.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({"widths": "20;30"}, 2, "'20;30': expected numbers with commas, such as 32,64,128,256"),
        ({"widths": "20,20"}, 1, "widths [20, 20]: expected distinct numbers"),
        ({"widths": "50"}, 1, "no net could be measured:\nN = 50, seed 0: ValueError: not this one"),
        ({"data": "y.npy"}, 1, "y.npy is not there"),
    ],
    ids=str,
)
def test_what_cannot_be_used(sweep: Command, arguments: dict, code: int, message: str) -> None:
    outcome = sweep(**arguments)
    assert (outcome.exit_code, outcome.stdout) == (code, "")
    assert message in outcome.stderr


def test_a_training_that_is_not_there_is_named(sweep: Command) -> None:
    assert "family.py has no 'fit'; it has make_net, train, evaluate" in sweep("--train", "family.py:fit").stderr
    assert "'family.py:CALLS': it is list, expected a function" in sweep("--train", "family.py:CALLS").stderr
