"""What the commands say alike."""

from __future__ import annotations

from pathlib import Path

import click

STORE = click.option(
    "--store",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of measured cells.  [default: $WNDCHECK_STORE, else the user's cache folder]",
)


DATA = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the data sets.  [default: $WNDCHECK_DATA, else the user's cache folder]",
)


PROFILE = click.option("--profile", metavar="quick|full", default="quick", show_default=True, help="The grid of nets.")


CLAIMS = click.option(
    "--claims-folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("claims"),
    show_default=True,
    help="Folder of the claims.",
)


def say(line: str) -> None:
    """A line about what is going on; results alone go to standard output."""
    click.echo(line, err=True)


def complain(error: object) -> None:
    say(f"Error: {here(error)}")


def here(error: object) -> str:
    """A message in the words of this command line, whose options pytest has with wnd before them."""
    return text if "`pytest" in (text := str(error)) else text.replace("--wnd-", "--")
