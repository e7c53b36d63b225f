"""`python -m wndcheck` is the command `wndcheck`."""

from wndcheck.cli import main

if __name__ == "__main__":
    main()
