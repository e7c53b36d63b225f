"""The page of a run, read without a browser: complete, self-contained and escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wndcheck.report.format import Strong
from wndcheck.report.pages import LARGEST, PAGE, anchors, page, verdict_table
from wndcheck.report.section_model import Section, Table
from wndcheck.report.stored_nets import Measured
from wndcheck.report.svg_images import FigureError, Scale, picture, scale_over
from wndcheck.report.wording import describe_cause
from wndcheck.report.writing import write_report
from wndcheck.tests.factories import FAILS, SMALL, STRADDLES, make_claim, make_finding, make_run
from wndcheck.tests.report.example_results import estimator_claims, finding, measured
from wndcheck.tests.report.pages import HOSTILE, Page, hostile_run, section, tables
from wndcheck.verdicts.checks import Cause, CauseKind, Check, verdict_on
from wndcheck.verdicts.run import ClaimVerdict, FormerVerdict, Problem, ProblemKind, Run
from wndcheck.verdicts.statistics import Interval, at_least, at_most, within

WEAK = "weak_dependence"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">{}</svg>'


@pytest.fixture(scope="module")
def run() -> Run:
    secondary = Check("ι", SMALL.region, primary=False)
    findings = [
        make_finding("level[relu-1]", parameters={"activation": "relu", "layer": 1}, claim=WEAK),
        make_finding("level[relu-2]", FAILS, reason="seen before", claim=WEAK, untrained=2),
        make_finding("level[tanh-2]", [nan] * 8, claim=WEAK),
        make_finding("second", STRADDLES, secondary, claim=WEAK),
        make_finding("planted", FAILS, must_be="refuted", claim=WEAK),
    ]
    failed = make_finding("permuted", FAILS, claim="two", must_be="supported")
    return make_run(
        make_claim(
            WEAK,
            *findings,
            left=["widest"],
            figures=("figure-3-dependence", "figure-pairs"),
            about="What it says.\n\nMore.",
        ),
        make_claim("two", make_finding(claim="two"), failed, figures=("figure-3-dependence",)),
        make_claim("convnet", not_run=["size"]),
        make_claim("broken", errors=["boom"]),
        *estimator_claims(),
        problems=(Problem(ProblemKind.UNREPORTED, "2 of 9 checks were never reported"),),
        seconds={"run": 12.0, "nets": 34.4},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    path = tmp_path_factory.mktemp("page")
    write_report(path, run, measured())
    return path


@pytest.fixture(scope="module")
def whole(folder: Path) -> Page:
    return Page((folder / PAGE).read_text(encoding="utf-8"))


def test_the_page_is_sound_and_loads_nothing(whole: Page) -> None:
    assert whole.faults == []
    assert len(whole.ids) > 20
    assert whole.html.startswith("<!doctype html>\n<html")
    assert {"charset": "utf-8"} in whole.all("meta")
    html = re.sub(r'"data:image/svg[^"]*"', "", whole.html)  # an image, whose names of formats are addresses
    assert not re.search(r"https?:|//[a-z]+\.[a-z]", html.replace("http-equiv", ""))
    policy = next(each["content"] for each in whole.all("meta") if each.get("http-equiv"))
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-")


def test_every_linked_file_exists(whole: Page, folder: Path) -> None:
    assert len(whole.files) > 10
    assert [name for name in whole.files if not (folder / name).is_file()] == []


def test_every_claim_and_check_is_on_the_page(whole: Page, run: Run) -> None:
    titles = {given.get("title") for _, given in whole.elements}
    for claim in run.claims:
        assert f"claim-{claim.id}" in whole.ids
        assert claim.statement in whole.text
        for found in claim.findings:
            assert found.test in titles
            assert found.function in whole.text
    for text in ("2 of 9 checks were never reported", "it broke", "no data", "seen before", "34", "What it says."):
        assert text in whole.text


def test_the_first_table_has_one_row_per_claim(whole: Page) -> None:
    top = tables(whole.html)[0]
    assert [line["claim"] for line in top][:4] == [WEAK, "two", "convnet", "broken"]
    assert top[0] == {
        "verdict": "✗ refutedtrend (1 of 3);level: fullexpected: supported",
        "claim": WEAK,
        "statement": "The statement of weak_dependence (§4)",
        "claimed": "≤ 0.01 nats",
        "found": "0.1015 [0.1008, 0.1022] nats, 8 nets (2 untrained)",
        "in words": "Does not hold in 1 of 3 checks: the number is 0.1 nats, where ≤ 0.01 is claimed.",
    }
    assert top[2]["verdict"] == "– not run"
    assert top[4]["verdict"] == "✓ supportedtrend (3 of 3)as expected"


def test_the_first_table_has_the_margin_of_the_decisive_check() -> None:
    comfortable = make_finding("a", check=Check("the number", at_most(9)))
    (top,) = tables(page(make_run(make_claim("tiny", comfortable, make_finding("b", FAILS)))))[0]
    assert (top["claimed"], top["found"]) == ("≤ 0.01 nats", "0.1015 [0.1008, 0.1022] nats, 8 nets")


def test_verdicts_as_first_fixed_are_beside_those_as_revised() -> None:
    claims = make_claim("part", make_finding(claim="part")), make_claim("new", make_finding(claim="new"))
    run = make_run(*claims, first_fixed={"part": FormerVerdict("whole", ClaimVerdict.REFUTED)})
    top = tables(page(run))[0]
    assert [row["as first fixed"] for row in top] == ["refuted (whole)", "–"]
    assert [row["as revised"][:11] for row in top] == ["✓ supported"] * 2
    rows = [line.split(" | ") for line in verdict_table(run).splitlines()]
    assert rows[0][5:7] == ["as first fixed", "as revised"]
    assert [row[5:7] for row in rows[2:]] == [
        ["refuted (whole)", "**supported**: trend (1 of 1)"],
        ["–", "**supported**: trend (1 of 1)"],
    ]


def test_checks_of_one_function_in_different_units_have_tables_of_their_own() -> None:
    found = [make_finding(f"size[{unit}]", check=replace(SMALL, unit=unit)) for unit in ("nats", "bits", "nats/bit")]
    html = section(page(make_run(make_claim("tiny", *found))), "claim-tiny")
    assert [[row["with"] for row in table] for table in tables(html)] == [["bits"], ["nats/bit"], ["nats"]]
    assert Page(html).text.count("claimed ≤ 0.01 bits") == 1


def test_every_number_of_a_check_is_in_its_column(whole: Page) -> None:
    missing = Cause(CauseKind.NOT_MEASURED, 8, 8)
    levels, second, controls = tables(section(whole.html, f"claim-{WEAK}"))
    assert [list(row.values()) for row in levels] == [
        ["activation relu, layer 1", "", "0.0015 [0.0008, 0.0022] nats", "8 nets", "✓ supported"],
        ["relu-2", "", "0.1015 [0.1008, 0.1022] nats", "8 nets (2 untrained)", "✗ refuted"],
        ["tanh-2", "", "no estimate", "0 nets", f"? inconclusive {describe_cause(missing)}"],
    ]
    assert list(levels[0]) == ["with", "interval", "estimate", "n", "verdict"]
    assert second[0]["with"] == "second"
    assert (controls[0]["control"], controls[0]["must be"], controls[0]["was"]) == ("planted", "refuted", "✗ refuted")


def test_tests_that_did_not_run_are_listed_with_their_reasons(whole: Page) -> None:
    lines = tables(section(whole.html, "not-run"))[0]
    assert [(line["claim"], line["checks"], line["why"]) for line in lines] == [
        ("convnet", "1", "no data"),
        ("broken", "1", "error, see its section"),
        (WEAK, "1", "level, left to full"),
    ]
    assert "All checks that this run collected have run" in Page(page(make_run())).text
    assert "a selection of checks" in Page(page(make_run(selection=True))).text


def test_every_picture_is_described_in_words(whole: Page) -> None:
    small, large = whole.all("svg"), whole.all("img")
    assert len(small) > 20
    assert all(given["aria-label"] for given in small)
    assert len(large) == 12
    assert all(re.search(r"(Means by|Points at)", given["alt"]) for given in large), "a figure has no words of its own"


def test_a_figure_of_two_claims_is_drawn_once_and_linked_to(whole: Page) -> None:
    assert whole.ids.count("figure-3-dependence") == 1
    assert '<a href="#figure-3-dependence">Figure 3' in section(whole.html, "claim-two")
    assert '<figure id="figure-pairs">' in section(whole.html, f"claim-{WEAK}")
    assert "figure-trajectories" in whole.ids, "a figure that no claim names is not shown"


def test_every_colour_has_a_light_and_a_dark_value(whole: Page) -> None:
    css = re.search(r"<style>(.*?)</style>", whole.html, re.DOTALL)[1]  # type: ignore[index]
    colours = re.findall(r"(--[a-z-]+): light-dark\(#\w{6}, #\w{6}\)", css)
    assert set(re.findall(r"var\((--[a-z-]+)\)", whole.html)) == set(colours)
    assert "@media print" in css
    assert "max-width: 48rem" in css
    assert [given["value"] for given in whole.all("option")] == ["automatic", "light", "dark"]


def test_hostile_text_is_shown_and_does_nothing() -> None:
    table = Table([HOSTILE], [[HOSTILE], [Strong(HOSTILE)]], HOSTILE, HOSTILE)
    odd = Section(HOSTILE, HOSTILE, [table], {}, HOSTILE, HOSTILE)
    shown = Page(page(hostile_run(), [picture("figure-2-entropy", SVG.format("").encode())], [odd]))
    assert shown.faults == []
    assert len(shown.all("img")) == 1
    assert "\x00" not in shown.html
    assert shown.text.count("<script>alert(1)</script>") > 20


@given(st.text(), st.text(min_size=1))
@settings(deadline=None, max_examples=25)
def test_any_text_is_escaped(text: str, name: str) -> None:
    def kinds(text: str, name: str) -> list[str]:
        finding = make_finding(name, claim=name, test=f"t{text}")
        shown = Page(page(make_run(make_claim(name, finding, statement=text, about=text))))
        assert shown.faults == []
        return [kind for kind, _ in shown.elements if kind not in ("details", "summary", "p", "wbr")]

    assert kinds(text, name) == kinds("a", "a"), "a text became an element"


def test_anchors_are_unique_and_plain() -> None:
    found = anchors(["a b", "a-b", "A b", "a-b-2", "", "§", "A.b", "a_b"], "x")
    assert list(found.values())[:4] == ["x-a-b", "x-a-b-2", "x-a-b-2-2", "x-a-b-2-2-2"]
    assert list(found.values())[4:] == ["x-unnamed", "x-unnamed-2", "x-ab", "x-a_b"]


def test_failed_controls_are_open_and_secondary_checks_are_folded(whole: Page) -> None:
    folded = re.findall(r"<details( open)?>\s*<summary>(?:<code>)?([^<]+)", whole.html)
    states = {name.strip(): bool(state) for state, name in folded}
    assert states["Controls: 1 of 1 failed"]
    assert not states["Controls: all came out as they must (1)"]
    assert (states["level"], states["second"]) == (True, False)


def test_intervals_are_drawn_to_scale() -> None:
    region = within(0.0, 1.0)
    found = [Interval(low + 0.25, low, low + 0.5, 8, 0.99) for low in (0.0, 2.5)]
    scale = scale_over((interval, region) for interval in found)
    left, width = scale.shaded(region)
    lines = [scale.line(interval) for interval in found]
    for line, low in zip(lines, (0.0, 2.5), strict=True):
        assert line == pytest.approx([left + (low + step) * width for step in (0, 0.25, 0.5)], abs=0.4)
    assert scale.shaded(at_least(0)) == (left, 160 - left)
    unknown = Interval(nan, -inf, inf, 0, 0.99)
    assert scale_over([(unknown, region)]).line(unknown) is None
    assert scale.line(Interval(0.25, nan, nan, 1, 0.99)) == (lines[0][1],) * 3  # type: ignore[index]


def test_a_scale_fills_its_drawing() -> None:
    for low, high in ((0.0, 0.02), (-1.0, 3.0), (100.0, 500.0)):
        scale = Scale(low, high)
        assert [scale.place(x) for x in (-inf, low, (3 * low + high) / 4, high, inf)] == [0, 0, 40, 160, 160]


def test_verdicts_differ_in_sign_and_shape_not_in_only_in_colour() -> None:
    shapes = {}
    for estimate in (0.005, 0.5, 0.01):
        found = finding(estimate=estimate, claim="tiny")
        shown = Page(section(page(make_run(make_claim("tiny", found))), "claim-tiny"))
        marks = [name for name, given in shown.elements if given.get("class") == "mark"]
        verdict = verdict_on(found.check, found.interval)
        shapes[str(verdict)] = (marks, shown.all("svg")[0]["class"], shown.text.rpartition(f" {verdict}")[0][-1:])
    assert shapes == {
        "supported": (["circle"], "forest supported", "✓"),
        "refuted": (["path"], "forest refuted", "✗"),
        "inconclusive": (["circle"], "forest inconclusive", "?"),
    }


def test_sections_have_tables_and_commands(whole: Page) -> None:
    found = tables(section(whole.html, "part-accuracy-next-to-the-papers"))
    assert found[0][0] | {"N": "5", "nets": "8", "paper": "usually worse"} == found[0][0]
    bold = Page(page(make_run(), sections=[Section("Odd", tables=[Table(["x"], [[Strong("0.1 [0, 1]")], ["2"]])])]))
    assert "<strong>0.1 [0, 1]</strong>" in bold.html
    missing = Page(page(make_run(), sections=[Section("Odd", missing="Run:", command="wndcheck measure")]))
    assert "Run: wndcheck measure" in missing.text


def test_figures_for_which_there_is_no_room_are_left_to_their_files(folder: Path) -> None:
    assert (folder / PAGE).stat().st_size < 2 * LARGEST / 3
    run = make_run(make_claim("tiny", make_finding()))
    half = SVG.format("x" * (LARGEST // 2 - 500))  # there is room for two, but not for the rest of the page
    text = page(run, [picture(f"figure-{i}", half.encode()) for i in range(3)])
    assert len(text.encode()) <= LARGEST
    assert re.findall(r'<img[^>]*alt="(figure-\d)', text) == ["figure-0"]
    assert re.findall(r"Too large for this page: see (figure-\d).svg", text) == ["figure-1", "figure-2"]


def test_long_titles_and_descriptions_are_shortened(folder: Path) -> None:
    inner = f"<title>{'t' * LARGEST}</title><description>{'d' * LARGEST}</description>"
    long = picture("figure-2-entropy", SVG.format(inner).encode())
    assert (long.title[-2:], long.description[-2:]) == ("t…", "d…")
    figures = [f"figure-{i}" for i in range(11)]
    claims = [make_claim(f"tiny{i}", figures=tuple(figures)) for i in range(20)]
    text = page(make_run(*claims), [replace(long, stem=stem) for stem in figures])
    assert len(text.encode()) <= LARGEST
    ours = [picture(path.stem, path.read_bytes()) for path in folder.glob("*.svg")]
    assert not [each.stem for each in ours if "…" in each.title + each.description]


@pytest.mark.parametrize("text", ["", "<p", "<html/>", "<svg/>"])
def test_other_files_than_svg_are_refused(text: str) -> None:
    with pytest.raises(FigureError, match=r"figure-2\.svg is not an SVG file"):
        picture("figure-2", text.encode())


def test_a_hostile_svg_is_an_image_and_nothing_else() -> None:
    inner = "<title>&lt;b&gt;\"'</title><script>alert(1)</script><image href='x.png'/>"
    shown = Page(page(make_run(), [picture("figure-x", SVG.format(inner).encode())]))
    assert shown.faults == []
    (image,) = shown.all("img")
    assert image["src"].startswith("data:image/svg+xml,%3Csvg")
    assert image["alt"].startswith("<b>\"'")


def test_a_run_without_figures_or_nets_has_a_page(tmp_path: Path) -> None:
    write_report(tmp_path, make_run(make_claim(WEAK, make_finding("level", [nan] * 8, claim=WEAK))), Measured())
    shown = Page((tmp_path / PAGE).read_text(encoding="utf-8"))
    assert (shown.faults, shown.all("figure")) == ([], [])
    assert "Further figures" not in shown.text


def test_the_date_of_a_run_is_shown_in_utc() -> None:
    assert "2026-11-24 01:08 UTC" in page(make_run(created="2026-11-24T02:08:59+01:00"))
