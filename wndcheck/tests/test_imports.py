from __future__ import annotations

from wndcheck.tests.tiny import finish, start_python

IMPORT = """
import sys
from importlib import import_module
for module in sys.argv[1:]:
    import_module(module)
    heavy = {"torch", "torchvision", "numba", "scipy.stats", "matplotlib"} & sys.modules.keys()
    if heavy:
        print(module, *sorted(heavy))
        break
"""
LIGHT = ("experiment.cells", "experiment.profiles", "experiment.records", "experiment.grids", "experiment.costs")
LIGHT += (
    "verdicts.statistics",
    "verdicts.checks",
    "devices",
    "pytest_plugin",
    "nets.specification",
    "experiment.measurement.history",
)
LIGHT += ("experiment.measurement.history", "store.measurements", "store.inventory", "store.filling")
LIGHT += ("store.processes", "store.weights")
LIGHT += ("report", "report.page", "cli.outstanding", "cli.dry_run", "inspect")
LIGHT += ("authoring.comparing", "authoring.planning", "authoring.seeding", "authoring.tables")


def test_what_a_start_and_a_warm_store_load_imports_no_torch() -> None:
    assert finish(start_python(IMPORT, "wndcheck", *(f"wndcheck.{module}" for module in LIGHT))) == ""


def test_measuring_does() -> None:
    assert finish(start_python(IMPORT, "wndcheck.experiment.measurement.measuring")).startswith(
        "wndcheck.experiment.measurement.measuring torch"
    )
