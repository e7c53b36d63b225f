"""SVG files inside a page: only what draws, ids of their own, colours of the page, words as words."""

from __future__ import annotations

import pytest

from wndcheck.report.figures import svg
from wndcheck.report.gallery import all_figures
from wndcheck.report.page.pictures import Picture, PictureError, picture
from wndcheck.tests.report.pages import Page
from wndcheck.tests.report.reported import document, estimator_claims, measured

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 10 10">{}</svg>'


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    figures = all_figures(document(*estimator_claims()[:1]), measured())
    return [
        picture(figure.stem, svg(figure)) for figure in figures if figure.stem in ("figure-pairs", "figure-2-entropy")
    ]


def taken(inner: str, stem: str = "a") -> tuple[Page, Picture]:
    found = picture(stem, SVG.format(inner).encode())
    return Page(found.drawing), found


@pytest.mark.parametrize(
    "inner",
    [
        "<script>alert(1)</script>",
        "<style>* {fill: red}</style>",
        '<image href="x.png"/>',
        "<foreignObject><p>x</p></foreignObject>",
        '<a href="x.html"><path d="M0 0"/></a>',
        '<animate attributeName="href"/>',
    ],
)
def test_what_does_more_than_draw_is_left_out(inner: str) -> None:
    shown, found = taken(inner)
    assert shown.elements == []
    assert found.rules == {}


def test_attributes_that_do_more_than_draw_are_left_out() -> None:
    style = "fill: url(http://x/y); stroke: #d55e00; background: red; opacity: expression(x); stroke-width: 1"
    shown, found = taken(
        f'<path d="M0 0" onclick="alert(1)" style="{style}" clip-path="url(http://x/y#z)"/><use href="http://x/y#z"/>'
    )
    (name, given), (_, use) = shown.elements
    assert (name, set(given), use) == ("path", {"d", "class"}, {})
    assert found.rules == {given["class"]: "stroke:var(--red);opacity:expression(x);stroke-width:1"}
    assert shown.loads == []


def test_ids_of_two_pictures_differ_and_stay_linked() -> None:
    inner = '<defs><g id="m"><path d="M0 0"/></g></defs><g id="unused"><use xlink:href="#m"/><use href="#m"/></g>'
    one, other = (taken(inner, stem)[0] for stem in ("a", "b"))
    assert (one.ids, other.ids) == (["a-m"], ["b-m"])
    assert {use["href"] for use in one.all("use")} == {"#a-m"}


def test_markers_are_drawn_where_they_are_used() -> None:
    use = '<use href="#m" x="1.23456" y="2" style="fill: #333333; stroke: #ffffff"/>'
    shown, found = taken(f'<defs><path id="m" d="M 0 0 \nL 1 1" style="stroke: #0072b2"/></defs><g>{use}{use}</g>')
    (name, given), second = shown.elements
    assert (name, given["d"], given["transform"]) == ("path", "M0 0L1 1", "translate(1.23 2)")
    assert second == (name, given)
    assert found.rules == {given["class"]: "fill:var(--ink);stroke:var(--blue)"}, "the marker's own style does not win"


def test_colours_follow_the_page() -> None:
    _, found = taken('<path d="M0 0" style="fill: #FFFFFF; stroke: #0072b2"/><rect fill="#123456"/>')
    assert sorted(found.rules.values()) == ["fill:#123456", "fill:var(--card);stroke:var(--blue)"]


@pytest.mark.parametrize("text", ["", "<p", "<html/>", SVG.replace("0 0 10 10", '0 0 1"').format("")])
def test_what_is_no_svg_is_said_to_be_none(text: str) -> None:
    with pytest.raises(PictureError, match=r"figure-2\.svg is no SVG"):
        picture("figure-2", text.encode())


def test_words_are_words_again_as_wide_as_they_were(pictures: list[Picture]) -> None:
    for each in pictures:
        shown = Page(each.drawing)
        assert "width N" in shown.texts
        assert "last layer" in shown.texts
        assert not [use for use in shown.all("use") if "DejaVu" in use["href"]], "a letter is still an outline"
        long = [text for text in shown.all("text") if "textlength" in text]
        assert len(long) > 10
        assert all(0 < float(text["textlength"]) < float(each.box.split()[2]) for text in long)
    assert any("score ι of a pair (nats)" in text for text in Page(pictures[-1].drawing).texts)


def test_every_colour_of_a_figure_has_a_name_in_the_page(pictures: list[Picture]) -> None:
    colours = [value for each in pictures for value in " ".join(each.rules.values()).split() if "#" in value]
    assert colours == []


def test_titles_and_descriptions_come_with_the_file(pictures: list[Picture]) -> None:
    entropy = pictures[0]
    assert entropy.title == "Figure 2: mean neuron entropy against width (quick profile)"
    assert entropy.description.startswith("Means by width: entropy relu layer 1: ")
    assert "at 5, " in entropy.description
