"""The page in headless Chromium, driven by Playwright: it opens, loads nothing, and can be read and navigated.

Without Chromium the tests are skipped, or fail if $WNDCHECK_REQUIRE_BROWSER is set. $WNDCHECK_CHROMIUM names a browser
that is not on the PATH; if it does not exist, the tests fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from wndcheck import dependence_score
from wndcheck.inspect import weakly_dependent
from wndcheck.report.network import write_network
from wndcheck.report.pages import PAGE, page
from wndcheck.report.writing import write_report
from wndcheck.tests.factories import make_claim, make_finding, make_run
from wndcheck.tests.report.example_results import estimator_claims, measured
from wndcheck.tests.report.pages import hostile_run

NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    named = os.environ.get("WNDCHECK_CHROMIUM")
    program = next(filter(None, map(shutil.which, [named] if named else NAMES)), None)
    if not program:
        if named or os.environ.get("WNDCHECK_REQUIRE_BROWSER"):
            pytest.fail(f"no {named or 'Chromium'} here: install the package chromium, or fix $WNDCHECK_CHROMIUM")
        pytest.skip("no Chromium here: install the package chromium, or name one with $WNDCHECK_CHROMIUM")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program)  # without a sandbox, which CI's root cannot have
        yield running
        running.close()


@dataclass
class Visit:
    """A page, the addresses that it asked for, and its console messages, errors and dialogs."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("dialog", lambda dialog: self.messages.append(dialog.message) or dialog.dismiss())

    def open(self, file: Path) -> Visit:
        self.page.goto(file.as_uri())
        return self

    @property
    def is_dark(self) -> bool:
        """Whether the background is dark; it must be clearly one or the other."""
        corner = int(colours(self.page.screenshot())[3, 3].mean())
        assert not 60 < corner < 200
        return corner < 60

    def choose(self, theme: str) -> None:
        self.page.locator("select").select_option(theme)


Visitor = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visitor]:
    """Open a file in a browser that has never seen it; options are those of Playwright's `new_context`."""
    contexts = []

    def visited(file: Path, **options: Any) -> Visit:
        contexts.append(browser.new_context(**{"viewport": {"width": 1200, "height": 900}} | options))
        return Visit(contexts[-1].new_page()).open(file)

    yield visited
    for context in contexts:
        context.close()


def colours(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"), dtype=int)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    checks = [make_finding(claim="weak_dependence"), make_finding("same", claim="weak_dependence", must_be="supported")]
    weak = make_claim("weak_dependence", *checks, figures=("figure-3-dependence",))
    two = make_claim("two", make_finding(claim="two"), figures=("figure-3-dependence",))
    write_report(folder, make_run(*estimator_claims(), weak, two), measured())
    return folder / PAGE


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a network with the layers "a" and "b"."""
    folder = tmp_path_factory.mktemp("network")
    z = np.random.default_rng(0).standard_normal((200, 4))
    write_network(folder, weakly_dependent(dependence_score({"a": z, "b": z + z[:, :1]})), {"model": "m"}, {})
    return folder / PAGE


def test_the_page_opens_and_loads_nothing_else(report: Path, visit: Visitor) -> None:
    opened = visit(report)
    assert opened.requests == [report.as_uri()]
    assert opened.messages == []
    assert opened.page.title().endswith("verdicts")
    text = opened.page.inner_text("main")
    assert all(each.id in text for each in estimator_claims())
    assert "weak_dependence" in text


def test_the_page_of_a_network_loads_nothing_else_and_fits_a_phone(network: Path, visit: Visitor) -> None:
    opened = visit(network, **PHONE)
    assert opened.requests == [network.as_uri()]
    assert opened.messages == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    opened.choose("dark")
    assert opened.is_dark


def test_every_link_of_the_contents_leads_to_its_part(report: Path, visit: Visitor) -> None:
    opened = visit(report)
    links = opened.page.locator("nav a").all()
    assert len(links) > 4
    for link in links:
        target = link.get_attribute("href")
        link.click()
        opened.page.wait_for_timeout(50)
        assert opened.page.evaluate("location.hash") == target
        top = opened.page.evaluate("document.querySelector(location.hash).getBoundingClientRect().top")
        end = opened.page.evaluate("innerHeight + scrollY >= document.documentElement.scrollHeight - 2")
        assert end or -5 < top < 150, target
    assert opened.messages == []


def test_light_and_dark_follow_the_system_and_the_switch(report: Path, visit: Visitor) -> None:
    opened = visit(report, color_scheme="light")
    assert not opened.is_dark
    opened.page.emulate_media(color_scheme="dark")
    assert opened.is_dark
    for choice, dark in (("light", False), ("dark", True), ("automatic", True)):
        opened.choose(choice)
        assert opened.is_dark is dark, choice
    opened.choose("dark")
    opened.page.emulate_media(color_scheme="light")
    assert opened.open(report).is_dark, "the choice was not kept"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_drawn_in_the_colours_of_the_page(report: Path, visit: Visitor, scheme: str) -> None:
    opened = visit(report, color_scheme=scheme)
    figures = opened.page.locator("figure :is(svg, img):visible").all()
    assert len(figures) > 1
    for figure in figures:
        drawn = colours(figure.screenshot()).reshape(-1, 3)
        levels, counts = np.unique(drawn, axis=0, return_counts=True)
        background = levels[counts.argmax()]
        assert (background < 60).all() if scheme == "dark" else (background > 240).all()
        share = (np.abs(drawn - background).max(axis=1) < 4).mean()
        assert 0.3 < share < 0.997, "the figure is empty, or hides its background"


def test_a_phone_need_not_scroll_sideways(report: Path, visit: Visitor) -> None:
    opened = visit(report, **PHONE).page
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    verdicts = opened.locator("table").first
    assert verdicts.evaluate("table => table.getBoundingClientRect().right") <= 390


def test_print_is_light_and_unfolded_without_contents(report: Path, visit: Visitor) -> None:
    opened = visit(report, color_scheme="dark")
    opened.choose("dark")
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not opened.page.locator("nav").is_visible()
    folded = opened.page.locator("details:not([open])")
    assert folded.count() > 0
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.count() == 0
    opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert folded.count() > 0


def test_hostile_text_does_nothing(visit: Visitor, tmp_path: Path) -> None:
    file = tmp_path / PAGE
    file.write_text(page(hostile_run()), encoding="utf-8")
    opened = visit(file)
    assert opened.messages == []
    assert opened.requests == [file.as_uri()]


def test_the_policy_stops_other_scripts(visit: Visitor, tmp_path: Path) -> None:
    file = tmp_path / PAGE
    file.write_text(page(make_run()).replace("<main>", "<main><script>window.planted = 1</script>"), encoding="utf-8")
    opened = visit(file)
    assert opened.page.evaluate("window.planted") is None
    assert opened.messages, "a script that is not the page's own was stopped without a message"
