"""Importing wndcheck, the plugin and the modules that read a store must import no heavy library."""

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
LIGHT = ("experiment.cells", "experiment.profiles", "experiment.record_schema", "experiment.grids", "experiment.costs")
LIGHT += ("verdicts.statistics", "verdicts.checks", "devices", "pytest_plugin", "nets.specification")
LIGHT += ("experiment.measurement.provenance", "store.measurements", "store.inventory", "store.filling")
LIGHT += ("store.engines", "store.executors", "store.kept", "report.writing", "report.network", "report.step_summary")
LIGHT += ("cli.measure_plan", "cli.dry_run", "inspect", "verdicts.comparison")
LIGHT += ("authoring.proposals", "authoring.calibration_report", "authoring.seed_runs")


def test_start_and_warm_store_import_no_heavy_library() -> None:
    assert finish(start_python(IMPORT, "wndcheck", *(f"wndcheck.{module}" for module in LIGHT))) == ""


def test_scores_import_no_compiler() -> None:
    """Dynamo takes longer to import than torch, and modes for operations import it unless told not to."""
    code = """
import sys, torch, wndcheck
net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
wndcheck.probe(net, torch.randn(20, 4))
wndcheck.probe(net, torch.randn(20, 4), activation=torch.relu)
print(*{"torch._dynamo", "sympy"} & sys.modules.keys())
"""
    assert finish(start_python(code)).strip() == ""


def test_measuring_imports_torch() -> None:
    assert finish(start_python(IMPORT, "wndcheck.experiment.measurement.measuring")).startswith(
        "wndcheck.experiment.measurement.measuring torch"
    )
