"""The pytest hooks of a run of claims, registered only when there are claims to run."""

from __future__ import annotations

import atexit
import platform
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pytest

from wndcheck.devices import resolve
from wndcheck.experiment import profiles
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.counterparts import cells_beside
from wndcheck.experiment.families import cells_of, parts
from wndcheck.experiment.profiles import Scope
from wndcheck.pytest_plugin import fixtures, workers
from wndcheck.pytest_plugin.collected_results import CLAIM, FINDING, Declared, Results, declared, recorded
from wndcheck.pytest_plugin.decide_fixture import Judge, with_outcome
from wndcheck.pytest_plugin.declarations import (
    check_name,
    check_of,
    claim_id,
    claim_of,
    must_be_of,
    scopes_of,
    with_declarations,
)
from wndcheck.pytest_plugin.nets_fixture import DeclaredNets, Nets
from wndcheck.pytest_plugin.worker_messages import EVENTS, Messages
from wndcheck.seeds import BASE_SEED, net_seeds
from wndcheck.store.executors import termination_as_interruption
from wndcheck.store.inventory import provenance_of
from wndcheck.store.measurements import Store
from wndcheck.verdicts import expectations, first_fixed
from wndcheck.verdicts.findings import Finding, Outcome
from wndcheck.verdicts.run import Problem, ProblemKind, Run
from wndcheck.verdicts.run_files import FILE, decode_line, encode_line
from wndcheck.versions import environment, versions

NAME = "wndcheck-claims"
PROBLEMS, LEFT = "wnd_problems", "wnd_left"  # what a worker hands to the controller as it ends
PACKAGES = ("torchvision", "numpy", "scipy", "numba", "pytest", "pytest-xdist")  # in addition to ours and torch


def start(config: pytest.Config, folder: Path) -> None:
    """Check the options, set the number of threads, and register the run."""
    try:
        run = ClaimsRun(config, folder)
    except (ValueError, OSError) as error:
        raise pytest.UsageError(str(error)) from None
    workers.pin_threads(config)
    config.pluginmanager.register(run, NAME)
    config.pluginmanager.register(fixtures)


def described(error: BaseException) -> str:
    """An error, and where it was raised, in one line."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"


class ClaimsRun:
    """The part of a run in one process: a worker, the controller, or both at once without xdist."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        option = config.option
        self.config = config
        self.folder = folder
        self.profile = profiles.named(option.wnd_profile)
        self.base_seed: int = option.wnd_seed
        net_seeds(self.base_seed, self.profile.nets)
        self.mode: Literal["verify", "report"] = option.wnd_mode
        self.device: str = option.wnd_device
        self.device_name = resolve(self.device)
        self.expectations = expectations.read(folder / expectations.FILE, self.profile.name)
        self.first_fixed = first_fixed.read(folder)
        self.problems: list[Problem] = []
        self.began = time.monotonic()
        self.collected: set[str] = set()  # node ids
        self.tests: dict[str, dict[str, pytest.Item]] = {}  # all that a claim's file has, by claim and node id
        self.declared: dict[str, Declared] = {}  # by claim
        self.scopes: dict[str, tuple[Scope, ...]] = {}  # that are decided, by claim
        self.only_left: list[Declared] = []  # claims of which nothing else was asked for
        self.needed: tuple[Cell, ...] = ()
        self.selection = workers.is_selection(config) or not workers.is_whole(config, folder)
        self.results = Results(self.selection)
        if folder != config.rootpath and config.rootpath not in folder.parents:
            raise ValueError(
                f"claims folder {folder} is not inside pytest's rootdir {config.rootpath}: write options "
                f"with =, as in --wnd-store=DIR, or add --rootdir={folder.parent}"
            )
        self.written: list[Path] = []
        self.handlers = ExitStack()  # of signals
        self.interrupted = False
        self.messages = Messages(config)
        self.store()  # fails now, not after the training, where it cannot be written

    # --- before the tests -------------------------------------------------------------------------------------------

    def pytest_report_header(self) -> list[str]:
        seeds = net_seeds(self.base_seed, self.profile.nets)
        packages = ", ".join(map(" ".join, versions("wndcheck", "torch", "numpy", "numba").items()))
        return [
            f"wndcheck: profile {self.profile.name} ({self.profile.dataset}, widths "
            f"{self.profile.widths[0]} to {self.profile.widest}), device {self.device_name}, "
            f"seeds {seeds[0]} to {seeds[-1]} (--wnd-seed={self.base_seed}), mode {self.mode}",
            f"wndcheck: {packages}, Python {platform.python_version()}",
            f"wndcheck: measured cells in {self.store().root}" + ", only read" * (not self.store().is_writable),
        ]

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.messages.start()
        if not workers.is_worker(self.config):
            self.defer_interruptions = self.handlers.enter_context(termination_as_interruption())

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        if self.interrupted:  # by Ctrl-C, which may be typed again: what is left of the process ends in order, too
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        else:
            self.handlers.close()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node) -> None:
        node.workerinput[EVENTS] = str(self.messages.events_path)

    @pytest.hookimpl(wrapper=True, trylast=True)  # within --lf, which leaves out tests of a file
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        report = with_declarations((yield))
        for item in report.result or ():
            if isinstance(item, pytest.Item) and claim_of(item):
                self.tests.setdefault(claim_id(item), {})[item.nodeid] = item
        return report

    @pytest.hookimpl(tryfirst=True)  # before -k and -m deselect: an expectation is unmatched by the whole collection
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for claim, tests in self.tests.items():
            items_of_claim = [*tests.values()]
            self.scopes[claim] = scopes_of(items_of_claim[0], self.profile)
            self.declared[claim] = declared(items_of_claim, self.scopes[claim], self.profile.leaves_to)
        checks = [item for item in items if claim_of(item) and not must_be_of(item)]
        if left := {item for item in items if claim_of(item) and self.is_left(item)}:
            items[:] = [item for item in items if item not in left]
            self.config.hook.pytest_deselected(items=list(left))
            others = {claim_id(item) for item in items if claim_of(item)}
            self.only_left = [self.declared[claim] for claim in {claim_id(item) for item in left} - others]
        names = [(claim_id(item), check_name(item)) for item in checks if item not in left]
        # Only the tests named by node id, or those that --lf knows, are collected.
        in_part = any("::" in str(argument) for argument in self.config.args) or getattr(
            self.config.option, "lf", False
        )
        if names and not in_part:
            whole = workers.is_whole(self.config, self.folder)
            unmatched = expectations.unmatched(self.expectations, names, whole)
            self.problems += [Problem(ProblemKind.EXPECTATION, text) for text in unmatched]

    def is_left(self, item: pytest.Item) -> bool:
        """Whether the profile leaves a test to another; controls run whatever their scope, where their nets are."""
        scope, scopes = check_of(item).scope, self.scopes[claim_id(item)]
        return scope not in scopes and (not scopes or scope is Scope.RECIPE or not must_be_of(item))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        claims = {item.nodeid: claim for item in session.items if (claim := claim_of(item))}
        self.collected.update(claims)
        names = dict.fromkeys(name for claim in claims.values() for name in claim.families)
        self.needed = cells_of(names, self.profile, self.base_seed)
        # A level is also taken of nets of other recipes.
        levels = {item for item in session.items if claim_of(item) and check_of(item).scope is Scope.LEVEL}
        if Scope.LEVEL in self.profile.scopes and levels:
            self.needed += cells_beside(names, self.profile, self.base_seed)

    # --- the tests --------------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if claim_of(item):
            item.user_properties.append((CLAIM, encode_line(self.declared[claim_id(item)])))

    def store(self, **options: Any) -> Store:
        """Return the run's store."""
        return Store.to_judge(self.config.option.wnd_store, complete=self.config.option.wnd_complete, **options)

    def nets(self, item: pytest.Item) -> DeclaredNets:
        """Return the nets that the test's claim declares."""
        claim = claim_of(item)
        return DeclaredNets(self.measured, claim.families if claim else (), item.path.name)

    @cached_property
    def measured(self) -> Nets:
        option = self.config.option
        return Nets(
            profile=self.profile,
            base_seed=self.base_seed,
            needed=self.needed,
            store=self.store(say=self.messages.reporter.note),
            reporter=self.messages.reporter,
            device=workers.own_device(self.config, self.device),
            data_root=option.wnd_data,
            require_data=option.wnd_require_data,
        )

    @cached_property
    def judge(self) -> Judge:
        options = {
            "--wnd-profile": (self.profile.name, "quick"),
            "--wnd-seed": (self.base_seed, BASE_SEED),
            "--wnd-device": (self.device, "auto"),
        }
        asked = {claim: sum(found.asked.values()) for claim, found in self.declared.items()}
        return Judge(
            self.profile, self.mode, self.expectations, options, asked, lambda of: self.measured.counterparts(of)
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
        report = yield
        return with_outcome(report, item, call) if call.when == "call" and claim_of(item) else report

    # --- the controller ---------------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not workers.is_worker(self.config):
            self.results.add(report)

    def pytest_report_teststatus(self, report: pytest.TestReport | pytest.CollectReport):
        finding = recorded(getattr(report, "user_properties", ()), FINDING)  # a report of collection has none
        if report.when == "call" and finding and decode_line(finding, Finding).outcome is Outcome.INCONCLUSIVE:
            return "inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})
        return None

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        paths = {test: self.config.rootpath / test.partition("::")[0] for test in ids}
        self.collected.update(test for test, path in paths.items() if self.folder in path.parents)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error) -> None:
        sent = getattr(node, "workeroutput", {}).get(PROBLEMS, [])
        problems = [Problem(ProblemKind(kind), text) for kind, text in sent]
        self.problems += [problem for problem in problems if problem not in self.problems]
        self.only_left += [decode_line(text, Declared) for text in getattr(node, "workeroutput", {}).get(LEFT, [])]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if workers.is_worker(self.config):
            problems = [(str(problem.kind), problem.text) for problem in self.problems]
            self.config.workeroutput[PROBLEMS] = problems  # type: ignore[attr-defined]
            self.config.workeroutput[LEFT] = [encode_line(claim) for claim in self.only_left]  # type: ignore[attr-defined]
            return
        self.defer_interruptions()  # the table and the report
        self.interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        for claim in self.only_left:
            self.results.declared.setdefault(claim.id, claim)
        self.messages.stop()
        if self.config.option.collectonly:
            return
        stopped_early = bool(session.shouldstop or session.shouldfail) or exitstatus == pytest.ExitCode.INTERRUPTED
        why = "the run was stopped" if stopped_early else "never reported"
        reported = self.results.reported
        missing = sorted(self.collected - reported)
        self.results.add_missing(missing, why)
        if missing:
            text = f"{why}: {len(missing)} of {len(self.collected)} tests did not finish"
            claims, others = ({Path(test.partition("::")[0]).stem for test in tests} for tests in (missing, reported))
            claims -= others
            text += f"; no test of {', '.join(sorted(claims))} did" if claims else ""
            self.problems.append(Problem(ProblemKind.UNREPORTED, text))
        elif stopped_early and not self.collected:
            self.problems.append(Problem(ProblemKind.UNREPORTED, f"{why} before its tests were known"))
        is_whole = not (self.selection or stopped_early)
        if self.results.declared:
            if self.config.option.wnd_report or is_whole:
                self.write_report()
            self.append_step_summary()
        if self.problems and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def write_report(self) -> None:
        from wndcheck.report.stored_nets import gathered
        from wndcheck.report.writing import write_report

        folder = Path(self.config.option.wnd_report or self.config.rootpath / "reports" / "latest")
        unreadable: list[str] = []
        try:
            measured = gathered(self.profile, self.base_seed, self.store(say=unreadable.append).load_readable)
            seconds = {"run": time.monotonic() - self.began, "nets": measured.seconds}
            self.written = write_report(folder, self.run(seconds), measured)
        except OSError as error:
            text = f"the report could not be written to {folder} ({error}): name another --wnd-report"
            self.problems.append(Problem(ProblemKind.REPORT, text))
        except KeyboardInterrupt:
            text = f"a second interruption: {folder} has only {FILE}, and `wndcheck report` makes the rest"
            self.problems.append(Problem(ProblemKind.REPORT, text))
        except Exception as error:  # whatever it is, the verdicts are written, and the table follows
            self.problems.append(Problem(ProblemKind.REPORT, f"{folder} has only {FILE}: {described(error)}"))
        self.problems += [Problem(ProblemKind.REPORT, f"the report is not whole: {text}") for text in unreadable]

    def append_step_summary(self) -> None:
        from wndcheck.report.pages import verdict_table
        from wndcheck.report.step_summary import append

        try:
            append(f"wndcheck: profile {self.profile.name}, base seed {self.base_seed}", verdict_table(self.run()))
        except Exception as error:
            text = f"the table could not be added to $GITHUB_STEP_SUMMARY ({described(error)}): unset it"
            self.problems.append(Problem(ProblemKind.REPORT, text))

    @cached_property
    def measured_before(self) -> dict[str, str]:
        """Where the nets of a store that is only read were measured; of others, this run may have measured some."""
        if (store := self.store()).is_writable:
            return {}
        cells = {cell for part in parts(self.profile, self.base_seed).values() for cell in part}
        return {"nets": f"measured before this run ({provenance_of(filter(None, map(store.load_readable, cells)))})"}

    def run(self, seconds: dict[str, float] | None = None) -> Run:
        """Return the run as verdicts.json holds it; `seconds` are the durations of the run and of its nets."""
        claims = self.results.claims
        return Run(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            profile=self.profile.name,
            base_seed=self.base_seed,
            net_seeds=net_seeds(self.base_seed, self.profile.nets),
            mode=self.mode,
            selection=self.selection,
            environment=environment(self.device_name, self.config.rootpath, *PACKAGES) | self.measured_before,
            problems=tuple(self.problems),
            seconds=seconds or {},
            claims=claims,
            first_fixed={} if self.selection else first_fixed.former_verdicts(self.first_fixed, claims),
        )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if workers.is_worker(self.config):
            return
        if self.results.declared:
            from wndcheck.pytest_plugin.terminal import print_run

            print_run(terminalreporter, self.run(), sorted({path.parent for path in self.written}))
        for problem in self.problems:
            terminalreporter.write_line(f"wndcheck: ERROR: {problem.text}", red=True)
