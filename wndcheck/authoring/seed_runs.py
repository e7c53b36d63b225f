"""The claims under many base seeds: a pytest run each, kept in a folder of its own, so that none is run twice."""

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

from wndcheck.authoring.comparable_runs import too_large
from wndcheck.datasets import is_available
from wndcheck.datasets.catalogue import CATALOGUE
from wndcheck.experiment import profiles
from wndcheck.report.files import write_atomically
from wndcheck.verdicts.run import FILE, Run, RunError, read_run

LOG = "pytest.log"
STAMP = "complete"  # holds the series' digest; written last, so that only a run that ended well has it
WITHOUT_VERDICTS = ("authoring", "benchmarks", "cli", "inspect", "report", "tests")  # rooms no verdict depends on
GRACE = 20.0  # seconds that an interrupted run gets to end its workers


@dataclass(frozen=True)
class Series:
    """Runs of one folder of claims in one profile, that of each base seed in a folder of its own below `work`."""

    claims: Path
    profile: str
    work: Path
    store: Path | None = None
    data: Path | None = None
    workers: int | None = None  # one a core

    @cached_property
    def digest(self) -> str:
        """Of what verdicts depend on: the claims' files, those of the package, the profile, and the data sets here."""
        package = Path(__file__).parents[1]
        own = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in WITHOUT_VERDICTS]
        data = [is_available(name, self.data) for name in sorted(CATALOGUE)]
        digest = hashlib.sha256(repr((profiles.named(self.profile), data)).encode())
        for folder, paths in ((self.claims, self.claims.glob("*.py")), (package, own)):
            for path in sorted(paths):
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def folder(self, seed: int) -> Path:
        return self.work / f"seed-{seed:04d}"

    def kept(self, seed: int) -> Run | None:
        """The run of that seed, if it ended well and is of these claims."""
        with suppress(OSError, ValueError):
            if (self.folder(seed) / STAMP).read_text(encoding="utf-8") == self.digest:
                return self.read(seed)
        return None

    def read(self, seed: int) -> Run:
        """Read what the run of that seed has written. RunError where there is none, or it is another run."""
        run = read_run(self.folder(seed))
        if (run.profile, run.base_seed) != (self.profile, seed):
            raise RunError(
                f"{self.folder(seed) / FILE} is of profile {run.profile}, base seed {run.base_seed}, expected "
                f"{self.profile}, {seed}: run it with --no-cache"
            )
        if why := too_large(run):
            raise RunError(f"{self.folder(seed) / FILE}: {why}: run it with --no-cache")
        return run

    def command(self, seed: int) -> list[str]:
        options = [] if self.workers == 1 else ["-n", str(self.workers or "auto")]
        folders = {"report": self.folder(seed), "store": self.store, "data": self.data}
        return [
            *(sys.executable, "-m", "pytest", str(self.claims), *options, "-p", "no:cacheprovider"),
            *(f"--wnd-profile={self.profile}", f"--wnd-seed={seed}", "--wnd-mode=report"),
            *(f"--wnd-{name}={folder.absolute()}" for name, folder in folders.items() if folder),
        ]

    def carry_out(self, seed: int) -> int:
        """Run the claims under a base seed; return pytest's exit status. An interruption ends the run, too."""
        folder = self.folder(seed)
        folder.mkdir(parents=True, exist_ok=True)
        for stale in (STAMP, FILE):
            (folder / stale).unlink(missing_ok=True)
        with (folder / LOG).open("w", encoding="utf-8") as log:
            status = exit_status(self.command(seed), log.fileno())
        if status == 0:
            write_atomically(folder / STAMP, self.digest.encode())
        return status

    def end_of_log(self, seed: int, lines: int = 12) -> str:
        """The last lines that pytest printed."""
        text = (self.folder(seed) / LOG).read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])


def exit_status(command: Sequence[str], output: int) -> int:
    """Run a command in a process group of its own, which ends when this process is interrupted."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, process_group=0
    )
    try:
        return process.wait()
    finally:
        if process.returncode is None:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt pytest, which then ends its workers; kill what is left of them after a while."""
    try:
        process.send_signal(signal.SIGINT)
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
