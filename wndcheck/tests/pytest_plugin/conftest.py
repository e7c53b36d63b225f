"""Runs of the plugin on small claims."""

from __future__ import annotations

from collections.abc import Callable

import pytest

# Stay loaded: a run inside this process puts sys.modules back afterwards, and compiled modules load only once.
import wndcheck.pytest_plugin.hooks
import wndcheck.pytest_plugin.terminal  # noqa: F401
from wndcheck.tests.pytest_plugin.claim_files import CLAIM, REFUTED, check
from wndcheck.verdicts.run import ClaimResult, Run
from wndcheck.verdicts.run_files import read_run


@pytest.fixture
def claims(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes a folder of claims; expectations and the files' bodies are given. One without a control gets one."""
    monkeypatch.setenv("WNDCHECK_STORE", str(pytester.path / "store"))
    monkeypatch.setenv("WNDCHECK_DATA", str(pytester.path / "data"))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    pytester.makeini("[pytest]\npython_files = claims/*.py\n")

    def write(expectations: str = "", **bodies: str) -> None:
        folder = pytester.path / "claims"
        folder.mkdir()
        (folder / "expectations.toml").write_text(expectations)
        for name, body in bodies.items():
            control = "" if "control" in body else check(REFUTED, "planted", must_be="refuted")
            (folder / f"{name}.py").write_text(CLAIM + body + control)

    return write


@pytest.fixture
def last_run(pytester: pytest.Pytester) -> Callable[[], Run]:
    """The run that was written last."""
    return lambda: read_run(pytester.path / "reports/latest")


@pytest.fixture
def only_claim(last_run) -> Callable[[], ClaimResult]:
    """The one claim of the run that was written last."""

    def claim() -> ClaimResult:
        (found,) = last_run().claims
        return found

    return claim


@pytest.fixture
def verdicts(last_run) -> Callable[[], dict[str, str]]:
    """The verdicts of the run that was written last, by claim."""
    return lambda: {claim.id: claim.verdict for claim in last_run().claims}
