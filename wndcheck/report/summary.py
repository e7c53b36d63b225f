"""The summary of a run in Markdown: the verdict table, figures, what else was measured, each claim's evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wndcheck.report.deciding import deciding_check, format_interval
from wndcheck.report.markdown import Section, escaped, table
from wndcheck.report.scatter import AnyFigure
from wndcheck.verdicts.checks import Finding


def summary(document: dict[str, Any], figures: Sequence[AnyFigure] = (), sections: Sequence[Section] = ()) -> str:
    """The whole `summary.md`; it shows the figures that lie beside it."""
    parts = [heading(document), verdict_table(document["claims"])]
    parts += [f"![{escaped(figure.title)}]({figure.stem}.svg)" for figure in figures]
    parts += [section.markdown() for section in sections]
    parts += [claim_section(claim, document) for claim in document["claims"]]
    return "\n\n".join(parts) + "\n"


def heading(document: dict[str, Any]) -> str:
    run = {key: document[name] for key, name in RUN.items()}
    facts = [f"- {escaped(key)}: {escaped(value)}" for key, value in (run | document["environment"]).items()]
    problems = [f"- **problem**: {escaped(problem)}" for problem in document.get("problems", ())]
    return "\n".join(["# On the weak neural dependence phenomenon: verdicts", "", *facts, *problems])


RUN = {"profile": "profile", "base seed": "base_seed", "date": "created", "mode": "mode"}


def verdict_table(claims: Iterable[dict[str, Any]], *, linked: bool = True) -> str:
    """A row a claim, linked to its section where the table stands above the sections."""
    head = ("claim", "statement", "estimate [interval]", "margin", "nets", "verdict", "expected")
    return table(head, [verdict_row(claim, linked) for claim in claims])


def verdict_row(claim: dict[str, Any], linked: bool) -> list[str]:
    decided = deciding_check(findings(claim["checks"]))
    evidence = (
        [f"{estimate(decided)}, {escaped(decided.check)}", decided.margin, replicates(decided)]
        if decided
        else ["", "", ""]
    )
    # The link's anchor is the heading's, which is the claim's id.
    name = f"[{escaped(claim['id'])}](#{claim['id']})" if linked else escaped(claim["id"])
    verdict = f"**{escaped(claim['verdict'])}**"
    return [name, escaped(claim["statement"]), *evidence, verdict, escaped(claim["expected"] or "")]


def claim_section(claim: dict[str, Any], document: dict[str, Any]) -> str:
    """One claim: what the paper says, what each check found, and how to repeat it."""
    checks, controls = findings(claim["checks"]), findings(claim["controls"])
    parts = [f"## {escaped(claim['id'])}", f"Paper, {escaped(claim['paper'])}: {escaped(claim['statement'])}"]
    parts.append(verdict_line(claim, checks))
    if checks:
        parts.append(check_table(checks))
    if controls:
        parts += ["Controls:", control_table(controls)]
    if claim["errors"]:
        parts += ["Errors:", listed((each["test"], each["message"]) for each in claim["errors"])]
    if claim["not_run"]:
        parts += ["Not run:", listed((each["test"], each["reason"]) for each in claim["not_run"])]
    if command := repeat_command(claim, document):
        parts.append(f"To repeat it:\n\n```sh\n{command}\n```")
    return "\n\n".join(parts)


def verdict_line(claim: dict[str, Any], checks: Iterable[Finding]) -> str:
    cause = f" ({escaped(claim['cause'])})" if claim["cause"] else ""
    expected = escaped(claim["expected"] or "nothing in particular")
    line = f"Verdict: **{escaped(claim['verdict'])}**{cause}; expected: {expected}."
    reasons = dict.fromkeys(check.reason for check in checks if check.reason)
    return " ".join([line, *(f"Why: {escaped(reason)}." for reason in reasons)])


def check_table(checks: Iterable[Finding]) -> str:
    head = ("check", "parameters", "estimand", "estimate [low, high]", "margin", "n", "counts", "verdict", "cause")
    return table(head, [check_row(check) for check in checks])


def check_row(check: Finding) -> list[str]:
    return [
        escaped(check.check),
        parameters(check),
        escaped(check.estimand),
        estimate(check),
        check.margin,
        replicates(check),
        "yes" if check.primary else "no",
        escaped(check.verdict),
        escaped(check.cause),
    ]


def control_table(controls: Iterable[Finding]) -> str:
    head = ("control", "parameters", "estimand", "estimate [low, high]", "margin", "n", "must be", "was", "cause")
    return table(head, [control_row(control) for control in controls])


def control_row(control: Finding) -> list[str]:
    was = control.verdict if control.verdict == control.control else f"**{control.verdict}**"
    return [*check_row(control)[:6], escaped(control.control), was, escaped(control.cause)]


def findings(dicts: Iterable[dict[str, Any]]) -> list[Finding]:
    return [Finding.from_dict(fields) for fields in dicts]


def parameters(check: Finding) -> str:
    return escaped(", ".join(f"{name}={value}" for name, value in check.parameters.items()))


def estimate(check: Finding) -> str:
    return f"{format_interval(check)} {escaped(check.unit)}".strip()


def replicates(check: Finding) -> str:
    untrained = f" ({check.untrained} untrained)" if check.untrained else ""
    return f"{check.n} {escaped(check.replicate)}{untrained}"


def listed(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {escaped(test)}: {escaped(what)}" for test, what in pairs)


def repeat_command(claim: dict[str, Any], document: dict[str, Any]) -> str:
    """The pytest command for the claim's tests, each with all its parameters, and the options that are not default."""
    ids = [each["test"] for key in ("checks", "controls", "errors", "not_run") for each in claim[key]]
    tests = dict.fromkeys(test.partition("[")[0] for test in ids if test)
    options = [f"--wnd-profile={document['profile']}"] if document["profile"] != "quick" else []
    options += [f"--wnd-seed={document['base_seed']}"] if document["base_seed"] else []
    return " ".join(["pytest", *(f'"{test}"' for test in tests), *options]) if tests else ""
