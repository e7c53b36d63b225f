"""What a collected test says of itself: its claim, its check, whether it is a control."""

from __future__ import annotations

from typing import Any

import pytest

from wndcheck.verdicts.checks import Claim, Verdict


def claim_of(item: pytest.Item) -> Claim | None:
    marker = item.get_closest_marker("claim")
    return marker.args[0] if marker else None


def control_of(item: pytest.Item) -> str:
    """The verdict a control must reach; empty for a check."""
    if (marker := item.get_closest_marker("control")) is None:
        return ""
    if (must_be := marker.kwargs.get("must_be")) not in list(Verdict):
        raise pytest.UsageError(
            f"{item.nodeid}: control(must_be={must_be!r}): expected one of {', '.join(Verdict)}, "
            'as in @pytest.mark.control(must_be="refuted")'
        )
    return str(must_be)


def check_name(item: pytest.Item) -> str:
    """The test's name without "test_": ``trend[relu-1]``."""
    return item.name.removeprefix("test_")


def parameters_of(item: pytest.Item) -> dict[str, Any]:
    """The test's parameters, as plain types that may cross to the controller."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return {name: value if isinstance(value, int | float | str) else str(value) for name, value in parameters.items()}
