"""The report of a user's own network: page, numbers and figure."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wndcheck import dependence_score
from wndcheck.inspect import DependentPair, LayerScore, NetworkScore, NetworkVerdict, weakly_dependent
from wndcheck.report.network import OccupiedError, layers_figure, network_page, write_network
from wndcheck.tests.report.pages import HOSTILE, Page, section, tables

HOW = {"model": "net.py:make_net", "k": 3}


@pytest.fixture(scope="module")
def scores() -> NetworkScore:
    """Independent neurons, dependent ones, and a layer of which one neuron is constant.

    A part of 100 rows gives 10 pairs' mean an sd of some .13 / √10: the half interval is 3.25 · .041 / √10 = .04.
    """
    rng = np.random.default_rng(0)
    free = rng.standard_normal((1000, 6))
    bound = rng.standard_normal((1000, 1)) + 0.5 * rng.standard_normal((1000, 6))
    still = free.copy()
    still[:, 2] = 1.0
    found = dependence_score({"free": free, "bound": bound, "still": still}, max_pairs=10)
    return replace(found, left_out={"norm": "its neurons have no axis"})


@pytest.fixture(scope="module")
def found(scores: NetworkScore) -> NetworkVerdict:
    return weakly_dependent(scores, margin=0.1)


@pytest.fixture(scope="module")
def folder(found: NetworkVerdict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "page"
    written = write_network(path, found, HOW, {"python": "3.11"}, "wndcheck score net.py:make_net --data x.npy")
    assert sorted(path.iterdir()) == sorted(written)
    assert written[-1].name == "index.html"
    return path


@pytest.fixture(scope="module")
def whole(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_every_layer_has_its_verdict_number_and_pairs(whole: Page, found: NetworkVerdict) -> None:
    assert whole.faults == []
    verdicts = {"free": "supported", "bound": "refuted", "still": "supported", "norm": "inconclusive"}
    assert {name: str(layer.verdict) for name, layer in found.layers.items()} == verdicts
    for name, score in (found.scores or NetworkScore({})).layers.items():
        assert f"layer-{name}" in whole.ids
        assert f"{score.corrected:.4f} ± {score.corrected_se:.4f}" in whole.text
        i, j = score.pairs[0].neurons
        assert f"{i} – {j}" in whole.text
    for text in ("neuron 2: constant", "no axis", "--data x.npy", "10 of 15 pairs", "at most 0.1 nats"):
        assert text in whole.text


def test_the_figure_is_described_and_has_its_files(whole: Page, folder: Path) -> None:
    (image,) = whole.all("img")
    assert "free" in image["alt"]
    assert "bound" in image["alt"]
    assert whole.files == {"figure-layers.svg", "figure-layers.csv"}
    assert all((folder / name).is_file() for name in whole.files)


def test_the_numbers_are_those_of_the_scores(folder: Path, found: NetworkVerdict) -> None:
    document = json.loads((folder / "score.json").read_text(encoding="utf-8"))
    assert document["how"] == HOW
    assert document | found.to_dict() == document
    assert document["verdicts"]["norm"]["low"] is None
    rows = list(csv.DictReader((folder / "figure-layers.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["layer"] for row in rows] == ["free", "bound", "still"]
    assert float(rows[1]["corrected_score"]) == found["bound"].interval.estimate
    assert float(rows[1]["low"]) == found["bound"].interval.low
    for name in ("rank_score", "rank_dependent", "entropy"):
        assert float(rows[1][name]) == getattr(found["bound"].score, name)


def test_a_network_without_an_estimate_has_a_page_without_a_figure(found: NetworkVerdict, tmp_path: Path) -> None:
    (tmp_path / "figure-layers.svg").write_text("of an earlier network")
    nothing = replace(found, layers={"norm": found["norm"]})
    assert layers_figure(nothing, "norm") is None
    written = write_network(tmp_path, nothing, HOW, {})
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written} == {"index.html", "score.json"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("verdicts.json", r"holds the report of a run of claims .* name another folder"),
        ("index.html", r"holds an index.html of something else .* name another folder"),
    ],
)
def test_a_folder_of_something_else_is_refused(found: NetworkVerdict, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_text("something else")
    with pytest.raises(OccupiedError, match=message):
        write_network(tmp_path, found, HOW, {})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "something else"}


def test_a_page_of_an_earlier_network_is_overwritten(folder: Path, found: NetworkVerdict, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_text("earlier")
    write_network(tmp_path, found, HOW, {})
    assert "earlier" not in {path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}


def test_control_characters_in_names_are_replaced_in_the_figure(
    found: NetworkVerdict, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    name = "\x1b[31m\udcff\u5c64"
    write_network(tmp_path, replace(found, layers={name: replace(found["bound"], layer=name)}), HOW, {})
    assert "\ufffd[31m\ufffd\u5c64" in (tmp_path / "figure-layers.svg").read_text(encoding="utf-8")
    assert not recwarn.list


def test_hostile_names_are_shown_and_do_nothing(found: NetworkVerdict) -> None:
    score = found["bound"].score
    assert score is not None
    bad = replace(score, layer=HOSTILE, flags={0: HOSTILE}, notes=(HOSTILE,))
    verdict = replace(found["bound"], layer=HOSTILE, score=bad, cause=HOSTILE)
    lost = replace(found["norm"], layer=HOSTILE, cause=HOSTILE)
    judged = replace(found, layers={HOSTILE: verdict, "lost": lost})
    shown = Page(network_page(judged, HOSTILE, None, {"model": HOSTILE, HOSTILE: HOSTILE}, {HOSTILE: HOSTILE}, HOSTILE))
    assert (shown.faults, shown.all("img")) == ([], [])
    assert shown.text.count("<script>alert(1)</script>") > 8


def layer(corrected: float = 0.25, **changed: object) -> LayerScore:
    """No two numbers alike; at 99 % the half interval is 3.25 standard errors, .065."""
    numbers = {"score": 0.375, "score_se": 0.03, "corrected_se": 0.02, "parts": 10, "entropy": 1.42, "dependent": 0.125}
    numbers |= {"rank_score": 0.3125, "rank_dependent": 0.625}
    sizes = {"neurons": 80, "rows": 900, "rows_per_sample": 1, "pairs_estimated": 28, "pairs_possible": 3160}
    most = (DependentPair((2, 5), mi=0.75, corrected=0.5, p=0.0015, q=0.023),)
    whole = LayerScore("fc", **sizes, estimator="3h", jitter=None, corrected=corrected, pairs=most, **numbers)
    return replace(whole, **changed)


def judged(score: LayerScore, margin: float = 0.1, confidence: float = 0.99) -> NetworkVerdict:
    return weakly_dependent(NetworkScore({"fc": score}), margin, confidence)


def html(found: NetworkVerdict) -> str:
    return network_page(found, "fc", None, HOW, {})


def test_every_number_is_in_its_column() -> None:
    overview, pairs = tables(html(judged(layer())))
    assert overview == [
        {"layer": "fc", "weakly dependent?": "✗ refuted", "interval": "", "ι_c ± se": "0.2500 ± 0.0200", "ι": "0.3750"}
        | {"ι_r": "0.3125", "above 0.01 nats": "62.5 %"}
        | {"dependent pairs": "12.5 %", "entropy": "1.42", "neurons": "80", "rows": "900"}
    ]
    assert pairs == [
        {"neurons": "2 – 5", "information, nats": "0.7500", "above its null": "0.5000", "p": "0.0015", "q": "0.023"}
    ]


@pytest.mark.parametrize("margin", [0.1, 0.3, 0.5])
def test_the_shaded_region_ends_at_the_margin(margin: float) -> None:
    found = judged(layer(), margin)
    shown = Page(html(found))
    at = found["fc"].interval
    low, high = map(float, re.findall(r"[\d.]+", shown.all("path")[0]["d"].replace(" 8H", " ")))
    shaded = shown.all("rect")[0]
    assert float(shaded["x"]) == 0
    per_nat = (high - low) / (at.high - at.low)
    assert float(shaded["width"]) == pytest.approx(low + per_nat * (margin - at.low), abs=0.5)
    assert shown.all("svg")[0]["aria-label"].endswith(f", claimed ≤ {margin:g}")


def test_the_section_of_an_inconclusive_layer_gives_the_cause() -> None:
    found = judged(layer(corrected=0.1))
    assert found["fc"].verdict == "inconclusive"
    assert "<p>the interval includes the margin 0.1.</p>" in section(html(found), "layer-fc")
    assert "<p>" not in section(html(judged(layer())), "layer-fc").partition("<h4>")[0]


@pytest.mark.parametrize(("flags", "beyond"), [(2, []), (50, []), (57, ["and 7 more, in score.json"])])
def test_the_section_of_a_layer_names_the_neurons_without_an_estimate(flags: int, beyond: list[str]) -> None:
    whys = {neuron: f"reason {neuron}" for neuron in range(flags)}
    shown = section(html(judged(layer(flags=whys))), "layer-fc")
    items = [Page(item).text for item in re.findall(r"<li>.*?</li>", shown)]
    assert items == [f"neuron {neuron}: reason {neuron}" for neuron in range(min(flags, 50))] + beyond
    assert f"<summary>Neurons without an estimate: {flags} of 80</summary>" in shown


@pytest.mark.parametrize(("confidence", "text"), [(0.99, "99 %"), (0.9, "90 %"), (0.999, "99.9 %")])
def test_the_confidence_is_on_the_page(confidence: float, text: str) -> None:
    words = Page(html(judged(layer(), confidence=confidence))).text
    assert f"if the whole {text} interval of ι_c is at most 0.1 nats" in words
