"""Fixtures that the tests share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from click.testing import Result


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Seed torch's own generator before every test, so that a test always fails or never."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """torch on one thread, so that sums are taken in one order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def cli() -> Callable[..., Result]:
    """`cli("fetch", "mnist", env={...})` runs a `wndcheck` command; its result has exit_code, stdout and stderr.

    An exception that the command does not handle fails the test.
    """
    from click.testing import CliRunner

    from wndcheck.cli import main

    def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(
            main, [str(argument) for argument in arguments], prog_name="wndcheck", env=env, catch_exceptions=False
        )

    return run
