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
LIGHT = ("cells", "profiles", "records", "grids", "statistics", "verdicts", "devices", "plugin", "costs")
LIGHT += ("storage.store", "storage.inventory", "storage.merging", "sweep.filling", "sweep.processes", "sweep.workers")
LIGHT += ("networks.architectures", "report", "report.page", "cli.outstanding", "cli.dry_run", "modules")
LIGHT += ("reliability.comparing", "reliability.planning", "reliability.seeding", "reliability.tables")


def test_what_a_start_and_a_warm_store_load_imports_no_torch() -> None:
    assert finish(start_python(IMPORT, "wndcheck", *(f"wndcheck.{module}" for module in LIGHT))) == ""


def test_measuring_does() -> None:
    assert finish(start_python(IMPORT, "wndcheck.measurement.measuring")).startswith(
        "wndcheck.measurement.measuring torch"
    )
