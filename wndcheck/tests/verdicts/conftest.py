"""The fixture `cli`."""

from wndcheck.tests.cli.conftest import cli as cli
