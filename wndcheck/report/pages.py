"""The page and the summary of a run, by templates."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from wndcheck.report import format as formatting
from wndcheck.report import wording
from wndcheck.report.figure_model import Figure, Scatter
from wndcheck.report.section_model import Section
from wndcheck.report.svg_images import WIDTH, Picture, fitting, scale_over
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import ClaimResult, Run

PAGE = "index.html"
LARGEST = 3_000_000  # bytes of a page
TITLE = "On the weak neural dependence phenomenon: verdicts"
TEMPLATES = Path(__file__).parent / "templates"


# --- views of a run ---------------------------------------------------------------------------------------------------


def not_run(run: Run) -> list[tuple[str, str, list[str]]]:
    """Tests that were not run, or are left to another profile: claim, reason and names."""
    lost = [(claim.id, each.reason, each.test) for claim in run.claims for each in claim.not_run]
    lost += [(claim.id, "error, see its section", each.test) for claim in run.claims for each in claim.errors]
    groups = formatting.group_by(lost, lambda each: each[:2])
    found = [(*group[0][:2], [test for _, _, test in group]) for group in groups]
    return found + [(claim.id, *group) for claim in run.claims for group in left(claim)]


def left(claim: ClaimResult) -> list[tuple[str, list[str]]]:
    """``level, left to medium``, with the names of the checks."""
    groups = formatting.group_by(claim.left, lambda each: (each.check.scope, each.profile))
    return [(f"{each[0].check.scope}, left to {each[0].profile}", [one.name for one in each]) for each in groups]


def functions(names: Iterable[str]) -> str:
    """``literal (8), vicinity (8)``: checks by their functions, with the number of each."""
    return ", ".join(f"{name} ({count})" for name, count in Counter(n.partition("[")[0] for n in names).items())


def by_function(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Groups of checks that differ only in their parameters, those that count first."""
    ordered = sorted(findings, key=lambda finding: not finding.check.primary)
    return formatting.group_by(ordered, lambda f: (f.function, f.check.primary, f.check.unit))


def facts(run: Run) -> dict[str, str]:
    """The run's options, machine and elapsed seconds."""
    options = {"profile": run.profile, "base seed": str(run.base_seed), "date": run.created, "mode": run.mode}
    seconds = {f"elapsed seconds, {name}": f"{value:,.0f}" for name, value in run.seconds.items() if isfinite(value)}
    return options | run.environment | seconds


def reasons(claim: ClaimResult) -> list[str]:
    """The reasons for expecting verdicts other than supported."""
    return list(dict.fromkeys(finding.reason for finding in claim.checks if finding.reason))


def tally(findings: Iterable[Finding]) -> str:
    """``3 supported, 1 refuted``."""
    return ", ".join(f"{count} {verdict}" for verdict, count in Counter(f.verdict for f in findings).items())


def claimed(findings: Iterable[Finding]) -> list[str]:
    """``slope of ι_c, claimed ≤ 0 nats``, each once."""
    return list(dict.fromkeys(f"{f.check.estimand}, claimed {f.check.region} {f.check.unit}".strip() for f in findings))


def parameters(finding: Finding) -> str:
    """``width 50, activation relu``, or the name's part in brackets, or the name."""
    values = ", ".join(f"{name} {value}" for name, value in finding.parameters.items())
    return values or finding.name.partition("[")[2].removesuffix("]") or finding.name


def slug(text: str) -> Markup:
    """A name as the anchor that GitHub gives to a heading; safe in an attribute."""
    return Markup(re.sub(r"[^a-z0-9_-]", "", text.lower().replace(" ", "-")) or "unnamed")


def anchors(names: Iterable[str], prefix: str) -> dict[str, str]:
    """A unique id for each name."""
    found: dict[str, str] = {}
    for name in names:
        anchor = f"{prefix}-{slug(name)}"
        while anchor in found.values():
            anchor += "-2"
        found[name] = anchor
    return found


# --- templates --------------------------------------------------------------------------------------------------------


def environment(**options: Any) -> Environment:
    """The templates, with filters that write numbers and findings."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    made.filters |= {
        "assignments": lambda finding: ", ".join(f"{name}={value}" for name, value in finding.parameters.items()),
        "by_function": by_function,
        "remarks": wording.remarks,
        "claimed": claimed,
        "estimate": wording.format_estimate,
        "facts": facts,
        "first_fixed": wording.describe_first_fixed,
        "functions": functions,
        "interval": formatting.format_interval,
        "margin": wording.format_margin,
        "markdown_table": lambda table: Markup(formatting.markdown_table(table.head, table.rows)),
        "number": formatting.format_number,
        "one_line": lambda text: Markup(formatting.one_line(text)),
        "parameters": parameters,
        "percent": formatting.percent,
        "reasons": reasons,
        "repeat_command": lambda claim, run: wording.repeat_command(claim, run.profile, run.base_seed),
        "replicates": wording.format_replicates,
        "slug": slug,
        "tally": tally,
        "describe": wording.describe_claim,
        "describe_m": wording.describe_m,
        "left": left,
        "scopes": wording.describe_scopes,
        "word": wording.verdict_word,
    }
    made.globals |= {
        "drawing_width": WIDTH,
        "scale_of": lambda findings: scale_over((f.interval, f.check.region) for f in findings),
        "symbols": formatting.SYMBOLS,
    }
    made.tests["strong"] = lambda cell: isinstance(cell, formatting.Strong)
    return made


def plain_markdown(value: object) -> object:
    """Escape text for Markdown, unless it is Markup, which is Markdown already."""
    return value if isinstance(value, Markup) else formatting.escape_markdown(value)


HTML = environment(autoescape=True)
MARKDOWN = environment(finalize=plain_markdown)


def render(template: str, title: str, subtitle: str, contents: Mapping[str, str], **values: object) -> str:
    """A whole page; `contents` are its parts' titles by their ids."""
    style, script = (Markup((TEMPLATES / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js"))
    shell = {"title": title, "subtitle": subtitle, "style": style, "script": script, "contents": contents}
    shell["script_digest"] = b64encode(sha256(script.encode()).digest()).decode()
    return formatting.printable(HTML.get_template(template).render(shell | values))


def page(run: Run, pictures: Sequence[Picture] = (), sections: Sequence[Section] = (), room: int = LARGEST) -> str:
    """The whole page of a run; figures that no claim names follow after the claims.

    Figures have `room` bytes, less where the page would be larger than LARGEST: the others are linked as files.
    """
    by_stem = {each.stem: each for each in fitting(pictures, room)}
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
    created = datetime.fromisoformat(run.created).astimezone(UTC)
    text = render(
        "page.html.j2",
        TITLE,
        f"Profile {run.profile}, base seed {run.base_seed}, {created:%Y-%m-%d %H:%M} UTC",
        contents,
        run=run,
        anchors=anchors((claim.id for claim in run.claims), "claim"),
        shown=shown,
        further=further,
        sections={titles[section.title]: section for section in sections},
        not_run=not_run(run),
        environment=facts(run),
    )
    excess = len(text.encode("utf-8", "backslashreplace")) - LARGEST
    return page(run, pictures, sections, room - excess) if excess > 0 and room > 0 else text


def summary(run: Run, figures: Sequence[Figure | Scatter] = (), sections: Sequence[Section] = ()) -> str:
    """The whole `summary.md`; it shows the figures in its folder."""
    template = MARKDOWN.get_template("summary.md.j2")
    text = template.render(run=run, title=TITLE, figures=figures, sections=sections, linked=True)
    return text.rstrip() + "\n"


def verdict_table(run: Run) -> str:
    """A Markdown table with one row per claim."""
    return MARKDOWN.get_template("verdicts.md.j2").render(run=run, linked=False)
