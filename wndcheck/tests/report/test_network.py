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
from wndcheck.report.network import OccupiedError, network_page, write_network
from wndcheck.report.network_figures import checkpoints_figure, layers_figure, pairs_figure
from wndcheck.report.plots import plot
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
    image, *pairs = whole.all("img")
    assert "free" in image["alt"]
    assert "bound" in image["alt"]
    assert [text["alt"].partition(".")[0] for text in pairs] == ["Pairs of free", "Pairs of bound", "Pairs of still"]
    stems = ["figure-layers", "figure-pairs-1", "figure-pairs-2", "figure-pairs-3"]
    assert whole.files == {f"{stem}.{suffix}" for stem in stems for suffix in ("svg", "csv")}
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


def test_all_pairs_are_in_a_file_with_their_null_and_ranks(folder: Path, found: NetworkVerdict) -> None:
    score = found["bound"].score
    assert score is not None
    rows = list(csv.DictReader((folder / "figure-pairs-2.csv").read_text(encoding="utf-8").splitlines()))
    assert {(row["layer"], len(rows)) for row in rows} == {("bound", 10)}
    by_neurons = {(int(row["first"]), int(row["second"])): row for row in rows}
    assert len(by_neurons) == 10
    for pair in score.pairs:
        row = by_neurons[pair.neurons]
        numbers = [float(row[name]) for name in ("score", "corrected_score", "p", "q")]
        assert numbers == [pair.mi, pair.corrected, pair.p, pair.q]
        assert float(row["score"]) - float(row["null"]) == pytest.approx(pair.corrected)
    assert np.mean([float(row["rank_score"]) for row in rows]) == pytest.approx(score.rank_score)
    flagged = list(csv.DictReader((folder / "figure-pairs-3.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["score"] == "" for row in flagged if "2" in (row["first"], row["second"])} == {True}


def test_the_heat_map_has_the_most_dependent_pairs(found: NetworkVerdict) -> None:
    score = dependence_score({"wide": np.random.default_rng(0).standard_normal((200, 20))}, n_shuffles=2)["wide"]
    figure = pairs_figure(score)
    assert figure is not None
    assert len(figure.strongest) == 100 < len(figure.found.pairs)
    assert figure.corrected[figure.strongest].tolist() == sorted(figure.corrected, reverse=True)[:100]
    assert [tuple(pair) for pair in figure.found.pairs[figure.strongest[:10]]] == [p.neurons for p in score.pairs]
    canvas = plot(figure)
    histogram, heat, *_ = canvas.axes
    bars, line = (stairs.get_data().values for stairs in histogram.patches[::-1])
    assert bars.sum() == pytest.approx(1)
    assert line.sum() == pytest.approx(1)
    places = np.asarray(heat.collections[0].get_offsets(), int)
    columns, rows = ([int(t.get_text()) for t in axis.get_ticklabels()] for axis in (heat.xaxis, heat.yaxis))
    drawn = [(rows[y], columns[x]) for x, y in places.tolist()]
    assert drawn == [tuple(pair) for pair in figure.found.pairs[figure.strongest].tolist()]
    assert pairs_figure(replace(score, information=None)) is None


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (["net-10.safetensors", "net-300.safetensors"], [10, 300]),
        (["runs2/a.safetensors", "runs2/b.safetensors"], [1, 2]),
        (["epoch2/net.safetensors", "epoch1/net.safetensors"], [1, 2]),
        (["a1.safetensors", "b1.safetensors"], [1, 2]),
    ],
)
def test_checkpoints_are_at_the_steps_of_their_names(found: NetworkVerdict, names: list[str], steps: list[int]) -> None:
    assert checkpoints_figure(dict.fromkeys(names, found)).steps == steps


def test_checkpoints_have_a_figure_and_all_their_numbers(found: NetworkVerdict, tmp_path: Path) -> None:
    first = replace(found, layers={"bound": found["free"], "norm": found["norm"]})
    checkpoints = {"step-20": found, "step-3": first}
    write_network(tmp_path, found, HOW, {}, "", checkpoints)
    shown = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "Dependence of each layer over checkpoints" in " ".join(image["alt"] for image in shown.all("img"))
    rows = list(csv.DictReader((tmp_path / "figure-checkpoints.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["checkpoint"], row["step"]) for row in rows] == [("step-20", "20")] * 3 + [("step-3", "3")]
    document = json.loads((tmp_path / "score.json").read_text(encoding="utf-8"))
    assert document["checkpoints"] == {name: each.to_dict() for name, each in checkpoints.items()}
    figure = checkpoints_figure(checkpoints)
    assert figure.layers == ["free", "bound", "still"]
    panel = plot(figure).axes[0]
    bound = next(line for line in panel.lines if line.get_label() == "bound")
    assert np.asarray(bound.get_xdata()).tolist() == [3, 20]
    expected = [found[name].interval.estimate for name in ("free", "bound")]
    assert np.asarray(bound.get_ydata()).tolist() == expected
    write_network(tmp_path, found, HOW, {})
    assert not list(tmp_path.glob("figure-checkpoints.*"))


def test_scores_of_groups_have_columns_of_their_own() -> None:
    (row, *_), _ = tables(html(judged(layer(within=0.0625, within_se=0.01, between=0.1875))))
    assert (row["within groups"], row["between"]) == ("0.0625 ± 0.0100", "0.1875")
    assert "between" not in tables(html(judged(layer())))[0][0]


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
    shown = Page(network_page(judged, HOSTILE, {}, {"model": HOSTILE, HOSTILE: HOSTILE}, {HOSTILE: HOSTILE}, HOSTILE))
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
    return network_page(found, "fc", {}, HOW, {})


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
