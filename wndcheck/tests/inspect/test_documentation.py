"""docs/networks.md: what its table of networks and inputs says is tested, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "networks.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the page is in the repository, not in the package")
OUTCOMES = r"measured( if named| with a word)?\b|refused[:;]"


def rows() -> list[list[str]]:
    """Cells of the table of kinds, without its headings."""
    table = PAGE.read_text(encoding="utf-8").partition("## Kinds of network and input")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines() if line[:2] == "| "]
    return [each for each in cells[1:] if not each[0].startswith("**")]


def test_every_kind_of_network_and_input_is_measured_or_refused_and_names_its_test() -> None:
    tests = {
        name
        for file in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"^def test_(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    found = rows()
    assert len(found) >= 30
    for kind, outcome, test in found:
        assert re.match(OUTCOMES, outcome), kind
        assert test.strip("`") in tests, kind


def test_every_test_of_a_kind_of_network_is_in_the_table() -> None:
    text = Path(__file__).with_name("test_kinds_of_network.py").read_text(encoding="utf-8")
    named = {test.strip("`") for *_, test in rows()}
    assert set(re.findall(r"^def test_(\w+)", text, re.MULTILINE)) <= named
