"""The fixture `cli`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from wndcheck.cli import main


@pytest.fixture
def cli() -> Callable[..., Result]:
    """`cli("compare", a, b)` runs a `wndcheck` command; its result has exit_code, stdout and stderr."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [*map(str, arguments)], prog_name="wndcheck", catch_exceptions=False)

    return run
