"""The summary page of a step of GitHub Actions, where there is one."""

from __future__ import annotations

import os
from pathlib import Path

from wndcheck.verdicts.run import Run

VARIABLE = "GITHUB_STEP_SUMMARY"
LARGEST = 1_000_000  # bytes; a little beyond, a step's page is refused as a whole


def append(title: str, markdown: str) -> bool:
    """Add a heading and Markdown to the step's page; False where there is none.

    OSError where it cannot be written. Text that would make the page too large is replaced by a reference to
    summary.md.
    """
    if not (path := os.environ.get(VARIABLE)):
        return False
    file = Path(path)
    there = file.stat().st_size if file.exists() else 0
    text = f"\n## {title}\n\n{markdown}\n"
    if there + len(text.encode("utf-8", "backslashreplace")) > LARGEST:
        text = f"\n## {title}\n\nToo long to be shown here: see the report's summary.md.\n"
    with file.open("a", encoding="utf-8", errors="backslashreplace") as page:
        page.write(text)
    return True


def append_run(run: Run) -> bool:
    """Add the verdicts of a run, one row per claim; False where there is no such page."""
    from wndcheck.report.pages import verdict_table

    return append(f"wndcheck: profile {run.profile}, base seed {run.base_seed}", verdict_table(run))
