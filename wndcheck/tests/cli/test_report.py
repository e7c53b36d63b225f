"""`wndcheck report` on the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from msgspec import structs

from wndcheck.experiment.profiles import QUICK
from wndcheck.report.stored_nets import Measured
from wndcheck.report.writing import write_report
from wndcheck.store.measurements import Store
from wndcheck.tests.factories import make_claim, make_finding, make_run, write_run
from wndcheck.tests.report.example_results import ensemble, estimator_claims, make_measurement, trained
from wndcheck.tests.report.pages import Page, section
from wndcheck.verdicts.run import Problem, ProblemKind
from wndcheck.verdicts.run_files import encode, read_run

RUN = make_run(estimator_claims()[0], make_claim("two", make_finding(claim="two", values=[1.0])))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with one figure, and no page."""
    folder = tmp_path_factory.mktemp("run") / "reports" / "latest"
    write_report(folder, RUN, Measured())
    (folder / "index.html").unlink()
    return folder


@pytest.fixture
def here(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "store"))
    shutil.copytree(run, tmp_path / "reports" / "latest")
    return tmp_path / "reports" / "latest"


Report = Callable[..., Result]


@pytest.fixture
def report(cli: Callable[..., Result]) -> Report:
    """report("DIR", code=0): run `wndcheck report`, which must end with that exit status."""

    def run(*arguments: str, code: int = 0) -> Result:
        result = cli("report", *arguments)
        assert result.exit_code == code, result.output
        return result

    return run


def page_in(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_only_the_page_is_written(here: Path, report: Report) -> None:
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    result = report("reports/latest/verdicts.json")
    assert result.stdout.startswith("reports/latest/index.html (0.")
    after = {path.name: path.read_bytes() for path in here.iterdir()}
    assert after.keys() - before.keys() == {"index.html"}
    assert {name: after[name] for name in before} == before
    page = page_in(here)
    assert {"claim-entropy_against_k", "claim-two"} <= set(page.ids)
    assert '<figure id="figure-a1a-entropy-k">' in section(page.html, "claim-entropy_against_k")
    assert not (here.parent.parent / "store").exists(), "reading has made a store"


def test_a_figure_that_is_missing_is_drawn_from_the_run(here: Path, report: Report) -> None:
    drawn = (here / "figure-a1a-entropy-k.svg").read_bytes()
    (here / "figure-a1a-entropy-k.svg").unlink()
    assert "made reports/latest/figure-a1a-entropy-k.svg" in report().stderr
    assert (here / "figure-a1a-entropy-k.svg").read_bytes() == drawn


def test_a_command_measures_the_nets_that_the_store_lacks(here: Path, report: Report) -> None:
    report()
    page = page_in(here)
    for id in ("part-accuracy-next-to-the-papers", "part-both-readings-side-by-side"):
        text = Page(section(page.html, id)).text
        assert "The store does not have the nets for this table." in text
        assert "wndcheck measure --profile=quick --seed=0 && wndcheck report reports/latest" in text
    write_run(here, make_run(*RUN.claims, profile="of another version"))
    report()
    assert "wndcheck measure" not in page_in(here).text


def test_figures_and_tables_of_nets_are_made_from_the_store(here: Path, tmp_path: Path, report: Report) -> None:
    store = Store(tmp_path / "store")
    for cell in (trained("relu", 5, QUICK), trained("relu", 20, QUICK), ensemble(QUICK.ensembles.widths[0], QUICK)):
        store.save(make_measurement(cell))
    result = report("--store", str(tmp_path / "store"))
    assert "made reports/latest/figure-pairs.csv" in result.stderr
    page = page_in(here)
    assert {"figure-pairs", "figure-2-entropy", "figure-both-readings"} <= set(page.ids)
    assert "ReLU perceptrons on mnist-subset" in Page(section(page.html, "part-accuracy-next-to-the-papers")).text
    assert "ensemble, the same image" in Page(section(page.html, "part-both-readings-side-by-side")).text
    missing = Page(section(page.html, "part-what-the-paper-leaves-unspecified")).text
    assert "wndcheck measure --profile=quick --seed=0 --cells=mlp --cells=sensitivity" in missing


def test_the_store_in_a_reports_folder_is_the_one_it_is_made_from(here: Path, report: Report) -> None:
    Store(here / "store").save(make_measurement(trained("relu", 20, QUICK)))
    report()
    page = page_in(here)
    assert "ReLU perceptrons on mnist-subset" in Page(section(page.html, "part-accuracy-next-to-the-papers")).text


def test_unusable_folders_and_files_are_errors(here: Path, report: Report) -> None:
    assert "has no verdicts.json" in report("nowhere", code=2).stderr
    figure = here / "figure-a1a-entropy-k.svg"
    figure.write_text("<html>")
    assert "figure-a1a-entropy-k.svg is not an SVG file" in report(code=2).stderr
    figure.unlink()
    figure.mkdir()
    directory = "figure-a1a-entropy-k.svg cannot be read (Is a directory): remove it, and it is drawn again"
    assert directory in report(code=2).stderr
    (here / "verdicts.json").write_text("{}")
    assert "is not a run's verdicts.json" in report(code=2).stderr


def test_a_file_of_the_store_that_cannot_be_read_is_named_and_left_out(
    here: Path, tmp_path: Path, report: Report
) -> None:
    path = Store(tmp_path / "store").path(trained("relu", 5, QUICK))
    path.symlink_to("/proc/self/mem")  # whose first bytes cannot be read, as those of a bad disk
    assert f"{path} cannot be read: Input/output error" in report().stderr
    assert (here / "index.html").exists()


def test_the_report_of_a_stopped_run_is_not_taken_for_whole(here: Path, report: Report) -> None:
    run = read_run(here)
    stopped = Problem(ProblemKind.UNREPORTED, "the run was stopped: 3 of 9 tests did not finish")
    (here / "verdicts.json").write_bytes(encode(structs.replace(run, problems=(stopped,))))
    assert f"this is not a whole run: {stopped.text}" in report().stderr
    assert stopped.text in (here / "index.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_named(here: Path, report: Report) -> None:
    (here / "index.html").mkdir()
    words = "index.html cannot be written to reports/latest (Is a directory): copy the report"
    assert words in report(code=1).stderr


@pytest.mark.parametrize(
    ("claim", "field", "value", "expected"),
    [
        (0, "parameters.k", "two", "is 'two', expected a number between 0 and 1e+09"),
        (0, "parameters.k", -1, "is -1, expected a number between 0 and 1e+09"),
        (2, "parameters.rho", "<b>", "is '<b>', expected a number between -1 and 1"),
        (2, "parameters.rho", 5, "is 5, expected a number between -1 and 1"),
        (0, "interval.high", 1e308, "is 1e+308, expected a number of at most 1e+150"),
        (0, "check.region.low", -1e308, "is -1e+308, expected a number of at most 1e+150"),
        (0, "values.3", 1e200, "is 1e+200, expected a number of at most 1e+150"),
    ],
)
def test_a_number_that_cannot_be_shown_is_named(
    here: Path, claim: int, field: str, value: object, expected: str, report: Report
) -> None:
    """The first check of the claim has one field edited; the claims are those of `estimator_claims`."""
    document = json.loads(encode(make_run(*estimator_claims())))
    check = place = document["claims"][claim]["checks"][0]
    *parents, last = field.split(".")
    for name in parents:
        place = place[name]
    place[int(last) if last.isdigit() else last] = value
    (here / "verdicts.json").write_text(json.dumps(document))
    name = f"{field.replace('.3', '[3]')} of {check['name']} in claim {check['claim']}"
    message = " ".join(report(code=2).stderr.split())
    assert f"Error: reports/latest/verdicts.json: {name} {expected}: run it again with `pytest claims/" in message
