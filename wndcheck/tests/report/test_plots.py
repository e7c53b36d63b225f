"""The figures as drawn: panels, axes and legends, and SVG files whose text is text and that can be dark."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import numpy as np
import pytest

from wndcheck.experiment.profiles import QUICK
from wndcheck.report.plot_panels import plot_nets, spaced
from wndcheck.report.plots import DARK, svg
from wndcheck.report.stored_nets import Measured
from wndcheck.report.svg_images import picture
from wndcheck.tests.report.example_results import estimator_claims, figures, grid, make_measurement, measured, trained


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    return figures(measured(), *estimator_claims())


@pytest.fixture(scope="module")
def drawings(shown: dict[str, Any]) -> dict[str, bytes]:
    return {stem: svg(figure) for stem, figure in shown.items()}


def elements(content: bytes, name: str) -> list[Element]:
    return [each for each in fromstring(content).iter() if str(each.tag).endswith(f"}}{name}")]


def test_text_is_text(drawings: dict[str, bytes]) -> None:
    words = {
        stem: {"".join(text.itertext()) for text in elements(drawing, "text")} for stem, drawing in drawings.items()
    }
    assert {"width N", "last layer", "relu: score ι of a pair (nats)"} <= words["figure-pairs"]
    assert {"corrected score ι_c (nats)", "0.05", "layer 1"} <= words["figure-3-dependence"]
    assert {"score change Δι (nats)", "bound, ΔI = ΔH"} <= words["figure-information-entropy"]
    assert {"correlation ρ", "truth, -½ log(1 - ρ²)"} <= words["figure-a1c-stabilisation"]
    assert not [word for word in set().union(*words.values()) if "$" in word or "\\" in word]
    paths = [path.get("id", "") for drawing in drawings.values() for path in elements(drawing, "path")]
    assert not [name for name in paths if "DejaVu" in name]


def test_every_colour_has_another_in_the_dark(drawings: dict[str, bytes]) -> None:
    for drawing in drawings.values():
        _, style, drawn = re.split(rb"(prefers-color-scheme: dark.*?)</style>", drawing, maxsplit=1, flags=re.DOTALL)
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
    for drawing in drawings.values():
        assert not re.search(rb' d="[^"]*\.\d{3}', drawing)
        assert re.search(rb' d="[^"]*\d\.\d\d\b', drawing)


def test_both_readings_have_a_panel_a_layer(shown: dict[str, Any]) -> None:
    canvas = plot_nets(shown["figure-both-readings"])
    assert [panel.get_title() for panel in canvas.axes] == ["layer 1", "layer 2", "layer 3", "layer 4", "last layer"]
    names = ["data", "ensemble, one image each", "ensemble, the same image", "before training"]
    assert [text.get_text() for text in canvas.legends[0].get_texts()] == names
    # Every replicate of three readings, their means, and the means before training; the paper's level.
    errorbars = 3 * 3  # line and two caps
    assert len(canvas.axes[0].lines) == QUICK.nets + 2 * QUICK.ensembles.count + errorbars + 3 + 1


def test_trajectories_are_drawn_from_the_initial_net_on(shown: dict[str, Any]) -> None:
    axes = plot_nets(shown["figure-trajectories"]).axes
    panel = axes[2]  # those above it share its ticks
    assert len(axes) == 4
    labels = zip(panel.get_xticks(), panel.get_xticklabels(), strict=True)
    assert [(tick, text.get_text()) for tick, text in labels] == [(0, "0"), (1, "1"), (12, "12")]
    # On a scale that is linear up to 1 and logarithmic from there.
    steps = np.diff(panel.transData.transform([(0, 0), (1, 0), (3, 0), (9, 0)])[:, 0])
    assert steps[2] == pytest.approx(steps[1])
    assert steps[0] > 0
    low, high = panel.get_xlim()
    assert -1 < low < 0
    assert high > 12


def test_a_panel_shows_all_values_of_its_row() -> None:
    nets = {"relu": grid(make_measurement(trained("relu", 5), corrected_score=4.0))}
    nets["tanh"] = grid(make_measurement(trained("tanh", 5), corrected_score=-0.5))
    for order in (nets, dict(reversed(nets.items()))):
        for panel in plot_nets(figures(Measured(trained=order))["figure-3-dependence"]).axes[2:]:
            low, high = panel.get_ylim()
            assert low < -0.5
            assert high > 4


@pytest.mark.parametrize(
    ("widths", "points", "kept"),
    [
        ([5, 10, 20], 100, [5, 10, 20]),
        ([8, 10, 16, 20, 32], 40, [8, 16, 32]),
        ([30, 32], 100, [30, 32]),
        ([7], 100, [7]),
    ],
)
def test_labels_of_widths_do_not_touch(widths: list[int], points: float, kept: list[int]) -> None:
    assert spaced(widths, points) == kept
