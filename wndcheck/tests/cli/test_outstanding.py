"""Which cells a pattern names."""

from __future__ import annotations

import re

import pytest

from wndcheck.cli.outstanding import selected
from wndcheck.experiment.profiles import FULL, QUICK


def count(*patterns: str) -> dict[str, int]:
    return {part: len(cells) for part, cells in selected(FULL, 0, patterns).items()}


def test_all_cells_without_a_pattern():
    assert selected(FULL, 3) == {part: cells for part, cells in FULL.parts(3).items() if cells}
    assert "convnets" not in selected(QUICK, 0)


@pytest.mark.parametrize("part", FULL.parts(0))
def test_a_part_by_its_name(part):
    assert selected(FULL, 0, [part]) == {part: FULL.parts(0)[part]}


def test_labels_by_a_shell_pattern():
    (cells,) = selected(FULL, 0, ["mnist relu N=50 *"]).values()
    assert cells == (FULL.trained("relu", 50, 0),)
    assert selected(FULL, 0, [FULL.trained("relu", 50, 0).label])["mlp"] == cells
    assert {cell.width for cells in selected(FULL, 0, ["* N=[57]? *"]).values() for cell in cells} == {50, 75}


def test_several_patterns_name_what_any_of_them_does():
    both = count("violations", "mnist relu N=50 *")
    assert both == {"mlp": 1, "violations": len(FULL.parts(0)["violations"])}
    assert count("mlp", "mnist relu N=50 *") == count("mlp")


@pytest.mark.parametrize("pattern", ["relu", "MLP", "", "mnist relu N=51 *"])
def test_a_pattern_that_names_nothing_is_an_error_though_another_names_some(pattern):
    said = (
        f"{pattern!r} names no cell of profile quick: expected one of mlp, cifar10, initial, violations, "
        "ensembles, sensitivity, or a pattern for labels such as 'mnist-subset relu N=5 ×8 12 epochs of 64'"
    )
    with pytest.raises(ValueError, match=re.escape(said)):
        selected(QUICK, 0, ["mlp", pattern])


def test_a_part_that_the_profile_leaves_empty_is_an_error():
    with pytest.raises(ValueError, match="profile quick has no cells in its part 'convnets': expected one of mlp, "):
        selected(QUICK, 0, ["convnets"])
