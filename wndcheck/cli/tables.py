"""Former names of what is in console.py."""

from wndcheck.cli.console import columns as width
from wndcheck.cli.console import print_table

__all__ = ["print_table", "width"]
