"""SVG files: their text is text, they say what they show, and they can be dark."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, fromstring

import pytest

from wndcheck.report.data import all_figures
from wndcheck.report.drawings import picture
from wndcheck.report.plots import DARK, svg
from wndcheck.tests.factories import make_run
from wndcheck.tests.report.reported import estimator_claims, measured


@pytest.fixture(scope="module")
def drawings() -> dict[str, bytes]:
    return {figure.stem: svg(figure) for figure in all_figures(make_run(*estimator_claims()), measured())}


def elements(content: bytes, name: str) -> list[Element]:
    return [each for each in fromstring(content).iter() if str(each.tag).endswith(f"}}{name}")]


def test_text_is_text(drawings: dict[str, bytes]) -> None:
    words = {stem: ["".join(each.itertext()) for each in elements(made, "text")] for stem, made in drawings.items()}
    assert {"width N", "last layer", "relu: score ι of a pair (nats)"} <= {*words["figure-pairs"]}
    assert {"corrected score ι_c (nats)", "0.05", "layer 1"} <= {*words["figure-3-dependence"]}
    assert {"score change Δι (nats)", "bound, ΔI = ΔH"} <= {*words["figure-information-entropy"]}
    assert {"correlation ρ", "truth, -½ log(1 - ρ²)"} <= {*words["figure-a1c-stabilisation"]}
    assert not [word for made in words.values() for word in made if "$" in word or "\\" in word]
    assert not [each for made in drawings.values() for each in elements(made, "path") if "DejaVu" in each.get("id", "")]


def test_every_colour_has_another_in_the_dark(drawings: dict[str, bytes]) -> None:
    for made in drawings.values():
        _, style, drawn = re.split(rb"(prefers-color-scheme: dark.*?)</style>", made, maxsplit=1, flags=re.DOTALL)
        colours = set(re.findall(r"(?:fill|stroke): (#\w{6})", drawn.decode()))
        assert colours
        assert colours <= set(DARK)
        assert all(f'[style*="fill: {colour}"] {{ fill: {DARK[colour]}' in style.decode() for colour in colours)


def test_titles_and_descriptions_come_with_the_file(drawings: dict[str, bytes]) -> None:
    entropy = picture("figure-2-entropy", drawings["figure-2-entropy"])
    assert entropy.title == "Figure 2: mean neuron entropy against width (quick profile)"
    assert entropy.description.startswith("Means by width: entropy relu layer 1: ")
    assert "at 5, " in entropy.description
    assert entropy.size
    assert entropy.size[0] > entropy.size[1] > 300


def test_places_are_kept_to_a_hundredth_of_a_point(drawings: dict[str, bytes]) -> None:
    for made in drawings.values():
        assert not re.search(rb' d="[^"]*\.\d{3}', made)
        assert re.search(rb' d="[^"]*\d\.\d\d\b', made)
