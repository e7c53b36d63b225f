"""`wndcheck report` on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wndcheck.cli import main
from wndcheck.experiment.profiles import QUICK
from wndcheck.report.stored_nets import Measured
from wndcheck.report.writing import write_report
from wndcheck.store.measurements import Store
from wndcheck.tests.factories import make_claim, make_finding, make_run, write_run
from wndcheck.tests.report.pages import Page, section
from wndcheck.tests.report.reported import ensemble, estimator_claims, made, trained

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


def report(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["report", *arguments])
    assert result.exit_code == code, result.output
    return result


def page_in(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_the_page_alone_is_written(here: Path) -> None:
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    result = report()
    assert result.stdout.startswith("reports/latest/index.html (0.")
    after = {path.name: path.read_bytes() for path in here.iterdir()}
    assert after.keys() - before.keys() == {"index.html"}
    assert {name: after[name] for name in before} == before
    page = page_in(here)
    assert {"claim-entropy_against_k", "claim-two"} <= set(page.ids)
    assert '<figure id="figure-a1a-entropy-k">' in section(page.html, "claim-entropy_against_k")
    assert not (here.parent.parent / "store").exists(), "reading has made a store"


def test_a_figure_that_is_missing_is_drawn_from_the_run(here: Path) -> None:
    drawn = (here / "figure-a1a-entropy-k.svg").read_bytes()
    (here / "figure-a1a-entropy-k.svg").unlink()
    assert "made reports/latest/figure-a1a-entropy-k.svg" in report().stderr
    assert (here / "figure-a1a-entropy-k.svg").read_bytes() == drawn


def test_a_command_measures_the_nets_that_the_store_lacks(here: Path) -> None:
    report()
    page = page_in(here)
    for id in ("part-accuracy-beside-the-papers", "part-both-readings-side-by-side"):
        text = Page(section(page.html, id)).text
        assert "The store does not have the nets for this table." in text
        assert "wndcheck measure --profile=quick && wndcheck report reports/latest" in text
    write_run(here, make_run(*RUN.claims, profile="of another version"))
    report()
    assert "wndcheck measure" not in page_in(here).text


def test_figures_and_tables_of_nets_are_made_from_the_store(here: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for cell in (trained("relu", 5, QUICK), trained("relu", 20, QUICK), ensemble(QUICK.ensembles.widths[0], QUICK)):
        store.save(made(cell))
    result = report("--store", str(tmp_path / "store"))
    assert "made reports/latest/figure-pairs.csv" in result.stderr
    page = page_in(here)
    assert {"figure-pairs", "figure-2-entropy", "figure-both-readings"} <= set(page.ids)
    assert "ReLU perceptrons on mnist-subset" in Page(section(page.html, "part-accuracy-beside-the-papers")).text
    assert "ensemble, the same image" in Page(section(page.html, "part-both-readings-side-by-side")).text
    missing = Page(section(page.html, "part-what-the-paper-leaves-unspecified")).text
    assert "wndcheck measure --profile=quick --cells=mlp --cells=sensitivity" in missing


def test_unusable_folders_and_files_are_errors(here: Path) -> None:
    assert "has no verdicts.json" in report("nowhere", code=2).stderr
    (here / "figure-a1a-entropy-k.svg").write_text("<html>")
    assert "figure-a1a-entropy-k.svg is not an SVG file" in report(code=2).stderr
    (here / "verdicts.json").write_text("{}")
    assert "is not a run's verdicts.json" in report(code=2).stderr
