"""The page of a run, read without a browser: whole, alone, escaped, and about everything that the run found."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wndcheck.report import Measured, write_report
from wndcheck.report.markdown import Section, escaped, table
from wndcheck.report.page import FILE, LARGEST, fitting, page, picture
from wndcheck.report.page.claim import group
from wndcheck.report.page.elements import slugs, tag
from wndcheck.report.page.forest import Scale
from wndcheck.report.page.markdown import html_of, sections_of
from wndcheck.report.page.words import in_words, minute
from wndcheck.tests.report.pages import HOSTILE, Page, hostile_document
from wndcheck.tests.report.reported import claim, document, estimator_claims, finding, measured

NOT_TRAINED = finding(
    "level[tanh-2]", nan, low=-inf, high=inf, n=0, verdict="inconclusive", cause="not trained: 8 of 8"
)
LEVELS = "not decided by this profile: it speaks of the widest"


@pytest.fixture(scope="module")
def run() -> dict:
    checks = [
        finding("level[relu-1]", parameters={"activation": "relu", "layer": 1}),
        finding("level[relu-2]", 0.5, verdict="refuted", reason="seen before"),
        NOT_TRAINED,
        finding("second", primary=False, verdict="inconclusive", cause=LEVELS),
    ]
    controls = [finding("planted", 0.4, control="refuted", verdict="refuted", test="claims/d.py::test_planted")]
    failed = [finding("shuffled", 0.4, control="supported", verdict="refuted")]
    lost = [{"test": "claims/c.py::test_size", "reason": "no CIFAR-10"}]
    return document(
        claim("weak-dependence", checks, controls, verdict="refuted", figures=["figure-3-dependence", "figure-pairs"]),
        claim("two", [finding("size")], failed, figures=["figure-3-dependence"]),
        claim("convnet", [], verdict="not run", cause="not run: no CIFAR-10", not_run=lost),
        claim("broken", [], verdict="error", cause="tests: 1", errors=[{"test": "a::b", "message": "Boom"}]),
        *estimator_claims(),
        problems=["2 of 9 checks were never reported"],
        seconds={"run": 12.0, "nets": 34.4},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, run: dict) -> Path:
    path = tmp_path_factory.mktemp("page")
    write_report(path, run, measured())
    return path


@pytest.fixture(scope="module")
def whole(folder: Path) -> Page:
    return Page((folder / FILE).read_text(encoding="utf-8"))


def test_it_is_html(whole: Page) -> None:
    assert whole.wrong == []
    assert whole.html.startswith("<!doctype html>\n<html")
    assert {"charset": "utf-8"} in whole.all("meta")


def test_it_loads_nothing(whole: Page) -> None:
    assert whole.loads == []
    assert not re.search(r"https?:|//[a-z]+\.[a-z]", whole.html.replace("http-equiv", ""))
    policy = next(each["content"] for each in whole.all("meta") if each.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert not [name for _, given in whole.elements for name in given if name.startswith("on")]


def test_ids_are_unique_and_every_link_within_it_leads_somewhere(whole: Page) -> None:
    assert len(set(whole.ids)) == len(whole.ids) > 20
    links = {given["href"] for name, given in whole.elements if name in ("a", "use") and given["href"].startswith("#")}
    links |= set(re.findall(r"url\((#[^)]*)\)", whole.html))
    assert {link[1:] for link in links} <= set(whole.ids)


def test_every_file_it_points_to_lies_beside_it(whole: Page, folder: Path) -> None:
    files = {given["href"] for given in whole.all("a") if not given["href"].startswith("#")}
    assert len(files) > 10
    assert [name for name in files if not (folder / name).is_file()] == []


def test_every_claim_and_check_is_on_it(whole: Page, run: dict) -> None:
    for each in run["claims"]:
        assert f"claim-{each['id']}" in whole.ids
        assert each["statement"] in whole.text
        for found in (*each["checks"], *each["controls"]):
            assert found["test"] in {given.get("title") for _, given in whole.elements}
            assert found["check"].partition("[")[0] in whole.text
    for text in ("2 of 9 checks were never reported", "Boom", "no CIFAR-10", "seen before", "34"):
        assert text in whole.text


def test_the_top_has_a_line_a_claim_with_both_numbers(whole: Page) -> None:
    top = whole.html.partition("</table>")[0]
    assert top.count('<th scope="row">') == 7
    line = Page(re.search(r"<tr>(?:(?!<tr>).)*weak-dependence.*?</tr>", top, re.DOTALL)[0]).text  # type: ignore[index]
    for text in (
        "refuted",
        "What weak-dependence says.",
        "≤ .01 nats",
        "0.500 [0.499, 0.501] nats",
        "Does not hold: ι",
    ):
        assert text in line


def test_every_picture_says_what_it_shows(whole: Page) -> None:
    pictures = [given for name, given in whole.elements if name in ("svg", "img")]
    assert len(pictures) > 20
    assert all(given.get("alt") or given.get("aria-label") for given in pictures)
    large = [given["aria-label"] for given in pictures if given.get("class") == "picture"]
    assert all(re.search(r"(Means by|Points at)", label) for label in large), "a figure has no words of its own"


def test_a_figure_of_two_claims_is_drawn_once_and_shown_twice(whole: Page) -> None:
    uses = [given["href"] for given in whole.all("use")]
    assert uses.count("#drawing-figure-3-dependence") == 1
    assert whole.ids.count("drawing-figure-3-dependence") == 1
    assert "#drawing-figure-pairs" not in uses
    assert "drawing-figure-trajectories" in whole.ids, "a figure that no claim names is not shown"


def test_light_and_dark_print_and_phone(whole: Page) -> None:
    css = re.search(r"<style>(.*?)</style>", whole.html, re.DOTALL)[1]  # type: ignore[index]
    names = [set(re.findall(r"(--[a-z-]+):", rule)) for rule in re.findall(r"{[^{}]*--ground:[^{}]*}", css)]
    assert len(names) == 4, "expected colours for light, for dark chosen, for a dark system and for paper"
    assert names[1] == names[2] == names[3] == names[0]
    used = set(re.findall(r"var\((--[a-z-]+)\)", whole.html))
    assert used <= names[0]
    for rule in ("prefers-color-scheme: dark", "@media print", "max-width: 48rem", '[data-theme="dark"]'):
        assert rule in css
    assert [given["value"] for given in whole.all("option")] == ["automatic", "light", "dark"]
    assert not re.search(r"fill: ?#(000000|ffffff)", css.partition(".p")[2]), "a drawing has a colour of its own"


def test_hostile_text_is_shown_and_does_nothing() -> None:
    shown = Page(page(hostile_document(), sections=[Section(HOSTILE, [escaped(HOSTILE)], {})]))
    assert shown.wrong == []
    assert len(shown.all("script")) == 1
    assert shown.all("img") == []
    assert not [name for _, given in shown.elements for name in given if name.startswith("on")]
    assert "\x00" not in shown.html
    assert len(set(shown.ids)) == len(shown.ids)
    assert all(re.fullmatch(r"[A-Za-z][\w-]*", name) for name in shown.ids)
    assert shown.text.count("<script>alert(1)</script>") > 15


@given(st.text(), st.text(), st.text(min_size=1))
@settings(deadline=None, max_examples=50)
def test_any_text_is_escaped(text: str, value: str, name: str) -> None:
    shown = Page(tag("p", text, title=value) + tag("i", name))
    assert shown.wrong == []
    assert [name for name, _ in shown.elements] == ["p", "i"]


def test_slugs_are_unique_and_plain() -> None:
    assert slugs(["a b", "a-b", "", "§", "A.b", "a-b-2"]) == [
        "a-b",
        "a-b-2",
        "unnamed",
        "unnamed-2",
        "a-b-3",
        "a-b-2-2",
    ]


def test_a_failed_control_is_open_and_a_check_that_does_not_count_is_folded(whole: Page) -> None:
    assert "Controls: 1 of 1 failed" in whole.text
    folded = re.findall(r"<details( open)?><summary>(?:<code>)?([^<]+)", whole.html)
    states = {name.strip(): bool(state) for state, name in folded}
    assert states["Controls: 1 of 1 failed"]
    assert not states["Controls: all 1 came out as they must"]
    assert (states["level"], states["second"]) == (True, False)


def test_intervals_are_drawn_to_scale() -> None:
    found = [finding(region=(0.0, 1.0), low=low, high=low + 0.5, estimate=low + 0.25) for low in (0.0, 2.5)]
    shown = Page(group(found))
    numbers = [re.match(r"M([\d.]+) 8H([\d.]+)", given["d"]) for given in shown.all("path")]
    (a, b), (c, d) = [tuple(map(float, each.groups())) for each in numbers if each]
    first, _ = shown.all("rect")
    left, width = float(first["x"]), float(first["width"])
    assert a == pytest.approx(left, abs=0.2)
    assert b - a == pytest.approx(width / 2, abs=0.2)
    assert c - a == pytest.approx(2.5 * width, abs=0.4)
    assert d == pytest.approx(c + width / 2, abs=0.2)
    assert Page(group([NOT_TRAINED])).all("circle") == [], "a check without an estimate has a mark"


def test_a_scale_fills_its_drawing() -> None:
    for low, high in ((0.0, 0.02), (-1.0, 3.0), (100.0, 500.0)):
        scale = Scale(low, high)
        ends = [low, (3 * low + high) / 4, (low + high) / 2, high]
        assert [scale.place(x) for x in ends] == [6, 43, 80, 154]
        assert (scale.place(-inf), scale.place(inf)) == (6, 154)


def test_verdicts_differ_in_sign_and_shape_not_in_colour_alone() -> None:
    shapes = {}
    for verdict in ("supported", "refuted", "inconclusive"):
        shown = Page(group([finding(verdict=verdict)]))
        marks = [(name, given) for name, given in shown.elements if given.get("class") == "mark"]
        shapes[verdict] = (marks[0][0], shown.all("svg")[0]["class"], shown.text.rpartition(verdict)[0][-2:])
    assert shapes == {
        "supported": ("circle", "forest circle", "✓ "),
        "refuted": ("path", "forest cross", "✗ "),
        "inconclusive": ("circle", "forest ring", "? "),
    }


def test_words_for_every_verdict() -> None:
    refuted = claim("x", [finding(estimate=0.5, verdict="refuted")], verdict="refuted")
    assert in_words(refuted) == "Does not hold: ι is .5 nats, in 8 nets."
    instead = claim("x", [], verdict="refuted", cause="ι is .5 nats, where ≤ .01 is claimed")
    assert in_words(instead) == "Does not hold: ι is .5 nats, where ≤ .01 is claimed."
    open_ = claim("x", [finding(verdict="inconclusive")], verdict="inconclusive", cause="1 of 2")
    assert in_words(open_) == "Not decided (1 of 2): ι is .005 nats, in 8 nets."
    assert in_words(claim("x", [], verdict="not run", cause="not run: no data")) == "Not run: no data."
    assert in_words(claim("x", [], verdict="error", cause="tests: 1")) == "No verdict: tests: 1."


def test_the_date_is_told_to_the_minute_and_another_text_as_it_is() -> None:
    assert minute("2026-11-24T02:08:59+01:00") == "2026-11-24 01:08 UTC"
    assert minute("<yesterday>") == "<yesterday>"


def test_sections_come_through_as_they_are_written(whole: Page, folder: Path) -> None:
    text = "a|b *c* <d> `e` \\ [f](g) # 1"
    assert Page(html_of(escaped(text))).text == text
    row = Page(html_of(table(("x", "y"), [(escaped(text), "**0.1 [0, 1]**")])))
    assert (row.wrong, row.text) == ([], f"xy{text}0.1 [0, 1]")
    assert len(row.all("td")) == 2
    assert len(row.all("strong")) == 1
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    kept = sections_of(summary, ["What the paper leaves unsaid", "absent"])
    assert list(kept) == ["What the paper leaves unsaid"]
    assert any(paragraph.startswith("| ") for paragraph in kept["What the paper leaves unsaid"])
    assert "What the paper leaves unsaid" in whole.text


def test_what_is_bold_or_code_is_escaped_too() -> None:
    assert html_of("**<b>a</b> & \\*c**") == "<p><strong>&lt;b&gt;a&lt;/b&gt; &amp; *c</strong></p>"
    assert html_of("`<b>a</b> &`") == "<p><code>&lt;b&gt;a&lt;/b&gt; &amp;</code></p>"
    shown = Page(html_of(f"**{escaped(HOSTILE)}**"))
    assert shown.elements == [("p", {}), ("strong", {})]
    assert "<script>alert(1)</script>" in shown.text


def test_it_is_small(folder: Path) -> None:
    assert (folder / FILE).stat().st_size < LARGEST / 2


def test_what_is_too_large_is_left_to_the_files_beside_it(folder: Path) -> None:
    pictures = [picture(path.stem, path.read_bytes()) for path in sorted(folder.glob("*.svg"))]
    room = len(pictures[0].drawing.encode()) + 10
    kept = fitting(pictures, room)
    assert kept[0] is pictures[0]
    assert all("Too large for this page" in each.drawing for each in kept[1:])
    assert [each.stem for each in kept] == [each.stem for each in pictures]


def test_a_run_without_figures_or_nets_has_a_page(tmp_path: Path) -> None:
    run = document(claim("weak-dependence", [replace(NOT_TRAINED)]))
    write_report(tmp_path, json.loads(json.dumps(run)), Measured())
    shown = Page((tmp_path / FILE).read_text(encoding="utf-8"))
    assert (shown.wrong, shown.all("figure")) == ([], [])
    assert "Further figures" not in shown.text
    assert "All checks that this run collected have run" in shown.text
