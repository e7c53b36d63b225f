"""The page in headless Chromium: it opens, asks nothing of a network, and can be found one's way about in.

Skipped where there is no browser; with WNDCHECK_REQUIRE_BROWSER set that is a failure. WNDCHECK_CHROMIUM names one
that is not on the PATH.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wndcheck import dependence_score
from wndcheck.inspect import weakly_dependent
from wndcheck.report import write_report
from wndcheck.report.network import write_network
from wndcheck.report.page import FILE, page
from wndcheck.tests.report.browser import DEMAND, Browser, found, started
from wndcheck.tests.report.pages import hostile_document
from wndcheck.tests.report.reported import claim, document, estimator_claims, finding, measured

GROUND = {"light": (0xFB, 0xFA, 0xF8), "dark": (0x14, 0x17, 0x1A)}  # --ground of page.css


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not (program := found()):
        if os.environ.get(DEMAND):
            pytest.fail(f"{DEMAND} is set and there is no browser: install the package chromium")
        pytest.skip("no Chromium here: install the package chromium, or name one with WNDCHECK_CHROMIUM")
    with started(program, tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    weak = claim("weak-dependence", [finding()], [finding(control="supported")], figures=["figure-3-dependence"])
    two = claim("two", [finding()], figures=["figure-3-dependence"])
    write_report(folder, document(*estimator_claims(), weak, two), measured())
    return folder / FILE


@pytest.fixture
def opened(browser: Browser, report: Path) -> Browser:
    browser.media("light")
    browser.screen(1200)
    browser.open(report)
    browser.run("try { localStorage.clear() } catch {}")
    browser.open(report)
    return browser


def complaints(browser: Browser) -> list[object]:
    return [
        *browser.of("Log.entryAdded"),
        *browser.of("Runtime.exceptionThrown"),
        *browser.of("Runtime.consoleAPICalled"),
    ]


def corner(browser: Browser) -> tuple[int, ...]:
    """The colour of the page's ground, as it is on the screen."""
    pixel = Image.open(BytesIO(browser.screenshot())).convert("RGB").getpixel((3, 3))
    assert isinstance(pixel, tuple)
    return pixel


def test_it_opens_and_asks_for_nothing_else(opened: Browser, report: Path) -> None:
    assert [event["request"]["url"] for event in opened.of("Network.requestWillBeSent")] == [report.as_uri()]
    assert complaints(opened) == []
    assert opened.run("document.title").endswith("verdicts")
    assert opened.run("document.querySelectorAll('.claim').length") == 5


def test_the_page_of_a_network_asks_for_nothing_either(browser: Browser, tmp_path: Path) -> None:
    z = np.random.default_rng(0).standard_normal((200, 4))
    write_network(tmp_path, weakly_dependent(dependence_score({"a": z, "b": z + z[:, :1]})), {"model": "m"}, {})
    browser.screen(390, 844)
    browser.open(tmp_path / FILE)
    assert [event["request"]["url"] for event in browser.of("Network.requestWillBeSent")] == [
        (tmp_path / FILE).as_uri()
    ]
    assert complaints(browser) == []
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert browser.run("document.querySelectorAll('.claim').length") == 2
    choose(browser, "dark")
    assert corner(browser) == GROUND["dark"]


def test_every_link_of_the_contents_leads_to_its_part(opened: Browser) -> None:
    links = opened.run("[...document.querySelectorAll('nav a, .verdicts a')].map(a => a.getAttribute('href'))")
    assert len(links) > 8
    for link in links:
        opened.run(f"document.querySelector('a[href=\"{link}\"]').click()")
        opened.run("new Promise(done => setTimeout(done, 50))")
        assert opened.run("location.hash") == link
        top = opened.run(f"document.querySelector('{link}').getBoundingClientRect().top")
        end = opened.run("innerHeight + scrollY >= document.documentElement.scrollHeight - 2")
        assert end or -5 < top < 150, link
    assert complaints(opened) == []


def test_light_and_dark_follow_the_system_and_the_switch(opened: Browser) -> None:
    assert corner(opened) == GROUND["light"]
    opened.media("dark")
    assert corner(opened) == GROUND["dark"]
    for choice, colour in (("light", "light"), ("dark", "dark"), ("automatic", "dark")):
        choose(opened, choice)
        assert corner(opened) == GROUND[colour], choice
    opened.media("light")
    assert corner(opened) == GROUND["light"]


def test_the_choice_is_kept(opened: Browser, report: Path) -> None:
    choose(opened, "dark")
    opened.open(report)
    assert corner(opened) == GROUND["dark"]


def choose(browser: Browser, name: str) -> None:
    browser.run(f"theme.value = '{name}'; theme.dispatchEvent(new Event('change'))")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_drawn_in_the_pages_colours(opened: Browser, scheme: str) -> None:
    opened.media(scheme)
    for place in ("figure", "figure:has(use[href^='#drawing'])"):
        opened.run(f'document.querySelector("{place}").scrollIntoView()')
        opened.run("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
        box = opened.run(
            f'(r => [r.x, r.y, r.width, r.height])(document.querySelector("{place} svg").getBoundingClientRect())'
        )
        x, y, width, height = map(int, box)
        image = np.asarray(Image.open(BytesIO(opened.screenshot())).convert("RGB"), dtype=int)
        drawn = image[max(y, 60) : y + height, x : x + width]
        ground = (255, 255, 255) if scheme == "light" else (0x1B, 0x1F, 0x23)
        share = (np.abs(drawn - ground).max(axis=2) < 4).mean()
        assert 0.5 < share < 0.99, "the figure is empty, or on a ground of its own"


def test_a_phone_shows_it_without_scrolling_sideways(opened: Browser) -> None:
    opened.screen(390, 844)
    assert opened.run("document.documentElement.scrollWidth") <= 390
    assert opened.run("getComputedStyle(document.querySelector('.verdicts tr td')).display") == "block"


def test_print_is_light_and_has_no_contents(opened: Browser) -> None:
    choose(opened, "dark")
    opened.media("dark", "print")
    assert opened.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    opened.run("dispatchEvent(new Event('beforeprint'))")
    assert opened.run("document.querySelectorAll('details:not([open])').length") == 0
    opened.run("dispatchEvent(new Event('afterprint'))")
    assert opened.run("document.querySelectorAll('details:not([open])').length") > 0


def test_hostile_text_does_nothing(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.write_text(page(hostile_document()), encoding="utf-8")
    browser.open(file)
    assert browser.of("Page.javascriptDialogOpening") == []
    assert complaints(browser) == []
    assert len(browser.of("Network.requestWillBeSent")) == 1


def test_a_drawing_with_a_script_would_be_stopped_by_the_policy(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.write_text(page(document()).replace("<main>", "<main><script>window.planted = 1</script>"), encoding="utf-8")
    browser.open(file)
    assert browser.run("window.planted") is None
    assert complaints(browser), "a script that is not the page's own ran in silence"
