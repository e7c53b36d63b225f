"""The summary page of a step of GitHub Actions, where there is one."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "GITHUB_STEP_SUMMARY"
LARGEST = 1_000_000  # bytes; a little beyond, a step's page is refused as a whole


def append(title: str, markdown: str) -> None:
    """Add a heading and Markdown to the step's page, if there is one.

    OSError where it cannot be written. Text that would make the page too large is replaced by a reference to
    summary.md.
    """
    if not (path := os.environ.get(VARIABLE)):
        return
    file = Path(path)
    there = file.stat().st_size if file.exists() else 0
    text = f"\n## {title}\n\n{markdown}\n"
    if there + len(text.encode("utf-8", "backslashreplace")) > LARGEST:
        text = f"\n## {title}\n\nToo long to be shown here: see the report's summary.md.\n"
    with file.open("a", encoding="utf-8", errors="backslashreplace") as page:
        page.write(text)
