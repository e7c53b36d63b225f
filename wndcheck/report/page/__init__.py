"""One HTML page of a run that needs nothing beside it: no network, no other file, no script but its own few lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wndcheck.report.markdown import Section
from wndcheck.report.page.claim import claim_section
from wndcheck.report.page.elements import joined, slugs
from wndcheck.report.page.figure import whole
from wndcheck.report.page.markdown import html_of
from wndcheck.report.page.pictures import Picture, PictureError, picture
from wndcheck.report.page.run_facts import environment, not_run, problems, tally, verdicts
from wndcheck.report.page.shell import FILE, LARGEST, fitting, shell
from wndcheck.report.page.words import minute

__all__ = ["FILE", "LARGEST", "Picture", "PictureError", "page", "picture"]

TITLE = "On the weak neural dependence phenomenon: verdicts"


def page(document: dict[str, Any], pictures: Sequence[Picture] = (), sections: Sequence[Section] = ()) -> str:
    """The whole page; figures that no claim names follow after the claims."""
    claims = document["claims"]
    anchors = [f"claim-{slug}" for slug in slugs(claim["id"] for claim in claims)]
    pictures = fitting(pictures)
    by_stem, drawn = {each.stem: each for each in pictures}, set()
    parts = {
        "Verdicts": joined([tally(claims), verdicts(document, anchors)]),
        "Claims": joined(
            claim_section(claim, document, anchor, by_stem, drawn)
            for claim, anchor in zip(claims, anchors, strict=True)
        ),
        "Further figures": joined(whole(each) for each in pictures if each.stem not in drawn),
        **{section.title: joined(map(html_of, section.paragraphs)) for section in sections},
        "What was not run, and why": not_run(document),
        "Environment": environment(document),
    }
    run = f"Profile {document['profile']}, base seed {document['base_seed']}, {minute(document['created'])}"
    return shell(TITLE, run, parts, pictures, above=problems(document))
