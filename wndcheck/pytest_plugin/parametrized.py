"""What the claims are parametrised by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from wndcheck.experiment import profiles
from wndcheck.experiment.profiles import ACTIVATIONS, HIDDEN_LAYERS, Profile

every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
every_hidden_layer = pytest.mark.parametrize("layer", HIDDEN_LAYERS)


def over(metafunc: pytest.Metafunc, name: str, values: Callable[[Profile], Sequence[int]]) -> None:
    """Give a test that asks for `name` the values that the run's profile has for it; for `pytest_generate_tests`."""
    if name in metafunc.fixturenames:
        metafunc.parametrize(name, values(profiles.named(metafunc.config.option.wnd_profile)))


def over_widths(metafunc: pytest.Metafunc, least: int) -> None:
    """Every `width` of the profile from `least` up."""
    over(metafunc, "width", lambda profile: [width for width in profile.widths if width >= least])
