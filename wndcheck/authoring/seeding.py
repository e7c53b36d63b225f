"""The claims under many base seeds: one pytest run each, kept in a folder of its own, so that none is run twice."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wndcheck.authoring.documents import FILE
from wndcheck.authoring.reading import VerdictFile, read_verdicts
from wndcheck.datasets import is_available
from wndcheck.datasets.catalogue import CATALOGUE
from wndcheck.experiment import profiles
from wndcheck.report.files import write_atomically

LOG = "pytest.log"
STAMP = "complete"  # holds the digest of what the run was of; written last, so that only a whole run has it
# Of the package, on which no verdict of a claim rests.
BESIDE = ("authoring", "benchmarks", "cli", "inspect", "report", "tests")
GRACE = 20.0  # seconds that an interrupted run gets to end its workers


@dataclass(frozen=True)
class Series:
    """Runs of one folder of claims in one profile; the run of a base seed lies in a folder of its own below `work`."""

    claims: Path
    profile: str
    work: Path
    store: Path | None = None
    data: Path | None = None
    workers: str = "auto"

    @cached_property
    def digest(self) -> str:
        """Of what verdicts come from: the claims' files, those of the package, and which data sets are there."""
        package = Path(__file__).parents[1]
        own = (path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in BESIDE)
        there = [is_available(name, self.data) for name in sorted(CATALOGUE)]
        digest = hashlib.sha256(repr((profiles.named(self.profile), there)).encode())
        for path in (*sorted(self.claims.glob("*.py")), *sorted(own)):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def folder(self, seed: int) -> Path:
        return self.work / f"seed-{seed:04d}"

    def kept(self, seed: int) -> VerdictFile | None:
        """The run of that seed, if it is whole and of these claims; a run that failed is not."""
        with suppress(OSError, ValueError):
            if (self.folder(seed) / STAMP).read_text(encoding="utf-8") == self.digest:
                return self.read(seed)
        return None

    def read(self, seed: int) -> VerdictFile:
        """What a run has written. ValueError where that is nothing, or a run of something else."""
        run = read_verdicts(self.folder(seed))
        if (run.profile, run.base_seed) != (self.profile, seed):
            raise ValueError(f"{self.folder(seed) / FILE} is of profile {run.profile}, base seed {run.base_seed}")
        return run

    def command(self, seed: int) -> list[str]:
        options = ["-n", self.workers] if self.workers != "1" else []
        folders = {"report": self.folder(seed), "store": self.store, "data": self.data}
        return [
            *(sys.executable, "-m", "pytest", str(self.claims), *options, "-p", "no:cacheprovider"),
            *(f"--wnd-profile={self.profile}", f"--wnd-seed={seed}", "--wnd-mode=report"),
            *(f"--wnd-{name}={folder.absolute()}" for name, folder in folders.items() if folder),
        ]

    def carry_out(self, seed: int) -> int:
        """Run the claims under a base seed; pytest's exit status. An interruption ends the run, too."""
        folder = self.folder(seed)
        folder.mkdir(parents=True, exist_ok=True)
        for stale in (STAMP, FILE):
            (folder / stale).unlink(missing_ok=True)
        with (folder / LOG).open("w", encoding="utf-8") as log:
            status = finished(self.command(seed), log.fileno())
        if status == 0:
            write_atomically(folder / STAMP, self.digest.encode())
        return status

    def complaint(self, seed: int, lines: int = 12) -> str:
        """The end of what pytest printed."""
        text = (self.folder(seed) / LOG).read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])


def finished(command: Sequence[str], output: int) -> int:
    """The exit status of a command, in a process group of its own, which ends with this process's interruption."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, process_group=0
    )
    try:
        return process.wait()
    finally:
        if process.returncode is None:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt pytest, which then ends its workers; and what is left of them after a while."""
    try:
        process.send_signal(signal.SIGINT)
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
