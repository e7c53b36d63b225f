"""A claim's section: what the paper says, figures, every check with its interval, controls, how to repeat it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wndcheck.report.deciding import format_interval
from wndcheck.report.page.elements import Markup, joined, table, tag
from wndcheck.report.page.figure import again, whole
from wndcheck.report.page.forest import drawing, scale_of
from wndcheck.report.page.pictures import Picture
from wndcheck.report.page.words import SYMBOLS, in_words
from wndcheck.report.summary import findings, repeat_command
from wndcheck.verdicts.checks import Finding
from wndcheck.verdicts.sentences import grouped


def badge(verdict: str) -> Markup:
    """A verdict that differs from others in its sign and its word, not its colour alone."""
    sign = tag("span", SYMBOLS.get(verdict, "?"), aria_hidden="true")
    return tag("span", sign, f" {verdict}", class_=f"badge {verdict.replace(' ', '-')}")


def claim_section(
    claim: dict[str, Any], document: dict[str, Any], anchor: str, pictures: Mapping[str, Picture], drawn: set[str]
) -> Markup:
    """One claim. Pictures whose stems are in `drawn` are on the page already, and only shown again."""
    checks, controls = findings(claim["checks"]), findings(claim["controls"])
    shown = [pictures[stem] for stem in claim.get("figures", ()) if stem in pictures]
    figures = [again(each) if each.stem in drawn else whole(each) for each in shown]
    drawn |= {each.stem for each in shown}
    return tag(
        "section",
        tag("h3", claim["id"], " ", badge(claim["verdict"])),
        tag("p", tag("span", f"Paper, {claim['paper']}: ", class_="soft"), claim["statement"], class_="statement"),
        about(claim),
        tag("p", in_words(claim), f" Expected: {claim['expected'] or 'nothing in particular'}."),
        reasons(checks),
        *figures,
        *groups(checks),
        control_part(controls),
        listed("Errors", ((each["test"], each["message"]) for each in claim["errors"])),
        listed("Not run", ((each["test"], each["reason"]) for each in claim["not_run"])),
        repeat(claim, document),
        tag("p", tag("a", "Back to the verdicts", href="#verdicts"), class_="back"),
        class_="claim",
        id=anchor,
        aria_label=claim["id"],
    )


def about(claim: dict[str, Any]) -> Markup:
    """What its file says is measured, and what would refute it."""
    if not claim.get("about"):
        return Markup()
    words = [tag("p", line) for line in claim["about"].replace("\n\n", "\n").split("\n") if line.strip()]
    return tag("details", tag("summary", "The paper's words, what is measured, what would refute it"), *words)


def reasons(checks: Iterable[Finding]) -> Markup:
    """Why verdicts other than "supported" are expected."""
    given = dict.fromkeys(check.reason for check in checks if check.reason)
    items = [tag("li", reason) for reason in given]
    return tag("details", tag("summary", "Why this was expected"), tag("ul", *items)) if items else Markup()


def groups(checks: Sequence[Finding]) -> list[Markup]:
    """A table for each check, whose rows differ in their parameters: those that count first."""
    ordered = sorted(checks, key=lambda check: not check.primary)
    return [group(each) for each in grouped(ordered, lambda c: (c.check.partition("[")[0], c.primary, c.unit))]


def group(checks: Sequence[Finding]) -> Markup:
    first, scale = checks[0], scale_of(checks)
    told = Counter(check.verdict for check in checks)
    tally = ", ".join(f"{count} {verdict}" for verdict, count in told.items())
    counting = "" if first.primary else ", does not count"
    heads = {f"{each.estimand}, claimed {each.margin} {each.unit}".strip(): None for each in checks}
    summary = tag("summary", tag("code", first.check.partition("[")[0]), f" {tally}{counting}")
    words = tag("p", "; ".join(heads), f". Scale: {scale}; shaded: claimed.", class_="soft")
    head = ("with", "interval", "estimate", "n", "verdict")
    body = table(head, ([*row(each, scale), outcome(each)] for each in checks), class_="checks")
    return tag("details", summary, words, body, open=first.primary)


def row(finding: Finding, scale: Any) -> list[object]:
    name = finding.check.partition("[")[2].removesuffix("]") or finding.check
    parameters = ", ".join(f"{key} {value}" for key, value in finding.parameters.items())
    untrained = f" ({finding.untrained} untrained)" if finding.untrained else ""
    estimate = f"{format_interval(finding)} {finding.unit}".strip()
    count = f"{finding.n} {finding.replicate}{untrained}"
    return [tag("span", parameters or name, title=finding.test), drawing(finding, scale), estimate, count]


def outcome(finding: Finding) -> Markup:
    cause = tag("span", f" {finding.cause}", class_="soft") if finding.cause else ""
    return joined([badge(finding.verdict), cause])


def control_part(controls: Sequence[Finding]) -> Markup:
    """All controls; open where one failed."""
    if not controls:
        return Markup()
    failed = [each.check for each in controls if each.verdict != each.control]
    tally = f"{len(failed)} of {len(controls)} failed" if failed else f"all {len(controls)} came out as they must"
    head = ("control", "interval", "estimate", "n", "must be", "was")
    scales = {
        id(each): scale_of(alike)
        for alike in grouped(controls, lambda c: (c.check.partition("[")[0], c.unit))
        for each in alike
    }
    rows = [
        [tag("code", each.check, title=each.test), *row(each, scales[id(each)])[1:], each.control, was(each)]
        for each in controls
    ]
    return tag("details", tag("summary", f"Controls: {tally}"), table(head, rows, class_="checks"), open=bool(failed))


def was(control: Finding) -> Markup:
    failed = "" if control.verdict == control.control else tag("strong", " failed")
    return joined([outcome(control), failed])


def listed(title: str, pairs: Iterable[tuple[str, str]]) -> Markup:
    items = [tag("li", tag("code", test), tag("pre", what)) for test, what in pairs]
    return joined([tag("h4", title), tag("ul", *items)]) if items else Markup()


def repeat(claim: dict[str, Any], document: dict[str, Any]) -> Markup:
    command = repeat_command(claim, document)
    return joined([tag("h4", "To repeat it"), tag("pre", tag("code", command), tabindex=0)]) if command else Markup()
