"""Write the report of a run into a folder."""

from __future__ import annotations

from pathlib import Path

from wndcheck.report.files import write_atomically
from wndcheck.report.measured import Measured
from wndcheck.verdicts.run import FILE, Run, encode


def write_report(folder: Path, run: Run, measured: Measured) -> list[Path]:
    """Write verdicts.json; the paths of what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    return [write_atomically(folder / FILE, encode(run))]
