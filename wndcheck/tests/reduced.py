"""A quick profile that is measured in seconds, for runs in other processes: importing this module puts it in place.

It is a plugin of pytest, too (`-p wndcheck.tests.reduced`), which workers of pytest-xdist load like their controller.
"""

from __future__ import annotations

from dataclasses import replace

from wndcheck.experiment import profiles
from wndcheck.experiment.profiles import QUICK, Training

SHORT = Training(0.05, 64, stages=(0, 1))
REDUCED = replace(
    QUICK,
    widths=(3, 5, 8),
    nets=3,
    training=SHORT,
    initial_width=8,
    probe=replace(QUICK.probe, images_per_class=20, most_pairs=20, rank_pairs=10, control_pairs=8, transformed_pairs=8),
    violation_widths=(4, 8),
    violation_width=5,
    violation_nets=3,
    sensitivity_width=5,
    cifar10=replace(QUICK.cifar10, widths=(4, 6), nets=2, twice_measured=4, training=SHORT),
    ensembles=replace(QUICK.ensembles, widths=(3, 4), initial_width=5, count=2, nets=4, training=SHORT),
    convnets=None,
    experiments=4,
)
profiles.PROFILES["quick"] = REDUCED
