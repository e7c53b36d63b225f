"""The summary of a run in Markdown."""

from __future__ import annotations

import re
from dataclasses import replace

from msgspec import structs

from wndcheck.report.figures import all_figures
from wndcheck.report.format import Strong
from wndcheck.report.pages import page, summary, verdict_table
from wndcheck.report.section_model import Section, Table
from wndcheck.report.tables import all_sections
from wndcheck.report.wording import describe_finding
from wndcheck.tests.factories import FAILS, HOLDS, SMALL, make_claim, make_finding, make_run
from wndcheck.tests.report.example_results import finding, measured
from wndcheck.tests.report.pages import hostile_run
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.findings import Unfinished
from wndcheck.verdicts.run import Problem, ProblemKind
from wndcheck.verdicts.statistics import at_most

WEAK = "weak_dependence"


def test_every_finding_is_in_the_summary() -> None:
    checks = [
        finding("trend[relu|1]", 0.0082, 0.0011, parameters={"layer": 1}, untrained=1, reason="the paper says so"),
        finding("level", 0.5, primary=False),
    ]
    permuted = finding("permuted", 0.02, must_be="supported")
    weak = make_claim(WEAK, *checks, permuted, statement="ι | falls", not_run=["it[relu]"], left=["widest[1]"])
    run = make_run(
        weak,
        make_claim("broken", errors=["more"]),
        profile="full",
        base_seed=7,
        problems=[Problem(ProblemKind.UNREPORTED, "a | b")],
    )
    text = summary(run)
    for words in (
        "- profile: full\n- base seed: 7\n- date: 2026-11-23T12:00:00+00:00\n- mode: report\n",
        "- wndcheck: 0.1.0\n- **problem**: a \\| b\n\n| claim | ",
        r"| [weak\_dependence](#weak_dependence) | ι \| falls | ≤ 0.01 nats |"
        r" 0.008 \[0.007, 0.009\] nats, trend\[relu\|1\] | 8 nets (1 untrained)"
        " | **inconclusive**: trend (1 of 1); level: full | supported |"
        " Inconclusive: 1 test was not run. Measured: ι is 0.0082 nats, in 8 nets. |",
        "## weak\\_dependence\n\nPaper, §4: ι \\| falls\n\nVerdict: **inconclusive**: trend (1 of 1); "
        "level: full; expected: supported. Incon",
        "\n\nWhy this was expected: the paper says so.\n\n",
        r"| trend\[relu\|1\] | layer=1 | ι | 0.008 \[0.007, 0.009\] nats | ≤ 0.01 nats | 8 nets (1 untrained)"
        " | yes | supported |  |",
        r"| level |  | ι | 0.500 \[0.499, 0.501\] nats | ≤ 0.01 nats | 8 nets | no | refuted |  |",
        r"| permuted |  | ι | 0.020 \[0.019, 0.021\] nats | ≤ 0.01 nats | 8 nets | supported | **refuted** |  |",
        r"- claims/weak\_dependence.py::test\_it\[relu\]: no data",
        "\n\nLevel, left to full: widest (1).\n\n",
        r"- claims/broken.py::test\_more: it broke",
        '\n\n```sh\npytest "claims/broken.py::test_more" --wnd-profile=full --wnd-seed=7\n```\n',
    ):
        assert words in text


def test_the_number_of_primary_checks_is_shown_where_there_are_several() -> None:
    one, other = (make_claim("tiny", *(make_finding(name) for name in names)) for names in ("a", "ab"))
    assert "m = 2: one check refutes the claim where its 99.5 % interval lies outside." in summary(make_run(other))
    assert "m = " not in summary(make_run(one))


def test_the_margin_is_that_of_the_decisive_check() -> None:
    comfortable = make_finding("a", check=Check("the number", at_most(9)))
    table = verdict_table(make_run(make_claim("tiny", comfortable, make_finding("b", FAILS))))
    assert r"| ≤ 0.01 nats | 0.1015 \[0.1008, 0.1022\] nats, b |" in table


def test_control_characters_reach_no_reader() -> None:
    text = "a\x1b[31mb\x9b\x00\rc\x07"
    check = replace(SMALL, estimand=text, unit=text, replicate=text)
    findings = [make_finding(text, values, check, claim=text, test=text) for values in (HOLDS, FAILS)]
    claim = make_claim(text, findings[0], errors=["a"], not_run=["b"], statement=text, about=text, paper=text)
    claim = structs.replace(claim, errors=(Unfinished(text, text),), not_run=(Unfinished(text, text),))
    run = make_run(claim, profile=text, problems=(Problem(ProblemKind.REPORT, text),))
    for shown in (summary(run), verdict_table(run), page(run).replace("\r", ""), describe_finding(findings[1])):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)
        assert "a\ufffd" in shown


def test_every_table_row_has_as_many_cells_as_its_head() -> None:
    cell = "a | b ` c \\ d\n| e"
    odd = Section("Odd", tables=[Table(["x", "y"], [[cell, Strong(cell)]])])
    check = make_finding(cell, claim=cell, parameters={cell: cell}, reason=cell, test=cell)
    control = make_finding(f"{cell}2", FAILS, claim=cell, must_be="refuted", test=cell)
    for run in (hostile_run(), make_run(make_claim(cell, check, control, statement=cell))):
        lines = summary(run, sections=[odd]).splitlines()
        table = [line for line in lines if line.startswith("|")]
        counts = [re.sub(r"\\.", "", line).count("|") for line in table]
        assert counts == [9] * (2 + len(run.claims)) + [3] * 3 + [10] * 6
        text = [line for line in lines if not line.startswith("pytest ")]  # which is in a block of code
        assert not [line for line in text if re.search(r"(?<!\\)<(?!br>)", line)]


def test_a_claim_without_checks_has_a_section_and_no_numbers() -> None:
    text = summary(make_run(make_claim("cifar_weak_dependence", not_run=["it"])))
    assert "| The statement of cifar\\_weak\\_dependence |  |  |  | **not run** |  | Not run: no data. |" in text
    assert "expected: nothing in particular" in text
    assert "Controls" not in text


def test_summary_shows_sections_after_the_figures_and_before_the_claims() -> None:
    run = make_run(make_claim(WEAK, make_finding(claim=WEAK)))
    text = summary(run, all_figures(run, measured()), all_sections(run, measured()))
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert heads == [
        "## Accuracy next to the paper's",
        "## Both readings side by side",
        "## What the paper leaves unspecified",
        r"## weak\_dependence",
    ]
    assert text.index("](figure-2-entropy.svg)") < text.index("](figure-trajectories.svg)") < text.index(heads[0])
    assert "figure-a1" not in text
    assert r"| pixels in \[0, 1\] | 8 |" in text
    assert "\n\n### ReLU perceptrons on mnist-subset\n\nThe quick profile trains" in text
    assert "\n\n| N | nets | training | validation | paper | same here? |\n| --- | --- |" in text
    assert "\n\n\n" not in text


def test_sections_have_bold_cells_and_commands() -> None:
    table = Table(["x"], [[Strong("0.1 *")], ["2"]], "A * title")
    text = summary(make_run(), sections=[Section("a * b", "c", [table], {}, "Missing:", "wndcheck measure --seed=1")])
    assert "## a \\* b\n\nc\n\n### A \\* title\n\n| x |\n| --- |\n| **0.1 \\*** |\n| 2 |\n\nMissing: `wndcheck" in text


def test_the_verdict_table_has_no_links() -> None:
    table = verdict_table(make_run(make_claim("tiny", make_finding(values=HOLDS))))
    assert table.splitlines()[2].startswith(r"| tiny | The statement of tiny | ≤ 0.01 nats | 0.0015 \[")
    assert "](#" not in table
