"""The installed plugin costs a run that does not use it next to nothing."""

from __future__ import annotations

from pathlib import Path

from wndcheck.tests.tiny import finish, start_python

RUN = """
import os, sys
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
import pytest
plugins = ["-p", "no:cacheprovider", "-p", "wndcheck.pytest_plugin"]
code = pytest.main([sys.argv[1], "-q", *plugins, f"--rootdir={sys.argv[1]}"])
heavy = {"torch", "numpy", "scipy", "numba", "rich", "matplotlib", "safetensors"}
ours = [name for name in sys.modules if name.partition(".")[0] == "wndcheck"]
print(int(code), sorted(heavy & sys.modules.keys()), len(ours))
"""


def test_runs_without_claims_import_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_of_theirs.py").write_text("def test(): pass\n")
    code, heavy, ours = finish(start_python(RUN, tmp_path)).splitlines()[-1].split()
    assert (code, heavy) == ("0", "[]")
    assert int(ours) <= 8, "the plugin, what finds claims, and their packages"
