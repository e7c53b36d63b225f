"""The report from made-up nets and experiments whose numbers are known."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from math import e, inf, log, nan, pi
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from wndcheck.grids import Grid
from wndcheck.profiles import QUICK
from wndcheck.records import Measurement, record_shapes
from wndcheck.report import deciding_check, format_interval, write_report
from wndcheck.report.files import strict_json, write_atomically
from wndcheck.report.series import all_figures
from wndcheck.report.summary import escaped, summary
from wndcheck.statistics import mean_interval
from wndcheck.verdicts import Finding

WIDTHS = (5, 20, 100, 200)
FIGURES = {
    "figure-2-entropy",
    "figure-3-dependence",
    "figure-a1a-entropy-k",
    "figure-a1b-entropy-m",
    "figure-a1c-stabilisation",
}


def measurement(activation: str, width: int) -> Measurement:
    """Nets whose layers depend less the wider they are, but for the last layer."""
    cell = QUICK.trained(activation, width, 0)  # type: ignore[arg-type]
    rng = np.random.default_rng(width)
    noise = {name: rng.normal(0, 0.01, shape) for name, shape in record_shapes(cell).items()}
    fall = np.array([1, 1.2, 1.5, 2, 0]) / width + np.array([0, 0, 0, 0, 0.3])
    means = {"entropy": 1.4 + np.arange(5) / 10, "score": 0.03 + fall, "corrected_score": fall, "accuracy": 0.98}
    return Measurement(cell, {name: array + means.get(name, 0) for name, array in noise.items()}, {})


def grids() -> dict[str, Grid]:
    return {a: Grid(tuple(measurement(a, width) for width in WIDTHS), QUICK) for a in ("relu", "tanh")}


def finding(check: str = "level", estimate: float = 0.005, half: float = 0.001, **fields: Any) -> Finding:
    defaults: dict[str, Any] = {
        "claim": "weak-dependence",
        "parameters": {},
        "estimand": "ι",
        "unit": "nats",
        "replicate": "nets",
        "region": (-inf, 0.01),
        "confidence": 0.99,
        "low": estimate - half,
        "high": estimate + half,
        "n": 8,
        "untrained": 0,
        "primary": True,
        "verdict": "supported",
        "cause": "",
        "test": "claims/dependence.py::test_level[relu-1]",
    }
    return Finding(check=check, estimate=estimate, **defaults | fields)


def experiment(claim: str, check: str, parameters: dict[str, float], bias: float, region=(-0.02, 0.02)) -> Finding:
    place = int(100 * sum(parameters.values()))
    values = list(bias + np.random.default_rng(place).normal(0, 0.01, 16))
    found = mean_interval(values, 0.99)
    fields = {"low": found.low, "high": found.high, "n": 16, "values": values, "replicate": "experiments"}
    return finding(check, found.estimate, claim=claim, parameters=parameters, region=region, **fields)


def claim(name: str, checks: list[Finding], controls: list[Finding] | None = None, **fields: Any) -> dict[str, Any]:
    defaults = {
        "id": name,
        "paper": "§4",
        "statement": f"What {name} says.",
        "verdict": "supported",
        "cause": "",
        "expected": "supported",
        "checks": [check.to_dict() for check in checks],
        "controls": [control.to_dict() for control in controls or []],
        "errors": [],
        "not_run": [],
    }
    return defaults | fields


def document(*claims: dict[str, Any], **fields: Any) -> dict[str, Any]:
    run = {"schema": 1, "created": "2026-01-02T03:04:05+00:00", "profile": "quick", "base_seed": 0, "mode": "verify"}
    return run | {"environment": {"numpy": "2.0", "torch": "2.4"}, "claims": list(claims)} | fields


def estimator_claims() -> list[dict[str, Any]]:
    k = [experiment("entropy-against-k", f"bias[{k}]", {"k": k}, 0.001 * k) for k in (5, 2, 3)]
    m = [experiment("entropy-against-m", f"bias[{m}]", {"m": m}, 5 / m) for m in (100, 1000, 10000)]
    rhos = (0.0, 0.5, 0.9)
    region = {"vanilla": (-inf, -0.5), "stabilised": (-0.05, 0.05)}
    gap = {"vanilla": -3.0, "stabilised": 0.01}
    c = [
        experiment("stabilisation", f"{name}[{rho}]", {"rho": rho}, gap[name], region[name])
        for name in gap
        for rho in rhos
    ]
    falls = finding("falls", claim="entropy-against-m", values=[1.0, 2.0], parameters={})
    shifted = experiment("entropy-against-k", "shifted", {"k": 3}, 9.0)
    return [
        claim("entropy-against-k", k, [replace(shifted, control="refuted")]),
        claim("entropy-against-m", [*m, falls]),
        claim("stabilisation", c),
    ]


def rows(path: Path) -> list[dict[str, str]]:
    assert b"\r" not in path.read_bytes()
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of a run with everything in it; tests only read them."""
    folder = tmp_path_factory.mktemp("whole") / "new" / "report"
    return write_report(folder, document(*estimator_claims()), grids())


def test_a_whole_run_leaves_every_file_and_nothing_else(whole_run: list[Path]) -> None:
    paths = whole_run
    names = {"verdicts.json", "summary.md"} | {f"{stem}{suffix}" for stem in FIGURES for suffix in (".svg", ".csv")}
    assert {path.name for path in paths} == names == {path.name for path in paths[0].parent.iterdir()}
    for path in paths:
        if path.suffix == ".svg":
            ElementTree.parse(path)


def test_the_same_run_leaves_the_same_bytes(whole_run: list[Path], tmp_path: Path) -> None:
    again = write_report(tmp_path, document(*estimator_claims()), grids())
    assert [path.read_bytes() for path in whole_run] == [path.read_bytes() for path in again]


def test_figures_leave_matplotlibs_settings_alone_and_never_load_pyplot(tmp_path: Path) -> None:
    (tmp_path / "document.json").write_text(json.dumps(document(*estimator_claims()[:1])))
    program = (
        "import json, sys\nfrom pathlib import Path\nfrom wndcheck.report import write_report\n"
        "assert not {'matplotlib', 'pytest', 'torch'} & sys.modules.keys()\n"
        # Reading the setting "backend" as usual would import pyplot.
        "import matplotlib\n"
        "def settings(): return {key: dict.__getitem__(matplotlib.rcParams, key) for key in matplotlib.rcParams}\n"
        "before = settings()\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "paths = write_report(folder, json.loads((folder / 'document.json').read_text()), {})\n"
        "assert len(paths) == 4\n"
        "assert 'matplotlib.pyplot' not in sys.modules\nassert settings() == before\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_no_data_no_figure(tmp_path: Path) -> None:
    for stem in FIGURES:  # an earlier run's
        (tmp_path / f"{stem}.svg").touch()
        (tmp_path / f"{stem}.csv").touch()
    spoilt = {name: untrained(grid) for name, grid in grids().items()}
    for absent in ({}, {"relu": Grid((), QUICK)}, spoilt):
        paths = write_report(tmp_path, document(claim("weak-dependence", [])), absent)
        assert {path.name for path in paths} == {"verdicts.json", "summary.md"}
    assert {path.name for path in tmp_path.iterdir()} == {"verdicts.json", "summary.md"}, (
        "an earlier run's figures stay"
    )


def untrained(grid: Grid) -> Grid:
    return replace(
        grid,
        measurements=tuple(replace(m, arrays=m.arrays | {"accuracy": m["accuracy"] * nan}) for m in grid.measurements),
    )


def test_figures_bear_missing_nets_widths_and_activations(tmp_path: Path) -> None:
    made = grids()
    first, second, *others = made["relu"].measurements
    narrow = first.arrays | {"accuracy": np.full_like(first["accuracy"], nan)}
    single = second["accuracy"].copy()
    single[:, 1:] = 0
    changed = (replace(first, arrays=narrow), replace(second, arrays=second.arrays | {"accuracy": single}))
    relu = replace(made["relu"], measurements=(*changed, *others))
    without = tuple(
        replace(m, arrays=m.arrays | {"corrected_score": m["score"] * nan}) for m in made["tanh"].measurements
    )
    write_report(tmp_path, document(), {"relu": relu, "tanh": Grid(without, QUICK)})
    found = [row for row in rows(tmp_path / "figure-2-entropy.csv") if row["activation"] == "relu"]
    assert {(row["value"], row["mean"], row["n"]) for row in found if row["width"] == "5"} == {("", "", "0")}
    alone = [row for row in found if row["width"] == "20" and row["value"]]
    assert all(row["mean"] == row["value"] and row["low"] == "" and row["n"] == "1" for row in alone)
    assert "15 of 64 nets did not train" in all_figures(document(), {"relu": relu, "tanh": made["tanh"]})[0].caption


@pytest.mark.parametrize(
    ("stem", "quantity", "epochs"),
    [
        ("figure-2-entropy", "entropy", 12),
        ("figure-2-entropy", "entropy", 0),
        ("figure-3-dependence", "score", 12),
        ("figure-3-dependence", "corrected_score", 12),
    ],
)
def test_csv_of_the_nets_holds_their_numbers(whole_run: list[Path], stem: str, quantity: str, epochs: int) -> None:
    made = grids()
    found = [
        row
        for row in rows(whole_run[0].parent / f"{stem}.csv")
        if (row["quantity"], row["epochs"], row["activation"]) == (quantity, str(epochs), "tanh")
    ]
    assert len(found) == len(WIDTHS) * QUICK.nets * 5
    seeds = made["tanh"].measurements[0].cell.seeds
    for row in found:
        nets = measurement("tanh", int(row["width"]))[quantity][0 if epochs == 0 else -1, :, int(row["layer"]) - 1]
        assert float(row["value"]) == nets[seeds.index(int(row["seed"]))]
        expected = mean_interval(nets, 0.99)
        assert (float(row["mean"]), float(row["low"]), float(row["high"]), int(row["n"])) == (
            expected.estimate,
            expected.low,
            expected.high,
            8,
        )


@pytest.mark.parametrize(
    ("stem", "key", "places"), [("a1a-entropy-k", "k", "2 3 5"), ("a1b-entropy-m", "m", "100 1000 10000")]
)
def test_csv_of_the_entropies_adds_the_truth_to_the_bias(
    whole_run: list[Path], stem: str, key: str, places: str
) -> None:
    claims = estimator_claims()
    found = rows(whole_run[0].parent / f"figure-{stem}.csv")
    assert list(dict.fromkeys(row[key] for row in found)) == places.split()
    truth = log(2 * pi * e) / 2
    checks = {str(c["parameters"][key]): c for each in claims for c in each["checks"] if key in c["parameters"]}
    for row in found:
        bias = checks[row[key]]["values"][int(row["experiment"])]
        assert float(row["value"]) == pytest.approx(truth + bias, abs=1e-12)
        assert float(row["mean"]) == pytest.approx(truth + checks[row[key]]["estimate"], abs=1e-12)
        assert float(row["truth"]) == pytest.approx(truth, abs=1e-12)


def test_csv_of_stabilisation_holds_both_estimators(whole_run: list[Path]) -> None:
    found = rows(whole_run[0].parent / "figure-a1c-stabilisation.csv")
    assert len(found) == 2 * 3 * 16
    for row in found:
        truth = -log(1 - float(row["rho"]) ** 2) / 2
        assert float(row["truth"]) == pytest.approx(truth, abs=1e-12)
        # The made-up experiments scatter by .01: six standard deviations.
        gap = {"vanilla": -3.0, "stabilised": 0.01}[row["estimator"]]
        assert float(row["value"]) - truth == pytest.approx(gap, abs=0.06)


def test_one_estimator_alone_is_drawn(tmp_path: Path) -> None:
    stabilised = [experiment("stabilisation", "stabilised[0.5]", {"rho": 0.5}, 0.01)]
    write_report(tmp_path, document(claim("stabilisation", stabilised)), {})
    assert {row["estimator"] for row in rows(tmp_path / "figure-a1c-stabilisation.csv")} == {"stabilised"}


def refuse(token: str) -> None:
    raise AssertionError(f"{token} is not JSON")


def test_json_is_strict_and_keeps_the_document(tmp_path: Path) -> None:
    given = document(claim("weak-dependence", [finding(estimate=nan, low=-inf, high=inf, values=[0.5, nan])]))
    write_report(tmp_path, given, {})
    text = (tmp_path / "verdicts.json").read_text(encoding="utf-8")
    read = json.loads(text, parse_constant=refuse)
    assert list(read) == list(given)
    check = read["claims"][0]["checks"][0]
    assert (check["estimate"], check["low"], check["region"], check["values"]) == (
        None,
        None,
        [None, 0.01],
        [0.5, None],
    )
    assert text.startswith('{\n "schema": 1,\n')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values))
@hypothesis_settings(deadline=None, max_examples=50)
def test_any_document_becomes_strict_json(made: dict[str, Any]) -> None:
    read = json.loads(strict_json(made), parse_constant=refuse)
    assert strict_json(read) == strict_json(made)


def test_a_file_that_cannot_be_moved_into_place_leaves_the_old_one(tmp_path: Path, monkeypatch) -> None:
    path = write_atomically(tmp_path / "summary.md", b"old")

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


REFUTED_FAR = finding("far", 0.05, verdict="refuted")
REFUTED_NEAR = finding("near", 0.02, verdict="refuted")
# Its estimate is the furthest out, its interval is not.
REFUTED_WIDE = finding("wide", 0.08, 0.06, verdict="refuted")
BELOW = finding("below", -0.2, verdict="refuted", region=(-0.1, 0.1))
UNDECIDED = finding("undecided", 0.01, verdict="inconclusive")
UNMEASURED = finding("unmeasured", nan, low=-inf, high=inf, verdict="inconclusive")
COMFORTABLE = finding("comfortable", 0.001)
TIGHT = finding("tight", 0.0085)
LOWER_EDGE = finding("lower edge", -0.0989, region=(-0.1, 0.1))
SECONDARY = finding("secondary", 0.5, verdict="refuted", primary=False)
CONTROL = finding("control", 0.5, verdict="refuted", control="refuted")


@pytest.mark.parametrize(
    ("checks", "deciding"),
    [
        ([COMFORTABLE, REFUTED_NEAR, UNDECIDED, REFUTED_FAR, REFUTED_WIDE], REFUTED_FAR),
        ([REFUTED_FAR, BELOW], BELOW),
        ([COMFORTABLE, UNDECIDED, UNMEASURED], UNDECIDED),
        ([TIGHT, UNMEASURED, UNDECIDED], UNMEASURED),
        ([COMFORTABLE, TIGHT], TIGHT),
        ([TIGHT, LOWER_EDGE], LOWER_EDGE),
        ([SECONDARY, CONTROL, COMFORTABLE], COMFORTABLE),
        ([SECONDARY, CONTROL], None),
        ([], None),
    ],
)
def test_the_check_that_decides(checks: list[Finding], deciding: Finding | None) -> None:
    assert deciding_check(checks) is deciding


@pytest.mark.parametrize(
    ("estimate", "low", "high", "text"),
    [
        (0.0732, 0.0688, 0.0776, "0.073 [0.069, 0.078]"),
        (0.01043, 0.01012, 0.01074, "0.0104 [0.0101, 0.0107]"),
        (1.4, 1.4, 1.4, "1.400 [1.400, 1.400]"),
        (0.0, 0.0, 0.0, "0.000 [0.000, 0.000]"),
        (-0.0001, -0.004, 0.0038, "0.000 [-0.004, 0.004]"),
        (0.00012, -0.00003, 0.00027, "1.2e-04 [-3.0e-05, 2.7e-04]"),
        (123456.0, 123400.0, 123512.0, "1.235e+05 [1.234e+05, 1.235e+05]"),
        (12.3, 2.3, 22.3, "12.300 [2.300, 22.300]"),
        (0.5, -inf, inf, "0.500 [-∞, ∞]"),
        (nan, -inf, inf, "no estimate"),
    ],
)
def test_intervals_in_words(estimate: float, low: float, high: float, text: str) -> None:
    assert format_interval(finding(estimate=estimate, low=low, high=high)) == text


def test_escaped_text_shows_as_it_is() -> None:
    assert escaped("a|b *c* `d`\n<e> [f](g) $h$ \\") == r"a\|b \*c\* \`d\` \<e\> \[f\](g) \$h\$ \\"


def test_summary_says_what_was_found() -> None:
    checks = [
        finding("trend[relu|1]", 0.0082, 0.0011, parameters={"layer": 1}, untrained=1, reason="the paper says so"),
        finding("level", 0.5, primary=False, verdict="refuted"),
    ]
    shuffled = finding("shuffled", 0.02, 0.001, control="supported", verdict="refuted")
    made = claim(
        "weak-dependence",
        checks,
        [shuffled],
        statement="ι | falls",
        verdict="inconclusive",
        cause="a control failed",
        errors=[{"test": "claims/dependence.py::test_more", "message": "boom\n| at line 3"}],
        not_run=[{"test": "claims/cifar.py::test_it[relu]", "reason": "no data: wndcheck fetch cifar-10"}],
    )
    text = summary(document(made, profile="full", base_seed=7, problems=["a | b"]))
    for words in (
        "- profile: full\n- base seed: 7\n- date: 2026-01-02T03:04:05+00:00",
        "- torch: 2.4\n- **problem**: a \\| b\n",
        r"| [weak-dependence](#weak-dependence) | ι \| falls | 0.008 [0.007, 0.009] nats, trend\[relu\|1\] |"
        " ≤ 0.01 | 8 nets (1 untrained) | **inconclusive** | supported |",
        "Verdict: **inconclusive** (a control failed); expected: supported. Why: the paper says so.",
        r"| trend\[relu\|1\] | layer=1 | ι | 0.008 [0.007, 0.009] nats | ≤ 0.01 | 8 nets (1 untrained)"
        " | yes | supported |  |",
        "| level |  | ι | 0.500 [0.499, 0.501] nats | ≤ 0.01 | 8 nets | no | refuted |  |",
        "| shuffled |  | ι | 0.020 [0.019, 0.021] nats | ≤ 0.01 | 8 nets | supported | **refuted** |  |",
        r"- claims/dependence.py::test\_more: boom \| at line 3",
        r"- claims/cifar.py::test\_it\[relu\]: no data: wndcheck fetch cifar-10",
        '\npytest "claims/dependence.py::test_level" "claims/dependence.py::test_more" "claims/cifar.py::test_it"'
        " --wnd-profile=full --wnd-seed=7\n",
    ):
        assert words in text


def test_every_table_row_has_as_many_cells_as_its_head() -> None:
    hostile = "a | b ` c \\ d\n| e"
    checks = [finding(hostile, parameters={hostile: hostile}, estimand=hostile, cause=hostile, unit=hostile)]
    lines = summary(document(claim("hostile", checks, checks, statement=hostile, expected=hostile))).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert [line.replace(r"\\", "").replace(r"\|", "").count("|") for line in table] == [8] * 3 + [10] * 6


def test_a_claim_without_checks_has_a_section_and_no_numbers() -> None:
    waiting = {"test": "claims/cifar.py::test_it", "reason": "no data"}
    text = summary(document(claim("cifar-weak-dependence", [], verdict="not run", expected="", not_run=[waiting])))
    assert "| What cifar-weak-dependence says. |  |  |  | **not run** |  |" in text
    assert "expected: nothing in particular" in text
    assert "Controls" not in text


def test_summary_shows_the_figures_beside_it() -> None:
    text = summary(document(), all_figures(document(), grids()))
    assert "](figure-2-entropy.svg)" in text
    assert "](figure-3-dependence.svg)" in text
    assert "figure-a1" not in text


def test_undecodable_messages_are_written(tmp_path: Path) -> None:
    broken = {"test": "claims/dependence.py::test_more", "message": "no file \udcff"}
    write_report(tmp_path, document(claim("weak-dependence", [], errors=[broken])), {})
    read = json.loads((tmp_path / "verdicts.json").read_text(encoding="utf-8"))
    assert read["claims"][0]["errors"] == [broken]
    assert "no file \\udcff" in (tmp_path / "summary.md").read_text(encoding="utf-8")
