"""The claims that the medium profile alone decides, and its levels, where recipes or images differ by known amounts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.families import cells_of
from wndcheck.experiment.profiles import MEDIUM
from wndcheck.experiment.record_schema import Measurement
from wndcheck.store.measurements import Store
from wndcheck.tests.claims.worlds import FOLDER, OF_NETS, claims_all_true, fill, made, run_claims
from wndcheck.verdicts.findings import Finding

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the claims are in the repository, not in the package")

RECIPE = MEDIUM.paper_recipe
assert RECIPE
# Of one activation, to be made in a moment.
SMALL_MEDIUM = replace(
    MEDIUM,
    widths=(20, 50, 100, 200, 1000),
    paper_recipe=replace(RECIPE, whole={"relu": {100: 8}}, begun={"relu": {200: 8}}),
)
FAMILIES = (
    "trained/relu",
    "trained/relu/fixed-images",
    "trained/tanh",
    "more-seeds/relu",
    "paper-recipe/relu",
    "paper-recipe-begun/relu",
    "sensitivity",
    "violation/shared",
    "violation/drift",
    "violation/bottleneck",
    "violation/tied",
    "violation/constant",
)


def is_of_paper(cell: Cell) -> bool:
    return getattr(cell.protocol, "learning_rate", None) == RECIPE.training.learning_rate


def store_with(root: Path, quantity: str = "score", paper: float = 0.0, half: float = 0.0) -> Path:
    """All holds; by the paper's recipe, and by initial weights × ½, a quantity of all layers is less by so much."""
    store = Store(root)
    for cell in cells_of(FAMILIES, SMALL_MEDIUM, 0):
        measurement: Measurement = made(cell, claims_all_true)
        less = paper if is_of_paper(cell) else half if cell.unspecified.initial_gain == 0.5 else 0.0
        measurement[quantity][1:] -= less
        store.save(measurement)
    return root


def test_every_claim_can_be_decided_of_the_profile_itself(tmp_path: Path) -> None:
    """Its widths have different numbers of nets, which checks that compare two of them have to pair."""
    fill(Store(tmp_path), claims_all_true, MEDIUM)
    claims = run_claims(tmp_path, MEDIUM, "-k", OF_NETS)
    assert not [error for claim in claims for error in (*claim.errors, *claim.not_run)]
    assert not [finding.key for claim in claims for finding in claim.findings if finding.failed]
    assert {claim.id for claim in claims if claim.verdict != "supported"} == set()


def found(root: Path, claim: str, check: str = "") -> dict[str, Finding]:
    (result,) = run_claims(root, SMALL_MEDIUM, *(["-k", check] if check else []), file=f"{claim}.py")
    assert not result.errors + result.not_run
    return {each.name: each for each in result.findings}


def test_recipes_that_differ_by_less_than_the_margins_are_equivalent(tmp_path: Path) -> None:
    findings = found(store_with(tmp_path, paper=0.004), "recipe_equivalence")
    assert {each.name for each in findings.values() if each.must_be is None and each.verdict != "supported"} == set()
    assert not [each.name for each in findings.values() if each.failed]
    assert len({name.partition("[")[0] for name in findings}) == 8


@pytest.mark.parametrize(
    ("quantity", "by", "check"),
    [
        ("score", 0.02, "test_score[score"),
        ("corrected_score", -0.02, "test_score[corrected_score"),
        ("entropy_change", 0.2, "test_entropy_change"),
        ("validation_accuracy", 0.01, "test_accuracy[validation_accuracy"),
    ],
)
def test_recipes_that_differ_by_more_are_not(tmp_path: Path, quantity: str, by: float, check: str) -> None:
    findings = found(store_with(tmp_path, quantity, paper=by), "recipe_equivalence")
    differing = {each.name for each in findings.values() if each.must_be is None and each.verdict == "refuted"}
    assert differing
    assert all(f"test_{name}".startswith(check.partition("[")[0]) for name in differing)


def test_a_level_carries_what_the_recipe_changes(tmp_path: Path) -> None:
    (level,) = found(store_with(tmp_path, paper=0.004), "weak_dependence", "test_vicinity and relu and 1-").values()
    assert level.recipe
    assert level.recipe.widths == (200,)
    assert level.recipe.low < 0.004 < level.recipe.high < 0.006
    measured = np.mean(level.values)
    assert level.interval.low < measured - 0.004
    assert level.interval.high - measured < measured - level.interval.low
    assert level.choices == dict.fromkeys(level.choices, "supported")
    assert len(level.choices) == 6


def test_a_verdict_that_the_recipe_alone_can_explain_is_lost(tmp_path: Path) -> None:
    (level,) = found(store_with(tmp_path, paper=-0.05), "weak_dependence", "test_vicinity and relu and 1-").values()
    assert level.verdict == "inconclusive"
    assert max(level.values) < 0.054


def test_a_level_says_to_which_choices_it_is_robust(tmp_path: Path) -> None:
    (level,) = found(store_with(tmp_path, half=-0.1), "weak_dependence", "test_vicinity and relu and 1-").values()
    assert level.verdict == "supported"
    assert {name for name, verdict in level.choices.items() if verdict != "supported"} == {"initial weights × ½"}


def test_nets_without_the_papers_recipe_nearby_are_untested(tmp_path: Path) -> None:
    (level,) = found(store_with(tmp_path), "weak_dependence", "test_vicinity and tanh and 1-").values()
    assert level.recipe
    assert not level.recipe.widths


@pytest.mark.parametrize(
    ("quantity", "sampling", "check"),
    [
        (None, "", ""),
        ("corrected_score", "fixed", "fixed_sample["),
        ("corrected_score_2000", "own", "more_images[1000-2000-"),
        ("corrected_score_4000", "own", "more_images[1000-4000-"),
    ],
)
def test_other_images_that_give_other_scores_are_noticed(tmp_path: Path, quantity, sampling: str, check: str) -> None:
    store = Store(store_with(tmp_path))
    for cell in cells_of(["trained/relu", "trained/relu/fixed-images"], SMALL_MEDIUM, 0):
        if quantity and cell.probe.sampling == sampling and (cell.width == 1000 or sampling == "fixed"):
            measurement = made(cell, claims_all_true)
            measurement[quantity][:] += 0.01
            store.save(measurement)
    findings = found(tmp_path, "choice_of_images").values()
    refuted = {each.name for each in findings if each.must_be is None and each.verdict == "refuted"}
    supported = {each.name for each in findings if each.must_be is None and each.verdict == "supported"}
    assert not [each.name for each in findings if each.failed]
    assert len(refuted | supported) == 20
    assert refuted == {each.name for each in findings if check and each.name.startswith(check)}
