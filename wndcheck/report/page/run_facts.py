"""What the page says of the run itself: its verdicts in a table, what was not run, the machine behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wndcheck.report.page.claim import badge
from wndcheck.report.page.elements import Markup, facts, joined, shown, table, tag
from wndcheck.report.page.words import counts, in_words, our_number, papers_number
from wndcheck.report.summary import RUN, findings
from wndcheck.verdicts.checks import Cause
from wndcheck.verdicts.sentences import grouped


def tally(claims: list[dict[str, Any]]) -> Markup:
    parts = [tag("li", badge(verdict), f" {count}") for verdict, count in counts(claims).items()]
    return tag("ul", *parts, class_="tally")


def verdicts(document: dict[str, Any], anchors: Sequence[str]) -> Markup:
    """Every claim in a line: the paper's statement and number, ours, and what they come to."""
    rows = [
        tag(
            "tr",
            tag("td", badge(claim["verdict"])),
            tag("th", tag("a", claim["id"], href=f"#{anchor}"), scope="row"),
            tag("td", claim["statement"], tag("span", f" ({claim['paper']})", class_="soft")),
            tag("td", papers_number(claim), class_="number", data_head="claimed"),
            tag("td", our_number(claim), class_="number", data_head="found"),
            tag("td", in_words(claim)),
        )
        for claim, anchor in zip(document["claims"], anchors, strict=True)
    ]
    heads = ("verdict", "claim", "the paper says", "claimed", "found", "in words")
    head = tag("tr", *(tag("th", text, scope="col") for text in heads))
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="verdicts")


def not_run(document: dict[str, Any]) -> Markup:
    """What no verdict rests on, and why."""
    lost = [(claim["id"], each["test"], each["reason"]) for claim in document["claims"] for each in claim["not_run"]]
    lost += [(c["id"], e["test"], "error, see its section") for c in document["claims"] for e in c["errors"]]
    lost += [
        (claim["id"], finding.check, finding.cause)
        for claim in document["claims"]
        for finding in findings(claim["checks"])
        if finding.cause.startswith(Cause.PROFILE)
    ]
    groups = grouped(lost, lambda each: (each[0], each[2]))
    rows = [(group[0][0], shown(len(group)), group[0][2], names([each[1] for each in group])) for group in groups]
    selection = tag("p", "This run was a selection of checks: others did not run.") if document.get("selection") else ""
    if not rows:
        return joined(
            [selection, tag("p", "All checks that this run collected have run, and its profile decides all.")]
        )
    return joined([selection, table(("claim", "checks", "why", "which"), rows)])


def names(tests: Sequence[str]) -> Markup:
    codes = joined([tag("code", test) for test in tests], " ")
    return tag("details", tag("summary", "names"), codes) if len(tests) > 1 else codes


def environment(document: dict[str, Any]) -> Markup:
    told = {key: document[name] for key, name in RUN.items()} | document["environment"]
    took = document.get("seconds") or {}
    told |= {f"seconds, {name}": f"{value:,.0f}" for name, value in took.items() if value is not None}
    return facts(told)


def problems(document: dict[str, Any]) -> Markup:
    items = [tag("li", problem) for problem in document.get("problems", ())]
    return (
        tag("section", tag("h2", "Problems"), tag("ul", *items), class_="problems", role="alert")
        if items
        else shown("")
    )
