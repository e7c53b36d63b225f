"""Former names of what is in console.py."""

from wndcheck.cli.console import CLAIMS, DATA, PROFILE, STORE, complain, here, say

__all__ = ["CLAIMS", "DATA", "PROFILE", "STORE", "complain", "here", "say"]
