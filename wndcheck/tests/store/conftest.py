"""Fixtures that the tests of the store share."""

from __future__ import annotations

from pathlib import Path

import pytest

from wndcheck.devices import THREAD_VARIABLES
from wndcheck.store.measurements import Store


@pytest.fixture
def messages() -> list[str]:
    """The messages of `store`."""
    return []


@pytest.fixture
def store(tmp_path: Path, messages: list[str]) -> Store:
    return Store(tmp_path, messages.append)


@pytest.fixture
def silent_store(tmp_path: Path) -> Store:
    """A store that must print no message."""
    return Store(tmp_path, pytest.fail)


@pytest.fixture
def one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """As processes that measure have it, which set it for good."""
    for variable in THREAD_VARIABLES:
        monkeypatch.setenv(variable, "1")
