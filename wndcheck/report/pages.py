"""The page and the summary of a run: templates over the model of a run, and what they need beside it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import isfinite, isnan
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import ParseError, fromstring

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from wndcheck.report import format as words
from wndcheck.report.series import Figure, Scatter
from wndcheck.report.tables import Section, Strong
from wndcheck.verdicts.checks import CauseKind, Verdict
from wndcheck.verdicts.run import ClaimResult, Finding, Run
from wndcheck.verdicts.statistics import Interval, Region

PAGE = "index.html"
LARGEST = 3_000_000  # bytes of a page
MOST_DRAWN = 2_000_000  # bytes of its figures; those beyond are left to the files beside it
TITLE = "On the weak neural dependence phenomenon: verdicts"
TEMPLATES = Path(__file__).parent / "templates"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # no HTML may hold them
POINTS = re.compile(r"(\d+(?:\.\d+)?)pt")
WIDTH, EDGE = 160, 6  # of the drawing of an interval; room at either side, where what goes on beyond it ends
SHAPES = {Verdict.SUPPORTED: "circle", Verdict.REFUTED: "cross", Verdict.INCONCLUSIVE: "ring"}


class FigureError(ValueError):
    """A file that is not an SVG; the message says which."""


# --- figures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """An SVG file on a page: as an image, it can neither run nor load anything. `uri` is empty if it is too large.

    `size` is its width and height in pixels, so that the page does not move when it is there.
    """

    stem: str
    title: str
    description: str
    uri: str
    size: tuple[int, int] | None = None


def picture(stem: str, svg: bytes) -> Picture:
    """FigureError for a file that is not an SVG."""
    try:
        root = fromstring(svg)
    except ParseError as error:
        raise FigureError(f"{stem}.svg is not an SVG file ({error}): remove it, and it is drawn again") from None
    if root.tag != "{http://www.w3.org/2000/svg}svg":
        raise FigureError(f"{stem}.svg is not an SVG file (it is <{root.tag}>): remove it, and it is drawn again")
    found = {each.tag.rpartition("}")[2]: each.text for each in root.iter() if isinstance(each.tag, str) and each.text}
    text = " ".join(svg.decode("utf-8", "replace").split())
    uri = "data:image/svg+xml," + quote(text, safe=" !$()*+,/:;=?@-._~")
    lengths = [POINTS.fullmatch(root.get(name, "")) for name in ("width", "height")]
    size = tuple(round(4 / 3 * float(length[1])) for length in lengths if length)
    return Picture(stem, found.get("title", stem), found.get("description", ""), uri, size if len(size) == 2 else None)


def fitting(pictures: Iterable[Picture], room: int = MOST_DRAWN) -> list[Picture]:
    """The pictures in their order, without the drawings for which there is no room."""
    kept = []
    for each in pictures:
        fits = len(each.uri) <= room
        room -= len(each.uri) * fits
        kept.append(each if fits else replace(each, uri=""))
    return kept


# --- intervals against their regions ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """From numbers to places on a drawing."""

    low: float
    high: float

    def place(self, number: float) -> float:
        """Within the drawing, whatever the number."""
        share = (min(max(number, self.low), self.high) - self.low) / (self.high - self.low)
        return round(EDGE + share * (WIDTH - 2 * EDGE), 1)

    def __str__(self) -> str:
        style = words.number_format([self.low, self.high], self.high - self.low)
        return f"{self.low:{style}} to {self.high:{style}}"


def scale_over(pairs: Iterable[tuple[Interval, Region]]) -> Scale:
    """A scale on which every finite interval and border has its place."""
    ends = [x for at, region in pairs for x in (at.estimate, at.low, at.high, region.low, region.high) if isfinite(x)]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    room = 0.05 * (high - low) or max(abs(high), 1.0)
    return Scale(low - room, high + room)


@dataclass(frozen=True)
class Drawing:
    """Places of an interval (low, estimate, high) and of the shaded region (left end, width); None without a number."""

    shape: str
    label: str
    shaded: tuple[float, float]
    line: tuple[float, float, float] | None
    width: int = WIDTH


def drawing(interval: Interval, region: Region, verdict: Verdict, scale: Scale) -> Drawing:
    """An interval whose mark differs between verdicts; a region that goes on reaches the drawing's edge."""
    left, right = scale.place(region.low), scale.place(region.high)
    left, right = (0 if left == EDGE else left), (WIDTH if right == WIDTH - EDGE else right)
    line = None
    if isfinite(interval.estimate):
        at = scale.place(interval.estimate)
        low, high = (at if isnan(x) else scale.place(x) for x in (interval.low, interval.high))
        line = low, at, high
    label = f"{words.format_interval(interval)}, claimed {region}"
    return Drawing(SHAPES[verdict], label, (left, max(round(right - left, 1), 1)), line)


# --- views of a run ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NotRun:
    """Tests of a claim that no verdict rests on, for one reason."""

    claim: str
    reason: str
    tests: tuple[str, ...]


def not_run(run: Run) -> list[NotRun]:
    """What was not run, or not decided by the profile, and why."""
    lost = [(claim.id, each.reason, each.test) for claim in run.claims for each in claim.not_run]
    lost += [(claim.id, "error, see its section", each.test) for claim in run.claims for each in claim.errors]
    lost += [
        (claim.id, words.describe_cause(finding.cause), finding.name)
        for claim in run.claims
        for finding in claim.checks
        if finding.is_cause(CauseKind.PROFILE)
    ]
    groups = words.group_by(lost, lambda each: each[:2])
    return [NotRun(*group[0][:2], tuple(test for _, _, test in group)) for group in groups]


def by_function(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Checks that differ in their parameters alone together, those that count first."""
    ordered = sorted(findings, key=lambda finding: not finding.check.primary)
    return words.group_by(ordered, lambda f: (f.function, f.check.primary, f.check.unit))


def facts(run: Run) -> dict[str, str]:
    """The run's options, machine and seconds."""
    options = {"profile": run.profile, "base seed": str(run.base_seed), "date": run.created, "mode": run.mode}
    seconds = {f"seconds, {name}": f"{value:,.0f}" for name, value in run.seconds.items() if isfinite(value)}
    return options | run.environment | seconds


def reasons(claim: ClaimResult) -> list[str]:
    """Why verdicts other than "supported" are expected."""
    return list(dict.fromkeys(finding.reason for finding in claim.checks if finding.reason))


def paragraphs(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def tally(findings: Iterable[Finding]) -> str:
    """``3 supported, 1 refuted``."""
    return ", ".join(f"{count} {verdict}" for verdict, count in Counter(f.verdict for f in findings).items())


def claimed(findings: Iterable[Finding]) -> list[str]:
    """``slope of ι_c, claimed ≤ 0 nats``, each once."""
    return list(dict.fromkeys(f"{f.check.estimand}, claimed {f.check.region} {f.check.unit}".strip() for f in findings))


def parameters(finding: Finding) -> str:
    """``width 50, activation relu``, or what stands in brackets, or the name."""
    told = ", ".join(f"{name} {value}" for name, value in finding.parameters.items())
    return told or finding.name.partition("[")[2].removesuffix("]") or finding.name


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores."""
    return Markup("_<wbr>").join(str(printable(part)) for part in name.split("_"))


def slug(text: str) -> Markup:
    """A name as the anchor that GitHub gives to a heading; safe in an attribute."""
    return Markup(re.sub(r"[^a-z0-9_-]", "", text.lower().replace(" ", "-")) or "unnamed")


def anchors(names: Iterable[str], prefix: str) -> dict[str, str]:
    """An id for each name, no two alike."""
    found: dict[str, str] = {}
    for name in names:
        anchor = base = f"{prefix}-{slug(name)}"
        number = 1
        while anchor in found.values():
            number += 1
            anchor = f"{base}-{number}"
        found[name] = anchor
    return found


# --- templates --------------------------------------------------------------------------------------------------------


def environment(finalize: Any, autoescape: bool) -> Environment:
    """The templates with what they write numbers and findings with."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalize,
    )
    made.filters |= {
        "assignments": lambda finding: ", ".join(f"{name}={value}" for name, value in finding.parameters.items()),
        "breakable": breakable,
        "by_function": by_function,
        "cause": words.describe_cause,
        "claimed": claimed,
        "estimate": words.format_estimate,
        "facts": facts,
        "margin": words.format_margin,
        "number": words.format_number,
        "one_line": lambda text: Markup(" ".join(text.split())),
        "paragraphs": paragraphs,
        "parameters": parameters,
        "percent": words.percent,
        "reasons": reasons,
        "repeat_command": lambda claim, run: words.repeat_command(claim, run.profile, run.base_seed),
        "replicates": words.format_replicates,
        "slug": slug,
        "tally": tally,
        "words": words.describe_claim,
    }
    made.globals |= {
        "drawing": drawing,
        "scale_of": lambda findings: scale_over((f.interval, f.check.region) for f in findings),
        "symbols": words.SYMBOLS,
    }
    made.tests["strong"] = lambda cell: isinstance(cell, Strong)
    return made


def printable(value: object) -> object:
    """What HTML may hold: text from outside can have control characters."""
    return CONTROL.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value


def plain_markdown(value: object) -> object:
    """Text that Markdown shows as it is; what is Markdown already is Markup."""
    return value if isinstance(value, Markup) else words.escape_markdown(value)


HTML = environment(printable, autoescape=True)
MARKDOWN = environment(plain_markdown, autoescape=False)


def render(template: str, title: str, subtitle: str, contents: Mapping[str, str], **values: object) -> str:
    """A whole page; `contents` are its parts' titles by their ids."""
    style, script = (Markup((TEMPLATES / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js"))
    shell = {"title": title, "subtitle": subtitle, "style": style, "script": script, "contents": contents}
    shell["script_digest"] = b64encode(sha256(script.encode()).digest()).decode()
    return HTML.get_template(template).render(shell | values)


def page(run: Run, pictures: Sequence[Picture] = (), sections: Sequence[Section] = ()) -> str:
    """The whole page of a run; figures that no claim names follow after the claims."""
    by_stem = {each.stem: each for each in fitting(pictures)}
    shown, drawn = {}, set()
    for claim in run.claims:
        stems = [stem for stem in dict.fromkeys(claim.figures) if stem in by_stem]
        shown[claim.id] = [(by_stem[stem], stem not in drawn) for stem in stems]
        drawn |= set(stems)
    further = [each for each in by_stem.values() if each.stem not in drawn]
    titles = anchors([section.title for section in sections], "part")
    contents = {"verdicts": "Verdicts", "claims": "Claims"} | ({"figures": "Further figures"} if further else {})
    contents |= {anchor: title for title, anchor in titles.items()}
    contents |= {"not-run": "What was not run, and why", "environment": "Environment"}
    return render(
        "page.html.j2",
        TITLE,
        f"Profile {run.profile}, base seed {run.base_seed}, {words.format_minute(run.created)}",
        contents,
        run=run,
        anchors=anchors((claim.id for claim in run.claims), "claim"),
        shown=shown,
        further=further,
        sections={titles[section.title]: section for section in sections},
        not_run=not_run(run),
    )


def summary(run: Run, figures: Sequence[Figure | Scatter] = (), sections: Sequence[Section] = ()) -> str:
    """The whole `summary.md`; it shows the figures that lie beside it."""
    template = MARKDOWN.get_template("summary.md.j2")
    text = template.render(run=run, title=TITLE, figures=figures, sections=sections, linked=True)
    return text.rstrip() + "\n"


def verdict_table(run: Run) -> str:
    """A row a claim, in Markdown."""
    return MARKDOWN.get_template("verdicts.md.j2").render(run=run, linked=False)
