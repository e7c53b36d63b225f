"""`wndcheck report` as a user meets it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wndcheck.cli import main
from wndcheck.experiment.profiles import QUICK
from wndcheck.report import Measured, write_report
from wndcheck.store.measurements import Store
from wndcheck.tests.report.pages import Page
from wndcheck.tests.report.reported import claim, document, estimator_claims, finding, made

CLAIM_FILE = '''"""The words of the file."""

from wndcheck.verdicts.checks import Claim

CLAIM = Claim("entropy-against-k", "§A", "The number is small", figures=("figure-a1a-entropy-k",))


def test_number(decide): ...
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with one figure, and no page."""
    folder = tmp_path_factory.mktemp("run") / "reports" / "latest"
    lost = claim("two", [finding(claim="two", low=float("-inf"), high=float("inf"))])
    whole = document(estimator_claims()[0], lost)
    write_report(folder, whole, Measured())
    (folder / "index.html").unlink()
    return folder


@pytest.fixture
def here(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "store"))
    shutil.copytree(run, tmp_path / "reports" / "latest")
    return tmp_path / "reports" / "latest"


def reported(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["report", *arguments])
    assert result.exit_code == code, result.output
    return result


def test_it_writes_the_page_and_nothing_else(here: Path) -> None:
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    result = reported()
    assert result.stdout.startswith("reports/latest/index.html (0.")
    after = {path.name: path.read_bytes() for path in here.iterdir()}
    assert after.keys() - before.keys() == {"index.html"}
    assert {name: after[name] for name in before} == before
    page = Page(after["index.html"].decode())
    assert "claim-entropy-against-k" in page.ids
    assert "drawing-figure-a1a-entropy-k" in page.ids
    assert not (here.parent.parent / "store").exists(), "reading has made a store"


def test_it_is_the_page_that_the_run_would_have_written(here: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    written = document(estimator_claims()[0])
    write_report(again, written, Measured())
    page = (again / "index.html").read_bytes()
    reported(str(again))
    assert (again / "index.html").read_bytes() == page


def test_a_figure_that_is_missing_is_drawn_from_the_run(here: Path) -> None:
    (here / "figure-a1a-entropy-k.svg").unlink()
    assert "made reports/latest/figure-a1a-entropy-k.svg" in reported().stderr
    assert (here / "figure-a1a-entropy-k.svg").is_file()


def test_figures_of_nets_are_drawn_from_the_store(here: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for cell in QUICK.trained_cells(0)[:2]:
        store.save(made(cell))
    result = reported("--store", str(tmp_path / "store"))
    assert "made reports/latest/figure-pairs.csv" in result.stderr
    page = Page((here / "index.html").read_text(encoding="utf-8"))
    assert {"drawing-figure-pairs", "drawing-figure-2-entropy"} <= set(page.ids)
    assert "Accuracy beside the paper" in page.text


def test_claims_say_what_the_run_has_not_noted(here: Path, tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "k.py").write_text(CLAIM_FILE)
    reported()
    page = (here / "index.html").read_text(encoding="utf-8")
    assert "The words of the file." in Page(page).text
    section = page.partition('id="claim-entropy-against-k"')[2].partition("</section>")[0]
    assert "drawing-figure-a1a-entropy-k" in section
    (tmp_path / "claims" / "k.py").write_text("import nothing_of_this_name")
    assert "the page does without" in reported().stderr


def test_what_cannot_be_used_says_what_to_type(here: Path, tmp_path: Path) -> None:
    assert "has no verdicts.json" in reported("nowhere", code=2).stderr
    (here / "figure-a1a-entropy-k.svg").write_text("<html>")
    assert "figure-a1a-entropy-k.svg is no SVG" in reported(code=2).stderr
    (here / "verdicts.json").write_text("{}")
    assert "is not a run's verdicts.json" in reported(code=2).stderr
