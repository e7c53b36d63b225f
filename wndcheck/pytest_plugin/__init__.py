"""The pytest plugin: options, and the hook that starts a `ClaimsRun` when a run has claims in it.

Elsewhere it costs a run nothing: no torch, no numpy, no line of output.
"""

from __future__ import annotations

import pytest

from wndcheck.seeds import BASE_SEED


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("wndcheck", "the claims of the weak neural dependence paper")
    group.addoption(
        "--wnd-profile", default="quick", metavar="quick|medium|full", help="the grid of nets (default: quick)"
    )
    group.addoption(
        "--wnd-seed",
        type=int,
        default=BASE_SEED,
        metavar="N",
        help=f"base seed; moves all seeds (default: {BASE_SEED})",
    )
    group.addoption(
        "--wnd-mode",
        choices=("verify", "report"),
        default="verify",
        help="verify: fail on verdicts that expectations.toml does not expect (default); "
        "report: exit 0 once every claim has a verdict",
    )
    group.addoption(
        "--wnd-store", metavar="DIR", help="measured cells (default: $WNDCHECK_STORE, else the user's cache folder)"
    )
    group.addoption(
        "--wnd-data", metavar="DIR", help="data sets (default: $WNDCHECK_DATA, else the user's cache folder)"
    )
    group.addoption("--wnd-device", default="auto", metavar="DEVICE", help="auto, cpu, cuda or cuda:N (default: auto)")
    group.addoption("--wnd-report", metavar="DIR", help="folder of the run's report (default: reports/latest)")
    group.addoption(
        "--wnd-complete",
        action="store_true",
        help="the store is complete: train nothing; a missing cell, or one of another record's version, is an error "
        "that names it; so it is of every store that is committed or cannot be written",
    )
    group.addoption("--wnd-require-data", action="store_true", help="missing data is an error, not a claim left out")


@pytest.hookimpl(tryfirst=True)  # before xdist starts its workers, which inherit the environment
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "check(checks, by): the check that a test decides")
    config.addinivalue_line("markers", "control(checks, by, must_be): a check with a known answer, which it must reach")
    from wndcheck.pytest_plugin.workers import claims_folder

    if folder := claims_folder(config):
        from wndcheck.pytest_plugin.hooks import start

        start(config, folder)


# xdist asks before pytest_configure, so that a plugin registered there is not heard; first, as xdist answers, too.
@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    from wndcheck.pytest_plugin.workers import automatic_workers

    return automatic_workers(config)


@pytest.fixture(scope="session")
def _claims_run(request: pytest.FixtureRequest):
    run = request.config.pluginmanager.get_plugin("wndcheck-claims")
    if run is None:
        raise pytest.UsageError(
            "no expectations.toml next to the claims: make one (it may be empty), and run pytest on that folder"
        )
    return run


@pytest.fixture(scope="session")
def profile(_claims_run):
    """The run's profile (`wndcheck.experiment.profiles.Profile`)."""
    return _claims_run.profile


@pytest.fixture(scope="session")
def base_seed(_claims_run) -> int:
    """The run's base seed (--wnd-seed)."""
    return _claims_run.base_seed


@pytest.fixture
def nets(request: pytest.FixtureRequest, _claims_run):
    """nets["trained/relu"]: the measurements of a family that the claim declares, as a `Grid`.

    The first use in a run fills the store.
    """
    return _claims_run.nets(request.node)


@pytest.fixture
def decide(request: pytest.FixtureRequest, _claims_run):
    """decide(estimand, grid, ...) or decide(values, grid=None): give the test's check its verdict and the test its
    outcome; called once per test.

    `estimand` is a function of the grid and of all further arguments that returns values (R,), one number per
    replicate, such as those of `wndcheck.verdicts.shared_checks`; a level must be given so. With a grid, the share of
    its nets that did not train counts.
    """
    return _claims_run.judge.decider(request.node)


@pytest.fixture
def weak_dependence():
    """weak_dependence(model, x, layers=None, *, margin=0.01, confidence=0.99, allow_inconclusive=False, ...).

    Asserts that the neurons of a network's layers are weakly dependent on the inputs x, and returns the verdict
    (`wndcheck.inspect.NetworkVerdict`); further options are those of `wndcheck.dependence_score`.
    """
    from wndcheck.pytest_plugin.weak_dependence import assert_weak_dependence

    return assert_weak_dependence


@pytest.fixture
def width_sweep():
    """width_sweep(make_net, x, widths, seeds=8, train=None, layers=None, ...).assert_weakly_dependent(layers=None).

    Puts the paper's claims about wide nets to a family of nets, as `wndcheck.width_sweep`.
    """
    from wndcheck import width_sweep

    return width_sweep
