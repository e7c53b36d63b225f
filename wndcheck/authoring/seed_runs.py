"""The claims under many base seeds: one pytest run per seed, kept in its own folder and not repeated."""

from __future__ import annotations

import fcntl
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
from wndcheck.verdicts.run import Run
from wndcheck.verdicts.run_files import FILE, RunError, read_run

LOG = "pytest.log"
STAMP = "complete"  # holds the series' digest; written last: only a run that succeeded has it
WITHOUT_VERDICTS = ("authoring", "benchmarks", "cli", "inspect", "report", "tests")  # packages no verdict depends on
GRACE = 20.0  # seconds that an interrupted run has to stop its workers


@dataclass(frozen=True)
class Series:
    """Runs of one folder of claims in one profile; the run of each base seed has its own folder below `work`."""

    claims: Path
    profile: str
    work: Path
    store: Path | None = None
    data: Path | None = None
    workers: int | None = None  # one per core

    @cached_property
    def digest(self) -> str:
        """Digest of what verdicts depend on: files of the claims and the package, the profile, the data sets found."""
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
        """Return the run of that seed, if it succeeded and is of these claims."""
        with suppress(OSError, ValueError):
            if (self.folder(seed) / STAMP).read_text(encoding="utf-8") == self.digest:
                return self.read(seed)
        return None

    def read(self, seed: int) -> Run:
        """Return the run of that seed. RunError if there is none, it is another run, or its values are too large."""
        run = read_run(self.folder(seed))
        if (run.profile, run.base_seed) != (self.profile, seed):
            raise RunError(
                f"{self.folder(seed) / FILE} is of profile {run.profile}, base seed {run.base_seed}, expected "
                f"{self.profile}, {seed}: run it with --no-cache"
            )
        if why := run.stopped or too_large(run):
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

    def run_claims(self, seed: int) -> int:
        """Run the claims under a base seed; return pytest's exit status. An interruption also ends the run.

        BlockingIOError where the run of a killed command still goes on: pytest inherits the lock of the seed's log.
        """
        folder = self.folder(seed)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOG).open("a", encoding="utf-8") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BlockingIOError(
                    f"pytest still runs seed {seed} of a killed command, into {folder}: wait for it, or end it"
                ) from None
            log.truncate(0)
            for stale in (STAMP, FILE):
                (folder / stale).unlink(missing_ok=True)
            status = exit_status(self.command(seed), log.fileno())
        if status == 0:
            write_atomically(folder / STAMP, self.digest.encode())
        return status

    def end_of_log(self, seed: int, lines: int = 12) -> str:
        """Return the last lines that pytest printed."""
        text = (self.folder(seed) / LOG).read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])


def exit_status(command: Sequence[str], output: int) -> int:
    """Run a command in its own process group, which ends when this process is interrupted."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, process_group=0
    )
    try:
        return process.wait()
    finally:
        if process.returncode is None:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt pytest, which then ends its workers; kill those that are left after `GRACE`."""
    try:
        process.send_signal(signal.SIGINT)
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
