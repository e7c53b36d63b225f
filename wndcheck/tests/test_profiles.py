from __future__ import annotations

from dataclasses import replace

import pytest

from wndcheck.cells import Training, Violation
from wndcheck.datasets import dataset_digest
from wndcheck.networks.violations import shared_variance
from wndcheck.profiles import ACTIVATIONS, FULL, NARROW, PROFILES, QUICK, VIOLATIONS, Profile, named

every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def test_the_full_profile_is_the_papers() -> None:
    assert FULL.dataset == "mnist"
    assert (len(FULL.widths), FULL.widths[0], FULL.widths[-1]) == (14, 5, 1000)
    assert {20, 100, 200} < set(FULL.widths)
    assert (FULL.training.learning_rate, FULL.training.stages[-1]) == (0.001, 300)
    assert (FULL.probe.images_per_class, FULL.probe.k) == (100, 3)
    assert FULL.initial_width == 1000
    assert FULL.decides_levels


def test_the_quick_profile_needs_no_download_and_decides_no_level() -> None:
    assert QUICK.dataset == "mnist-subset"
    assert not QUICK.decides_levels
    assert set(QUICK.widths) < set(FULL.widths)
    assert (QUICK.probe.images_per_class, QUICK.probe.k) == (FULL.probe.images_per_class, FULL.probe.k)


@every_profile
def test_a_profile_can_decide(profile: Profile) -> None:
    assert list(profile.widths) == sorted(set(profile.widths))
    assert profile.widest == max(profile.widths) > NARROW > min(profile.widths)
    assert profile.nets >= 4
    assert 0.1 < profile.narrow_accuracy < profile.trained_accuracy < 1
    assert len(profile.violation_widths) >= 3
    assert len(dataset_digest(profile.dataset)) == 64
    assert named(profile.name) is profile


@every_profile
def test_trained_cells_are_every_activation_at_every_width(profile: Profile) -> None:
    cells = profile.trained_cells(0)
    assert [(cell.activation, cell.width) for cell in cells] == [(a, w) for a in ACTIVATIONS for w in profile.widths]
    for cell in cells:
        assert (cell.dataset, cell.protocol, cell.probe) == (profile.dataset, profile.training, profile.probe)
        assert len(cell.seeds) == profile.nets


@every_profile
def test_initial_cells_train_nothing(profile: Profile) -> None:
    cells = profile.initial_cells(0)
    assert [(cell.activation, cell.width) for cell in cells] == [(a, profile.initial_width) for a in ACTIVATIONS]
    for cell in cells:
        assert isinstance(cell.protocol, Training)
        assert cell.protocol.stages == (0,)


@every_profile
@pytest.mark.parametrize("kind", VIOLATIONS)
def test_violation_cells_grow_with_the_width(profile: Profile, kind: str) -> None:
    cells = profile.violation_cells(kind, 0)
    assert [cell.width for cell in cells] == list(profile.violation_widths)
    for cell in cells:
        assert isinstance(cell.protocol, Violation)
        assert cell.protocol.kind == kind
    assert VIOLATIONS[kind].strength > 0
    shares = [shared_variance(width, VIOLATIONS["shared"].strength) for width in profile.violation_widths]
    assert shares == sorted(set(shares))


@every_profile
def test_no_two_cells_share_a_key_and_bases_share_no_net(profile: Profile) -> None:
    def cells(base: int) -> list:
        planted = [cell for kind in VIOLATIONS for cell in profile.violation_cells(kind, base)]
        return [*profile.trained_cells(base), *profile.initial_cells(base), *planted]

    first, second = cells(0), cells(1)
    keys = {cell.key for cell in first + second}
    assert len(keys) == len(first) + len(second)
    assert not {seed for cell in first for seed in cell.seeds} & {seed for cell in second for seed in cell.seeds}
    assert [cell.key for cell in cells(0)] == [cell.key for cell in first]


def test_profiles_do_not_share_cells() -> None:
    assert not set(QUICK.trained_cells(0)) & set(FULL.trained_cells(0))
    renamed = replace(QUICK, name="mine")
    assert renamed.trained_cells(0) == QUICK.trained_cells(0)  # a name changes no net


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="profile 'fast': expected quick or full; try --wnd-profile=quick"):
        named("fast")
