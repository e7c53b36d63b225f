"""Nothing but a plain word where the package is not installed: the options and fixtures are the plugin's."""

from importlib.util import find_spec

import pytest

if find_spec("wndcheck.pytest_plugin") is None or find_spec("torch") is None:
    raise pytest.UsageError("wndcheck is not installed here: type `pip install -e .`, or use the README's commands")
